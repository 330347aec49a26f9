"""The clock is set back and forward by a day while a run is trained, stopped and listed."""

import datetime as datetime_module
import functools
import shutil
import signal
import time
from collections.abc import Iterator

from lab import Lab
from support.made_runs import steps_kept
from torture import Case

from bnreg.experiment import beginning
from bnreg.runs import names, unfinished_runs
from bnreg.runs.in_training import unfinished

TITLE = "the clock set back and forward by a day: order and liveness unchanged"
PROMISE = "The clock does not affect whether a run counts as running, or what is newest in it."

DAY = 86_400.0


def cases(full: bool) -> Iterator[Case]:
    """The clocks of the training, resuming and listing processes, each correct, a day behind or a day ahead."""
    shifts = (-DAY, 0.0, DAY)
    with Lab() as lab:
        for trains in shifts:
            for resumes in shifts:
                if full or (trains, resumes) == (DAY, -DAY):
                    label = f"started at {trains / DAY:+.0f} d, resumed at {resumes / DAY:+.0f} d"
                    yield label, functools.partial(_try, lab, trains, resumes, shifts)


def _try(lab: Lab, trains: float, resumes: float, shifts: tuple[float, ...]) -> None:
    root = lab.new_root()
    process = lab.train(root, setup=functools.partial(_shift, trains))
    while not (runs := unfinished_runs(root)) or not steps_kept(runs[0].folder, 0):
        time.sleep(0.005)
    process.send(signal.SIGSTOP)
    try:
        for looks in shifts:
            assert "running" in _listed(lab, root, looks)
    finally:
        process.kill_group()
        process.wait()
    for looks in shifts:
        assert "abandoned" in _listed(lab, root, looks)
    ended = lab.call(
        "train", "--resume", runs[0].final, "--no-progress", setup=functools.partial(_shift, resumes)
    ).wait()
    assert ended.code == 0, ended.err
    lab.assert_nothing_is_lost(root, at_least=1)
    lab.train(root, "seeds=1", setup=functools.partial(_shift, trains + 60)).wait()
    orders = {_order(lab, root, looks) for looks in shifts}
    assert len(orders) == 1
    shutil.rmtree(root)


def _listed(lab: Lab, root: object, looks: float) -> str:
    ended = lab.call("runs", "--runs", root, setup=functools.partial(_shift, looks)).wait()
    assert ended.code == 0
    return ended.out


def _order(lab: Lab, root: object, looks: float) -> tuple[str, ...]:
    return tuple(line for line in _listed(lab, root, looks).splitlines() if line.startswith("lab-"))


def _shift(seconds: float) -> None:
    """A setup: the clock is wrong by this many seconds."""
    real = time.time

    class Shifted(datetime_module.datetime):
        @classmethod
        def now(cls, tz: datetime_module.tzinfo | None = None) -> datetime_module.datetime:
            return datetime_module.datetime.fromtimestamp(real() + seconds, tz)

    names.datetime = beginning.datetime = Shifted
    unfinished.time.time = lambda: real() + seconds
