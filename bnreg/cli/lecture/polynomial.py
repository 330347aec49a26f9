"""``bnreg polynomial``: under- and overfitting, shown on polynomials of several degrees."""

from pathlib import Path
from typing import Annotated

import typer

from bnreg.cli.common.options import DrawingFile, Force, Json
from bnreg.cli.common.printing import print_json, print_parts
from bnreg.errors import UserError

EXAMPLES = ("bnreg polynomial --num-train 30 --noise 0.1 -o polynomial.png",)

# Degree 12 has 13 coefficients to determine.
FEWEST_SAMPLES = 13

# More marks would hide the curves, and make the drawing huge.
MOST_SAMPLES = 1_000

# Far more than any chart shows, yet no squared error overflows.
MOST_NOISE = 1_000


def polynomial(
    seed: Annotated[int, typer.Option(metavar="N", help="Random seed for the samples, from 0 to 2³² − 1.")] = 0,
    num_train: Annotated[int, typer.Option(metavar="N", help="Number of samples to fit.")] = 20,
    noise: Annotated[float, typer.Option(metavar="SIGMA", help="Standard deviation of the noise.")] = 0.25,
    output: DrawingFile = Path("polynomial.svg"),
    force: Force = False,
    json: Json = False,
) -> None:
    """Fit polynomials of degrees 1 to 12 to a few noisy samples: under- and overfitting, by train and test error."""
    if mistakes := _mistakes(seed, num_train, noise):
        raise UserError(*mistakes)

    from bnreg.lecture.polynomial import study_polynomials
    from bnreg.report.charts.drawing import save_chart
    from bnreg.report.lecture.polynomial import polynomial_figure, polynomial_records, polynomial_table

    study = study_polynomials(seed, num_train, noise)
    save_chart(polynomial_figure(study, seed, noise), output, force=force)
    if json:
        settings = {"chart": str(output), "seed": seed, "num_train": num_train, "noise": noise}
        print_json(settings | polynomial_records(study))
        return
    print_parts(polynomial_table(study), "")
    typer.echo(output)


def _mistakes(seed: int, num_train: int, noise: float) -> list[str]:
    mistakes = []
    if not 0 <= seed < 2**32:
        mistakes.append(f"--seed: {seed} is not a seed (choose from 0 to {2**32 - 1})")
    if num_train < FEWEST_SAMPLES:
        mistakes.append(
            f"--num-train: {num_train} samples do not determine a polynomial of degree 12, which has 13 coefficients "
            f"(choose at least {FEWEST_SAMPLES})"
        )
    elif num_train > MOST_SAMPLES:
        mistakes.append(f"--num-train: {num_train} samples are more than the chart can show (at most {MOST_SAMPLES})")
    if not 0 <= noise <= MOST_NOISE:  # NaN is in no range
        mistakes.append(f"--noise: {noise} is not a standard deviation (choose from 0 to {MOST_NOISE})")
    return mistakes
