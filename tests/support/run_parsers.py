"""The parsers of a run's records, for a fuzzer of bytes: each parses, or raises the error that its callers expect."""

import tempfile
from contextlib import suppress
from pathlib import Path

from support.states import is_continued_or_refused, with_facts

from bnreg.runs.folder import MANIFEST, DamagedError, read_manifest
from bnreg.runs.in_training.unfinished import Attempt
from bnreg.runs.info import Beginning, RunInfo
from bnreg.runs.strict_json import parse_json


def run_info(content):
    with suppress(ValueError):
        RunInfo.parse(content)


def beginning(content):
    with suppress(ValueError):
        Beginning.parse(content)


def attempt(content):
    with suppress(ValueError):
        Attempt.parse(content)


def manifest(content):
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / MANIFEST).write_bytes(content)
        with suppress(DamagedError):
            read_manifest(Path(folder))


def state(content):
    """The facts of a snapshot, as its place reads them, beside intact arrays."""
    try:
        facts = dict(parse_json(content))
    except (ValueError, TypeError):
        return
    is_continued_or_refused(with_facts(facts))
