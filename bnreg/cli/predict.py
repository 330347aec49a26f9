"""``bnreg predict``: ask a run's networks what is in an image."""

from pathlib import Path
from typing import Annotated

import typer

from bnreg.cli.options import Arm, Point, TrainedRun, read_one_run


def predict(
    run: TrainedRun,
    images: Annotated[list[Path], typer.Argument(metavar="IMAGE", help="Image files.", show_default=False)],
    arm: Arm = None,
    point: Point = None,
    invert: Annotated[
        bool, typer.Option("--invert", help="Exchange light and dark: for dark digits on a light background.")
    ] = False,
    json: Annotated[bool, typer.Option("--json", help="Print plain data instead of the table.")] = False,
) -> None:
    """Classify images by the vote of every seed's network of an arm.

    An image is made grey, transparent parts black, and scaled as a whole to the size that the networks read. The class
    with most votes wins; of several, that with the highest mean probability.
    """
    from bnreg.trained.load import load_trained
    from bnreg.trained.pictures import read_pictures
    from bnreg.trained.predict import predict as ask

    arms = load_trained(read_one_run(run, "the networks of one are asked at a time"), arm, point)
    pictures = read_pictures(images, arms[0].network.architecture.image_shape, invert=invert)
    for picture in pictures:
        for note in picture.notes:
            typer.echo(f"note: {picture.path}: {note}", err=True)
    predictions = [prediction.describe() for prediction in ask(arms, pictures)]
    if json:
        from json import dumps

        typer.echo(dumps(predictions, indent=2, allow_nan=False))
        return
    from rich.console import Console

    from bnreg.report.predict import votes_table

    Console(highlight=False).print(votes_table(predictions), crop=False)
