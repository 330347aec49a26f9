"""Under- and overfitting in one dimension: polynomials fitted to a few noisy samples of a smooth function.

The lower degrees cannot follow the function; the higher ones follow the noise as well. The error on the fitted samples
falls with every degree; the error on new samples falls and then rises.
"""

from collections.abc import Callable, Mapping
from typing import NamedTuple

import numpy as np
from numpy.polynomial import Polynomial
from numpy.typing import NDArray

from bnreg.streams import stream

Array = NDArray[np.float64]

DEGREES = range(1, 13)
NUM_TEST = 10_000
NUM_CURVE_POINTS = 401


class Samples(NamedTuple):
    """Places x in [0, 1], ascending, and the noisy values y there; both of shape (samples,)."""

    x: Array
    y: Array


class DegreeErrors(NamedTuple):
    """Root-mean-square errors of the fit of one degree, in the units of y."""

    degree: int
    train_error: float
    test_error: float


class PolynomialStudy(NamedTuple):
    """Fits of all ``DEGREES`` to the same samples.

    Attributes:
        train: The samples that were fitted.
        fits: By degree.
        errors: One entry per degree; the test errors are those on 10,000 further samples.
        best_degree: The degree with the smallest test error.
    """

    train: Samples
    fits: Mapping[int, Polynomial]
    errors: list[DegreeErrors]
    best_degree: int

    @property
    def drawn_degrees(self) -> list[int]:
        """The lowest degree, the best and the highest."""
        return sorted({DEGREES[0], self.best_degree, DEGREES[-1]})


def curve(function: Callable[[Array], Array]) -> Samples:
    """A function at evenly spaced places in [0, 1], for drawing it."""
    x = np.linspace(0, 1, NUM_CURVE_POINTS)
    return Samples(x, function(x))


def study_polynomials(seed: int, num_train: int, noise: float) -> PolynomialStudy:
    """Fit every degree to noisy samples, and measure the errors on these and on new ones.

    Args:
        seed: Random seed for places and noise.
        num_train: Number of samples to fit, at least the 13 that determine the highest degree.
        noise: Standard deviation of the noise, in the units of y.
    """
    train, test = draw_samples(seed, "train", num_train, noise), draw_samples(seed, "test", NUM_TEST, noise)
    fits = {degree: fit_polynomial(train, degree) for degree in DEGREES}
    errors = [
        DegreeErrors(degree, root_mean_square_error(fit, train), root_mean_square_error(fit, test))
        for degree, fit in fits.items()
    ]
    best = min(errors, key=lambda error: error.test_error)
    return PolynomialStudy(train, fits, errors, best.degree)


def true_function(x: Array) -> Array:
    """The function that the samples are drawn from: sin 2πx, in the shape of x."""
    return np.sin(2 * np.pi * x)


def draw_samples(seed: int, purpose: str, num_samples: int, noise: float) -> Samples:
    """Samples of the true function at uniformly random places, with independent normal noise.

    Args:
        seed: Random seed; it selects the random stream together with the purpose.
        purpose: ``train`` or ``test``.
        num_samples: Number of samples.
        noise: Standard deviation of the noise, in the units of y.
    """
    generator = stream(seed, "polynomial", purpose)
    x = np.sort(generator.random(num_samples))
    return Samples(x, true_function(x) + noise * generator.standard_normal(num_samples))


def fit_polynomial(samples: Samples, degree: int) -> Polynomial:
    """The least-squares polynomial.

    It is fitted in x stretched to [-1, 1], where the powers of x are far less alike than on [0, 1] and rounding errors
    stay small; ``convert().coef`` gives the coefficients in x itself.

    Args:
        samples: At more places than the degree.
        degree: The highest power of x.
    """
    return Polynomial.fit(samples.x, samples.y, degree)


def root_mean_square_error(fit: Polynomial, samples: Samples) -> float:
    """The fit's typical distance from the samples, in the units of y."""
    return float(np.sqrt(np.mean((fit(samples.x) - samples.y) ** 2)))
