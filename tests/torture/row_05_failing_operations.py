"""Let any file operation fail, once or permanently."""

import errno
import functools
import pickle
import shutil
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from lab import Lab, train_in_this_process
from operations import fail, record
from torture import Case

TITLE = "the n-th open, write, fsync, mkdir, rename fails, once and permanently"
PROMISE = "A disk error ends the command with one line, and everything trained before it is kept."

RECORDED_AS = {"create": "open", "fsync folder": "fsync", "rename": "rename"}


def cases(full: bool) -> Iterator[Case]:
    """Each operation of each kind."""
    with Lab(share=1 / 6) as lab:
        log_file = lab.folder / "log"
        assert lab.train(lab.new_root(), setup=functools.partial(_recording, log_file)).wait().code == 0
        names = [RECORDED_AS.get(name, name) for name, *_ in pickle.loads(log_file.read_bytes())]
        counts = Counter(name for name in names if name in ("open", "write", "fsync", "mkdir", "rename"))
        counts["replace"] = 2
        for kind, count in counts.items():
            for n in range(1, count + 1) if full else (1 + count // 2,):
                for for_ever in (False, True) if full or kind == "fsync" else (True,):
                    code = errno.ENOSPC if n % 2 else errno.EIO
                    often = "permanently" if for_ever else "once"
                    yield (
                        f"{kind} {n} of {count}: {errno.errorcode[code]} {often}",
                        functools.partial(_try, lab, functools.partial(_failing, kind, n, code, for_ever)),
                    )


def _recording(log_file: Path) -> None:
    train_in_this_process()
    record(log_file)


def _failing(kind: str, n: int, code: int, for_ever: bool) -> None:
    train_in_this_process()
    fail(kind, n, code, for_ever)


def _try(lab: Lab, setup: functools.partial[None]) -> None:
    root = lab.new_root()
    ended = lab.train(root, setup=setup).wait()
    assert ended.code in (0, 1, 2), ended
    lab.assert_nothing_is_lost(root)
    shutil.rmtree(root, ignore_errors=True)
