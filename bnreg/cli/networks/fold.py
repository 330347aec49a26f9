"""``bnreg fold``: fold batch norm into the preceding layers, with a certificate."""

import os
from pathlib import Path
from typing import Annotated

import typer

from bnreg.cli.common.options import OUTPUT, DataRoot, Json, OnlyArm, OnlyPoint, RunsRoot, TrainedRun, read_one_run
from bnreg.cli.common.printing import print_json, print_parts

EXAMPLES = ("bnreg fold trained -o folded",)


def fold(
    run: TrainedRun,
    arm: OnlyArm = None,
    point: OnlyPoint = None,
    output: Annotated[
        Path | None,
        typer.Option(
            "--output",
            "-o",
            metavar="FOLDER",
            help="Folder to create. Default: the run's name with -folded.",
            rich_help_panel=OUTPUT,
        ),
    ] = None,
    json: Json = False,
    data_root: DataRoot = None,
    root: RunsRoot = Path("runs"),
) -> None:
    """Fold batch norm into the layers before it, and certify on the test set that the logits stay the same.

    The folder gets the folded weights and certificate.json: how far the logits differ in float32 and in float64, how
    many predictions agree, and how much faster the folded networks are.
    """
    from bnreg.runs.folder import refuse_existing
    from bnreg.trained.folding import certify, fold_arms, write_folded

    source = read_one_run(run, "give one to fold", root)
    folder = output or Path(f"{source.path.resolve().name}-folded")
    refuse_existing(folder, "--output")
    arms, refusals = fold_arms(source, arm, point)
    certificate = certify(source, arms, data_root)
    write_folded(folder, source, arms, certificate)

    for line in refusals:
        typer.echo(f"note: {line}", err=True)
    if json:
        print_json(certificate | {"folder": str(folder)})
        return
    from bnreg.report.fold import certificate_table

    print_parts(certificate_table(certificate["arms"]), "")
    typer.echo(f"{folder}{os.sep}")
