"""Questions about runs, as ``bnreg compare`` takes them."""

from dataclasses import dataclass

from bnreg.analysis.replicas import LAST


@dataclass(frozen=True)
class Question:
    """A question about runs.

    Attributes:
        metrics: Metrics to show and compare by; empty: accuracy and loss on the test set, compared by accuracy.
        baseline: An arm, or ``KEY=VALUE`` to compare along another key; None: each run's own.
        group_by: Keys to group the replicas of all runs by; None: one block per run.
        where: Conditions on the settings.
        sort: A key or metric to sort by, with a leading ``-`` for descending order; None: the config's order.
        columns: Further settings to show.
        only_changed: Whether to hide settings that are the same everywhere; without ``columns``, all others are shown.
        at: ``last``, ``best`` or ``epoch=N``.
        smallest_effect: Replaces the one that the config declares.
        tests: Whether to add further tests.
        seeds: Whether to list each seed.
        only_common: Whether to leave out points that only one side has.
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

    @property
    def averages_runs(self) -> bool:
        """Whether it averages the values of a seed over runs."""
        key, equals, _ = (self.baseline or "").partition("=")
        keys = {*(self.group_by or ()), *([key] if equals and key != "arm" else [])}
        return bool(keys) and not keys & {"run", "name"}
