"""Learning curves drawn with characters, for a terminal."""

from collections.abc import Mapping, Sequence
from importlib.util import find_spec

from rich.text import Text

from bnreg.metrics import Metric

COLOURS = ("cyan", "magenta", "green", "yellow", "blue", "red")
MARKS = "•ox+*#"  # without colours, arms are told apart by their character
COLOURED_MARK = "━"
NUM_VALUES, MAX_TIMES = 4, 7


def is_available() -> bool:
    """Whether the package that draws is installed."""
    return find_spec("plotext") is not None


def mark_of(index: int, *, coloured: bool) -> tuple[str, str]:
    """The character and the style of an arm in a legend, by its place in the config."""
    place = index % len(MARKS)
    return (COLOURED_MARK, COLOURS[place]) if coloured else (MARKS[place], "")


def drawn_curves(
    curves: Mapping[str, Mapping[int, float]],
    arms: Sequence[str],
    shown: Metric,
    *,
    width: int,
    height: int,
    coloured: bool,
) -> Text:
    """The curves as lines of text.

    Args:
        curves: Arm → time → value; at least one value.
        arms: The arms in the config's order.
        shown: The metric.
        width: In columns.
        height: In lines.
        coloured: Whether the colour tells the arms apart: the lines are then finer.
    """
    import plotext

    figure = plotext.figure
    figure.clear()
    figure.theme("colorless")
    figure.plot_size(width, height)
    for index, arm in reversed([*enumerate(arms)]):  # so that the first arm is drawn above the others
        if values := curves.get(arm):
            mark, colour = mark_of(index, coloured=coloured)
            marker = plotext.marker("braille", colour) if coloured else plotext.marker(mark)
            signal = figure.signal([*values], [value * shown.scale for value in values.values()], marker=marker)
            figure.draw(signal.lines())
    times = sorted({time for values in curves.values() for time in values})
    ticks = _spread(times)
    figure.ruler("x").ticks(ticks, [f"{time:,}" for time in ticks])
    figure.ruler("y").frequency(NUM_VALUES)
    figure.axes(False, side=1)
    return Text.from_ansi(figure.build().string(colorless=not coloured).rstrip("\n"))


def _spread(times: Sequence[int]) -> list[int]:
    """The first time, the last, and some between them at equal distances, as far as possible."""
    last = len(times) - 1
    num_gaps = max((number for number in range(1, MAX_TIMES) if last % number == 0), default=1)
    if num_gaps == 1:
        num_gaps = min(last, MAX_TIMES // 2)
    return [times[last * i // num_gaps] for i in range(num_gaps + 1)] if last else [*times]
