"""The structure of a network as plain numbers: enough to count, plan and group without importing torch."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

from bnreg.nn.norms import NORMS, Norm, NormSettings, NormSize

# For each kind of network, the settings that not every kind takes.
MODELS: dict[str, tuple[str, ...]] = {"mlp": (), "cnn": ("channels", "kernel", "stride", "pool")}

# The order of the operations in a hidden layer. Ioffe & Szegedy normalise the pre-activation z = W x, arXiv:1502.03167.
LAYER_ORDERS: dict[str, tuple[str, ...]] = {
    "pre_activation": ("affine", "norm", "activation"),
    "post_activation": ("affine", "activation", "norm"),
    "input": ("norm", "affine", "activation"),
}


@dataclass(frozen=True)
class Layer:
    """A layer that maps x to z = W x + b: a linear one, or a convolution, which does this at every place of its maps.

    Attributes:
        kind: ``linear`` or ``conv``.
        index: Its position among the layers of its kind, counted from the input.
        fan_in: Number of values that a node reads.
        num_outputs: Number of nodes, or of feature maps.
        in_maps: For a convolution: number of input maps, height and width.
        out_maps: For a convolution: number of output maps before pooling, height and width.
    """

    kind: str
    index: int
    fan_in: int
    num_outputs: int
    in_maps: tuple[int, int, int] | None = None
    out_maps: tuple[int, int, int] | None = None

    @property
    def num_places(self) -> int:
        """Number of places at which an image has this layer's output: 1, or p·q in a feature map."""
        return 1 if self.out_maps is None else self.out_maps[1] * self.out_maps[2]

    @property
    def norm_input(self) -> NormSize:
        """What a norm of the layer's input normalises."""
        if self.in_maps is None:
            return NormSize(self.fan_in, 1)
        num_maps, height, width = self.in_maps
        return NormSize(num_maps, height * width)

    @property
    def norm_output(self) -> NormSize:
        """What a norm of the layer's output normalises."""
        return NormSize(self.num_outputs, self.num_places)

    @property
    def num_values(self) -> int:
        """Number of values that it computes from an image."""
        return self.num_outputs * self.num_places


@dataclass(frozen=True)
class Architecture:
    """Everything that networks must have in common to be one stack; everything else is a number per replica.

    Attributes:
        image_shape: Height and width.
        num_classes: Width of the output.
        hidden: Widths of the hidden layers.
        channels: Feature maps of each convolutional layer (they come first); empty: a multilayer perceptron.
        kernel: Side of the kernels, odd; maps are padded with zeros so that a stride of 1 keeps their size.
        stride: Step between two places of a kernel.
        pool: Side of the max pooling after each convolutional layer; 1 for none.
        activation: A name in ``ACTIVATIONS``.
        norm: A name in ``NORMS``.
        norm_placement: A name in ``LAYER_ORDERS``.
        norm_epsilon: ε.
        norm_momentum: Share of each batch in the running statistics.
        norm_groups: Number of groups that group norm normalises.
        is_standardised: Whether the network standardises the pixels of an image first.
        dropout_placement: ``each_layer``, ``before_norm`` or ``last_layer``.
    """

    image_shape: tuple[int, int]
    num_classes: int
    hidden: tuple[int, ...]
    channels: tuple[int, ...] = ()
    kernel: int = 3
    stride: int = 1
    pool: int = 2
    activation: str = "relu"
    norm: str = "none"
    norm_placement: str = "pre_activation"
    norm_epsilon: float = 1e-5
    norm_momentum: float = 0.1
    norm_groups: int = 4
    is_standardised: bool = False
    dropout_placement: str = "each_layer"

    def layers(self) -> tuple[Layer, ...]:
        """The layers with weights, from input to output.

        Raises:
            ValueError: If stride and pooling leave nothing of the feature maps.
        """
        height, width = self.image_shape
        layers: list[Layer] = []
        maps = (1, height, width)
        for index, num_maps in enumerate(self.channels):
            out = (num_maps, (maps[1] - 1) // self.stride + 1, (maps[2] - 1) // self.stride + 1)
            layers.append(Layer("conv", index, maps[0] * self.kernel**2, num_maps, maps, out))
            maps = (num_maps, out[1] // self.pool, out[2] // self.pool)
            if 0 in maps:
                raise ValueError(
                    f"nothing is left of the feature maps after layer {index + 1} of {len(self.channels)} "
                    f"({out[1]} × {out[2]} before pooling by {self.pool})"
                )
        sizes = (maps[0] * maps[1] * maps[2], *self.hidden, self.num_classes)
        layers += [Layer("linear", i, a, b) for i, (a, b) in enumerate(pairwise(sizes))]
        return tuple(layers)

    def sizes(self) -> tuple[str, ...]:
        """The size of each layer, from input to output, as shown in tables, e.g. ``28×28``, ``8@28×28``, ``32``."""
        height, width = self.image_shape
        maps = [layer.out_maps for layer in self.layers()]
        first = f"{height}×{width}" if self.channels else f"{height * width}"
        rest = [
            f"{layer.num_outputs}" if out is None else "{}@{}×{}".format(*out)
            for layer, out in zip(self.layers(), maps, strict=True)
        ]
        return (first, *rest)

    @property
    def most_values(self) -> int:
        """Number of values that the largest layer of one network computes from an image; a copied image counts too."""
        height, width = self.image_shape
        copied = height * width if self.has_own_inputs else 0
        return max(copied, *(layer.num_values for layer in self.layers()))

    @property
    def has_own_inputs(self) -> bool:
        """Whether an image is changed before the first weights, so that replicas cannot share it."""
        return self.parts(0)[0] != "affine"

    def parts(self, index: int) -> tuple[str, ...]:
        """The parts of a hidden layer, in order; norm and dropout are listed even if the network has none."""
        order = LAYER_ORDERS[self.norm_placement]
        if self.dropout_placement == "before_norm":
            place = order.index("norm")
            return (*order[:place], "dropout", *order[place:])
        is_last = index == len(self.channels) + len(self.hidden) - 1
        return (*order, "dropout") if self.dropout_placement == "each_layer" or is_last else order

    @property
    def has_dropout_before_norm(self) -> bool:
        """Whether a batch norm comes after a place of dropout; its statistics then differ in evaluation.

        References:
            Li et al., Disharmony between Dropout and Batch Normalization by Variance Shift, arXiv:1801.05134
        """
        parts = [part for i in range(len(self.channels) + len(self.hidden)) for part in self.parts(i)]
        is_after = "dropout" in parts and "norm" in parts[parts.index("dropout") :]
        return is_after and self._norm is not None and self._norm.needs_batch

    def norm_sizes(self) -> tuple[NormSize, ...]:
        """What each norm normalises, from input to output; empty without norms."""
        if self._norm is None:
            return ()
        of_input = self.norm_placement == "input"
        return tuple(layer.norm_input if of_input else layer.norm_output for layer in self.layers()[:-1])

    @property
    def norm_settings(self) -> NormSettings:
        """The settings of the norms."""
        return NormSettings(self.norm_epsilon, self.norm_momentum, self.norm_groups)

    def ungrouped_widths(self) -> tuple[int, ...]:
        """The widths that the norm's groups do not divide."""
        has_groups = self._norm is not None and "norm_groups" in self._norm.settings
        return tuple(size.width for size in self.norm_sizes() if has_groups and size.width % self.norm_groups)

    @property
    def needs_batch(self) -> bool:
        """Whether some layer normalises over the batch, so that a batch of one example is too small."""
        return self._norm is not None and self._norm.needs_batch and bool(self.hidden or self.channels)

    @property
    def _norm(self) -> Norm | None:
        return NORMS[self.norm]

    def biased(self) -> Iterator[bool]:
        """For each layer, whether it has b: not if a norm follows directly, because then β replaces b."""
        for _ in self.layers()[:-1]:
            yield self._norm is None or not self._norm.has_shift or self.norm_placement != "pre_activation"
        yield True

    def num_parameters(self, num_slopes: int) -> int:
        """Number of learnt parameters of one network.

        Args:
            num_slopes: Number of learnt slopes of the activation in each hidden layer: 1 for PReLU, otherwise 0.
        """
        layers = self.layers()
        weights = sum(layer.fan_in * layer.num_outputs for layer in layers)
        biases = sum(layer.num_outputs for layer, has in zip(layers, self.biased(), strict=True) if has)
        return weights + biases + 2 * sum(size.width for size in self.norm_sizes()) + num_slopes * (len(layers) - 1)
