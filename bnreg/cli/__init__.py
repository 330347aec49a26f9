"""The command line: one file per command; this one puts them together and turns errors into exit codes."""

import io
import os
import signal
import sys
from collections.abc import Sequence
from contextlib import suppress
from typing import Annotated

import typer

from bnreg import signals
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


def main() -> None:
    """Run the command line.

    Exit codes: 0 done, 1 a run failed, 2 a mistake in usage or config, 130 interrupted, 143 terminated.
    """
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")  # a terminal without ± shall still see the figures
    try:
        with signals.handled():
            try:
                app()
            finally:
                sys.stdout.flush()  # now, while a full disk can still be reported
    except UserError as error:
        sys.exit(_complain(error.lines, code=2))
    except RunError as error:
        sys.exit(_complain([str(error)], code=1))
    except signals.Stopped as stopped:
        word = "interrupted" if stopped.number == signal.SIGINT else "terminated"
        sys.exit(_complain([word], code=128 + stopped.number))
    except OSError as error:
        _discard_stdout()
        place = f"{error.filename}: " if error.filename else ""
        sys.exit(_complain([f"{place}{error.strerror or error}"], code=1))


def _discard_stdout() -> None:
    """Send what could not be written to nowhere, or Python would complain of it once more at its end."""
    with suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _complain(lines: Sequence[str], *, code: int) -> int:
    for line in lines:
        for part in line.split("\n"):  # a traceback has several lines
            print(printable(part), file=sys.stderr)
    return code
