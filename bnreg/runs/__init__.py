"""The run folder: the only package that writes and reads results."""

from bnreg.runs.base import base_files, base_of
from bnreg.runs.consistency import point_cell
from bnreg.runs.correctness import correct_bytes, read_correct
from bnreg.runs.folder import SCHEMA_VERSION, DamagedError, Draft, new_folder
from bnreg.runs.in_training.shard import ShardPlace
from bnreg.runs.in_training.unfinished import Hold, UnfinishedRun, begin_run, find_unfinished, unfinished_runs
from bnreg.runs.info import Beginning, RunInfo, UsedData
from bnreg.runs.names import CONFIG, CORRECT, RUN, runs_named, table_file
from bnreg.runs.read import Run, expand_run, expand_runs, one_of, read_run
from bnreg.runs.weights import about_weights, copied_weights, read_weights, weights_bytes, weights_file

__all__ = [
    "CONFIG",
    "CORRECT",
    "RUN",
    "SCHEMA_VERSION",
    "Beginning",
    "DamagedError",
    "Draft",
    "Hold",
    "Run",
    "RunInfo",
    "ShardPlace",
    "UnfinishedRun",
    "UsedData",
    "about_weights",
    "base_files",
    "base_of",
    "begin_run",
    "copied_weights",
    "correct_bytes",
    "expand_run",
    "expand_runs",
    "find_unfinished",
    "new_folder",
    "one_of",
    "point_cell",
    "read_correct",
    "read_run",
    "read_weights",
    "runs_named",
    "table_file",
    "unfinished_runs",
    "weights_bytes",
    "weights_file",
]
