"""Arguments and options shared by several commands, and the run that a command works on."""

from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer.core import TyperCommand, TyperOption

from bnreg.cli.common import completion
from bnreg.errors import UserError
from bnreg.rounds import MAX_SEEDS

if TYPE_CHECKING:
    from bnreg.runs import Run

# Panels of options in the help of a command.
SELECTION = "Selection"
VERDICT = "Verdict"
OUTPUT = "Output"
PLACES = "Folders"


def run_argument(text: str, complete: completion.Complete = completion.finished_runs) -> Any:
    """An argument that names a run, or several."""
    return typer.Argument(metavar="RUN", help=text, show_default=False, autocompletion=complete)


_ONE = "A run: its folder, its name, the start of its name, or latest."
_MANY = "Runs: folders, patterns, names, or latest."
OneRun = Annotated[str, run_argument(_ONE)]
AnyRun = Annotated[str, run_argument(_ONE, completion.all_runs)]  # also one that is not finished
TrainedRun = Annotated[str, run_argument("A run with saved weights.")]
ManyRuns = Annotated[list[str], run_argument(_MANY)]
AnyRuns = Annotated[list[str], run_argument(_MANY, completion.all_runs)]
SomeRuns = Annotated[list[str] | None, run_argument(_MANY)]
OnlyArm = Annotated[
    str | None,
    typer.Option(
        metavar="ARM",
        help="Only this arm. Default: all.",
        rich_help_panel=SELECTION,
        autocompletion=completion.arms,
    ),
]
OnlyPoint = Annotated[
    int | None,
    typer.Option(
        metavar="N",
        help="Only this point of the sweep, counted from 0. Default: all.",
        rich_help_panel=SELECTION,
    ),
]
Metrics = Annotated[
    list[str] | None,
    typer.Option(
        "--metric",
        metavar="NAME",
        help="The metric to compare by; may be repeated. Default: test_accuracy.",
        autocompletion=completion.metrics,
        rich_help_panel=VERDICT,
    ),
]
SmallestEffects = Annotated[
    list[str] | None,
    typer.Option(
        "--smallest-effect",
        metavar="VALUE",
        help="The smallest difference that matters, such as 0.2pp or test_loss=0.01; replaces the config's.",
        rich_help_panel=VERDICT,
    ),
]
FailIf = Annotated[
    list[str] | None,
    typer.Option(
        metavar="CONDITION",
        help="Exit with 3 if 'A < B' (A hurt), 'A <= B' (A did not help), 'A > B' or 'A >= B'; may be repeated.",
        rich_help_panel=VERDICT,
    ),
]
RunsRoot = Annotated[
    Path, typer.Option("--runs", metavar="FOLDER", help="The folder that holds the runs.", rich_help_panel=PLACES)
]
DataRoot = Annotated[
    Path | None,
    typer.Option(
        "--data-root",
        metavar="FOLDER",
        help="The folder of the data sets. Default: BNREG_DATA, else data.root, else the user's cache folder.",
        rich_help_panel=PLACES,
    ),
]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Print what would be trained, and stop.")]
Jobs = Annotated[
    int | None,
    typer.Option(metavar="N", help="Number of worker processes; short for jobs=N.", rich_help_panel="Machine"),
]
Executor = Annotated[
    str | None,
    typer.Option(
        metavar="NAME", help="Where to train: processes or ray; short for executor=NAME.", rich_help_panel="Machine"
    ),
]
Address = Annotated[
    str | None,
    typer.Option(
        metavar="HOST:PORT",
        help="With --executor ray: a Ray cluster. Default: one that starts and stops with the run.",
        rich_help_panel="Machine",
    ),
]
ShowProgress = Annotated[bool, typer.Option(help="Show progress.", rich_help_panel=OUTPUT)]
ResultJson = Annotated[
    bool, typer.Option("--json", help="Print the comparison, or the plan, as JSON.", rich_help_panel=OUTPUT)
]
UntilDecided = Annotated[
    bool,
    typer.Option(
        "--until-decided", help="Add seeds in rounds until every comparison is decided.", rich_help_panel=VERDICT
    ),
]
MaxSeeds = Annotated[
    int | None,
    typer.Option(
        metavar="N",
        min=1,
        max=MAX_SEEDS,
        help="With --until-decided: at most so many seeds. Default: 100.",
        rich_help_panel=VERDICT,
    ),
]
Json = Annotated[bool, typer.Option("--json", help="Print JSON.", rich_help_panel=OUTPUT)]
OpenPage = Annotated[bool, typer.Option("--open", help="Open the page in a browser.", rich_help_panel=OUTPUT)]
Width = Annotated[
    int | None,
    typer.Option(
        metavar="N", min=20, help="Width of the tables in columns. Default: the terminal's.", rich_help_panel=OUTPUT
    ),
]
DrawingFile = Annotated[
    Path,
    typer.Option("--output", "-o", metavar="FILE", help="Chart file: .svg, .png or .html.", rich_help_panel=OUTPUT),
]

Force = Annotated[
    bool, typer.Option("--force", help="Replace the file if there is one already.", rich_help_panel=OUTPUT)
]


class Command(TyperCommand):
    """A command that refuses an option given more often than it can hold: otherwise the last one would win silently."""

    def parse_args(self, ctx: typer.Context, args: list[str]) -> list[str]:  # type: ignore[override] # typer's class
        """Parse the command line."""
        if ctx.resilient_parsing:  # the shell asks what may follow; perhaps the value of the last option
            return super().parse_args(ctx, args[:-1] if args and args[-1].startswith("-") else args)
        _, _, given = self.make_parser(ctx).parse_args(args=list(args))
        for parameter, times in Counter(given).items():
            holds_one = isinstance(parameter, TyperOption) and not (parameter.multiple or parameter.is_flag)
            if times > 1 and holds_one:
                raise UserError(f"{parameter.opts[0]}: given {times} times; give it once")
        return super().parse_args(ctx, args)


def machine_settings(
    executor: str | None, address: str | None, jobs: int | None, device: str | None = None
) -> list[str]:
    """The options of the panel Machine as overrides; an executor that is chosen has the address that is given, or none.

    Raises:
        UserError: For an address without an executor.
    """
    if address is not None and executor is None:
        raise UserError("--address: only with --executor ray")
    where = {"executor": executor, "address": "null" if executor and address is None else address}
    given = {"device": device, **where, "jobs": jobs}
    return [f"{key}={value}" for key, value in given.items() if value is not None]


def read_effects(words: list[str] | None) -> dict[str, object]:
    """``0.2pp`` or ``METRIC=VALUE``, by metric; see ``Question.smallest_effects``."""
    effects: dict[str, object] = {}
    for word in words or ():
        metric, equals, value = word.rpartition("=")
        effects[metric if equals else ""] = value
    return effects


def examples_epilog(*examples: str) -> str:
    """The end of a command's help: its example command lines under a heading."""
    heading = "Example:" if len(examples) == 1 else "Examples:"
    return "\n\n".join([heading, *examples])


def read_one_run(argument: str, why: str, root: Path = Path("runs"), *, only_results: bool = False) -> "Run":
    """Read the run that an argument names: a folder, a pattern or a run's name.

    Args:
        argument: As typed.
        why: The remedy in the error message if the argument matches several runs.
        root: The folder that holds the runs.
        only_results: See ``read_run``.

    Raises:
        UserError: If it matches no run or several; also see ``read_run``.
    """
    from bnreg.runs import expand_run, read_run

    return read_run(expand_run(argument, why, root), only_results=only_results)
