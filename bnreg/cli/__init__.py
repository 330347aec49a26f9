"""The command line: one file per command; this one puts them together and turns errors into exit codes."""

import io
import multiprocessing
import os
import signal
import sys
from collections.abc import Sequence
from contextlib import suppress
from types import FrameType
from typing import Annotated

import typer

from bnreg.cli import (
    activations,
    compare,
    data,
    diff,
    export,
    fold,
    modes,
    plot,
    polynomial,
    predict,
    rm,
    runs,
    show,
    train,
)
from bnreg.errors import RunError, UserError, printable

app = typer.Typer(
    name="bnreg",
    help="Paired experiments on MNIST: did it help, by how much, and how sure can we be?",
    no_args_is_help=True,
    context_settings={"help_option_names": ["-h", "--help"]},
    pretty_exceptions_enable=False,
)
app.command("train")(train.train)
app.command("compare")(compare.compare)
app.command("diff")(diff.diff)
app.command("runs")(runs.runs)
app.command("show")(show.show)
app.command("rm")(rm.rm)
app.command("plot")(plot.plot)
app.command("predict")(predict.predict)
app.command("modes")(modes.modes)
app.command("fold")(fold.fold)
app.command("export")(export.export)
app.command("activations")(activations.activations)
app.command("polynomial")(polynomial.polynomial)
app.add_typer(data.app, name="data")


def _print_version(wanted: bool) -> None:
    if wanted:
        from bnreg import __version__

        typer.echo(f"bnreg {__version__}")
        raise typer.Exit


@app.callback()
def _options(
    _version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version and exit.")
    ] = False,
) -> None:
    pass


class _Stopped(BaseException):
    """A signal to stop, as an exception, so that what is open gets closed on the way out."""


SIGNALS = [getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)]


def main() -> None:
    """Run the command line.

    Exit codes: 0 done, 1 a run failed, 2 a mistake in usage or config, 130 interrupted, 143 terminated.
    """
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")  # a terminal without ± shall still see the figures
    before = {number: signal.getsignal(number) for number in SIGNALS}
    for number, handler in before.items():
        if handler != signal.SIG_IGN:  # nohup and background jobs ask for a signal to be ignored
            signal.signal(number, _stop)
    try:
        try:
            app()
        finally:
            sys.stdout.flush()  # now, while a full disk can still be reported
    except UserError as error:
        sys.exit(_complain(error.lines, code=2))
    except RunError as error:
        sys.exit(_complain([str(error)], code=1))
    except _Stopped as stopped:
        (number,) = stopped.args
        sys.exit(_complain(["interrupted" if number == signal.SIGINT else "terminated"], code=128 + number))
    except OSError as error:
        _discard_stdout()
        place = f"{error.filename}: " if error.filename else ""
        sys.exit(_complain([f"{place}{error.strerror or error}"], code=1))
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _stop(number: int, _frame: FrameType | None) -> None:
    """Stop in good order, which takes a moment; a second signal is not so patient."""
    for other in SIGNALS:
        if signal.getsignal(other) == _stop:
            signal.signal(other, _stop_at_once)
    raise _Stopped(number)


def _stop_at_once(number: int, _frame: FrameType | None) -> None:
    """Stop without another thought: run folders are such that they can be left at any moment."""
    for worker in multiprocessing.active_children():
        worker.kill()
    if sys.stderr.isatty():
        os.write(2, b"\x1b[?25h\n")  # the display has hidden the cursor, and cannot bring it back any more
    os._exit(128 + number)


def _discard_stdout() -> None:
    """Send what could not be written to nowhere, or Python would complain of it once more at its end."""
    with suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _complain(lines: Sequence[str], *, code: int) -> int:
    for line in lines:
        for part in line.split("\n"):  # a traceback has several lines
            print(printable(part), file=sys.stderr)
    return code
