"""The points of a sweep in a frame of replicas, and the standard error from the test examples that they share."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from bnreg.config.source.key_paths import Point
from bnreg.statistics.intervals import example_error

# The values of the point, the arm and the seed.
Place = tuple[tuple[Any, ...], str, int]
# By the values of the point and the arm, then by seed: right (1) or not (0), or the share of a seed's networks that are
# right, shape (examples,). A diverged replica has no entry.
Correctness = Mapping[tuple[tuple[Any, ...], str], Mapping[int, npt.NDArray[np.number[Any]]]]


def each_point(frame: pd.DataFrame, point_keys: Sequence[str]) -> Iterator[tuple[Point, pd.DataFrame]]:
    """The points of a sweep with their rows, in the order in which they appear in the frame.

    Args:
        frame: Has a column for each point key; a missing value there is the swept value null.
        point_keys: Dotted keys; without any, the whole frame is the one point ``{}``.

    Yields:
        The point, with plain Python values, and its rows.
    """
    if not point_keys:
        yield {}, frame
        return
    for values, rows in frame.groupby(list(point_keys), sort=False, dropna=False):
        point: dict[str, Any] = dict(zip(point_keys, values, strict=True))
        yield {key: None if pd.isna(value) else value for key, value in point.items()}, rows


def shared_example_error(correctness: Correctness | None, terms: Sequence[tuple[int, Point, str]]) -> float | None:
    """The standard error from the test examples, for a sum over arms and points.

    Args:
        correctness: Which test examples each replica gets right.
        terms: A sign, a point and an arm for each term: for instance, the arm with +1 and the baseline with −1.

    Returns:
        See ``intervals.example_error``; None if fewer than two seeds have all the terms.
    """
    if correctness is None:
        return None
    cells = [(sign, correctness.get((tuple(point.values()), arm), {})) for sign, point, arm in terms]
    seeds = sorted(set.intersection(*({*answers} for _, answers in cells)))
    if len(seeds) < 2:
        return None
    terms_by_seed = [np.stack([sign * answers[seed] for seed in seeds]) for sign, answers in cells]
    return example_error(np.sum(terms_by_seed, axis=0))
