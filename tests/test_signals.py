"""A signal stops a command once, wherever it arrives."""

import os
import signal
import threading

import pytest

from bnreg import signals


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


def test_the_handlers_are_restored_afterwards():
    before = [signal.getsignal(number) for number in signals.SIGNALS]
    with signals.handled():
        assert [signal.getsignal(number) for number in signals.SIGNALS] != before
    assert [signal.getsignal(number) for number in signals.SIGNALS] == before
