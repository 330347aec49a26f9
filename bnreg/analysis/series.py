"""The metrics of a run against its steps: of each network, and over the seeds of an arm."""

import math
from collections.abc import Iterable, Mapping, Sequence
from statistics import fmean

from bnreg.analysis.charts.clocks import EPOCH, STEP
from bnreg.analysis.run_view import RunView
from bnreg.metrics import METRICS, measure_of
from bnreg.sinks.content import Spread

Series = Mapping[str, Sequence[tuple[int, float]]]  # metric → a value at each step


def network_series(view: RunView) -> list[Series]:
    """The metrics of each network at each of its evaluations, in the order of the summary; NaN once it diverged.

    A run that is older than the steps in its tables has its epochs instead.
    """
    times = view.histories(STEP if STEP in view.metrics else EPOCH)
    measured = {name: view.histories(name) for name in view.metrics.columns if measure_of(name) in METRICS}
    return [
        {
            name: [(step, float(value)) for step, value in zip(steps, values[index], strict=True)]
            for name, values in measured.items()
        }
        for index, steps in enumerate(times)
    ]


def spread_series(networks: Sequence[Series]) -> dict[str, list[Spread]]:
    """The same over some networks: at each step, the mean and the range of those that have a value there."""
    metrics = dict.fromkeys(metric for series in networks for metric in series)
    spreads = {metric: _spreads(series.get(metric, ()) for series in networks) for metric in metrics}
    return {metric: found for metric, found in spreads.items() if found}


def _spreads(series: Iterable[Sequence[tuple[int, float]]]) -> list[Spread]:
    by_step: dict[int, list[float]] = {}
    for values in series:
        for step, value in values:
            if math.isfinite(value):
                by_step.setdefault(step, []).append(value)
    return [Spread(step, fmean(values), min(values), max(values)) for step, values in sorted(by_step.items())]
