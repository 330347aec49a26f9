"""``bnreg export``: one trained network as a file that others can read."""

from pathlib import Path
from typing import Annotated

import typer

from bnreg.cli.options import DataRoot, TrainedRun, read_one_run


def export(
    run: TrainedRun,
    file_format: Annotated[
        str, typer.Option("--format", metavar="FORMAT", help="onnx or safetensors.", show_default=False)
    ],
    arm: Annotated[
        str | None, typer.Option(metavar="ARM", help="The network's arm. May be left out if only one has weights.")
    ] = None,
    seed: Annotated[int | None, typer.Option(metavar="N", help="The network's seed. Default: the first.")] = None,
    point: Annotated[
        int | None, typer.Option(metavar="N", help="Its point of the sweep, counted from 0, if there are several.")
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", metavar="FILE", help="The file to make. Default: e.g. bn-0.onnx."),
    ] = None,
    data_root: DataRoot = None,
) -> None:
    """Export one trained network as an ordinary one: ONNX, or a state_dict of torch.nn's modules.

    It reads images of shape (batch, 1, height, width) with pixels in [0, 1] and gives logits. An ONNX model is run on
    the test set and must agree with the network before it is written.
    """
    from bnreg.errors import UserError
    from bnreg.runs.folder import refuse_existing, write_file
    from bnreg.trained.export import FORMATS, check_onnx, choose_network
    from bnreg.trained.load import load_data

    if file_format not in FORMATS:
        raise UserError(f"--format: unknown format {file_format!r} (choices: {', '.join(sorted(FORMATS))})")
    source = read_one_run(run, "a network is exported of one")
    chosen = choose_network(source, arm, seed, point)
    file = output or Path(f"{chosen.trained.cell.arm}-{chosen.seed}.{file_format}")
    refuse_existing(file, "--output")
    dataset = load_data(source, chosen.trained.cell, data_root) if file_format == "onnx" else None
    content = FORMATS[file_format](chosen.network, chosen.about(source))
    if dataset is not None:
        agreement = check_onnx(content, chosen.network, dataset)
        typer.echo(
            f"checked with onnxruntime on {agreement.num_images:,} test images: the logits differ by at most "
            f"{agreement.largest_difference:.1e}, {agreement.num_agreeing:,} predictions are the same",
            err=True,
        )
    write_file(file, content, option="--output")
    typer.echo(file)
