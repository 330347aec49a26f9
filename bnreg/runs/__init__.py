"""The run folder: the sole writer and reader of results."""

from bnreg.runs.correctness import CORRECT, correct_bytes, read_correct
from bnreg.runs.folder import SCHEMA_VERSION, DraftRun, new_run
from bnreg.runs.read import Run, expand_runs, read_run
from bnreg.runs.weights import read_weights, weights_bytes, weights_file

__all__ = [
    "CORRECT",
    "SCHEMA_VERSION",
    "DraftRun",
    "Run",
    "correct_bytes",
    "expand_runs",
    "new_run",
    "read_correct",
    "read_run",
    "read_weights",
    "weights_bytes",
    "weights_file",
]
