"""A signal stops a command once, wherever it arrives."""

import os
import signal
import threading

import pytest

from bnreg import cli, signals


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_a_signal_whose_exception_was_dropped_takes_effect_later():
    """For example, Python ignores exceptions in a finaliser."""

    class Finalised:
        def __del__(self):
            os.kill(os.getpid(), signal.SIGTERM)
            for _ in range(1000):  # the handler is called somewhere in this loop
                pass

    def stop_in_a_finaliser():
        with signals.handled():
            Finalised()
            signals.raise_received()

    with pytest.raises(signals.Stopped) as stopped:
        stop_in_a_finaliser()
    assert stopped.value.number == signal.SIGTERM


def test_no_signal_arrives_while_it_is_held_back_not_even_through_another_thread():
    """It takes effect at the end of the block."""
    done = threading.Event()
    other = threading.Thread(target=done.wait)
    other.start()
    reached = []

    def stop_within_the_block():
        with signals.handled(), signals.held_back():
            os.kill(os.getpid(), signal.SIGTERM)
            reached.extend(range(1000))

    try:
        with pytest.raises(signals.Stopped):
            stop_within_the_block()
    finally:
        done.set()
        other.join()
    assert len(reached) == 1000


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("SIGINT", "interrupted"),
        ("SIGTERM", "terminated"),
        ("SIGHUP", "the terminal was closed"),
        ("SIGUSR1", "stopped by SIGUSR1"),
        ("SIGUSR2", "stopped by SIGUSR2"),
        ("SIGXCPU", "stopped by SIGXCPU"),
    ],
)
def test_every_signal_that_asks_for_an_end_is_one_line_and_its_exit_code(bnreg, monkeypatch, name, reason):
    """Batch systems send the last three shortly before they kill a job."""
    number = getattr(signal, name)
    monkeypatch.setattr(cli, "app", lambda: os.kill(os.getpid(), number))
    done = bnreg()
    assert (done.code, done.out, done.err) == (128 + number, "", f"{reason}\n")


def test_the_handlers_are_restored_afterwards():
    before = [signal.getsignal(number) for number in signals.SIGNALS]
    with signals.handled():
        assert [signal.getsignal(number) for number in signals.SIGNALS] != before
    assert [signal.getsignal(number) for number in signals.SIGNALS] == before
