"""What a run watched in its networks: the quantities of a diagnostic over the steps."""

from collections.abc import Sequence

import pandas as pd

from bnreg.analysis.run_view import RunView
from bnreg.config.source.key_paths import Point
from bnreg.statistics.points import each_point


def unwatched(view: RunView, diagnostic: str) -> str | None:
    """That a run did not watch a diagnostic, with the remedy; None if it did."""
    if diagnostic in (view.config.get("diagnostics") or {}).get("names", ()):
        return None
    return f"{diagnostic} was not watched; train with diagnostics.names='[{diagnostic}]'"


def unseen(view: RunView, diagnostic: str, quantities: Sequence[str]) -> str | None:
    """That a run did not watch a diagnostic, or that its networks have nothing of what it looks at; None if they do."""
    if reason := unwatched(view, diagnostic):
        return reason
    is_seen = view.table("diagnostics")["name"].isin(quantities).any()
    return None if is_seen else f"its networks have nothing that {diagnostic} looks at"


def over_steps(view: RunView, quantities: Sequence[str]) -> list[tuple[Point, str, pd.DataFrame]]:
    """The quantities over the steps, with their spread over the seeds.

    Args:
        view: The run.
        quantities: Their names in the table of diagnostics.

    Returns:
        For each point and quantity, one row per arm, layer and step: the mean over the seeds as ``middle``, and the
        lowest and highest seed as ``low`` and ``high``.
    """
    table = view.table("diagnostics")
    found = []
    for point, rows in each_point(table, view.point_keys):
        for name in quantities:
            values = rows[rows["name"] == name].groupby(["arm", "layer", "step"], sort=False)["value"]
            found.append((point, name, values.agg(low="min", middle="mean", high="max").reset_index()))
    return [(point, name, seen) for point, name, seen in found if len(seen)]
