"""The power fails after any operation: data that was not flushed is dropped, zeroed or reordered."""

import contextlib
import functools
import pickle
import random
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from lab import Lab, results_of, train_in_this_process
from operations import record
from support.made_runs import shard_of
from torture import Case

from bnreg.runs.finding.listing import list_runs
from bnreg.runs.in_training.unfinished import unfinished_runs

TITLE = "power lost after every operation; data that was not synced is dropped, zeroed, reordered"
PROMISE = "Results that were committed before a power failure survive it; the rest is trained again."

KINDS = ("dropped", "zeroed", "reordered")


@dataclass
class File:
    """A file: the content that processes see, and the content that is certainly on the disk."""

    content: bytes = b""
    durable: bytes | None = None


@dataclass
class Folder:
    """A folder: the names that processes see, those that are certainly on the disk, and the changes since then."""

    names: dict[str, Any] = field(default_factory=dict)
    durable: dict[str, Any] = field(default_factory=dict)
    pending: list[tuple[str, str, Any]] = field(default_factory=list)

    def put(self, name: str, what: Any) -> None:
        """Add a name."""
        self.names[name] = what
        self.pending.append(("put", name, what))

    def drop(self, name: str) -> None:
        """Remove a name."""
        del self.names[name]
        self.pending.append(("drop", name, None))

    def rename(self, old: str, new: str) -> None:
        """Add and remove in one operation, as a journal does."""
        self.names[new] = self.names.pop(old)
        self.pending.append(("rename", old, (new, self.names[new])))

    def sync(self) -> None:
        """Make what processes see durable."""
        self.durable, self.pending = dict(self.names), []


def replay(log: list[tuple[Any, ...]], base: Path) -> Folder:
    """The folder ``base`` after these operations."""
    root = Folder()

    def at(path: str) -> tuple[Folder, str]:
        parts = Path(path).relative_to(base).parts
        folder = root
        for part in parts[:-1]:
            folder = folder.names[part]
        return folder, parts[-1] if parts else ""

    for operation, path, *rest in log:
        folder, name = at(path)
        match operation:
            case "create":
                folder.put(name, File())
            case "write":
                folder.names[name].content += rest[0]
            case "fsync":
                folder.names[name].durable = folder.names[name].content
            case "fsync folder":
                (folder.names[name] if name else root).sync()
            case "mkdir":
                folder.put(name, Folder())
            case "rename":
                folder.rename(name, at(rest[0])[1])
            case "unlink" | "rmtree":
                if name in folder.names:
                    _empty(folder.names[name])
                    folder.drop(name)
    return root


def _empty(what: Folder | File) -> None:
    """Delete everything in a folder before the folder itself."""
    if isinstance(what, Folder):
        for name in list(what.names):
            _empty(what.names[name])
            what.drop(name)


def write(folder: Folder, path: Path, kind: str, chance: random.Random) -> None:
    """Write to a real disk what a power loss has left of a folder."""
    path.mkdir()
    for name, what in _names_left(folder, kind, chance).items():
        if isinstance(what, Folder):
            write(what, path / name, kind, chance)
        else:
            (path / name).write_bytes(_content_left(what, kind, chance))


def _names_left(folder: Folder, kind: str, chance: random.Random) -> dict[str, Any]:
    if kind != "reordered":
        return folder.durable if kind == "dropped" else folder.names
    names = dict(folder.durable)
    for operation, name, what in folder.pending:
        if chance.random() < 0.5:
            continue
        if operation == "put":
            names[name] = what
        elif operation == "drop":
            names.pop(name, None)
        else:
            names.pop(name, None)
            names[what[0]] = what[1]
    return names


def _content_left(file: File, kind: str, chance: random.Random) -> bytes:
    if file.durable == file.content:
        return file.content
    zeros = bytes(len(file.content))
    dropped = file.durable or b""
    if kind == "reordered":
        return chance.choice([dropped, zeros, file.content, file.content[: len(file.content) // 2]])
    return dropped if kind == "dropped" else zeros


def cases(full: bool) -> Iterator[Case]:
    """After each operation of a run and of its removal, in three ways."""
    with Lab(share=1 / 6) as lab:
        base = lab.new_root()
        base.mkdir()
        trained = _log_of(lab, "train", lab.config, "--runs", base / "runs", "--no-progress")
        (run,) = (base / "runs").iterdir()
        removed = _log_of(lab, "rm", run, "--runs", base / "runs", "--yes")
        assert len(trained) > 100
        seen: set[str] = set()
        few = (len(trained) // 2,)
        yield "after any operation, only looked at", functools.partial(_look_at_all, lab, trained, base)
        yield "after any operation of a removal", functools.partial(_look_at_removal, lab, trained, removed, base)
        for number in range(1, len(trained) + 1) if full else few:
            for kind in KINDS:
                label = f"after {number} of {len(trained)} operations ({trained[number - 1][0]}), {kind}"
                yield label, functools.partial(_try, lab, trained[:number], base, kind, seen)


def _log_of(lab: Lab, *command: object) -> list[tuple[Any, ...]]:
    log_file = lab.folder / "log"
    assert lab.call(*command, setup=functools.partial(_record_in_this_process, log_file)).wait().code == 0
    log: list[tuple[Any, ...]] = pickle.loads(log_file.read_bytes())
    return log


def _record_in_this_process(log_file: Path) -> None:
    train_in_this_process()
    record(log_file)


@contextlib.contextmanager
def _left(lab: Lab, log: list[tuple[Any, ...]], base: Path, kind: str, draw: int = 0) -> Iterator[Path]:
    """The folder of runs that a power loss has left; ``draw`` chooses one of many random outcomes."""
    with tempfile.TemporaryDirectory(dir=lab.folder) as folder:
        write(replay(log, base), Path(folder) / "left", kind, random.Random(f"{len(log)} {draw}"))
        yield Path(folder) / "left" / "runs"


def _look_at_all(lab: Lab, log: list[tuple[Any, ...]], base: Path) -> None:
    for number in range(1, len(log) + 1):
        for kind in KINDS:
            with _left(lab, log[:number], base, kind) as root:
                _assert_committed_is_there(lab, log[:number], root)


def _look_at_removal(lab: Lab, trained: list[tuple[Any, ...]], removed: list[tuple[Any, ...]], base: Path) -> None:
    """A run is intact until it is gone."""
    for number in range(len(removed) + 1):
        for draw, kind in enumerate([*KINDS, *10 * ["reordered"]]):
            with _left(lab, trained + removed[:number], base, kind, draw) as root:
                states = [one.state for one in list_runs(root) if not one.name.startswith(".")]
                assert states in (["complete"], []), f"after {number} operations, {kind}: {states}"


def _try(lab: Lab, log: list[tuple[Any, ...]], base: Path, kind: str, seen: set[str]) -> None:
    with _left(lab, log, base, kind) as root:
        _assert_committed_is_there(lab, log, root)
        files = [(str(p.relative_to(root)), p.read_bytes()) for p in sorted(root.rglob("*")) if p.is_file()]
        if repr(files) not in seen:  # the same files lead to the same results
            lab.assert_nothing_is_lost(root)
            seen.add(repr(files))


def _assert_committed_is_there(lab: Lab, log: list[tuple[Any, ...]], root: Path) -> None:
    """Check that everything renamed into place and then synced is still there, and that nothing is damaged."""
    if root.is_dir():
        assert all(one.state not in ("damaged", "newer") for one in list_runs(root))
    renames = {rest[0]: number for number, (operation, _, *rest) in enumerate(log) if operation == "rename"}
    syncs = [(number, path) for number, (operation, path, *_) in enumerate(log) if operation == "fsync folder"]
    committed = {
        path
        for path, number in renames.items()
        if any(place == str(Path(path).parent) and number < when for when, place in syncs)
    }
    names = {Path(path).name for path in committed}
    runs = [name for name in names if name.startswith("lab-") and not name.endswith(".unfinished")]
    shards = [name for name in names if name.removeprefix("shard-").isdecimal()]
    if runs:
        (run,) = (one.path for one in list_runs(root) if one.state == "complete")
        assert results_of(run) == lab.results, "a complete run is lost"
        return
    for name in shards:
        (run,) = unfinished_runs(root)
        assert shard_of(run, int(name.removeprefix("shard-"))).is_done(print), f"{name} is lost"
    if any(name.endswith(".unfinished") for name in names):
        assert unfinished_runs(root), "a run that was started is lost"
