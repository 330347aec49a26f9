"""Tables of what was measured, on the console and in the page: rates, and figures beside their targets."""

import json
import os
import platform
import statistics
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from tools.benchmark.limit import necessary
from tools.benchmark.parts import COMPILED, NUM_ON_CUDA, WATCHED, WIDE, Answers, Sizes
from tools.benchmark.peers import NAMES, REQUIREMENT
from tools.benchmark.scaling import cost_of_a_network, scale_table
from tools.calibration.tables import MISS, Table, markdown_of

from bnreg.executors.machine import cpu_model

RESULTS = Path(__file__).parent / "results.json"
TORCH, DENSE, LIMIT, BATCH = "torch", "dense", "limit", 100
MANY_ON_CUDA = 128
NONE = "–"
SCALE = "scale"  # the part that has a section of its own

Result = Mapping[str, Any]  # a part's sizes, machine, versions, date and answers
Pick = Callable[[Sequence[float]], float]  # one of several times


@dataclass(frozen=True)
class Figure:
    """A figure that has a target.

    Attributes:
        name: What was measured.
        measured: Its values, or why there are none.
        targets: The least value of each, or the largest.
        shown: Writes a value.
        is_limit: Whether the targets are the largest values.
        fastest: The same from the fastest epoch of every contender instead of the median, if it was taken. Where other
            guests share the machine, that is the one that they disturbed least.
    """

    name: str
    measured: Sequence[float] | str
    targets: Sequence[float]
    shown: Callable[[float], str]
    is_limit: bool = False
    fastest: Sequence[float] | str = NONE

    def row(self) -> list[str]:
        """The figure beside its targets, marked if it misses one."""
        wanted = ("≤ " if self.is_limit else "≥ ") + _joined(map(self.shown, dict.fromkeys(self.targets)))
        if isinstance(self.measured, str):
            return [self.name, self.measured, NONE, wanted]
        pairs = list(zip(self.measured, self.targets, strict=False))  # fewer are measured of small sizes
        missed = any(value > target if self.is_limit else value < target for value, target in pairs)
        fastest = self.fastest if isinstance(self.fastest, str) else _joined(map(self.shown, self.fastest))
        return [self.name, _joined(self.shown(value) for value, _ in pairs) + MISS * missed, fastest, wanted]


class Training:
    """What the part ``train`` measured.

    Args:
        result: Its result.
    """

    def __init__(self, result: Result) -> None:
        self.answers: Answers = result["answers"]
        self.numbers = [int(number) for number in result["sizes"]["epochs"]]
        self.operations = result["sizes"]["examples"] // BATCH * necessary((784, 32, 32, 10), BATCH)

    def rate(self, contender: str, number: int, pick: Pick = statistics.median) -> float | str:
        """Networks × epochs per second, or why there are none, with the median or another of its times."""
        rounds = self.answers.get(f"{contender} {number}", NONE)
        if isinstance(rounds, str):
            return rounds
        return number / pick([pick(one["seconds"]) for one in rounds])

    def limit(self, number: int, pick: Pick = statistics.median) -> float:
        """Networks × epochs per second if a core only computed the products of dense matrices, and these at its peak.

        It was measured in turns with the contenders that train that many networks.
        """
        return 1 / pick([self.operations / one["rate"] for one in self.answers[f"{LIMIT} {number}"]])

    def evaluation(self, engine: str, number: int, pick: Pick = statistics.median) -> float | str:
        """Seconds to evaluate that many networks on both sets."""
        rounds = self.answers.get(f"{engine} {number}", NONE)
        return rounds if isinstance(rounds, str) else pick([one["evaluation"] for one in rounds])

    def share_on_two_cores(self, pick: Pick = statistics.median) -> float | str:
        """The compiled engine's share of the limit of two cores, with twenty networks on each and no zeros."""
        rounds = self.answers.get(f"{DENSE} 20 on two cores", NONE)
        if isinstance(rounds, str):
            return rounds
        times = [1 / sum(20 / pick(seconds) for seconds in one["seconds"]) for one in rounds]
        limits = [self.operations / sum(one["rate"]) for one in self.answers[f"{LIMIT} on two cores"]]
        return pick(limits) / pick(times)


def tables(results: Mapping[str, Result]) -> list[Table]:
    """All tables that the measured parts give."""
    figures = [figure for name, result in results.items() for figure in FIGURES.get(name, _no_figures)(result)]
    found = [_rates(Training(results["train"]))] if "train" in results else []
    found += [_cuda_rates(results["cuda"])] if "device" in results.get("cuda", {}) else []
    if figures:
        columns = ["figure", "medians", "fastest", "target"]
        found.append(Table("Targets", columns, [figure.row() for figure in figures]))
    found += [scale_table(results[SCALE])] if SCALE in results else []
    seconds = [row for name, result in results.items() for row in SECONDS.get(name, _no_rows)(result)]
    return found + ([Table("Seconds", ["also measured", "seconds"], seconds)] if seconds else [])


def _rates(training: Training) -> Table:
    names = {
        "the textbook's loop": "textbook",
        "JAX: jit, scan, vmap": "jax stacked",
        "JAX: a pair, tuned by hand": "jax pair",
        "bnreg, torch engine": TORCH,
        "bnreg, compiled engine": COMPILED,
        "bnreg, compiled engine, standardised pixels, none of which is 0": DENSE,
    }
    rows = [
        [name, *(_or_reason(training.rate(contender, number), "{:.3g}") for number in training.numbers)]
        for name, contender in names.items()
    ]
    limits = [f"{training.limit(number):.3g}" for number in training.numbers]
    rows.append(["limit of dense products", *limits])
    columns = ["training on one core, networks × epochs per second", *(f"{n} networks" for n in training.numbers)]
    return Table("Rates", columns, rows)


def _training_figures(result: Result) -> list[Figure]:
    training = Training(result)
    numbers = training.numbers
    named = f"training of {_joined(map(str, numbers))} networks"

    def against(others: Sequence[str], pick: Pick = statistics.median) -> Sequence[float] | str:
        ratios = []
        for number in numbers:
            ours, *theirs = (training.rate(name, number, pick) for name in (COMPILED, *others))
            for one in (ours, *theirs):
                if isinstance(one, str):
                    return one
            ratios.append(ours / max(theirs))
        return ratios

    def shares(pick: Pick = statistics.median) -> Sequence[float] | str:
        ours = [training.rate(DENSE, number, pick) for number in numbers]
        return (
            ours[0]
            if isinstance(ours[0], str)
            else [rate / training.limit(number, pick) for rate, number in zip(ours, numbers, strict=True)]
        )

    def evaluations(pick: Pick) -> list[Any]:
        return [training.evaluation(engine, 20, pick) for engine in (COMPILED, TORCH)]

    both = "the same on two cores, 20 networks on each"
    share = f"{named} on standardised pixels, share of the limit"
    two, fastest_two = (_as_values(training.share_on_two_cores(pick)) for pick in (statistics.median, min))
    peers = [f"jax {one}" for one in NAMES]
    torch_targets, peer_targets, limit_targets = (9, 2.8, 2.2), (1.7,) * 3, (0.65,) * 3
    return [
        Figure(
            f"{named}, × the torch engine's rate",
            against([TORCH]),
            torch_targets,
            _times,
            fastest=against([TORCH], min),
        ),
        Figure(f"{named}, × the better JAX peer's", against(peers), peer_targets, _times, fastest=against(peers, min)),
        Figure(share, shares(), limit_targets, _percent, fastest=shares(min)),
        Figure(both, two, [0.65], _percent, fastest=fastest_two),
        _ratio(
            "evaluation of 20 networks, × the torch engine's time",
            *evaluations(statistics.median),
            0.65,
            fastest=evaluations(min),
        ),
    ]


def _wide_figures(result: Result) -> list[Figure]:
    def times(pick: Pick) -> list[Any]:
        return [_picked(result, f"{engine} 2", lambda one: one["seconds"][0], pick) for engine in (TORCH, COMPILED)]

    name = f"training with hidden layers of {WIDE}, × the torch engine's rate"
    return [_ratio(name, *times(statistics.median), 1, is_limit=False, fastest=times(min))]


def _command_figures(result: Result) -> list[Figure]:
    first, compiled, torch = (_median(result, name) for name in ("first", COMPILED, TORCH))
    more = first if isinstance(first, str) else [first - compiled]
    return [
        _ratio(
            "`bnreg train configs/bn_vs_plain.yaml`, two cores, × the torch engine's time",
            compiled,
            torch,
            0.4,
            fastest=[_picked(result, name, pick=min) for name in (COMPILED, TORCH)],
        ),
        Figure("the first run ever, which compiles: seconds more", more, [7], _seconds, is_limit=True),
    ]


def _many_figures(result: Result) -> list[Figure]:
    few, many = result["sizes"]["many"]
    each = [_median(result, str(number)) / number for number in (few, many)]
    worker = _median(result, str(many), lambda one: one["worker_bytes"]) / 1e6
    name = f"{many:,} networks, an epoch of 5,000 digits"
    return [
        Figure(f"{name}: a network's time, × that of {few:,}", [each[1] / each[0]], [1.1], _times, is_limit=True),
        Figure(f"{name}: MB of the largest worker", [worker], [300], "{:.0f}".format, is_limit=True),
    ]


def _cuda_rate(result: Result, contender: str, number: int) -> float | str:
    """Networks × epochs per second on a CUDA device, or why there are none."""
    seconds = _median(result, f"{contender} {number}", lambda one: statistics.median(one["seconds"]))
    return seconds if isinstance(seconds, str) else number / seconds


def _cuda_rates(result: Result) -> Table:
    names = {
        "the textbook's loop": "textbook",
        "bnreg, torch engine, steps not captured": "eager",
        "bnreg, torch engine": TORCH,
    }
    numbers = _cuda_numbers(result)
    rows = [
        [name, *(_three_digits(_cuda_rate(result, contender, number)) for number in numbers)]
        for name, contender in names.items()
    ]
    columns = [f"training on one {result['device']}, networks × epochs per second"]
    return Table("CUDA", columns + [f"{n:,} networks" for n in numbers], rows)


def _cuda_numbers(result: Result) -> list[int]:
    return [*map(int, result["sizes"]["epochs"]), NUM_ON_CUDA]


def _cuda_figures(result: Result) -> list[Figure]:
    if "device" not in result:
        return []
    numbers = _cuda_numbers(result)
    pairs = [[_cuda_rate(result, contender, number) for contender in (TORCH, "eager")] for number in numbers]
    reason = next((rate for pair in pairs for rate in pair if isinstance(rate, str)), None)
    ratios = reason or [captured / eager for captured, eager in pairs]
    gain = f"training of {_joined(map(str, numbers))} networks on CUDA, × the rate without captured steps"
    found = [Figure(gain, ratios, (1.5,) * len(numbers), _times)]
    if MANY_ON_CUDA in numbers:
        rate = _cuda_rate(result, TORCH, MANY_ON_CUDA)
        found.append(
            Figure(
                f"training of {MANY_ON_CUDA} networks on CUDA, networks × epochs per second",
                [rate],
                [2000],
                "{:,.0f}".format,
            )
        )
    return found


FIGURES: dict[str, Callable[[Result], list[Figure]]] = {
    "train": _training_figures,
    "wide": _wide_figures,
    "command": _command_figures,
    "many": _many_figures,
    "cuda": _cuda_figures,
}


def _training_seconds(result: Result) -> list[list[str]]:
    training = Training(result)
    book = _median(result, "textbook 2", lambda one: one["seconds"][0] + one["evaluation"])
    rows = [["the textbook's loop: an epoch of 2 networks with their evaluation", _or_reason(book, "{:.2f}")]]
    for engine in (TORCH, COMPILED):
        if f"{engine} 20" in training.answers:
            result_seconds = _median(result, f"{engine} 20", lambda one: one["result"])
            evaluation = _or_reason(training.evaluation(engine, 20), "{:.2f}")
            rows.append([f"evaluation of 20 networks on 70,000 images, {engine} engine, one core", evaluation])
            rows.append([f"the results of 20 networks, with population statistics, {engine}", f"{result_seconds:.2f}"])
    return rows


def _command_seconds(result: Result) -> list[list[str]]:
    whole = "`bnreg train configs/bn_vs_plain.yaml`"
    names = {
        TORCH: f"{whole}, torch engine",
        COMPILED: f"{whole}, compiled engine",
        "first": f"{whole}, for the first time",
    }
    return [[names[name], f"{_median(result, name):.2f}"] for name in result["answers"]]


def _many_seconds(result: Result) -> list[list[str]]:
    return [
        [f"{int(number):,} networks, an epoch of 5,000 digits, two cores", f"{_median(result, number):.1f}"]
        for number in result["answers"]
    ]


def _around_seconds(result: Result) -> list[list[str]]:
    rows = []
    for name, rounds in result["answers"].items():
        if name in WATCHED:
            seconds = _median(result, name, lambda one: statistics.median(one["seconds"]))
            rows.append([f"an epoch of 20 networks with its evaluation, {name}", f"{seconds:.2f}"])
            continue
        for key in rounds[0]:
            what = {"help": "`bnreg --help`", "compare": "`bnreg compare` of one run"}.get(name, f"{name}: a {key}")
            rows.append([what, f"{_median(result, name, lambda one, key=key: one[key]):.3f}"])
    return rows


def _cuda_seconds(result: Result) -> list[list[str]]:
    if "device" not in result:
        return [["an epoch on CUDA", *result["answers"].values()]]
    return [
        [
            f"evaluation of {number:,} networks on 70,000 images, CUDA",
            f"{_median(result, f'{TORCH} {number}', lambda one: one['evaluation']):.3f}",
        ]
        for number in _cuda_numbers(result)
    ]


SECONDS: dict[str, Callable[[Result], list[list[str]]]] = {
    "train": _training_seconds,
    "command": _command_seconds,
    "many": _many_seconds,
    "around": _around_seconds,
    "cuda": _cuda_seconds,
}


def _no_figures(_: Result) -> list[Figure]:
    return []


def _no_rows(_: Result) -> list[list[str]]:
    return []


def _median(result: Result, contender: str, value: Callable[[Any], float] = lambda one: one["seconds"]) -> Any:
    """A contender's median, or why there is none."""
    return _picked(result, contender, value, statistics.median)


def _picked(
    result: Result, contender: str, value: Callable[[Any], float] = lambda one: one["seconds"], pick: Pick = min
) -> Any:
    rounds = result["answers"].get(contender, NONE)
    return rounds if isinstance(rounds, str) else pick([value(one) for one in rounds])


def _ratio(
    name: str, first: Any, second: Any, target: float, *, is_limit: bool = True, fastest: Sequence[Any] = ()
) -> Figure:
    """A figure of two values, unless there is a reason instead of one of them."""
    reason = next((value for value in (first, second) if isinstance(value, str)), None)
    if reason:
        return Figure(name, reason, [target], _times, is_limit)
    return Figure(name, [first / second], [target], _times, is_limit, [fastest[0] / fastest[1]] if fastest else NONE)


def _as_values(value: float | str) -> Sequence[float] | str:
    return value if isinstance(value, str) else [value]


def _joined(texts: Any) -> str:
    *most, last = texts
    return f"{', '.join(most)} and {last}" if most else str(last)


def _times(value: float) -> str:
    return f"{value:.2f}" if value < 10 else f"{value:.1f}"


def _percent(value: float) -> str:
    return f"{100 * value:.0f} %"


def _three_digits(value: float | str) -> str:
    return value if isinstance(value, str) else f"{float(f'{value:.3g}'):,g}"


def _seconds(value: float) -> str:
    return f"{value:.1f} s"


def _or_reason(value: float | str, form: str) -> str:
    return value if isinstance(value, str) else form.format(value)


def as_result(answers: Answers, sizes: Sizes) -> Result:
    """A part's answers with what they depend on, as JSON data."""
    versions = {}
    for name in ("bnreg", "torch", "numba"):
        try:
            versions[name] = version(name)
        except PackageNotFoundError:
            continue
    device = {"device": _cuda_device()} if any(name.startswith("eager") for name in answers) else {}
    result = {
        "date": datetime.now(UTC).date().isoformat(),
        "machine": machine(),
        **device,
        "versions": versions | {"jax": REQUIREMENT.partition("==")[2]},
        "sizes": asdict(sizes),
        "answers": answers,
    }
    return dict(json.loads(json.dumps(result)))


def _cuda_device() -> str:
    import torch

    return torch.cuda.get_device_name()


def machine() -> str:
    """The processor, its widest vectors and the number of cores."""
    text = Path("/proc/cpuinfo").read_text()
    facts = {key.strip(): value.strip() for key, _, value in (line.partition(":") for line in text.splitlines())}
    flags = facts.get("flags", "").split()
    vectors = next((name for name in ("avx512f", "avx2") if name in flags), platform.machine())
    return f"{cpu_model() or platform.machine()} with {vectors}, {len(os.sched_getaffinity(0))} cores"


def read_results() -> dict[str, Result]:
    return json.loads(RESULTS.read_text(encoding="utf-8")) if RESULTS.exists() else {}


def write_result(name: str, result: Result) -> None:
    """Write a part that was measured in full to the file that the page is generated from."""
    results = {**read_results(), name: result}
    RESULTS.write_text(json.dumps(results, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def results_markdown() -> str:
    """The tables of all parts when they were last measured in full, and what they depend on."""
    results = read_results()
    if not results:
        return "Not measured in full yet.\n"
    results.pop(SCALE, None)
    sources = dict.fromkeys(map(_source, results.values()))
    return "\n".join(map(markdown_of, tables(results))) + "\n" + "".join(f"{source}\n" for source in sources)


def scale_markdown() -> str:
    """What sweeps of many networks needed when they were last measured, and what they depend on."""
    result = read_results().get(SCALE)
    if result is None:
        return "Not measured in full yet.\n"
    return f"{markdown_of(scale_table(result))}\n{_source(result | {'sizes': {'rounds': 1}})}\n"


def cost_markdown() -> str:
    """What one more network cost when that was last measured."""
    result = read_results().get(SCALE)
    return cost_of_a_network(result) if result else "Not measured in full yet.\n"


def _source(result: Result) -> str:
    versions = ", ".join(f"{name} {number}" for name, number in result["versions"].items())
    rounds = result["sizes"]["rounds"]
    what = "Measured once" if rounds == 1 else f"Medians of {rounds} rounds"
    return f"{what} on {result['machine']}, {result['date']}: {versions}."
