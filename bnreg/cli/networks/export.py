"""``bnreg export``: write one trained network as a file for other programs."""

from pathlib import Path
from typing import Annotated

import typer

from bnreg.cli.common import completion
from bnreg.cli.common.options import OUTPUT, SELECTION, DataRoot, RunsRoot, TrainedRun, read_one_run

FORMATS = ("onnx", "safetensors")  # the keys of ``EXPORT_FORMATS``, which needs torch
EXAMPLES = ("bnreg export trained --format onnx --arm bn --seed 3",)


def export(
    run: TrainedRun,
    file_format: Annotated[
        str,
        typer.Option(
            "--format",
            metavar="FORMAT",
            help="onnx or safetensors.",
            show_default=False,
            rich_help_panel=OUTPUT,
            autocompletion=completion.one_of(FORMATS),
        ),
    ],
    arm: Annotated[
        str | None,
        typer.Option(
            metavar="ARM",
            help="The network's arm; not needed if only one arm has weights.",
            rich_help_panel=SELECTION,
            autocompletion=completion.arms,
        ),
    ] = None,
    seed: Annotated[
        int | None,
        typer.Option(metavar="N", help="The network's seed. Default: the first.", rich_help_panel=SELECTION),
    ] = None,
    point: Annotated[
        int | None,
        typer.Option(
            metavar="N", help="Its point of the sweep, counted from 0, if there are several.", rich_help_panel=SELECTION
        ),
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option(
            "--output",
            "-o",
            metavar="FILE",
            help="File to create. Default: for example bn-0.onnx.",
            rich_help_panel=OUTPUT,
        ),
    ] = None,
    data_root: DataRoot = None,
    root: RunsRoot = Path("runs"),
) -> None:
    """Export one trained network: as ONNX, or as a state_dict of torch.nn's modules.

    It reads images of shape (batch, 1, height, width) with pixels from 0 to 1 and returns logits. An ONNX model is run
    on the test set and must agree with the network before it is written.
    """
    from bnreg.errors import UserError
    from bnreg.runs.folder import refuse_existing, write_file
    from bnreg.trained.export import EXPORT_FORMATS, check_onnx, choose_network
    from bnreg.trained.load import load_data
    from bnreg.wording import unknown

    if file_format not in EXPORT_FORMATS:
        raise UserError(f"--format: {unknown('format', file_format, sorted(EXPORT_FORMATS))}")
    source = read_one_run(run, "give one to export from", root)
    chosen = choose_network(source, arm, seed, point)
    file = output or Path(f"{chosen.trained.cell.arm}-{chosen.seed}.{file_format}")
    refuse_existing(file, "--output")
    dataset = load_data(source, chosen.trained.cell, data_root) if file_format == "onnx" else None
    content = EXPORT_FORMATS[file_format](chosen.network, chosen.about(source))
    if dataset is not None:
        agreement = check_onnx(content, chosen.network, dataset)
        typer.echo(
            f"checked with onnxruntime on {agreement.num_images:,} test images: the logits differ by at most "
            f"{agreement.largest_difference:.1e}, {agreement.num_agreeing:,} predictions agree",
            err=True,
        )
    write_file(file, content, option="--output")
    typer.echo(file)
