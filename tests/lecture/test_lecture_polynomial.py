"""Polynomials fitted to noisy samples: exact recovery, an independent fit, and the law of the lecture's picture."""

import numpy as np
import pytest
from numpy.polynomial import Polynomial

from bnreg.lecture.polynomial import (
    DEGREES,
    NUM_TEST,
    Samples,
    draw_samples,
    fit_polynomial,
    root_mean_square_error,
    study_polynomials,
    true_function,
)

DEFAULTS = {"seed": 0, "num_train": 20, "noise": 0.25}


@pytest.fixture(scope="module")
def study():
    return study_polynomials(**DEFAULTS)


@pytest.mark.parametrize("degree", list(DEGREES))
def test_a_noise_free_polynomial_is_recovered(degree):
    generator = np.random.default_rng(degree)
    true = Polynomial(generator.normal(size=degree + 1))
    x = np.sort(generator.random(30))
    fit = fit_polynomial(Samples(x, true(x)), degree)
    assert fit.degree() == degree
    grid = np.linspace(x[0], x[-1], 101)
    np.testing.assert_allclose(fit(grid), true(grid), atol=1e-9)


@pytest.mark.parametrize("degree", [1, 3, 6])
def test_the_coefficients_are_those_of_another_least_squares_fit(degree, study):
    expected = np.polyfit(study.train.x, study.train.y, degree)[::-1]
    np.testing.assert_allclose(study.fits[degree].convert().coef, expected, rtol=1e-6)


def test_a_fits_residuals_are_orthogonal_to_the_powers(study):
    """This is what makes it least squares: no change of a coefficient can lower the error."""
    x, y = study.train
    for degree, fit in study.fits.items():
        powers = np.vander(2 * x - 1, degree + 1)
        np.testing.assert_allclose(powers.T @ (fit(x) - y), 0, atol=1e-9)


@pytest.mark.parametrize("seed", range(5))
def test_the_train_error_falls_with_the_degree(seed):
    """Each degree contains the lower ones."""
    errors = [error.train_error for error in study_polynomials(seed, 20, 0.25).errors]
    assert (np.diff(errors) <= 1e-12).all()


def test_as_many_samples_as_coefficients_are_fitted_exactly():
    assert study_polynomials(1, 13, 0.25).errors[-1].train_error < 1e-9


def test_the_test_error_is_smallest_between_the_lowest_and_the_highest_degree(study):
    """The lecture's picture, at the command's defaults: first too stiff, then too flexible, by clear margins."""
    errors = {error.degree: error.test_error for error in study.errors}
    assert list(errors) == list(range(1, 13))
    best = errors[study.best_degree]
    assert best == min(errors.values())
    assert errors[1] > 1.3 * best
    assert errors[12] > 1.3 * best


def test_new_samples_cannot_be_fitted_better_than_their_noise_allows(study):
    assert min(error.test_error for error in study.errors) > 0.98 * DEFAULTS["noise"]


def test_the_errors_are_those_of_the_fits_on_train_and_test_samples(study):
    test = draw_samples(0, "test", NUM_TEST, 0.25)
    for error in study.errors:
        for samples, expected in ((study.train, error.train_error), (test, error.test_error)):
            distance = np.linalg.norm(study.fits[error.degree](samples.x) - samples.y) / len(samples.x) ** 0.5
            assert distance == pytest.approx(expected, rel=1e-12)


def test_the_root_mean_square_error_of_known_residuals():
    samples = Samples(np.array([0.0, 1.0]), np.array([3.0, 5.0]))
    assert root_mean_square_error(Polynomial([0, 1]), samples) == pytest.approx((9 / 2 + 16 / 2) ** 0.5)


def test_the_seed_decides_everything(study):
    again, other = study_polynomials(**DEFAULTS), study_polynomials(**DEFAULTS | {"seed": 1})
    assert again.errors == study.errors
    assert (again.train.x == study.train.x).all()
    assert other.errors != study.errors
    assert not np.isin(other.train.x, study.train.x).any()


def test_train_and_test_samples_are_distinct():
    train, test = (draw_samples(0, purpose, 1000, 0.25) for purpose in ("train", "test"))
    assert not np.isin(train.x, test.x).any()


def test_samples_are_uniform_on_the_unit_interval_with_the_requested_noise():
    samples = draw_samples(0, "test", 10_000, 0.25)
    residuals = samples.y - np.sin(2 * np.pi * samples.x)
    assert (np.diff(samples.x) >= 0).all()
    np.testing.assert_allclose(np.quantile(samples.x, [0, 0.25, 0.5, 0.75, 1]), [0, 0.25, 0.5, 0.75, 1], atol=0.02)
    assert residuals.std() == pytest.approx(0.25, rel=0.03)
    assert residuals.mean() == pytest.approx(0, abs=0.01)
    assert abs(np.corrcoef(samples.x, residuals)[0, 1]) < 0.04


def test_without_noise_samples_lie_on_the_function():
    samples = draw_samples(3, "train", 50, 0)
    assert (samples.y == true_function(samples.x)).all()
