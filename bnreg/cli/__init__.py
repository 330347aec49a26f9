"""The command line: one file per command; this one puts them together and turns errors into exit codes."""

import signal
import sys
from types import FrameType
from typing import Annotated

import typer

from bnreg.cli import compare, data, plot, train
from bnreg.errors import RunError, UserError

app = typer.Typer(
    name="bnreg",
    help="Paired experiments on MNIST: did it help, by how much, and how sure can we be?",
    no_args_is_help=True,
    context_settings={"help_option_names": ["-h", "--help"]},
    pretty_exceptions_enable=False,
)
app.command("train")(train.train)
app.command("compare")(compare.compare)
app.command("plot")(plot.plot)
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


class _Terminated(BaseException):
    """SIGTERM, as an exception, so that what is open gets closed."""


def main() -> None:
    """Run the command line.

    Exit codes: 0 done, 1 a run failed, 2 a mistake in usage or config, 130 interrupted, 143 terminated.
    """
    signal.signal(signal.SIGTERM, _terminate)
    try:
        app()
    except UserError as error:
        sys.exit(_complain(error.lines, code=2))
    except RunError as error:
        sys.exit(_complain([str(error)], code=1))
    except _Terminated:
        sys.exit(_complain(["terminated"], code=143))


def _terminate(_signal: int, _frame: FrameType | None) -> None:
    raise _Terminated


def _complain(lines: list[str] | tuple[str, ...], *, code: int) -> int:
    for line in lines:
        print(line, file=sys.stderr)
    return code
