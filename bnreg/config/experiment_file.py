"""The top level of an experiment's file: everything around the settings themselves."""

import re
from collections import Counter
from collections.abc import Callable, Mapping
from typing import Annotated, Any, TypeVar

from pydantic import (
    AfterValidator,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainValidator,
    ValidationInfo,
    WithJsonSchema,
    model_validator,
)
from pydantic.config import JsonDict

from bnreg.config.faults import fault
from bnreg.config.forms import SeedsForm, TunedForm, TuneForm
from bnreg.config.schema import Known, Section, Sinks
from bnreg.metrics import ACCURACY_SMALLEST_EFFECT, SPLITS, TEST_ACCURACY, columns_of, effect_of
from bnreg.names import FILE_NAME, NAME, SEED_LIMIT, why_no_file_name
from bnreg.rounds import DEFAULT_FROM, MAX_SEEDS, Rounds, rounds_of
from bnreg.tuning import Tune, Tuned, tune_of, tuned_of
from bnreg.wording import show, unknown

Read = TypeVar("Read")

_ADDRESS = re.compile(r"auto|([^\s:/\[\]]+|\[[0-9a-fA-F:.]+\]):[0-9]{1,5}")
_ADDRESS_OR_NULL = {"anyOf": [{"type": "string", "pattern": f"^({_ADDRESS.pattern})$"}, {"type": "null"}]}
_DEVICE = re.compile(r"auto|cpu|cuda(:(0|[1-9][0-9]{0,2}))?")


def why_no_name(value: str) -> str | None:
    """The reason why a text cannot be the name of an experiment or an arm; None if it can."""
    if not NAME.fullmatch(value):
        rule = "a name of at most 64 letters, digits, '_', '.' or '-' that starts with a letter or digit"
        return f"expected {rule}, got {show(value)}"
    reason = why_no_file_name(value)
    return f"{show(value)} {reason}; choose another name" if reason else None


def _valid_name(value: str) -> str:
    if reason := why_no_name(value):
        raise fault(reason)
    return value


def _seeds_or_rounds(value: object) -> tuple[int, ...] | Rounds:
    """Seeds, or a mapping that says how they are added until everything is decided."""
    if not isinstance(value, Mapping):
        return _seeds(value)
    first = _seeds(value.get("from", DEFAULT_FROM))
    try:
        return rounds_of(value, first)
    except ValueError as wrong:
        raise fault(str(wrong)) from None


def _seeds(value: object) -> tuple[int, ...]:
    """The seeds that a number (that many, from 0) or a list stands for."""
    if isinstance(value, int) and not isinstance(value, bool):
        if not 1 <= value <= MAX_SEEDS:
            raise fault(f"expected 1 to {MAX_SEEDS} seeds, got {show(value)}")
        return tuple(range(value))
    if not isinstance(value, tuple):
        raise fault(f"expected a number of seeds or a list of seeds, got {show(value)}")
    if not value:
        raise fault("expected at least one seed, got []")
    if len(value) > MAX_SEEDS:
        raise fault(f"expected at most {MAX_SEEDS} seeds, got {len(value)}")
    for seed in value:
        if not isinstance(seed, int) or isinstance(seed, bool) or not 0 <= seed < SEED_LIMIT:
            raise fault(f"expected whole numbers from 0 to {SEED_LIMIT - 1}, got {show(seed)}")
    if repeated := sorted(seed for seed, times in Counter(value).items() if times > 1):
        raise fault(f"repeated seeds: {show(repeated)[1:-1]}")
    return value


def _tune(value: object) -> Tune | None:
    return _read(value, tune_of)


def _tuned(value: object) -> Tuned | None:
    return _read(value, tuned_of)


def _read(value: object, read: Callable[[Mapping[str, Any]], Read]) -> Read | None:
    """What a mapping is read as; null is nothing."""
    if value is None:
        return None
    if not isinstance(value, Mapping):
        raise fault(f"expected a mapping, got {show(value)}")
    try:
        return read(value)
    except ValueError as wrong:
        raise fault(str(wrong)) from None


def _valid_device(value: str) -> str:
    if not _DEVICE.fullmatch(value):
        raise fault(f"expected auto, cpu, cuda or cuda:N, got {show(value)}")
    return value


def _address(value: object, info: ValidationInfo) -> object:
    if value is None:
        return value
    if not isinstance(value, str) or not _ADDRESS.fullmatch(value):
        raise fault(f"expected HOST:PORT, or auto for the cluster of this machine, got {show(value)}")
    executors, chosen = info.context.executors if info.context else {}, info.data.get("executor")
    if chosen in executors and "address" not in executors[chosen]:
        takers = " or ".join(f"executor={name}" for name, settings in executors.items() if "address" in settings)
        raise fault(f"executor {show(chosen)} takes no address; use {takers}, or address=null")
    return value


def _smallest_effect(value: object) -> float | dict[str, float]:
    """A smallest difference in accuracy, or one for each of several metrics."""
    if not isinstance(value, Mapping):
        return _effect(value, TEST_ACCURACY)
    return {_metric(name): _effect(effect, name, f"{name}: ") for name, effect in value.items()}


def _metric(name: str) -> str:
    if name not in (columns := columns_of(*SPLITS)):
        raise fault(unknown("metric", name, columns))
    return name


def _effect(value: object, metric: str, place: str = "") -> float:
    try:
        return effect_of(value, metric)
    except ValueError as wrong:
        raise fault(f"{place}{wrong}, got {show(value)}") from None


class Compare(Section):
    """Settings for comparing the arms."""

    metric: Annotated[str, AfterValidator(_metric)] = Field(
        default=TEST_ACCURACY,
        json_schema_extra={"enum": [{"table": "metrics"}]},
        description="the metric that the verdicts are on, chosen before training",
    )
    smallest_effect: Annotated[float | dict[str, float], PlainValidator(_smallest_effect)] = Field(
        default=ACCURACY_SMALLEST_EFFECT,
        description="smallest difference in accuracy that matters, as a share or with its unit, such as 0.2pp; or a "
        "mapping of metrics to theirs",
    )


Name = Annotated[str, AfterValidator(_valid_name), WithJsonSchema({"type": "string", "pattern": f"^{FILE_NAME}$"})]


EXAMPLE = {"measure": "final", "of": {"metric": "test_accuracy"}, "more": "bn", "smallest_effect": "0.3pp"}
Arms = str | tuple[str, ...] | None


def _given(key: str) -> JsonDict:
    return {"required": [key], "properties": {key: {"not": {"type": "null"}}}}


class ClaimTest(Section):
    """One test of a claim: a measure of an arm is larger than, or equals, that of another arm, or zero."""

    model_config = ConfigDict(json_schema_extra={"oneOf": [_given("more"), _given("equal")]})

    measure: str = Field(examples=["final"], description="what is measured of each arm in each seed")
    of: dict[str, Any] = Field(default={}, examples=[{"metric": "test_accuracy"}], description="the measure's options")
    more: Arms = Field(
        default=None, examples=["bn"], description="the arm that is predicted to have more; of several, the best"
    )
    equal: Arms = Field(default=None, examples=["bn"], description="the arm that is predicted to have as much")
    against: Arms = Field(default=None, examples=["plain"], description="the other arm or arms; null: zero")
    smallest_effect: float | str = Field(
        examples=["0.3pp"], description="smallest difference that matters: a number, 0.3pp or 1.25x"
    )

    @model_validator(mode="after")
    def _one_prediction(self) -> "ClaimTest":
        if (self.more is None) == (self.equal is None):
            raise fault("give one of more and equal")
        return self


class ClaimFile(Section):
    """A statement that an experiment can support or not, fixed before it is trained."""

    id: Name = Field(examples=["X1"], description="its name")
    statement: str = Field(examples=["Batch norm helps."], description="what it says, in a sentence")
    lecture: str = Field(default="", examples=["BN"], description="where the lecture says it")
    literature: str = Field(default="", examples=["Ioffe 2015"], description="what others found")
    tests: tuple[ClaimTest, ...] = Field(min_length=1, examples=[(EXAMPLE,)], description="all must hold")
    quick: dict[str, Any] = Field(
        default={}, examples=[{"seeds": 6}], description="dotted key → setting of a quick, provisional run"
    )


class ExperimentFile(Section):
    """The keys of an experiment's file. The four sections are checked as ``Settings``, cell by cell."""

    name: Name | None = Field(
        default=None, examples=["my_run"], description="the experiment's name; null: the file's stem"
    )
    data: Any = Field(default=None, description="the examples and how they are presented")
    model: Any = Field(default=None, description="the network")
    optimizer: Any = Field(default=None, description="how gradients update the weights")
    training: Any = Field(default=None, description="how long a network trains")
    diagnostics: Any = Field(default=None, description="what is watched while it trains")
    arms: dict[Name, dict[str, Any] | None] | None = Field(
        default=None,
        examples=[{"bn": {"model": {"norm": "batch"}}, "plain": {}}],
        description="name of each arm → its changes; null: one arm, 'base'",
    )
    baseline: str | None = Field(
        default=None, examples=["plain"], description="the arm that the others are compared with"
    )
    seeds: Annotated[tuple[int, ...] | Rounds, PlainValidator(_seeds_or_rounds, json_schema_input_type=SeedsForm)] = (
        Field(
            default=tuple(range(10)),
            description="number of seeds, counted from 0, or a list of seeds; {until: decided, from: 10, step: 10, "
            "at_most: 100} adds seeds until every comparison is decided",
        )
    )
    compare: Compare = Field(default=Compare(), description="settings for comparing the arms")
    sweep: dict[str, Any] | None = Field(
        default=None, examples=[{"optimizer.lr": [0.01, 0.1]}], description="dotted key → list of values to combine"
    )
    tune: Annotated[Tune | None, PlainValidator(_tune, json_schema_input_type=TuneForm | None)] = Field(
        default=None,
        examples=[{"optimizer.lr": [0.01, 0.1]}],
        description="dotted key → list of values among which each arm chooses by itself, `on` a metric of the "
        "validation split, with `seeds` of their own, before the others are trained",
    )
    tuned: Annotated[Tuned | None, PlainValidator(_tuned, json_schema_input_type=TunedForm | None)] = Field(
        default=None,
        examples=[
            {
                "run": "my_run-20261127T042153Z-5c0187",
                "on": "validation_accuracy",
                "seeds": 3,
                "networks": 12,
                "seconds": 9.5,
                "values": {"optimizer.lr": [0.01, 0.1]},
            }
        ],
        description="written by bnreg: how the arms' settings were chosen",
    )
    claim: ClaimFile | None = Field(
        default=None,
        examples=[{"id": "X1", "statement": "Batch norm helps.", "tests": (EXAMPLE,)}],
        description="what `bnreg claims` decides by this experiment",
    )
    device: Annotated[str, AfterValidator(_valid_device)] = Field(
        default="auto",
        json_schema_extra={"pattern": f"^({_DEVICE.pattern})$"},
        examples=["auto", "cpu", "cuda", "cuda:1"],
        description="auto, cpu, cuda or cuda:N",
    )
    engine: Annotated[str, Known("engine", "engines", more=("auto",))] = Field(
        default="auto",
        description="what trains: compiled (perceptrons on a CPU, needs the extra `fast`), torch, or auto: compiled "
        "where it can",
    )
    executor: Annotated[str, Known("executor", "executors")] = Field(
        default="processes",
        description="where networks are trained: processes of this machine, or ray, one machine or several",
    )
    address: Annotated[str | None, BeforeValidator(_address), WithJsonSchema(_ADDRESS_OR_NULL)] = Field(
        default=None,
        examples=["10.0.0.1:6379"],
        description="ray: HOST:PORT of a Ray cluster, or auto: the one of this machine; null: one that starts and "
        "stops with the run",
    )
    jobs: int | None = Field(
        default=None, gt=0, examples=[2], description="parallel processes; null: chosen for the machine or the cluster"
    )
    report: bool = Field(default=True, description="whether the run's folder gets a page about it, report.html")
    sinks: Sinks = Field(
        default=(),
        examples=[("tensorboard",)],
        description="tools that the finished run is sent to, each an extra",
    )
    snapshot_seconds: float = Field(
        default=30.0, gt=0, description="time between two snapshots; a stopped run resumes from the last one"
    )
