"""What each arm chose in a finished tuning run, as settings of the experiment that is trained afterwards."""

import math
from typing import Any

import numpy as np

from bnreg.config.experiment import Experiment
from bnreg.config.source.key_paths import KeyPath
from bnreg.names import SWEEP, TUNE, TUNED
from bnreg.runs import Run
from bnreg.tuning import Tuned

FOLDER = "tuning"  # among the runs, for those by which settings were chosen


def chosen_by(experiment: Experiment, run: Run) -> dict[KeyPath, Any]:
    """The settings that take the place of ``tune`` in the config, by their paths.

    At each point of the sweep each arm gets the values with the best mean over the tuning seeds; the first of equal
    ones. Without a sweep they become settings of the arms; with one, further swept keys that advance with its points.

    Args:
        experiment: The experiment that was tuned.
        run: Its finished run.
    """
    tune = experiment.tune
    assert tune is not None
    num_combinations = math.prod(len(values) for values in tune.grid.values())
    shape = (-1, num_combinations, len(experiment.arms), len(experiment.seeds))
    means = np.reshape(run.summary[f"final_{tune.on}"], shape).mean(3)  # by point, combination and arm
    best = (means if tune.higher_is_better else -means).argmax(1)
    points = experiment.points[::num_combinations]
    swept = {key: tuple(point[key] for point in points) for key in experiment.point_keys if key not in tune.grid}
    arms = {arm: f"arms.{arm}." if experiment.document.has(("arms", arm)) else "" for arm in experiment.arms}
    chosen = {
        f"{prefix}{key}": tuple(
            experiment.points[place * num_combinations + best[place, number]][key] for place in range(len(points))
        )
        for number, prefix in enumerate(arms.values())
        for key in tune.grid
    }
    if swept:
        settings: dict[KeyPath, Any] = {(SWEEP,): {"zip": swept | chosen}}
    else:
        settings = {experiment.document.split_key(key): value for key, (value,) in chosen.items()}
    info = run.info
    record = Tuned(info.id, tune.on, len(info.seeds), len(info.pairing), info.seconds, tune.grid)
    return settings | {(TUNE,): None, (TUNED,): record.to_config()}
