"""The distributions of what layers read while they train, as a run watched them."""

import pandas as pd

from bnreg.analysis.run_view import RunView
from bnreg.config.source.key_paths import Point
from bnreg.statistics.points import each_point

DIAGNOSTIC = "pre_activations"
PERCENTILES = {"p15": "low", "p50": "middle", "p85": "high"}


def distributions_of(view: RunView) -> list[tuple[Point, pd.DataFrame]]:
    """The percentiles of the pre-activations at each point of the sweep.

    Returns:
        For each point, one row per arm, layer and step: the 15th, 50th and 85th percentile as ``low``, ``middle`` and
        ``high``, each in the mean over the seeds.
    """
    seen = view.table("diagnostics")
    seen = seen[seen["name"].isin(PERCENTILES)]
    place = [*view.point_keys, "arm", "layer", "step"]
    means = seen.groupby([*place, "name"], sort=False, dropna=False)["value"].mean().unstack("name").reset_index()
    return [*each_point(means.rename(columns=PERCENTILES), view.point_keys)]
