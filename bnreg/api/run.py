"""A finished run, as a Python program sees it: tables as data frames, charts, and the verdicts on its arms."""

import copy
import os
import warnings
from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Unpack

from markupsafe import Markup

from bnreg.analysis.run_view import RunView, view_of_run
from bnreg.api.asked import Asked
from bnreg.api.kinds import of_kind, told_in_python
from bnreg.errors import RunError, UserError
from bnreg.runs import Run as StoredRun
from bnreg.runs import expand_run, read_run, runs_named
from bnreg.runs.read import UnreadableRunError
from bnreg.wording import counted, unknown

if TYPE_CHECKING:
    import altair as alt
    import pandas as pd

    from bnreg.api.comparison import Comparison

DIAGNOSTICS = "diagnostics"


class Run:
    """A finished run, from ``bnreg.train`` or ``bnreg.open_run``.

    In a notebook it shows what was trained; ``run.compare()`` shows the verdicts.
    """

    def __init__(self, stored: StoredRun) -> None:
        self._stored = stored

    def __reduce__(self) -> tuple[Any, ...]:
        """Copied to another process, it is read again there."""
        return open_run, (self.path.absolute(),)

    @property
    def path(self) -> Path:
        """The run's folder."""
        return self._stored.path

    @property
    def name(self) -> str:
        """The name of its folder, which ``bnreg.open_run`` and the commands take."""
        return self.path.name

    @property
    def config(self) -> Mapping[str, Any]:
        """A copy of every setting of the experiment; ``bnreg.train`` takes it again."""
        return copy.deepcopy(dict(self._stored.config))

    @property
    def metrics(self) -> "pd.DataFrame":
        """A row for each network and evaluation: loss and accuracy of each split, as fractions."""
        return self._stored.table("metrics")

    @property
    def summary(self) -> "pd.DataFrame":
        """A row for each network: its final loss and accuracy, whether it diverged, seconds and parameters."""
        return self._stored.table("summary")

    @property
    def diagnostics(self) -> "pd.DataFrame":
        """What was watched while the networks trained, a row for each value.

        Raises:
            UserError: If nothing was: the setting ``diagnostics.names`` says what to watch.
        """
        if f"{DIAGNOSTICS}.csv" not in self._stored.checksums:
            remedy = "name what to watch in diagnostics.names, and train again"
            raise UserError(f"{self.path}: nothing was watched while it trained; {remedy}")
        return self._stored.table(DIAGNOSTICS)

    def chart(self, name: str = "curves") -> "alt.TopLevelMixin":
        """A chart of the run, which a notebook shows; ``chart.save("curves.html")`` writes it into a file.

        Args:
            name: ``curves`` or another one of ``bnreg plot``.

        Raises:
            UserError: If there is no such chart, or the run lacks what it shows.
        """
        from bnreg.report.charts.table import CHARTS, draw_chart

        of_kind(name, str, "chart", "a name")
        if name not in CHARTS:
            raise UserError(f"chart: {unknown('chart', name, sorted(CHARTS))}")
        return draw_chart(self._view, name)

    def compare(self, **question: Unpack[Asked]) -> "Comparison":
        """The verdicts on its arms; the keywords are those of ``bnreg.compare``."""
        from bnreg.api.comparison import compare

        return compare(self, **question)

    def send(self, *sinks: str) -> list[str]:
        """Send it to other tools, as ``bnreg send`` does; return where it is there, a line for each tool.

        Args:
            sinks: ``mlflow``, ``tensorboard``, or both.

        Raises:
            UserError: If there is no such tool, or it is not installed.
            RunError: If one of them failed.
        """
        from bnreg.api.sending import beside, check_sinks, send_run

        check_sinks(sinks, "sinks")
        sent = [*send_run(self._stored, sinks, beside(self.path.parent))]
        if failures := [f"{name}: {line}" for name, line, failed in sent if failed]:
            raise RunError("; ".join(failures))
        return [f"{name}: {line}" for name, line, _ in sent]

    @cached_property
    def _view(self) -> RunView:
        return view_of_run(self._stored)

    @property
    def _facts(self) -> str:
        view = self._view
        points = [counted(len(view.points), "point")] if view.point_keys else []
        return ", ".join(
            [*view.arms, *points, counted(view.num_seeds, "seed"), view.dataset_label, view.length],
        )

    def __repr__(self) -> str:
        return f"Run({str(self.path)!r}: {self._facts})"

    def _repr_html_(self) -> str:
        return Markup("<p><strong>{}</strong>: {}</p>").format(self.name, self._facts)


def path_of(run: "str | os.PathLike[str] | Run") -> "str | os.PathLike[str]":
    """The folder or name that a program means.

    Raises:
        UserError: If it is something else.
    """
    if isinstance(run, Run):
        return run.path
    path: str | os.PathLike[str] = of_kind(run, (str, os.PathLike), "run", "a run, its folder or its name")
    return path


@told_in_python
def open_run(run: "str | os.PathLike[str] | Run", *, runs: "str | os.PathLike[str]" = "runs") -> Run:
    """Read a finished run, whose files are checked.

    Args:
        run: Its folder, its name or the start of its name; ``latest``; or the name of an experiment that has one run.
        runs: The folder of the runs.

    Raises:
        UserError: If there is no such run or there are several, or if it is damaged or not finished.

    Example:
        >>> bnreg.open_run("pair").name == run.name
        True
    """
    return Run(read_run(expand_run(os.fspath(path_of(run)), "open one of them (see bnreg.list_runs)", Path(runs))))


@told_in_python
def list_runs(runs: "str | os.PathLike[str]" = "runs") -> list[Run]:
    """All finished runs in a folder, by name, those of an experiment in the order in which they began.

    A run that is damaged or not finished is left out, with a warning that says why.

    Args:
        runs: The folder of the runs.

    Raises:
        UserError: If there is no such folder.

    Example:
        >>> for one in bnreg.list_runs():
        ...     print(one.config["name"], one.config["seeds"])
        pair 6
    """
    root = Path(runs)
    if not root.is_dir():
        raise UserError(f"{root}: no such folder; bnreg.train creates runs, and runs= names their folder")
    found = []
    for folder in runs_named("*", root):
        try:
            found.append(Run(read_run(folder)))
        except UnreadableRunError as error:
            for line in error.lines:
                warnings.warn(f"left out: {line}", stacklevel=3)  # of the caller; one level is the decorator
    return found
