"""A run as one who watches it sees it, again and again until it is complete."""

from dataclasses import dataclass

from bnreg.analysis.live.provisional import Provisional, judge_so_far
from bnreg.errors import UserError
from bnreg.runs import DamagedError, RunInfo, UnfinishedRun, base_of
from bnreg.runs.folder import MANIFEST
from bnreg.runs.in_training.so_far import METRICS, SUMMARY, Follower, SoFar
from bnreg.runs.in_training.unfinished import Standing
from bnreg.runs.read import UnreadableRunError


@dataclass(frozen=True)
class Glance:
    """An unfinished run at a moment.

    Attributes:
        info: Its record.
        standing: Its state and progress.
        so_far: What can be said of its arms.
    """

    info: RunInfo
    standing: Standing
    so_far: Provisional


class Watcher:
    """Looks at a run that is being trained; nothing is written.

    Args:
        run: The run.
    """

    def __init__(self, run: UnfinishedRun) -> None:
        self._run = run
        self._follower = Follower(run)
        self._base: SoFar | None = None

    def look(self) -> Glance | None:
        """The run now; None if it is complete.

        Raises:
            UserError: If it is damaged, or was moved or removed.
        """
        try:
            return None if self._is_complete() else self._glance()
        except (DamagedError, UnreadableRunError) as error:
            if self._is_complete():  # meanwhile
                return None
            if not self._run.folder.is_dir():
                raise UserError(f"{self._run.folder}: is no longer there: it was moved or removed") from None
            raise UserError(*error.lines) from None

    def _is_complete(self) -> bool:
        return (self._run.final / MANIFEST).is_file()

    def _glance(self) -> Glance:
        standing = self._run.standing()
        so_far = self._follower.read()
        so_far.metrics.extend(self._of_base(so_far.info).metrics)
        so_far.summary.extend(self._of_base(so_far.info).summary)
        return Glance(so_far.info, standing, judge_so_far(so_far))

    def _of_base(self, info: RunInfo) -> SoFar:
        """The results of the run that it extends, read once."""
        if self._base is None:
            self._base = SoFar(info)
            if base := base_of(self._run) if info.extends else None:
                from bnreg.experiment.collect import Results, add_base

                results = Results(base.info)
                add_base(results, base)
                self._base.metrics.extend(results.tables[METRICS])
                self._base.summary.extend(results.tables[SUMMARY])
        return self._base
