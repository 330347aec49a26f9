"""The schema of a config: the settings for training one network.

The fields of each class are its settings. This module does not know which data sets, activations, optimizers and so on
exist: their tables are passed in as ``Choices``, pydantic's validation context. Settings that are built in Python,
without that context, may use any name.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Literal, Self

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    GetCoreSchemaHandler,
    GetJsonSchemaHandler,
    PlainValidator,
    ValidationInfo,
    WithJsonSchema,
    field_validator,
    model_validator,
)
from pydantic.config import JsonDict
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema
from pydantic_core.core_schema import with_info_before_validator_function

from bnreg.budget import Budget
from bnreg.config.faults import fault
from bnreg.config.own_data import DATA_PATH, is_data_path
from bnreg.wording import as_written, joined, listed, nearest, show, unknown

# Far beyond any use, yet small enough that counts of steps, pixels and bytes do not overflow.
MAX_EXAMPLES = 2**31
MAX_EPOCHS = 1_000_000
MAX_STEPS = 10_000_000
MAX_WIDTH = 1_000_000
MAX_DEPTH = 1_000
MAX_KERNEL = 99

Width = Annotated[int, Field(gt=0, le=MAX_WIDTH)]
Beta = Annotated[float, Field(ge=0, lt=1)]


@dataclass(frozen=True)
class Choices:
    """The names that a config may use.

    Args:
        engines: Names of the engines.
        executors: For each executor, its settings that other executors lack.
        datasets: Names of the data sets.
        activations: Names of the activations.
        diagnostics: Names of the diagnostics.
        models: The same for each kind of network.
        norms: The same for each normalisation, ``none`` among them.
        inits: The same for each initialisation scheme.
        optimizers: The same for each optimizer.
        schedules: The same for each schedule.
        penalties: The same for each penalty, ``none`` among them.
        sinks: Names of the tools that a run can be sent to.
    """

    engines: Collection[str]
    executors: Mapping[str, Collection[str]]
    datasets: Collection[str]
    activations: Collection[str]
    diagnostics: Collection[str]
    models: Mapping[str, Collection[str]]
    norms: Mapping[str, Collection[str]]
    inits: Mapping[str, Collection[str]]
    optimizers: Mapping[str, Collection[str]]
    schedules: Mapping[str, Collection[str]]
    penalties: Mapping[str, Collection[str]]
    sinks: Collection[str]


# What other tools call some of these names, in lower case and without marks between the words.
ALIASES: dict[str, dict[str, str]] = {
    "activations": {
        "leaky": "leaky_relu",
        "linear": "identity",
        "logistic": "sigmoid",
        "lrelu": "leaky_relu",
        "none": "identity",
        "parametricrelu": "prelu",
        "rectifier": "relu",
        "swish": "silu",
    },
    "norms": {
        "batchnorm": "batch",
        "batchnorm1d": "batch",
        "batchnormalisation": "batch",
        "batchnormalization": "batch",
        "bn": "batch",
        "false": "none",
        "gn": "group",
        "groupnorm": "group",
        "identity": "none",
        "layernorm": "layer",
        "ln": "layer",
        "no": "none",
        "off": "none",
        "null": "none",
        "on": "batch",
        "true": "batch",
        "yes": "batch",
    },
    "inits": {
        "default": "torch",
        "glorot": "xavier_uniform",
        "glorotnormal": "xavier_normal",
        "glorotuniform": "xavier_uniform",
        "he": "he_normal",
        "kaiming": "he_normal",
        "kaimingnormal": "he_normal",
        "kaiminguniform": "he_uniform",
        "pytorch": "torch",
        "xavier": "xavier_uniform",
    },
    "models": {"conv": "cnn", "convnet": "cnn", "dense": "mlp", "fc": "mlp", "feedforward": "mlp", "lenet": "cnn"},
    "optimizers": {"gd": "sgd", "gradientdescent": "sgd", "momentum": "sgd", "nag": "sgd", "nesterov": "sgd"},
    "schedules": {"fixed": "constant", "none": "constant", "null": "constant", "multistep": "step"},
    "penalties": {"lasso": "l1", "no": "none", "null": "none", "off": "none", "ridge": "l2", "tikhonov": "l2"},
}


@dataclass(frozen=True)
class Known:
    """The mark of a setting that is a name from one of the tables of ``Choices``.

    Attributes:
        kind: What a message calls it.
        table: The table.
        more: Names that no table has.
    """

    kind: str
    table: str
    more: tuple[str, ...] = ()

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        """Look the name up before it is validated as text."""
        return with_info_before_validator_function(self._look_up, handler(source))

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        """The type, and as choices the names that need no table and the table's name, see ``json_schema``."""
        return {**handler(schema), "enum": [*self.more, {"table": self.table}]}

    def _look_up(self, value: object, info: ValidationInfo) -> object:
        choices = info.context and getattr(info.context, self.table)
        if choices is not None and not (isinstance(value, str) and value in (*self.more, *choices)):
            alias = ALIASES.get(self.table, {}).get(joined(as_written(value)))
            raise fault(unknown(self.kind, value, [*self.more, *sorted(choices)], alias))
        return value


# The schema of ``data.dataset``: a name in the table, or a path.
NAME_OR_PATH = {"anyOf": [{"enum": [{"table": "datasets"}]}, {"type": "string", "pattern": DATA_PATH.pattern}]}


def _known_data(value: object, info: ValidationInfo) -> object:
    """Check the name of a data set against the table, and let the path of one's own pass."""
    if isinstance(value, str) and is_data_path(value):
        if not value.isprintable():
            raise fault(f"expected a path of printable characters, got {show(value)}")
        return value
    names = info.context and info.context.datasets
    if names is not None and not (isinstance(value, str) and value in names):
        paths = "" if isinstance(value, str) and nearest(value, names) else ", or a path such as ./folder or file.npz"
        raise fault(unknown("data set", value, sorted(names)) + paths)
    return value


def _batch_size(value: object) -> object:
    """A number of examples, or the word ``all``."""
    if value == "all" or (isinstance(value, int) and not isinstance(value, bool) and 0 < value <= MAX_EXAMPLES):
        return value
    raise fault(f"expected a whole number from 1 to {MAX_EXAMPLES}, or all, got {show(value)}")


def _distinct(value: tuple[str, ...]) -> tuple[str, ...]:
    if len(set(value)) < len(value):
        raise fault(f"expected each name once, got {show(value)}")
    return value


EACH_ONCE: JsonDict = {"uniqueItems": True}
# Names of tools that a run is sent to.
Sinks = Annotated[
    tuple[Annotated[str, Known("sink", "sinks")], ...], AfterValidator(_distinct), Field(json_schema_extra=EACH_ONCE)
]
# The kinds of parameters that a setting may affect: linear or convolutional weights, biases, γ and β of norms,
# PReLU's α.
Kinds = Annotated[
    tuple[Literal["weights", "biases", "norm", "prelu"], ...],
    AfterValidator(_distinct),
    Field(json_schema_extra=EACH_ONCE),
]
BatchSize = Annotated[int, Field(gt=0, le=MAX_EXAMPLES)] | Literal["all"]


class Section(BaseModel):
    """Immutable settings, without type conversions and without unknown keys."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False)


class Augment(Section):
    """Random motion of each training image, drawn again on every pass; equal for all arms of a seed."""

    shift: int = Field(
        default=0, ge=0, le=14, examples=[2], description="largest shift along each axis, in whole pixels"
    )
    rotate: float = Field(
        default=0.0, ge=0, le=180, examples=[10], description="largest rotation to either side, in degrees"
    )
    elastic: float = Field(
        default=0.0,
        ge=0,
        le=10,
        examples=[2],
        description="standard deviation of a smooth distortion, in pixels (elastic)",
    )

    @property
    def is_on(self) -> bool:
        """Whether the images are changed at all."""
        return self != Augment()


class Data(Section):
    """The examples that a network learns from, and how they are presented."""

    dataset: Annotated[str, BeforeValidator(_known_data), WithJsonSchema(NAME_OR_PATH)] = Field(
        default="mnist", description="name of the data set, or a path to your own: file.npz, or ./folder of IDX files"
    )
    batch_size: Annotated[int | Literal["all"], PlainValidator(_batch_size, json_schema_input_type=BatchSize)] = Field(
        default=100, description="examples in a batch; all: the whole training set"
    )
    train_size: int | None = Field(
        default=None,
        gt=0,
        le=MAX_EXAMPLES,
        examples=[1000],
        description="examples to train on; null: all that the validation split leaves",
    )
    validation_size: int = Field(
        default=0,
        ge=0,
        le=MAX_EXAMPLES,
        examples=[10000],
        description="examples of the training set kept for validation",
    )
    label_noise: float = Field(
        default=0.0,
        ge=0,
        le=1,
        examples=[0.1],
        description="share of training examples whose label is replaced by another class",
    )
    standardise: Literal["none", "all_pixels", "each_pixel"] = Field(
        default="none",
        examples=["all_pixels"],
        description="subtract the training images' mean and divide by their standard deviation: one for all pixels, or "
        "one for each",
    )
    augment: Augment = Field(default=Augment(), description="how training images are moved")
    fallback: Literal["mnist_5k", "none"] = Field(
        default="mnist_5k", description="data set to use if MNIST is neither present nor downloadable"
    )
    root: str | None = Field(
        default=None, examples=["~/data"], description="folder of the data sets; null: BNREG_DATA or the user's cache"
    )

    def num_train(self, num_examples: int) -> int:
        """The number of examples to train on if the data set's training set has ``num_examples``."""
        return num_examples - self.validation_size if self.train_size is None else self.train_size

    @property
    def order(self) -> tuple[object, ...]:
        """The settings that decide which examples are in which batch, but not how they are changed."""
        return self.dataset, self.batch_size, self.train_size, self.validation_size

    def examples_per_batch(self, num_examples: int) -> int:
        """The number of examples in a batch if the data set's training set has ``num_examples``."""
        return self.num_train(num_examples) if self.batch_size == "all" else self.batch_size


class Init(Section):
    """The initial linear weights."""

    scheme: Annotated[str, Known("scheme", "inits")] = Field(default="torch", description="name of the initialisation")
    gain: float = Field(default=1.0, gt=0, description="factor on the initial weights")
    std: float = Field(
        default=1.0, gt=0, examples=[0.05], description="normal: standard deviation of the weights, before the gain"
    )

    @property
    def scale(self) -> float:
        """The factor on the weights that the scheme draws."""
        return self.gain * self.std

    @field_validator("std")
    @classmethod
    def _belongs(cls, value: float, info: ValidationInfo) -> float:
        _refuse_foreign(info, "scheme", info.context and info.context.inits)
        return value


class Model(Section):
    """The network."""

    kind: Annotated[str, Known("kind", "models")] = Field(
        default="mlp", description="mlp, or cnn: convolutional layers before the hidden ones"
    )
    hidden: tuple[Width, ...] = Field(
        default=(32, 32),
        json_schema_extra={"maxItems": MAX_DEPTH},
        description="widths of the hidden layers; []: a linear classifier",
    )
    channels: tuple[Width, ...] = Field(
        default=(8, 16),
        json_schema_extra={"minItems": 1, "maxItems": MAX_DEPTH},
        description="cnn: feature maps of each convolutional layer",
    )
    kernel: int = Field(
        default=3,
        gt=0,
        le=MAX_KERNEL,
        json_schema_extra={"not": {"multipleOf": 2}},
        description="cnn: kernel size, odd; borders are padded",
    )
    stride: int = Field(default=1, gt=0, le=MAX_KERNEL, description="cnn: stride of the kernels")
    pool: int = Field(
        default=2,
        gt=0,
        le=MAX_KERNEL,
        description="cnn: size of the max pooling after each convolutional layer; 1: none",
    )
    activation: Annotated[str, Known("activation", "activations")] = Field(
        default="relu", description="activation of the hidden layers"
    )
    norm: Annotated[str, Known("norm", "norms")] = Field(
        default="none", examples=["batch"], description="normalisation in each hidden layer, per node or feature map"
    )
    norm_placement: Literal["pre_activation", "post_activation", "input"] = Field(
        default="pre_activation", description="what is normalised: z, τ(z), or the layer's input x"
    )
    norm_epsilon: float = Field(default=1e-5, ge=1e-12, le=1, description="ε, added to the variance")
    norm_momentum: float = Field(
        default=0.1, gt=0, le=1, description="share of each batch in the running statistics (torch's convention)"
    )
    norm_groups: Width = Field(default=4, description="group: number of groups of nodes or feature maps")
    norm_init: Literal["standard", "identity"] = Field(
        default="standard",
        description="γ = 1, β = 0; or γ = √(Var + ε), β = E over the training set, so the norm starts as identity",
    )
    inference_statistics: Literal["running", "population"] = Field(
        default="running",
        description="statistics that the trained network normalises with; summary.csv has the accuracy with either",
    )
    dropout: float = Field(
        default=0.0, ge=0, lt=1, examples=[0.5], description="share of hidden units dropped during training"
    )
    dropout_placement: Literal["each_layer", "before_norm", "last_layer"] = Field(
        default="each_layer",
        description="at the end of each hidden layer, right before its norm's position, or at the end of the last only",
    )
    init: Init = Field(default=Init(), description="initial linear weights")

    @field_validator("hidden", "channels")
    @classmethod
    def _bounded(cls, value: tuple[int, ...]) -> tuple[int, ...]:
        if len(value) > MAX_DEPTH:
            raise fault(f"expected at most {MAX_DEPTH} layers, got {len(value)}")
        return value

    @field_validator("kernel")
    @classmethod
    def _odd(cls, value: int) -> int:
        if value % 2 == 0:
            raise fault(f"expected an odd number, got {value}")
        return value

    @field_validator("channels", "kernel", "stride", "pool")
    @classmethod
    def _belongs(cls, value: Any, info: ValidationInfo) -> Any:
        _refuse_foreign(info, "kind", info.context and info.context.models)
        return value

    @field_validator("norm_groups")
    @classmethod
    def _belongs_to_norm(cls, value: int, info: ValidationInfo) -> int:
        _refuse_foreign(info, "norm", info.context and info.context.norms)
        return value

    @field_validator("channels")
    @classmethod
    def _some(cls, value: tuple[int, ...]) -> tuple[int, ...]:
        if not value:
            raise fault("expected at least one layer, got []; use kind: mlp for no convolutional layers")
        return value


class Schedule(Section):
    """The change of the learning rate during training."""

    name: Annotated[str, Known("schedule", "schedules")] = Field(
        default="constant", examples=["cosine"], description="name of the schedule"
    )
    warmup_epochs: float = Field(
        default=0.0, ge=0, examples=[1], description="epochs in which the rate rises linearly from 0"
    )
    step_epochs: int | None = Field(
        default=None,
        gt=0,
        validate_default=True,
        examples=[2],
        description="step: epochs between two drops of the rate",
    )
    step_factor: float = Field(default=0.1, gt=0, le=1, description="step: factor of each drop")
    final_factor: float = Field(default=0.0, ge=0, le=1, examples=[0.1], description="cosine: final share of the rate")

    @field_validator("step_epochs", "step_factor", "final_factor")
    @classmethod
    def _belongs(cls, value: float | None, info: ValidationInfo) -> float | None:
        taken = info.context.schedules.get(info.data.get("name"), ()) if info.context else ()
        if value is not None:
            _refuse_foreign(info, "name", info.context and info.context.schedules)
        elif info.field_name in taken:
            raise fault(f"{info.data['name']} needs {info.field_name}", between_settings=True)
        return value


class Optimizer(Section):
    """The optimizer: how gradients update the weights."""

    name: Annotated[str, Known("optimizer", "optimizers")] = Field(default="adam", description="name of the optimizer")
    lr: float = Field(default=1e-3, gt=0, description="learning rate")
    weight_decay: float = Field(
        default=0.0, ge=0, examples=[0.0001], description="weight decay, as the optimizer defines it"
    )
    weight_decay_on: Kinds = Field(
        default=("weights",), description="kinds of parameters that decay: weights, biases, norm (γ and β), prelu (α)"
    )
    momentum: float = Field(default=0.0, ge=0, lt=1, examples=[0.9], description="sgd: momentum")
    nesterov: bool = Field(default=False, examples=[True], description="sgd: use Nesterov momentum, which looks ahead")
    betas: tuple[Beta, Beta] = Field(default=(0.9, 0.999), description="adam: decay of the two running means")
    eps: float = Field(default=1e-8, gt=0, description="adam: added to the denominator")
    schedule: Schedule = Field(default=Schedule(), description="how the learning rate changes")

    @field_validator("momentum", "nesterov", "betas", "eps")
    @classmethod
    def _belongs(cls, value: Any, info: ValidationInfo) -> Any:
        _refuse_foreign(info, "name", info.context and info.context.optimizers)
        return value

    @field_validator("nesterov")
    @classmethod
    def _has_momentum(cls, value: bool, info: ValidationInfo) -> bool:
        if value and info.data.get("momentum") == 0:
            raise fault("Nesterov momentum needs optimizer.momentum greater than 0", between_settings=True)
        return value


class EarlyStopping(Section):
    """The rule for stopping before the last epoch."""

    patience: int = Field(
        gt=0, examples=[3], description="evaluations (by default epochs) without improvement after which training stops"
    )
    metric: Literal["validation_loss", "validation_accuracy"] = Field(
        default="validation_loss", description="metric that must improve"
    )
    min_delta: float = Field(
        default=0.0, ge=0, examples=[0.001], description="smallest change that counts as improvement"
    )


class Penalty(Section):
    """The penalty added to the loss: J_reg(Θ) = J(Θ) + λ R(Θ)."""

    kind: Annotated[str, Known("penalty", "penalties")] = Field(
        default="none", examples=["l2"], description="l1: R = ‖w‖₁; l2: R = ½‖w‖²; elastic: a mix of both"
    )
    strength: float = Field(default=0.0, ge=0, examples=[0.0001], description="λ")
    l1_share: float = Field(default=0.5, ge=0, le=1, description="elastic: share of ‖w‖₁, the rest is ½‖w‖²")
    on: Kinds = Field(default=("weights",), description="kinds of parameters to penalise, as in weight_decay_on")

    @field_validator("l1_share")
    @classmethod
    def _belongs(cls, value: float, info: ValidationInfo) -> float:
        _refuse_foreign(info, "kind", info.context and info.context.penalties)
        return value

    @model_validator(mode="after")
    def _of_a_kind(self, info: ValidationInfo) -> Self:
        if self.strength > 0 and "kind" not in self.model_fields_set:
            kinds = listed(sorted(set(info.context.penalties) - {"none"})) if info.context else ""
            raise fault(f"a strength needs a kind of penalty ({kinds})", key="strength", between_settings=True)
        return self


class Moments(Section):
    """The moments at which something is done during training, besides its end."""

    at: Literal["regular", "log"] = Field(
        default="regular",
        examples=["log"],
        description="regular, or log: about 40 times, at steps that grow by equal factors",
    )
    every_steps: int | None = Field(
        default=None, gt=0, le=MAX_STEPS, examples=[100], description="regular: steps between; null: after each epoch"
    )

    @field_validator("every_steps")
    @classmethod
    def _is_regular(cls, value: int | None, info: ValidationInfo) -> int | None:
        if value is not None and info.data.get("at") == "log":
            raise fault(
                "logarithmic moments need no number of steps between them; use at: regular", between_settings=True
            )
        return value


class Evaluate(Moments):
    """The moments at which all networks are evaluated, besides the end of training."""


class Diagnostics(Moments):
    """What is watched in the networks while they train, in ``diagnostics.csv``; it changes no network."""

    names: Annotated[tuple[Annotated[str, Known("diagnostic", "diagnostics")], ...], AfterValidator(_distinct)] = Field(
        default=(), json_schema_extra=EACH_ONCE, examples=[("pre_activations",)], description="what to watch"
    )
    every_steps: int | None = Field(
        default=None, gt=0, le=MAX_STEPS, examples=[100], description="regular: steps between; null: at each evaluation"
    )
    probe: int = Field(default=1000, gt=1, le=MAX_EXAMPLES, description="training images to look at")


class Training(Section):
    """The length of training, the loss, and what is measured and saved."""

    epochs: int = Field(default=5, gt=0, le=MAX_EPOCHS, description="passes over the training set")
    steps: int | None = Field(
        default=None, gt=0, le=MAX_STEPS, examples=[5000], description="optimizer steps; they replace the epochs"
    )
    evaluate: Evaluate = Field(default=Evaluate(), description="when networks are evaluated")
    penalty: Penalty = Field(default=Penalty(), description="penalty added to the loss")
    early_stopping: EarlyStopping | None = Field(default=None, description="when to stop early; null: never")
    weights: Literal["last", "best", "none"] = Field(
        default="none",
        examples=["last"],
        description="weights to save: of the last epoch, of the best validation epoch, or none",
    )

    def budget(self, steps_per_epoch: int, moments: Moments | None = None) -> Budget:
        """The length of training, and moments, by default those of evaluation, for so many batches in an epoch."""
        chosen = moments or self.evaluate
        return Budget(self.epochs, self.steps, chosen.every_steps, chosen.at == "log", steps_per_epoch)

    @field_validator("weights")
    @classmethod
    def _final(cls, value: str, info: ValidationInfo) -> str:
        if value == "last" and info.data.get("early_stopping") is not None:
            raise fault("early stopping keeps the best epoch; use weights: best", between_settings=True)
        return value


class Settings(Section):
    """All settings of one cell: the base, changed by a point and an arm."""

    data: Data = Data()
    model: Model = Model()
    optimizer: Optimizer = Optimizer()
    training: Training = Training()
    diagnostics: Diagnostics = Diagnostics()

    def look_steps(self, steps_per_epoch: int) -> tuple[int, ...]:
        """The steps at which networks are watched; the first is before training."""
        chosen = self.diagnostics
        if not chosen.names:
            return ()
        is_own = chosen.every_steps is not None or chosen.at == "log"
        moments = self.training.budget(steps_per_epoch, chosen if is_own else None).moments()
        return (0, *(moment.step for moment in moments))

    @field_validator("training")
    @classmethod
    def _validation_to_select_by(cls, value: Training, info: ValidationInfo) -> Training:
        data = info.data.get("data")
        selects = {"early_stopping": value.early_stopping is not None, "weights": value.weights == "best"}
        for key, does in selects.items():
            if does and data is not None and data.validation_size == 0:
                sentence = "needs data.validation_size greater than 0: the test set selects nothing"
                raise fault(sentence, key=key, between_settings=True)
        return value


def _refuse_foreign(info: ValidationInfo, by: str, table: Mapping[str, Collection[str]] | None) -> None:
    """Refuse a setting that does not belong to the choice made with the key ``by``."""
    setting, name = str(info.field_name), str(info.data.get(by))
    if table is None or name not in table or setting in table[name]:
        return
    owners = ", ".join(sorted(other for other in table if setting in table[other]))
    hint = f"{name} takes: {', '.join(table[name])}" if table[name] else f"it belongs to: {owners}"
    raise fault(f"{setting} does not belong to {name} ({hint})", between_settings=True)
