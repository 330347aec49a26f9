"""Verdicts on the arms of runs, as a Python program sees them: a data frame, records, text and HTML."""

import io
import os
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, Unpack

from bnreg.analysis.comparison import Block, compare_views
from bnreg.analysis.reading import read_views
from bnreg.api.asked import Asked, question_of
from bnreg.api.kinds import of_kind, told_in_python
from bnreg.api.run import Run, path_of
from bnreg.errors import UserError
from bnreg.report.comparison.records import block_record, block_rows, comparison_record
from bnreg.wording import printable

if TYPE_CHECKING:
    import pandas as pd

WIDTH = 100  # of tables that are printed from Python

OneRun = str | os.PathLike[str] | Run


class Verdict(NamedTuple):
    """The verdict on one arm by one metric.

    Attributes:
        run: The name of the run; of several that are pooled, their names with spaces between them.
        point: The point of a sweep: key → value.
        arm: The arm.
        baseline: The arm that it was compared with.
        metric: The metric.
        word: ``helped``, ``hurt``, ``equivalent`` or ``inconclusive``; ``higher`` or ``lower`` by a metric without a
            smallest effect; None if nothing could be tested.
        difference: The mean difference from the baseline, in the metric's own unit; None if no pair trained.
        interval: The 95 % interval of the difference; None if there is none.
        p_value: p, corrected for the number of comparisons; None if nothing was tested.
    """

    run: str
    point: Mapping[str, Any]
    arm: str
    baseline: str
    metric: str
    word: str | None
    difference: float | None
    interval: tuple[float | None, float | None] | None
    p_value: float | None


class Comparison:
    """The answer of ``bnreg.compare``; printed, it is what ``bnreg compare`` prints, and a notebook shows its tables.

    Attributes:
        left_out: A line for each run that could not be compared.
    """

    def __init__(self, blocks: Sequence[Block], left_out: Sequence[str]) -> None:
        self._blocks = blocks
        self.left_out = tuple(left_out)

    @property
    def frame(self) -> "pd.DataFrame":
        """The rows of ``--csv``: one for each arm and metric, with its verdict unless it is the baseline.

        Accuracies and their differences are fractions. With ``seeds=True``, there is a row for each seed.
        """
        import pandas as pd

        return pd.DataFrame(block_rows(self._blocks))

    @property
    def verdicts(self) -> list[Verdict]:
        """The verdicts, one for each arm that was compared with a baseline, and metric."""
        return [
            Verdict(
                run=" ".join(view.id for view in block.views),
                point=one.arm.point,
                arm=one.arm.side,
                baseline=str(block.baseline),
                metric=one.metric,
                word=record["verdict"],
                difference=record["difference"],
                interval=tuple(record["interval"]) if record["interval"] else None,
                p_value=record["corrected_p"] if one.evidence.is_tested else None,
            )
            for block in self._blocks
            for one, record in zip(block.judged, map(comparison_record, block.judged), strict=True)
        ]

    @property
    def records(self) -> list[dict[str, Any]]:
        """What ``--json`` prints."""
        return [block_record(block) for block in self._blocks]

    def __str__(self) -> str:
        from rich.console import Console

        from bnreg.report.comparison.summary import comparison_text

        console = Console(file=io.StringIO(), highlight=False, width=WIDTH, force_jupyter=False)
        console.print(comparison_text(self._blocks, console, full=False), crop=False)
        assert isinstance(console.file, io.StringIO)
        lines = [printable(f"left out: {line}") for line in self.left_out]
        return "\n".join([console.file.getvalue().strip("\n"), *lines])

    def __repr__(self) -> str:
        words = [f"{one.arm} {one.word or 'not tested'}" for one in self.verdicts]
        return f"Comparison({', '.join(words) or 'no baseline'})"

    def _repr_html_(self) -> str:
        from bnreg.report.page.summary import summary_table

        return summary_table(self._blocks)


@told_in_python
def compare(
    runs: OneRun | Iterable[OneRun], *, folder: str | os.PathLike[str] = "runs", **question: Unpack[Asked]
) -> Comparison:
    """Compare the arms of runs, as ``bnreg compare`` does.

    Args:
        runs: A run, or several: as ``bnreg.train`` returns them, their folders, or names as ``bnreg compare`` takes.
        folder: The folder of the runs, for names.
        question: The options of ``bnreg compare``, with underscores: ``metric``, ``baseline``, ``smallest_effect``,
            ``at``, ``where``, ``group_by``, ``sort``, ``columns``, ``only_changed``, ``tests`` and ``seeds``.

    Raises:
        UserError: If no run is complete, or the runs lack what is asked for.

    Example:
        >>> found = bnreg.compare(run)
        >>> found
        Comparison(bn helped)
        >>> found.verdicts[0].word
        'helped'
        >>> found.frame[["arm", "metric", "verdict"]].head(1)
          arm         metric verdict
        0  bn  test_accuracy  helped
    """
    of_kind(runs, (str, os.PathLike, Run, Iterable), "runs", "a run, or a list of them")
    several = [runs] if isinstance(runs, (str, os.PathLike, Run)) else [*runs]
    if not several:
        raise UserError("compare: no runs; give runs, their folders or their names")
    asked = question_of(question)
    names = [os.fspath(path_of(one)) for one in several]
    views, left_out = read_views(names, Path(folder), leave_out_repeats=asked.averages_runs)
    return Comparison(compare_views(views, asked), left_out)
