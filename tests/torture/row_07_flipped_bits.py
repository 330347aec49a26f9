"""Flip one bit of a file, or cut off its end: nothing is used that bnreg did not write."""

import functools
import random
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
from lab import Lab
from support.made_runs import shard_of
from torture import Case

from bnreg.errors import UserError
from bnreg.runs import read_correct, read_run, read_weights
from bnreg.runs.folder import checked_files
from bnreg.runs.in_training.unfinished import UnfinishedRun

TITLE = "300 bit flips and 100 truncations of each type of file"
PROMISE = "A file that has changed is reported as damaged before anything in it is used."

NUM_FLIPS, NUM_CUTS = 300, 100


def cases(full: bool) -> Iterator[Case]:
    """Each type of file of a complete run and of an unfinished one."""
    chance = random.Random(7)
    with Lab() as lab:
        run, unfinished = lab.run, _half_done(lab)
        (snapshot,) = [*unfinished.folder.glob("shard-0001-step-*")][-1:]
        kinds: list[tuple[Path, Callable[[], Any]]] = [
            *((run / name, functools.partial(_read_complete, run)) for name in _names(run)),
            (unfinished.folder / "plan.json", unfinished.beginning),
            (unfinished.folder / "config.yaml", unfinished.config),
            (unfinished.folder / "manifest.json", lambda: (unfinished.beginning(), unfinished.config())),
            *((path, shard_of(unfinished, 0).result) for path in shard_of(unfinished, 0).folder.iterdir()),
            *((path, functools.partial(_newest_state, unfinished)) for path in snapshot.iterdir()),
        ]
        for path, read in kinds:
            size = path.stat().st_size
            for number in range(NUM_FLIPS if full else 3):
                bit = chance.randrange(8 * size)
                yield f"{path.name} {number}: bit {bit}", functools.partial(_try, path, read, _flipped, bit)
            for number in range(NUM_CUTS if full else 2):
                length = chance.randrange(size)
                yield f"{path.name} {number}: cut to {length}", functools.partial(_try, path, read, _cut, length)


def _names(run: Path) -> list[str]:
    weights = min(path.relative_to(run).as_posix() for path in run.glob("weights/*"))
    tables = ["run.json", "metrics.csv", "summary.csv", "config.yaml"]
    return [*tables, "correct.safetensors", "curves.svg", "manifest.json", weights]


def _half_done(lab: Lab) -> UnfinishedRun:
    """A run with one finished shard and one that has snapshots."""
    run = lab.stopped()
    whole = UnfinishedRun(lab.new_root() / run.folder.name)
    shutil.copytree(run.folder, whole.folder)
    ended = lab.resume(whole, setup=_keep_the_folder).wait()
    assert ended.code == 0
    shutil.copytree(shard_of(whole, 0).folder, shard_of(run, 0).folder)
    return run


def _newest_state(run: UnfinishedRun) -> Any:
    return next(shard_of(run, 1).states(lambda _: None), None)


def _keep_the_folder() -> None:
    UnfinishedRun.discard = lambda _: None


def _read_complete(run: Path) -> Any:
    """Everything that any command reads from a run."""
    read = read_run(run)
    names = [file["name"] for file in checked_files(run) if file["name"].startswith("weights/")]
    correct = {point: flags.tobytes() for point, flags in read_correct(read).items()}
    weights = [{name: values.tobytes() for name, values in one.items()} for one in read_weights(read, names)]
    broken = [file["name"] for file in checked_files(run) if file["state"] != "whole"]
    if broken:
        raise UserError(*broken)
    return read.info, read.metrics.to_csv(), str(read.summary), read.config, correct, weights


def _flipped(content: bytes, bit: int) -> bytes:
    changed = bytearray(content)
    changed[bit // 8] ^= 1 << bit % 8
    return bytes(changed)


def _cut(content: bytes, length: int) -> bytes:
    return content[:length]


def _try(path: Path, read: Callable[[], Any], change: Callable[[bytes, int], bytes], where: int) -> None:
    before = path.read_bytes()
    folder = path.parent
    aside = folder.with_name(f".{folder.name}.aside")
    shutil.copytree(folder, aside)
    right = _comparable(read())
    try:
        path.write_bytes(change(before, where))
        try:
            found = _comparable(read())
        except UserError:
            return
        # A damaged snapshot may be replaced by the previous one, and blanks in a manifest mean nothing.
        assert "-step-" in folder.name or (path.name == "manifest.json" and found == right)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        aside.rename(folder)


def _comparable(value: Any) -> Any:
    if hasattr(value, "_asdict"):
        value = value._asdict()
    elif hasattr(value, "__dataclass_fields__"):
        value = vars(value)
    if isinstance(value, dict):
        return {key: _comparable(inner) for key, inner in value.items()}
    if isinstance(value, (list, tuple)):
        return [_comparable(inner) for inner in value]
    return value.tobytes() if isinstance(value, np.ndarray) else value
