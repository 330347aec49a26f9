"""What several commands have in common: their arguments and options, and the one run that they are about."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from bnreg.runs import Run

RunsRoot = Annotated[Path, typer.Option("--runs", metavar="FOLDER", help="The folder that holds the runs.")]
TrainedRun = Annotated[str, typer.Argument(metavar="RUN", help="A run folder with weights.", show_default=False)]
Arm = Annotated[str | None, typer.Option(metavar="ARM", help="Only this arm. Default: all.")]
Point = Annotated[
    int | None, typer.Option(metavar="N", help="Only this point of the sweep, counted from 0. Default: all.")
]
SmallestEffect = Annotated[
    float | None,
    typer.Option(metavar="VALUE", min=0, help="The smallest difference that matters, in place of the config's."),
]
DataRoot = Annotated[
    Path | None,
    typer.Option(
        "--data-root", metavar="FOLDER", help="Where data sets lie (else BNREG_DATA, data.root or the cache folder)."
    ),
]


def read_one_run(argument: str, why: str, root: Path = Path("runs")) -> "Run":
    """Read the run that an argument means: a folder, a pattern or a name below the folder of runs.

    Raises:
        UserError: If it means none or, with the reason why that is a mistake, several; or see ``read_run``.
    """
    from bnreg.errors import UserError
    from bnreg.runs import expand_runs, read_run

    folders = expand_runs([argument], root)
    if len(folders) > 1:
        raise UserError(f"{argument}: matches {len(folders)} runs; {why}")
    return read_run(folders[0])
