"""What a run in training has measured so far: the tables of its trained shards, and the notes of the others.

Nothing is written or locked, and whatever is missing, old or damaged is left out: the training goes on meanwhile.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import count

from bnreg.runs.in_training.notes import known_note, note_file
from bnreg.runs.in_training.shard import kept_tables, shard_folder
from bnreg.runs.in_training.unfinished import UnfinishedRun
from bnreg.runs.info import RunInfo
from bnreg.training.messages import Row

METRICS, SUMMARY = "metrics", "summary"


@dataclass(frozen=True)
class SoFar:
    """The measurements of a run until now, in no order.

    Attributes:
        info: The run's record.
        metrics: One row per network and evaluation.
        summary: One row per network that is trained to the end.
    """

    info: RunInfo
    metrics: list[Row] = field(default_factory=list)
    summary: list[Row] = field(default_factory=list)


class Follower:
    """Reads a run again and again; the results of a trained shard, which stay as they are, only once.

    Args:
        run: The run.
    """

    def __init__(self, run: UnfinishedRun) -> None:
        self._run = run
        self._kept: dict[int, dict[str, list[Row]]] = {}

    def read(self) -> SoFar:
        """What it has measured until now.

        Raises:
            DamagedError: If its plan is damaged, or no longer there.
        """
        info = self._run.beginning().info
        so_far = SoFar(info)
        for tables in self._tables(info, self._run.plan_hash()):
            so_far.metrics.extend(tables[METRICS])
            so_far.summary.extend(tables.get(SUMMARY, []))
        return so_far

    def _tables(self, info: RunInfo, plan: str) -> Iterator[dict[str, list[Row]]]:
        folder = self._run.folder
        for index in count():
            is_done = shard_folder(folder, index).is_dir()
            if is_done and index not in self._kept and (tables := kept_tables(folder, index, info, plan)):
                self._kept[index] = tables
            if index in self._kept:
                yield self._kept[index]
            elif noted := known_note(folder, index, info, plan):
                yield {METRICS: noted.note.rows}
            elif index >= len(info.shards) and not (is_done or note_file(folder, index).is_file()):
                return
