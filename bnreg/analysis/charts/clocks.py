"""What learning curves may be drawn against: epochs, steps, or seconds of training."""

from dataclasses import replace
from statistics import fmean

import pandas as pd

from bnreg.analysis.run_view import RunView

EPOCH, STEP, SECONDS = "epoch", "step", "seconds"


def clocks(view: RunView) -> list[str]:
    """The clocks of a run, its own first; no other if it was evaluated once, or its tables are older than steps."""
    has_all = STEP in view.metrics and "final_step" in view.summary and view.metrics[STEP].nunique() > 1
    return [view.clock, *([STEP] if view.clock != STEP else []), SECONDS] if has_all else [view.clock]


def by_clock(view: RunView, clock: str) -> RunView:
    """The run with its evaluations counted by a clock.

    Networks train side by side, so an evaluation has no time of its own: its seconds are its share of the steps in the
    mean training time of the arm's networks at its point.
    """
    if clock == view.clock:
        return view
    metrics = view.metrics if clock != SECONDS else _with_seconds(view)
    return replace(view, chosen_clock=clock, load_table=lambda name: metrics if name == "metrics" else view.table(name))


def _with_seconds(view: RunView) -> pd.DataFrame:
    steps = view.histories(STEP)
    cells = [(proof.replica.point_index, proof.replica.arm) for proof in view.pairing]
    rates: dict[tuple[int, str], list[float]] = {}
    for cell, seconds, num_steps in zip(cells, view.summary[SECONDS], view.summary["final_step"], strict=True):
        rates.setdefault(cell, []).append(seconds / max(1, num_steps))
    times = [step * fmean(rates[cell]) for cell, history in zip(cells, steps, strict=True) for step in history]
    return view.metrics.assign(seconds=times)
