"""Questions about runs, as ``bnreg compare`` takes them."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from bnreg.analysis.replicas import LAST


@dataclass(frozen=True)
class Question:
    """A question about runs.

    Attributes:
        metrics: Metrics to show and compare by; empty: accuracy and loss on the test set, compared by the metric that
            the config declares.
        baseline: An arm, or ``KEY=VALUE`` to compare along another key; None: each run's own.
        group_by: Keys to group the replicas of all runs by; None: one block per run.
        where: Conditions on the settings.
        sort: A key or metric to sort by, with a leading ``-`` for descending order; None: the config's order.
        columns: Further settings to show.
        only_changed: Whether to hide settings that are the same everywhere; without ``columns``, all others are shown.
        at: ``last``, ``best``, ``last=N``, ``epoch=N`` or ``step=N``.
        smallest_effects: Metric → smallest effect, as written, instead of the declared one; ``""`` stands for accuracy,
            or for the only metric that is asked for.
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
    smallest_effects: Mapping[str, object] = field(default_factory=dict)
    tests: bool = False
    seeds: bool = False
    only_common: bool = False

    @property
    def averages_runs(self) -> bool:
        """Whether it averages the values of a seed over runs."""
        key, equals, _ = (self.baseline or "").partition("=")
        keys = {*(self.group_by or ()), *([key] if equals and key != "arm" else [])}
        return bool(keys) and not keys & {"run", "name"}
