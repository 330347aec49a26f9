"""The page about any number of runs."""

from collections.abc import Callable, Sequence

from markupsafe import Markup

from bnreg.analysis.comparison import Block
from bnreg.analysis.run_view import RunView
from bnreg.metrics import label_of
from bnreg.report.comparison.summary import summary_grids
from bnreg.report.grid import html
from bnreg.report.page.article import article, question
from bnreg.report.page.digits import Images
from bnreg.report.page.frame import rendered
from bnreg.wording import counted


def runs_page(
    blocks: Sequence[Block], images: Callable[[RunView], Images | None], left_out: Sequence[str] = ()
) -> bytes:
    """The page about some runs: one file that needs no network.

    Args:
        blocks: The comparison of each run's arms.
        images: Returns the test images of a run, None if they are not at hand.
        left_out: A line for each run that could not be read.

    Raises:
        RunError: If the libraries that draw its charts cannot be put together.
    """
    articles = [article(block, images) for block in blocks]
    overview = summary_grids(blocks) if len(blocks) > 1 else {}
    return rendered(
        "runs.html",
        {
            "title": question(blocks[0]) if len(blocks) == 1 else counted(len(blocks), "run"),
            "articles": articles,
            "left_out": left_out,
            "overview": Markup("\n").join(
                html(grid, f"verdicts on {label_of(metric)}") for metric, grid in overview.items()
            ),
        },
    )
