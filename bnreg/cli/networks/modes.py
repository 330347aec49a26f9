"""``bnreg modes``: measure the cost of evaluation in train mode."""

from pathlib import Path

import typer

from bnreg.cli.common.options import (
    DataRoot,
    DrawingFile,
    Force,
    Json,
    OnlyArm,
    OnlyPoint,
    RunsRoot,
    TrainedRun,
    read_one_run,
)
from bnreg.cli.common.printing import print_json, print_parts

EXAMPLES = ("bnreg modes trained -o modes.png",)


def modes(
    run: TrainedRun,
    arm: OnlyArm = None,
    point: OnlyPoint = None,
    output: DrawingFile = Path("modes.svg"),
    force: Force = False,
    json: Json = False,
    data_root: DataRoot = None,
    root: RunsRoot = Path("runs"),
) -> None:
    """Show what evaluation in the wrong mode costs: test accuracy in eval mode and, deliberately, in train mode.

    Train mode is measured by batch size, with test images shuffled and sorted by class. Afterwards every weight and
    statistic is verified to be unchanged, bit for bit.
    """
    from bnreg.analysis.run_view import view_of_run
    from bnreg.report.charts.drawing import check_chart_path, save_chart
    from bnreg.report.lecture.modes import modes_chart, modes_tables
    from bnreg.trained.load import load_data, load_trained
    from bnreg.trained.modes import study_modes
    from bnreg.wording import counted, point_label

    check_chart_path(output, force=force)
    source = read_one_run(run, "give one to look at", root)
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
    save_chart(modes_chart(records, f"{view.name}: {view.dataset_label}"), output, force=force)
    if json:
        print_json({"run": view.id, "dataset": view.dataset, "chart": str(output), "arms": records})
        return
    typer.echo(f"{view.id}: {view.dataset_label}")
    print_parts(modes_tables(records))
    num_checked = sum(len(record["sha256"]) for record in records)
    typer.echo(f"weights and statistics: all {num_checked} tensors have the same SHA-256 before and after")
    typer.echo(output)
