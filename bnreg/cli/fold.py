"""``bnreg fold``: batch norm folded into the layers before it, with a certificate."""

import os
from pathlib import Path
from typing import Annotated, Any

import typer

from bnreg.cli.options import Arm, DataRoot, Point, TrainedRun, read_one_run


def fold(
    run: TrainedRun,
    arm: Arm = None,
    point: Point = None,
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", metavar="FOLDER", help="The folder to make. Default: RUN's name and -folded."),
    ] = None,
    data_root: DataRoot = None,
    json: Annotated[bool, typer.Option("--json", help="Print the certificate instead of a table.")] = False,
) -> None:
    """Fold batch norm into the layers before it, and certify on the test set that the logits stay the same.

    The folder gets the folded weights and certificate.json: how far the logits differ, in float32 and in float64, how
    many predictions agree, and how much faster the folded networks are.
    """
    from bnreg.runs.folder import refuse_existing
    from bnreg.trained.folding import certify, fold_arms, write_folded

    source = read_one_run(run, "one is folded at a time")
    folder = output or Path(f"{source.path.resolve().name}-folded")
    refuse_existing(folder, "--output")
    arms, refusals = fold_arms(source, arm, point)
    certificate = certify(source, arms, data_root)
    write_folded(folder, source, arms, certificate)

    for line in refusals:
        typer.echo(f"note: {line}", err=True)
    if json:
        from json import dumps

        typer.echo(dumps(certificate | {"folder": str(folder)}, indent=2, allow_nan=False))
    else:
        _print_table(certificate["arms"])
        typer.echo(f"{folder}{os.sep}")


def _print_table(entries: list[dict[str, Any]]) -> None:
    from rich import box
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    from bnreg.report.run_view import point_label

    is_sweep = any(entry["point"] for entry in entries)
    table = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, padding=(0, 1, 0, 0), header_style="bold")
    for heading in (*(["point"] if is_sweep else []), "arm"):
        table.add_column(heading, overflow="fold")
    for heading in ("replicas", "logits differ, float32", "float64", "same predictions", "speed-up"):
        table.add_column(heading, justify="right")
    for entry in entries:
        names = [*([point_label(entry["point"])] if is_sweep else []), entry["arm"]]
        figures = [
            str(entry["num_replicas"]),
            f"{entry['largest_difference_float32']:.1e}",
            f"{entry['largest_difference_float64']:.1e}",
            f"{entry['num_agreeing']:,} of {entry['num_predictions']:,}",
            f"{entry['speed_up']:.2f}×",
        ]
        table.add_row(*map(Text, (*names, *figures)))
    Console(highlight=False).print(table, "", crop=False)
