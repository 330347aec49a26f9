"""Records and snapshots of runs with any content, with the right checksums."""

import functools
import json
import shutil
import struct
import tempfile
from collections.abc import Iterator
from pathlib import Path

from fuzzing import examples, fuzz, has_atheris
from support.made_runs import make_unfinished, reseal, shard_of
from support.run_fuzz import LIFT, RECORDS, RISE, changes, is_survived, make_victims
from support.states import STATE, is_continued_or_refused, state_changes
from torture import Case

from bnreg.runs import UnfinishedRun

TITLE = "run.json, plan.json, attempt.json, manifests, snapshots: 2,000 of each from Hypothesis, as many from atheris"
PROMISE = "Whatever the records of a run contain, each command that reads them answers, or says in plain lines why not."

NUMBER, FEW = 2000, 5
FACTS, ARRAYS = "rows.json", "arrays.safetensors"
STEPS = 5
PARSERS = {
    "run_info": f"{LIFT}/run.json",
    "beginning": f"{RISE}/plan.json",
    "attempt": f"{RISE}/attempt.json",
    "manifest": f"{LIFT}/manifest.json",
}


def cases(full: bool) -> Iterator[Case]:
    """Each record, the files of a snapshot, states in memory, and each parser."""
    number = NUMBER if full else FEW
    with tempfile.TemporaryDirectory(prefix="bnreg-records-") as folder:
        victims = Path(folder) / "victims"
        make_victims(victims)
        for record in RECORDS:
            for i, change in enumerate(examples(changes((victims / record).read_bytes()), number)):
                yield f"{record} {i}: {change[-60:]!r}", functools.partial(is_survived, victims, record, change)
        run = make_unfinished(Path(folder), "lift-20261103T120000Z-000002")
        shard_of(run, 0).save(STEPS, STATE)
        (snapshot,) = run.folder.glob("shard-*-step-*")
        header, values = _split((snapshot / ARRAYS).read_bytes())
        for name, content in ((FACTS, (snapshot / FACTS).read_bytes()), (ARRAYS, header)):
            for i, change in enumerate(examples(changes(content), number)):
                new = change if name == FACTS else struct.pack("<Q", len(change)) + change + values
                yield f"{name} {i}: {change[-60:]!r}", functools.partial(_snapshot, snapshot, name, new)
        for i, state in enumerate(examples(state_changes(), number)):
            yield f"state {i}", functools.partial(is_continued_or_refused, state)
        if full and has_atheris():
            for parser, record in PARSERS.items():
                yield f"atheris: {parser}", functools.partial(_fuzz, parser, (victims / record).read_bytes())
            yield "atheris: state", functools.partial(_fuzz, "state", json.dumps(STATE.facts).encode())


def _split(content: bytes) -> tuple[bytes, bytes]:
    """The header, which is JSON, and the values of a file of arrays."""
    (length,) = struct.unpack("<Q", content[:8])
    return content[8 : 8 + length], content[8 + length :]


def _snapshot(snapshot: Path, name: str, content: bytes) -> None:
    """Continue from a snapshot with a changed file, unless it is refused."""
    with tempfile.TemporaryDirectory(dir=snapshot.parent.parent) as folder:
        run = UnfinishedRun(Path(folder) / snapshot.parent.name)
        shutil.copytree(snapshot.parent, run.folder)
        reseal(run.folder / snapshot.name, name, content)
        said: list[str] = []
        for state in shard_of(run, 0).states(said.append):
            is_continued_or_refused(state)
        assert all(line.isprintable() for line in said), said


def _fuzz(parser: str, content: bytes) -> None:
    limits = (f"-runs={NUMBER}", "-timeout=60", f"-max_len={4 * len(content)}")
    fuzz("support.run_parsers", parser, [content], instrumented="bnreg.runs bnreg.training", limits=limits)
