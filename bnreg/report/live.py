"""A run in training on one screen: progress, learning curves, and the verdicts so far."""

from collections.abc import Iterator

from rich.console import Console, Group, RenderableType
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from bnreg.analysis.live.watcher import Glance
from bnreg.metrics import label_of, metric_of
from bnreg.report.charts import terminal
from bnreg.report.comparison.notes import method_notes
from bnreg.report.comparison.numbers import header, number
from bnreg.report.comparison.tables import comparison_grid, named
from bnreg.report.speed import speed
from bnreg.wording import counted

MIN_HEIGHT, MAX_HEIGHT = 6, 18  # of the curves, in lines; where there is no room, their last values are shown
BAR_WIDTH = 24
MAX_COMPARISONS = 8
NO_CURVES = "to see curves here: pip install 'bnreg[live]'"


def frame(glance: Glance, console: Console) -> Group:
    """The screen, as high as the console if it can be.

    Args:
        glance: The run.
        console: Where it will be shown.
    """
    coloured = console.color_system is not None and not console.no_color
    above, below = Group(*_head(glance), "", *_legend(glance, coloured=coloured)), Group(*_verdicts(glance))
    height = min(
        console.height - sum(len(console.render_lines(part, pad=False)) for part in (above, below)), MAX_HEIGHT
    )
    found = glance.so_far
    if not found.curves or height < MIN_HEIGHT:
        return Group(above, below)
    if not terminal.is_available():
        return Group(above, Text(NO_CURVES, "dim"), below)
    shown, width = metric_of(found.metric), console.width
    curves = terminal.drawn_curves(found.curves, glance.info.arms, shown, width=width, height=height, coloured=coloured)
    return Group(above, curves, below)


def _head(glance: Glance) -> Iterator[RenderableType]:
    info, progress = glance.info, glance.standing.progress
    yield Text.assemble((info.id, "bold"), f": {glance.standing.state}", overflow="fold")
    bar = Table.grid(padding=(0, 2, 0, 0))
    bar.add_row(ProgressBar(total=max(progress.of, 1), completed=progress.steps, width=BAR_WIDTH), Text(str(progress)))
    yield bar
    workers = [counted(info.num_workers, "worker")] if info.num_workers else []
    yield Text(" · ".join([", ".join([info.device, f"{info.engine} engine", *workers]), *speed(progress)]))


def _legend(glance: Glance, *, coloured: bool) -> Iterator[RenderableType]:
    """The metric that is drawn, and each arm with its mark and its last value."""
    found = glance.so_far
    if not found.curves:
        yield Text("no evaluation yet", "dim")
        return
    shown = metric_of(found.metric)
    line = Text(f"{header(found.metric)}, by {found.clock}:")
    for index, arm in enumerate(glance.info.arms):
        if values := found.curves.get(arm):
            *_, last = values.values()
            mark = terminal.mark_of(index, coloured=coloured)
            line.append_text(Text.assemble("  ", mark, f" {arm} {number(last * shown.scale, shown.digits)}"))
    yield line


def _verdicts(glance: Glance) -> Iterator[RenderableType]:
    found = glance.so_far
    if not found.block or not found.block.judged:
        return
    yield Text()
    judged = found.block.judged[:MAX_COMPARISONS]
    names = named(found.block.point_keys, found.block.baseline, [one.arm for one in judged])
    yield comparison_grid(judged, *names)
    if len(judged) < len(found.block.judged):
        yield Text(f"and {len(found.block.judged) - len(judged)} more")
    yield Text.assemble("\n", ("provisional", "bold yellow"), f": {label_of(found.metric)} of {_seeds(glance)}")
    yield Text("\n".join(method_notes(found.block.judged)), "dim")


def _seeds(glance: Glance) -> str:
    """Which networks the verdicts are about."""
    found, num_seeds = glance.so_far, len(glance.info.seeds)
    of_all = f"{found.num_seeds} of {counted(max(num_seeds, found.num_seeds), 'seed')}"
    if found.moment is None:
        return f"{of_all}, trained to the end"
    return f"{of_all}, after {found.clock} {getattr(found.moment, found.clock):,}"
