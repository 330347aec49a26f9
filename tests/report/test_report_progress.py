"""The progress display while an experiment trains, checked in the lines that reach the terminal."""

import io
import itertools
import re
from types import SimpleNamespace

import pytest
from rich.console import Console

from bnreg.budget import Budget
from bnreg.experiment import standing
from bnreg.experiment.standing import Track
from bnreg.report.progress import Progress
from bnreg.training.messages import EvaluationDone, ShardDone, StepsDone

STEPS_PER_EPOCH = 100


@pytest.fixture(autouse=True)
def clock(monkeypatch):
    """A clock that the test sets; each test starts at second 100."""
    clock = SimpleNamespace(now=100.0)
    monkeypatch.setattr(standing, "time", SimpleNamespace(monotonic=lambda: clock.now))
    monkeypatch.setenv("TERM", "xterm")
    return clock


def make_console(*, is_terminal=False):
    return Console(file=io.StringIO(), width=80, force_terminal=is_terminal, color_system=None, highlight=False)


def make_progress(console, *num_epochs, num_replicas=4):
    tracks = [Track(num_replicas, Budget(epochs, None, None, False, STEPS_PER_EPOCH)) for epochs in num_epochs]
    return Progress(console, "bn_vs_plain", ["bn", "plain"], tracks)


def epoch_done(epoch, shard=0, *, bn=0.95, plain=0.93):
    accuracies = [("bn", 0, bn), ("bn", 1, 0.97), ("plain", 0, plain), ("plain", 1, plain)]
    rows = [
        {"point_index": 0, "arm": arm, "seed": seed, "epoch": epoch, "test_accuracy": accuracy}
        for arm, seed, accuracy in accuracies
    ]
    return EvaluationDone(shard, epoch, epoch * STEPS_PER_EPOCH, rows)


def last_frame(console):
    """The last frame that the display drew, without the commands that move the cursor."""
    frame = re.split(r"\x1b\[1A|\x1b\[2K", console.file.getvalue().replace("\r", ""))
    text = [re.sub(r"\x1b\[[\d;?]*[A-Za-z]", "", part) for part in frame]
    return [line.rstrip() for line in next(part for part in reversed(text) if "bn_vs_plain" in part).splitlines()]


def test_each_epoch_is_a_plain_line_without_a_terminal(clock):
    console = make_console()
    with make_progress(console, 2) as watch:
        watch(StepsDone(0, 0))
        clock.now += 10
        watch(StepsDone(0, 50))
        watch(epoch_done(1))
        clock.now += 10
        watch(epoch_done(2, bn=0.97))
        watch(ShardDone(0))
    assert console.file.getvalue().splitlines() == [
        "bn_vs_plain: 4 replicas in 1 shard of 4",
        "epoch 1/2 · test accuracy: bn 96.00%, plain 93.00% · 0.4 replica-epochs/s, 0:10 left",
        "epoch 2/2 · test accuracy: bn 97.00%, plain 93.00% · 0.4 replica-epochs/s, 0:00 left",
    ]


@pytest.mark.parametrize("num_epochs", [20, 21, 39, 200, 1000])
def test_a_log_of_many_epochs_is_about_twenty_lines(num_epochs):
    console = make_console()
    with make_progress(console, num_epochs) as watch:
        for epoch in range(1, num_epochs + 1):
            watch(epoch_done(epoch))
        watch(ShardDone(0))
    printed = [int(epoch) for epoch in re.findall(r"epoch (\d+)/", console.file.getvalue())]
    assert len(printed) == len(set(printed)) <= 21
    assert (printed[0], printed[-1]) == (1, num_epochs)
    gaps = {later - earlier for earlier, later in itertools.pairwise(printed[1:-1])}
    assert len(gaps) == 1


def test_a_dumb_terminal_gets_plain_lines(monkeypatch):
    """It cannot move its cursor, so nothing on it can be redrawn."""
    monkeypatch.setenv("TERM", "dumb")
    console = make_console(is_terminal=True)
    with make_progress(console, 2) as watch:
        watch(epoch_done(1))
    assert console.file.getvalue().splitlines() == [
        "bn_vs_plain: 4 replicas in 1 shard of 4",
        "epoch 1/2 · test accuracy: bn 96.00%, plain 93.00%",
    ]


def test_a_line_waits_for_the_slowest_shard():
    console = make_console()
    with make_progress(console, 2, 2) as watch:
        for message in (epoch_done(1, 0), epoch_done(2, 0), ShardDone(0), epoch_done(1, 1)):
            watch(message)
        assert len(console.file.getvalue().splitlines()) == 2
        watch(epoch_done(2, 1))
        watch(ShardDone(1))
    assert re.findall(r"epoch \d/\d", console.file.getvalue()) == ["epoch 1/2", "epoch 2/2"]


def test_a_shard_that_stopped_early_does_not_claim_the_epochs_it_skipped():
    console = make_console()
    with make_progress(console, 30) as watch:
        watch(epoch_done(12))
        watch(epoch_done(13))
        watch(ShardDone(0))
    assert re.findall(r"epoch \S+", console.file.getvalue()) == ["epoch 12/30", "epoch 13/30"]

    console = make_console(is_terminal=True)
    with make_progress(console, 30) as watch:
        watch(epoch_done(13))
        watch(ShardDone(0))
    assert re.search(r"epoch 13/30 .* 100%$", last_frame(console)[0])


def test_a_shard_that_stopped_early_does_not_hold_up_the_others():
    console = make_console()
    with make_progress(console, 9, 9) as watch:
        for message in (epoch_done(3, 0), ShardDone(0), epoch_done(7, 1), epoch_done(8, 1), ShardDone(1)):
            watch(message)
    assert re.findall(r"epoch \d/\d", console.file.getvalue()) == ["epoch 7/9", "epoch 8/9"]


def test_a_terminal_shows_epoch_accuracies_replicas_throughput_and_the_time_left(clock):
    console = make_console(is_terminal=True)
    with make_progress(console, 3, 3) as watch:
        watch(StepsDone(0, 0))
        clock.now += 8
        watch(epoch_done(1, 0))
        watch(epoch_done(1, 1))
    title, *lines = last_frame(console)
    assert re.fullmatch(r"bn_vs_plain epoch 2/3 \S+ +33%", title)
    assert lines == [
        "  8 replicas in 2 shards of 4",
        "  test accuracy: bn 96.00%, plain 93.00%",
        "  1.0 replica-epochs/s, 0:16 left",
    ]
    assert max(map(len, [title, *lines])) <= 80


def test_before_the_first_epoch_no_accuracy_is_shown(clock):
    console = make_console(is_terminal=True)
    with make_progress(console, 3):
        pass
    assert last_frame(console)[1:] == ["  4 replicas in 1 shard of 4", "  starting the workers"]

    console = make_console(is_terminal=True)
    with make_progress(console, 4) as watch:
        watch(StepsDone(0, 0))
        clock.now += 10
        watch(StepsDone(0, 200))
    title, *lines = last_frame(console)
    assert "epoch 1/4" in title
    assert "50%" in title
    assert lines == ["  4 replicas in 1 shard of 4", "  0.8 replica-epochs/s, 0:10 left"]


def test_a_diverged_replica_is_left_out_of_the_accuracy():
    console = make_console()
    with make_progress(console, 1) as watch:
        watch(epoch_done(1, bn=None, plain=None))
    assert "epoch 1/1 · test accuracy: bn 97.00%" in console.file.getvalue()
    assert "plain 9" not in console.file.getvalue()


def test_one_replica_is_counted_as_one():
    console = make_console()
    with make_progress(console, 1, num_replicas=1):
        pass
    assert console.file.getvalue() == "bn_vs_plain: 1 replica in 1 shard of 1\n"
