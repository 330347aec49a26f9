"""The command line: one file per command, in a folder per panel of the help.

This file assembles them and turns errors into exit codes.
"""

import gc
import importlib
import inspect
import pkgutil
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from types import ModuleType
from typing import Annotated

import typer

from bnreg import signals
from bnreg.cli.common.options import Command, examples_epilog
from bnreg.errors import RunError, UserError
from bnreg.standard_streams import lasting_streams
from bnreg.wording import printable

# The panels of ``bnreg --help`` by their folder, in this order; within each, the commands by name.
PANELS = {
    "training": "Train",
    "comparing": "Compare",
    "finding": "Runs",
    "networks": "Trained networks",
    "lecture": "The lecture",
    "inputs": "Configs and data",
}


def build_app() -> typer.Typer:
    """The command line without its commands."""
    app = typer.Typer(
        name="bnreg",
        help="Paired experiments on MNIST: did it help, by how much, and how sure can we be?",
        epilog=examples_epilog("bnreg train bn_vs_plain", "bnreg compare runs/*"),
        no_args_is_help=True,
        rich_markup_mode="rich",
        context_settings={"help_option_names": ["-h", "--help"]},
        pretty_exceptions_enable=False,
    )
    app.callback()(_options)
    return app


def add_commands(app: typer.Typer, modules: Iterable[ModuleType]) -> None:
    """Add the command of each module.

    The command is the function with the module's name, or ``app`` if the module has subcommands; it is in the panel of
    its folder. ``EXAMPLES`` are the command lines at the end of its help, ``COMMAND`` is the class that parses the
    line, if it is another one.
    """
    for module in modules:
        _, folder, name = module.__name__.rsplit(".", 2)
        panel = PANELS[folder]
        if hasattr(module, "app"):
            app.add_typer(module.app, name=name, rich_help_panel=panel)
            continue
        function = getattr(module, name)
        epilog = examples_epilog(*module.EXAMPLES)
        command = getattr(module, "COMMAND", Command)
        app.command(name, cls=command, help=_reflowed(function), epilog=epilog, rich_help_panel=panel)(function)


def _modules() -> list[ModuleType]:
    """The commands: each module in the folder of a panel."""
    return [
        importlib.import_module(f"{__name__}.{folder}.{module.name}")
        for folder in PANELS
        for module in pkgutil.iter_modules([str(Path(__file__).parent / folder)])
    ]


def _reflowed(function: object) -> str:
    """A function's docstring with each paragraph on one line, so that it fills a terminal of any width."""
    paragraphs = (inspect.getdoc(function) or "").split("\n\n")
    return "\n\n".join(" ".join(paragraph.split()) for paragraph in paragraphs)


def _print_version(wanted: bool) -> None:
    if wanted:
        from bnreg import __version__

        typer.echo(f"bnreg {__version__}")
        raise typer.Exit


def _options(
    _version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version and exit.")
    ] = False,
) -> None:
    pass


app = build_app()
add_commands(app, _modules())


def main() -> None:
    """Run the command line.

    Exit codes: 0 done, 1 a run failed or its output could not be written, 2 a mistake in usage or config, 3 a
    ``--fail-if`` condition is true, 128 + N stopped by signal N: 130 interrupted, 143 terminated.
    """
    gc.set_threshold(50_000)  # collecting after every few hundred objects takes a tenth of a large comparison
    with lasting_streams() as stdout:
        code = _run()
        stdout.flush()  # here, where a full disk can still be reported
        if stdout.error and not code:
            lines = [] if stdout.has_lost_its_reader else [str(stdout.error.strerror)]  # it needs no message
            code = _complain(lines, code=1)
    sys.exit(code)


def _run() -> int:
    """Run the command, whatever becomes of its output; return the exit code."""
    try:
        with signals.handled():
            _check_current_folder()
            app()
    except SystemExit as end:  # which ends every command that succeeds
        return int(end.code or 0)
    except UserError as error:
        return _complain(error.lines, code=2)
    except RunError as error:
        return _complain([str(error)], code=1)
    except signals.Stopped as stopped:
        return _complain([stopped.reason], code=128 + stopped.number)
    except OSError as error:
        place = f"{error.filename}: " if error.filename else ""
        return _complain([f"{place}{error.strerror or error}"], code=1)
    return 0


def _check_current_folder() -> None:
    try:
        Path.cwd()
    except FileNotFoundError as error:
        raise UserError("the current folder no longer exists; change to one that does") from error


def _complain(lines: Sequence[str], *, code: int) -> int:
    for line in lines:
        for part in line.split("\n"):  # a traceback has several lines
            print(printable(part), file=sys.stderr)
    return code
