"""One trained network as a file that other programs can read: torch's state in safetensors, or ONNX."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib import import_module
from typing import Any

import torch
from safetensors.torch import save

from bnreg.data import Dataset
from bnreg.errors import RunError, UserError
from bnreg.nn.evaluation import chunks, logits_of
from bnreg.nn.network import StackedNetwork
from bnreg.runs import Run
from bnreg.trained.folding import scaled_test_images
from bnreg.trained.load import TrainedArm, load_trained
from bnreg.trained.ordinary import as_torch

About = Mapping[str, str]

# The largest allowed difference between a runtime's float32 logits and ours; if the largest logit is above 1, it is
# multiplied by that logit.
TOLERANCE = 1e-4


@dataclass(frozen=True)
class Chosen:
    """One trained network of a run.

    Attributes:
        trained: Its arm at a point, with all its seeds.
        seed: Its seed.
        network: The network alone, a stack of one.
    """

    trained: TrainedArm
    seed: int
    network: StackedNetwork

    def about(self, run: Run) -> dict[str, str]:
        """The metadata of a file that holds this network, as text."""
        height, width = self.network.architecture.image_shape
        return {
            "run": run.path.resolve().name,
            "arm": self.trained.cell.arm,
            "seed": str(self.seed),
            "point_index": str(self.trained.cell.point_index),
            "images": f"(batch, 1, {height}, {width}), pixels in [0, 1]",
        }


@dataclass(frozen=True)
class Agreement:
    """The agreement of a runtime with our float32 logits.

    Attributes:
        num_images: Number of images that both classified.
        num_agreeing: Number of images that got the same class from both.
        largest_difference: The largest difference between two logits.
    """

    num_images: int
    num_agreeing: int
    largest_difference: float


def choose_network(run: Run, arm: str | None, seed: int | None, point_index: int | None) -> Chosen:
    """Choose one network of a run.

    Args:
        run: The run.
        arm: Its arm; None if only one has weights.
        seed: Its seed; None for the first.
        point_index: Its point of the sweep; None if there is only one.

    Raises:
        UserError: If there is no such network, or if several match; see also ``load_trained``.
    """
    num_points = len(run.info.points)
    if point_index is None and num_points > 1:
        raise UserError(f"{run.path}: this run has {num_points} points; choose one with --point 0 to {num_points - 1}")
    candidates = load_trained(run, arm, point_index)
    if len(candidates) > 1:
        names = ", ".join(trained.cell.arm for trained in candidates)
        raise UserError(f"{run.path}: several arms have weights; choose one with --arm (choices: {names})")
    (trained,) = candidates
    seed = trained.seeds[0] if seed is None else seed
    if seed not in trained.seeds:
        why = "diverged, so it has no weights" if seed in trained.missing else "is not in this run"
        choices = ", ".join(map(str, trained.seeds))
        raise UserError(f"{run.path}: seed {seed} of arm {trained.cell.arm!r} {why} (choices: {choices})")
    alone = StackedNetwork(trained.network.architecture, num_replicas=1).eval()
    alone.restore(0, trained.network.state_of(trained.seeds.index(seed)))
    return Chosen(trained, seed, alone)


def safetensors_bytes(network: StackedNetwork, about: About) -> bytes:
    """The state of ``as_torch``, for ``load_state_dict``; the header names the layers, one per line."""
    ordinary = as_torch(network, 0)
    layers = "\n".join(f"{name}: {layer}" for name, layer in ordinary.named_children())
    return save(ordinary.state_dict(), {**about, "layers": layers})


def onnx_bytes(network: StackedNetwork, about: About) -> bytes:
    """An ONNX model that maps ``images`` to ``logits`` for batches of any size.

    Raises:
        UserError: If the packages for it are not installed.
    """
    _onnxruntime()  # first, because every export must be checked
    images = torch.zeros(2, 1, *network.architecture.image_shape)
    program = torch.onnx.export(
        as_torch(network, 0),
        (images,),
        input_names=["images"],
        output_names=["logits"],
        dynamic_shapes=({0: torch.export.Dim("batch")},),
        dynamo=True,
        verbose=False,
    )
    assert program is not None
    program.model.metadata_props.update(about)
    content: bytes = program.model_proto.SerializeToString()
    return content


def check_onnx(content: bytes, network: StackedNetwork, dataset: Dataset) -> Agreement:
    """Compare an ONNX model with the network that it was made from, on the test set and on a single image.

    Raises:
        RunError: If the logits differ by more than ``TOLERANCE``.
    """
    session = _onnxruntime().InferenceSession(content, providers=["CPUExecutionProvider"])
    pixels = scaled_test_images(dataset, torch.float32)
    expected = logits_of(network, pixels)[0]
    images = pixels.view(-1, 1, *network.architecture.image_shape)
    batches = [*chunks(network, images, dim=0), images[:1]]
    outputs = torch.cat([torch.from_numpy(session.run(["logits"], {"images": x.numpy()})[0]) for x in batches])
    both = torch.cat([expected, expected[:1]])
    difference = float((outputs - both).abs().max())
    if not difference <= TOLERANCE * max(1.0, float(both.abs().max())):
        raise RunError(
            f"the ONNX model's logits differ from the network's by up to {difference:.1e}; the file was not written"
        )
    agreeing = (outputs.argmax(1) == both.argmax(1))[: len(expected)]
    return Agreement(len(expected), int(agreeing.sum()), difference)


def _onnxruntime() -> Any:
    """The module, if all packages of the extra are installed: torch's exporter needs onnxscript."""
    try:
        import_module("onnxscript")
        return import_module("onnxruntime")
    except ImportError as error:
        raise UserError(f"--format onnx needs the extra: pip install 'bnreg[onnx]' ({error})") from None


EXPORT_FORMATS: dict[str, Callable[[StackedNetwork, About], bytes]] = {
    "onnx": onnx_bytes,
    "safetensors": safetensors_bytes,
}
