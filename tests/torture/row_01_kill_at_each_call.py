"""Kill a run at each system call that changes files, and let each call fail with a full disk or an I/O error."""

import re
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from lab import Bnreg, Lab, train_in_this_process
from torture import Case

TITLE = "killed at every mkdir, write, fsync, rename, unlink; each of them failing (ENOSPC, EIO)"
PROMISE = "A run that is killed at any system call, or in which one fails, is intact or resumes with the same results."

CALLS = ("mkdir", "write", "fsync", "rename", "unlink", "unlinkat", "rmdir")
FAULTS = {"killed": "signal=KILL", "ENOSPC": "error=ENOSPC", "EIO": "error=EIO"}
FEW = {("fsync", "killed"), ("rename", "killed"), ("write", "ENOSPC")}
NEEDED = "row 1 needs strace and permission to use it"


def cases(full: bool) -> Iterator[Case]:
    """Each call of each kind, with each fault."""
    if shutil.which("strace") is None:
        print(f"    skipped: {NEEDED}")
        return
    with Lab(share=1 / 6) as lab:
        counts = _count(lab)
        for call, count in counts.items():
            for fault, what in FAULTS.items():
                few = [count // 2] if (call, fault) in FEW else []
                for n in range(1, count + 1) if full else few:
                    yield f"{call} {n} of {count}: {fault}", lambda call=call, n=n, what=what: _try(lab, call, n, what)


def _try(lab: Lab, call: str, n: int, what: str) -> None:
    root = lab.new_root()
    _traced(lab, root, "-e", f"trace={call}", "-e", f"inject={call}:{what}:when={n}")
    lab.assert_nothing_is_lost(root)
    shutil.rmtree(root, ignore_errors=True)


def _count(lab: Lab) -> dict[str, int]:
    """The number of times that an undisturbed run makes each call."""
    listed = _traced(lab, lab.new_root(), "-c", "-e", f"trace={','.join(CALLS)}")
    found = re.findall(r"^\s*[\d.]+\s+[\d.]+\s+\d+\s+(\d+)\s.*?(\w+)$", listed, re.MULTILINE)
    counts = {call: int(number) for number, call in found if call in CALLS}
    assert counts.get("fsync", 0) > 20, listed
    return counts


def _traced(lab: Lab, root: Path, *options: str) -> str:
    """Train under strace, attached before the command's first line; return the output of strace."""
    with tempfile.TemporaryDirectory() as folder:
        go, log = Path(folder) / "go", Path(folder) / "log"
        process: Bnreg = lab.train(root, setup=train_in_this_process, wait_for=go)
        with log.open("w") as stream:
            tracer = subprocess.Popen(["strace", "-f", "-q", *options, "-p", str(process.pid)], stderr=stream)
            while not _is_traced(process.pid):
                assert tracer.poll() is None, log.read_text()
                time.sleep(0.002)
            go.touch()
            process.wait()
            tracer.wait()
        return log.read_text()


def _is_traced(pid: int) -> bool:
    status = Path(f"/proc/{pid}/status").read_text()
    return "TracerPid:\t0\n" not in status
