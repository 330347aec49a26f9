"""Names at the ends of lines, moved apart so that none covers another."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import altair as alt
import pandas as pd

from bnreg.report.charts.style import arm_scale

MIN_ARMS = 5  # fewer are found at once in a legend
LINE_HEIGHT = 14  # pixels


def can_label(num_arms: int, height: int) -> bool:
    """Whether there are so many arms that names beside their lines help, and few enough that the names fit."""
    return MIN_ARMS <= num_arms <= height // LINE_HEIGHT


def end_labels(
    ends: pd.DataFrame, arms: Sequence[str], y: Mapping[str, Any], domain: tuple[float, float], height: int
) -> alt.Chart:
    """A layer with the name of each arm beside the end of its line.

    Args:
        ends: One row per arm: ``arm``, ``time``, and the height of its line there, ``mean``.
        arms: All arms, in the config's order.
        y: The settings of the axis.
        domain: The axis from its lower to its upper end.
        height: The panel's height in pixels.
    """
    is_log = "logarithmic" in y["title"]
    low, high, *places = (math.log10(one) if is_log else one for one in (*domain, *ends["mean"]))
    moved = moved_apart(places, (high - low) * LINE_HEIGHT / height)
    ends = ends[["arm", "time"]].assign(mean=[10**place if is_log else place for place in moved])
    text = alt.Chart(ends).mark_text(align="left", dx=7, fontSize=12, fontWeight="bold", aria=False)
    color = alt.Color("arm:N", scale=arm_scale(arms))
    labels: alt.Chart = text.encode(x="time:Q", y=alt.Y("mean:Q", **y), text="arm:N", color=color)
    return labels


def moved_apart(places: Sequence[float], gap: float) -> list[float]:
    """The places, in their order, each moved as little as needed to be this far from its neighbours.

    Places that are too close become a block whose middle is that of the places, as often as blocks overlap.
    """
    order = sorted(range(len(places)), key=places.__getitem__)
    blocks: list[tuple[float, int]] = []  # the middle and the number of places
    for place in (places[index] for index in order):
        middle, size = place, 1
        while blocks and middle - blocks[-1][0] < gap * (size + blocks[-1][1]) / 2:
            other, number = blocks.pop()
            middle, size = (middle * size + other * number) / (size + number), size + number
        blocks.append((middle, size))
    moved = [middle + gap * (place - (size - 1) / 2) for middle, size in blocks for place in range(size)]
    return [moved[order.index(index)] for index in range(len(places))]
