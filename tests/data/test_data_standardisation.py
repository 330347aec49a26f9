"""Standardised inputs have mean 0 and standard deviation 1 over the training images, in every engine alike."""

from dataclasses import replace

import numpy as np
import pytest
from support.cells import make_cell
from support.stacks import make_engine, shard_of

from bnreg.data import standardisation_of
from bnreg.training.engines import ENGINES

AXES = {"all_pixels": (0, 1, 2), "each_pixel": (0,)}


@pytest.mark.parametrize("unit", AXES)
def test_all_pixels_or_each_have_mean_0_and_standard_deviation_1(tiny, unit):
    found = standardisation_of(tiny, unit)
    shape = tiny.train_images.shape[1:]
    x = tiny.train_images / 255.0 * found.scale.reshape(shape) + found.shift.reshape(shape)
    assert x.mean(AXES[unit]) == pytest.approx(0, abs=1e-6)
    assert x.std(AXES[unit]) == pytest.approx(1, abs=1e-6)


def test_a_pixel_that_never_changes_becomes_0(tiny):
    images = tiny.train_images.copy()
    images[:, 0, 0], images[:, 1, 1] = 0, 200
    dataset = replace(tiny, train_images=images)
    found = standardisation_of(dataset, "each_pixel")
    x = images.reshape(len(images), -1) / np.float32(255) * found.scale + found.shift
    assert x[:, [0, images.shape[2] + 1]] == pytest.approx(0, abs=1e-6)
    assert standardisation_of(replace(tiny, train_images=images * 0 + 7), "all_pixels").scale == pytest.approx(1)


def test_without_it_pixels_stay_as_they_are(tiny):
    scale, shift = standardisation_of(tiny, "none")
    assert (scale == 1).all()
    assert not shift.any()


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("unit", AXES)
def test_a_network_carries_the_numbers_that_standardise_its_input(tiny, engine, unit):
    """So whatever reads its weights needs no data."""
    cell = make_cell(data={"standardise": unit})
    state = make_engine(engine, shard_of([cell], (0,)), tiny)._program.stacks[0].state_of(0)
    expected = standardisation_of(tiny, unit)
    assert np.array_equal(state["standardise.scale"], expected.scale)
    assert np.array_equal(state["standardise.shift"], expected.shift)
    plain = make_engine(engine, shard_of([make_cell()], (0,)), tiny)._program.stacks[0].state_of(0)
    assert {*state} - {*plain} == {"standardise.scale", "standardise.shift"}
