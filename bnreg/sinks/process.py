"""The process in which a sink works: whatever becomes of it, the run and the program that trained it stay whole."""

import json
import os
import pickle
import subprocess
import sys
from pathlib import Path

from bnreg.errors import RunError
from bnreg.search_path import environment_of_children
from bnreg.sinks import child
from bnreg.sinks.content import SentRun
from bnreg.sinks.table import SINKS
from bnreg.wording import ended, printable

MAX_SECONDS = 600


def send_in_a_process(name: str, run: SentRun, folder: Path) -> str:
    """Send a run to one of ``SINKS``; return where it is, in a line.

    Args:
        name: The sink.
        run: The run.
        folder: Where the sink keeps what it keeps on this machine.

    Raises:
        RunError: If it failed, in a line.
    """
    sink = SINKS[name]
    environment = {**sink.defaults, **os.environ, **environment_of_children(), **sink.environment}
    with subprocess.Popen(
        [sys.executable, "-P", "-W", "ignore", child.__file__, name],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=environment,
    ) as process:
        try:
            answer, errors = process.communicate(pickle.dumps((run, folder)), timeout=MAX_SECONDS)
        except subprocess.TimeoutExpired:
            raise RunError(f"it took more than {MAX_SECONDS} seconds") from None
        finally:
            process.kill()
    if process.returncode:
        last = errors.decode(errors="replace").splitlines()[-1:]
        raise RunError(f"its process {ended(process.returncode)}{''.join(f': {printable(line)}' for line in last)}")
    line, failed = json.loads(answer)
    if failed:
        raise RunError(line)
    return str(line)
