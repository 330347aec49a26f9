"""``bnreg predict``: classify images with a run's networks."""

from pathlib import Path
from typing import Annotated

import typer

from bnreg.cli.common.options import Json, OnlyArm, OnlyPoint, RunsRoot, TrainedRun, read_one_run
from bnreg.cli.common.printing import print_json, print_parts

EXAMPLES = ("bnreg predict trained five.png --invert",)


def predict(
    run: TrainedRun,
    images: Annotated[list[Path], typer.Argument(metavar="IMAGE", help="Image files.", show_default=False)],
    invert: Annotated[
        bool, typer.Option("--invert", help="Swap light and dark: for dark digits on a light background.")
    ] = False,
    arm: OnlyArm = None,
    point: OnlyPoint = None,
    json: Json = False,
    root: RunsRoot = Path("runs"),
) -> None:
    """Classify images by the vote of every seed's network of an arm.

    An image is made grey and scaled to the size that the networks read. A digit for networks that were trained on MNIST
    is cropped and centred as MNIST's digits are, with a note, unless it already is; ink on a transparent background may
    be dark or light. The class with the most votes wins; in a tie, the one with the highest mean probability.
    """
    from bnreg.data import DATASETS
    from bnreg.trained.load import load_trained
    from bnreg.trained.pictures import read_pictures
    from bnreg.trained.predict import predict as ask

    arms = load_trained(read_one_run(run, "give one to ask", root), arm, point)
    shape = arms[0].network.architecture.image_shape
    names = {arm.cell.settings.data.dataset for arm in arms}
    ink_sides = {DATASETS[name].ink_side if name in DATASETS else None for name in names}
    ink_side = ink_sides.pop() if len(ink_sides) == 1 else None  # arms that were trained on others read the whole image
    pictures = read_pictures(images, shape, ink_side=ink_side, invert=invert)
    for picture in pictures:
        for note in picture.notes:
            typer.echo(f"note: {picture.path}: {note}", err=True)
    predictions = [prediction.describe() for prediction in ask(arms, pictures)]
    if json:
        print_json(predictions)
        return
    from bnreg.report.predict import votes_table

    print_parts(votes_table(predictions))
