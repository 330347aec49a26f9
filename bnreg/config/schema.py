"""What a config may say: the settings of one network's training, and the experiment around them.

Each class's fields are its settings. Which data sets, activations, optimizers and so on exist is not known here: their
tables are passed in as ``Choices``, pydantic's validation context. Settings that are built in Python, without that
context, are trusted with their names.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationInfo, field_validator

from bnreg.config.wording import fault, show, unknown

# Far beyond any use, and within what counts of steps, pixels and bytes can hold.
MAX_EXAMPLES = 2**31
MAX_EPOCHS = 1_000_000
MAX_WIDTH = 1_000_000
MAX_DEPTH = 1_000

Width = Annotated[int, Field(gt=0, le=MAX_WIDTH)]
Beta = Annotated[float, Field(ge=0, lt=1)]


@dataclass(frozen=True)
class Choices:
    """The names that a config may use.

    Args:
        datasets: Names of the data sets.
        activations: Names of the activations.
        norms: Names of the normalisations, ``none`` among them.
        inits: Names of the initialisation schemes.
        optimizers: For each optimizer's name, those of its settings that not all optimizers take.
        schedules: For each schedule's name, those of its settings that not all schedules take.
    """

    datasets: Collection[str]
    activations: Collection[str]
    norms: Collection[str]
    inits: Collection[str]
    optimizers: Mapping[str, Collection[str]]
    schedules: Mapping[str, Collection[str]]


def _known(kind: str, table: str) -> AfterValidator:
    """Hold a name to one of the tables of ``Choices``."""

    def check(value: str, info: ValidationInfo) -> str:
        choices = info.context and getattr(info.context, table)
        if choices is not None and value not in choices:
            raise fault(unknown(kind, value, sorted(choices)))
        return value

    return AfterValidator(check)


class Section(BaseModel):
    """Settings that cannot be changed, without conversions and without unknown keys."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False)


class Data(Section):
    """Which examples a network learns from, and how they come."""

    dataset: Annotated[str, _known("data set", "datasets")] = Field(default="mnist", description="name of the data set")
    batch_size: int = Field(default=100, gt=0, le=MAX_EXAMPLES, description="examples in a batch")
    train_size: int | None = Field(
        default=None,
        gt=0,
        le=MAX_EXAMPLES,
        description="examples to train on; null: all that the validation split leaves",
    )
    validation_size: int = Field(
        default=0, ge=0, le=MAX_EXAMPLES, description="examples of the training set kept for validation"
    )
    fallback: Literal["mnist_5k", "none"] = Field(
        default="mnist_5k", description="what to use where MNIST is neither present nor to be downloaded"
    )
    root: str | None = Field(default=None, description="folder of the data sets; null: BNREG_DATA or the user's cache")

    def num_train(self, num_examples: int) -> int:
        """How many examples are trained on, of so many in the data set's training set."""
        return num_examples - self.validation_size if self.train_size is None else self.train_size


class Init(Section):
    """How the linear weights begin."""

    scheme: Annotated[str, _known("scheme", "inits")] = Field(default="torch", description="name of the initialisation")
    gain: float = Field(default=1.0, gt=0, description="factor on the initial weights")


class Model(Section):
    """The network."""

    hidden: tuple[Width, ...] = Field(
        default=(32, 32), description="widths of the hidden layers; none: a linear classifier"
    )
    activation: Annotated[str, _known("activation", "activations")] = Field(
        default="relu", description="activation of the hidden layers"
    )
    norm: Annotated[str, _known("norm", "norms")] = Field(
        default="none", description="normalisation of the pre-activations"
    )
    dropout: float = Field(default=0.0, ge=0, lt=1, description="share of hidden units dropped while training")
    init: Init = Field(default=Init(), description="initial linear weights")

    @field_validator("hidden")
    @classmethod
    def _bounded(cls, value: tuple[int, ...]) -> tuple[int, ...]:
        if len(value) > MAX_DEPTH:
            raise fault(f"expected at most {MAX_DEPTH} layers, got {len(value)}")
        return value


class Schedule(Section):
    """How the learning rate changes while training."""

    name: Annotated[str, _known("schedule", "schedules")] = Field(
        default="constant", description="name of the schedule"
    )
    warmup_epochs: float = Field(default=0.0, ge=0, description="epochs over which the rate rises linearly from 0")
    step_epochs: int | None = Field(
        default=None, gt=0, validate_default=True, description="step: epochs between two drops of the rate"
    )
    step_factor: float = Field(default=0.1, gt=0, le=1, description="step: factor of each drop")
    final_factor: float = Field(default=0.0, ge=0, le=1, description="cosine: final share of the rate")

    @field_validator("step_epochs", "step_factor", "final_factor")
    @classmethod
    def _belongs(cls, value: float | None, info: ValidationInfo) -> float | None:
        taken = info.context.schedules.get(info.data.get("name"), ()) if info.context else ()
        if value is not None:
            _refuse_foreign(info, info.context and info.context.schedules)
        elif info.field_name in taken:
            raise fault(f"{info.data['name']} needs {info.field_name}", between_settings=True)
        return value


class Optimizer(Section):
    """How the weights follow the gradient."""

    name: Annotated[str, _known("optimizer", "optimizers")] = Field(default="adam", description="name of the optimizer")
    lr: float = Field(default=1e-3, gt=0, description="learning rate")
    weight_decay: float = Field(default=0.0, ge=0, description="weight decay, in the optimizer's own sense")
    weight_decay_on: tuple[Literal["weights", "biases", "norm", "prelu"], ...] = Field(
        default=("weights",), description="kinds of parameters that decay: linear weights, biases, γ and β, PReLU's α"
    )
    momentum: float = Field(default=0.0, ge=0, lt=1, description="sgd: momentum")
    nesterov: bool = Field(default=False, description="sgd: whether the momentum looks ahead (Nesterov)")
    betas: tuple[Beta, Beta] = Field(default=(0.9, 0.999), description="adam: decay of the two running means")
    eps: float = Field(default=1e-8, gt=0, description="adam: added to the denominator")
    schedule: Schedule = Field(default=Schedule(), description="how the learning rate changes")

    @field_validator("weight_decay_on")
    @classmethod
    def _distinct(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        if len(set(value)) < len(value):
            raise fault(f"expected each kind once, got {show(value)}")
        return value

    @field_validator("momentum", "nesterov", "betas", "eps")
    @classmethod
    def _belongs(cls, value: Any, info: ValidationInfo) -> Any:
        _refuse_foreign(info, info.context and info.context.optimizers)
        return value

    @field_validator("nesterov")
    @classmethod
    def _has_momentum(cls, value: bool, info: ValidationInfo) -> bool:
        if value and info.data.get("momentum") == 0:
            raise fault("Nesterov's momentum needs optimizer.momentum greater than 0", between_settings=True)
        return value


class EarlyStopping(Section):
    """When to stop before the last epoch."""

    patience: int = Field(gt=0, description="epochs without improvement after which training stops")
    metric: Literal["validation_loss", "validation_accuracy"] = Field(
        default="validation_loss", description="what must improve"
    )
    min_delta: float = Field(default=0.0, ge=0, description="smallest change that counts as improvement")


class Training(Section):
    """How long a network trains."""

    epochs: int = Field(default=5, gt=0, le=MAX_EPOCHS, description="passes over the training set")
    early_stopping: EarlyStopping | None = Field(default=None, description="when to stop early; null: never")


class Settings(Section):
    """All settings of one cell: what a point and an arm make of the base."""

    data: Data = Data()
    model: Model = Model()
    optimizer: Optimizer = Optimizer()
    training: Training = Training()

    @field_validator("training")
    @classmethod
    def _validation_for_early_stopping(cls, value: Training, info: ValidationInfo) -> Training:
        data = info.data.get("data")
        if value.early_stopping is not None and data is not None and data.validation_size == 0:
            sentence = "needs data.validation_size greater than 0: the test set selects nothing"
            raise fault(sentence, key="early_stopping", between_settings=True)
        return value


def _refuse_foreign(info: ValidationInfo, table: Mapping[str, Collection[str]] | None) -> None:
    """Refuse a setting that was given although the chosen optimizer or schedule does not take it."""
    setting, name = str(info.field_name), str(info.data.get("name"))
    if table is None or name not in table or setting in table[name]:
        return
    owners = ", ".join(sorted(other for other in table if setting in table[other]))
    hint = f"{name} takes: {', '.join(table[name])}" if table[name] else f"it belongs to: {owners}"
    raise fault(f"{setting} does not belong to {name} ({hint})", between_settings=True)
