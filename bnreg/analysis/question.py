"""What may be asked of runs, as ``bnreg compare`` takes it."""

from dataclasses import dataclass

from bnreg.analysis.replicas import LAST


@dataclass(frozen=True)
class Question:
    """What is asked of the runs.

    Attributes:
        metrics: What to show and to compare by; empty: accuracy and loss on the test set, compared by accuracy.
        baseline: An arm, or ``KEY=VALUE`` to compare along another key; None: each run's own.
        group_by: Keys by which the replicas of all runs are put together; None: a block for each run.
        where: Conditions on the settings.
        sort: A key or metric to order by, with ``-`` in front for descending; None: the config's order.
        columns: Further settings to show.
        only_changed: Whether to hide those that are equal everywhere; without ``columns`` all others are shown.
        at: ``last``, ``best`` or ``epoch=N``.
        smallest_effect: In place of the one that the config declares.
        tests: Whether to add further tests.
        seeds: Whether to list each seed.
        only_common: Whether to leave out points without a replica of the baseline, or of any other side.
    """

    metrics: tuple[str, ...] = ()
    baseline: str | None = None
    group_by: tuple[str, ...] | None = None
    where: str | None = None
    sort: str | None = None
    columns: tuple[str, ...] = ()
    only_changed: bool = False
    at: str = LAST
    smallest_effect: float | None = None
    tests: bool = False
    seeds: bool = False
    only_common: bool = False
