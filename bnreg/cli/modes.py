"""``bnreg modes``: the laboratory that shows what evaluation in train mode would cost."""

from pathlib import Path
from typing import Annotated

import typer

from bnreg.cli.options import Arm, DataRoot, Point, TrainedRun, read_one_run


def modes(
    run: TrainedRun,
    arm: Arm = None,
    point: Point = None,
    output: Annotated[
        Path, typer.Option("--output", "-o", metavar="FILE", help="Where to draw it: .svg, .png or .html.")
    ] = Path("modes.svg"),
    data_root: DataRoot = None,
    json: Annotated[bool, typer.Option("--json", help="Print plain data instead of the table.")] = False,
) -> None:
    """Show what evaluation in the wrong mode costs: test accuracy in eval mode and, deliberately, in train mode.

    In train mode by the batch size of the evaluation, for test images shuffled and sorted by class. Each weight and
    statistic is then found to be what it was, to the bit.
    """
    from bnreg.report.drawing import check_chart_path, save_chart
    from bnreg.report.modes import modes_chart, modes_tables
    from bnreg.report.run_view import counted, point_label, view_of_run
    from bnreg.trained.load import load_data, load_trained
    from bnreg.trained.modes import study_modes

    check_chart_path(output)
    source = read_one_run(run, "the modes of one are compared at a time")
    trained = load_trained(source, arm, point)
    cells = {one.cell.settings.data.dataset: one.cell for one in trained}
    datasets = {name: load_data(source, cell, data_root) for name, cell in cells.items()}
    records = []
    for number, one in enumerate(trained, start=1):
        where = f" at {point_label(one.cell.point)}" if one.cell.point else ""
        networks = f"{counted(len(one.seeds), 'network')} of {one.cell.arm}{where}"
        typer.echo(f"{number} of {len(trained)}: {networks}", err=True)
        records.append(study_modes(one, datasets[one.cell.settings.data.dataset]).describe())
    view = view_of_run(source)
    save_chart(modes_chart(records, f"{view.name}: {view.dataset_label}"), output)
    if json:
        from json import dumps

        content = {"run": view.id, "dataset": view.dataset, "chart": str(output), "arms": records}
        typer.echo(dumps(content, indent=2, allow_nan=False))
        return
    from rich.console import Console

    console = Console(highlight=False)
    console.print(f"{view.id}: {view.dataset_label}", markup=False, soft_wrap=True)
    console.print(modes_tables(records), crop=False)
    num_checked = sum(len(record["sha256"]) for record in records)
    console.print(f"weights and statistics: all {num_checked} tensors have the same SHA-256 before and after")
    typer.echo(output)
