"""A signal stops a command once, wherever it arrives."""

import os
import signal
import threading

import pytest

from bnreg import cli, signals

pytestmark = pytest.mark.posix


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


def interrupt():
    """Interrupt this process while it trains."""
    with signals.passed_on():
        with pytest.raises(signals.Stopped) as stopped:
            os.kill(os.getpid(), signal.SIGINT)
        raise stopped.value


def test_a_program_gets_the_signal_that_stopped_what_it_called():
    """Python's own handler then raises what Python's users expect, without a second traceback."""
    with pytest.raises(KeyboardInterrupt) as error:
        interrupt()
    assert error.value.__suppress_context__


def test_a_second_interrupt_does_not_end_the_program_around_it():
    """A notebook would lose all of its variables."""

    def stop_impatiently():
        with signals.passed_on():
            try:
                os.kill(os.getpid(), signal.SIGINT)
            finally:
                os.kill(os.getpid(), signal.SIGINT)

    with pytest.raises(KeyboardInterrupt):
        stop_impatiently()


def test_a_signal_that_a_program_handles_itself_is_left_to_it():
    """It decides what becomes of the training."""
    told = []
    before = signal.signal(signal.SIGUSR1, lambda number, _: told.append(number))
    try:
        with signals.passed_on():
            os.kill(os.getpid(), signal.SIGUSR1)
            signals.raise_received()
    finally:
        signal.signal(signal.SIGUSR1, before)
    assert told == [signal.SIGUSR1]


def test_a_signal_does_not_stop_what_trains_in_another_thread():
    """Its program gets the signal in the main thread."""
    stopped = []

    def work():
        try:
            signals.raise_received()
        except signals.Stopped as error:
            stopped.append(error)

    def interrupted_while_another_trains():
        with signals.passed_on(), signals.held_back():
            os.kill(os.getpid(), signal.SIGINT)
            thread = threading.Thread(target=work)
            thread.start()
            thread.join()

    with pytest.raises(KeyboardInterrupt):
        interrupted_while_another_trains()
    assert not stopped


def test_other_threads_than_the_main_one_handle_no_signals():
    before = [signal.getsignal(number) for number in signals.SIGNALS]
    seen = []

    def work():
        with signals.passed_on():
            seen.append([signal.getsignal(number) for number in signals.SIGNALS])

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert seen == [before]
