"""What the arms of a run chose before it was trained, and at what cost."""

from typing import Any

from bnreg.analysis.groups import distinct_values
from bnreg.analysis.run_view import RunView
from bnreg.config.cell_settings import cell_settings


def tuned_record(view: RunView) -> dict[str, Any] | None:
    """The record of a run's tuning as plain data, with the values that each arm chose at any point; None without it."""
    tuned = view.tuned
    if tuned is None:
        return None
    settings = {arm: [cell_settings(view.config, arm, point) for point in view.points] for arm in view.arms}
    chosen = {
        arm: {key: distinct_values([one.get(key) for one in ones]) for key in tuned.values}
        for arm, ones in settings.items()
    }
    return tuned.to_config() | {"chosen": chosen}
