"""Images are moved as the settings say, independently for each image and each seed.

The sampled positions can be read from the result: an image that holds the pixels' own coordinates returns the
coordinates of the positions, as long as these are inside the image.
"""

import numpy as np
import pytest
import scipy.ndimage
import torch

from bnreg.config.schema import Augment
from bnreg.training.stacked.augmentation import Augmentation

SHAPE = (16, 22)  # not square, so that neither axis can pass for the other
ALL = {"shift": 2, "rotate": 20.0, "elastic": 0.5}
CPU = torch.device("cpu")

pytestmark = pytest.mark.usefixtures("float64")


def move(images, *, seeds=(0,), epoch=1, device=CPU, **settings):
    """Move images of shape (n, height, width), the same for each seed; returns shape (S, n, height, width)."""
    num_images, *shape = images.shape
    x = torch.tensor(images, dtype=torch.get_default_dtype()).flatten(1).expand(len(seeds), -1, -1).to(device)
    augmentation = Augmentation(Augment(**settings), seeds, tuple(shape), device)
    moved = augmentation.moved(x, augmentation.for_epoch(epoch)(num_images))
    return moved.view(len(seeds), num_images, *shape).cpu().numpy()


def centred(shape=SHAPE):
    """Coordinates y and x of every pixel, counted from the image's centre."""
    return np.stack(np.meshgrid(*(np.arange(size) - (size - 1) / 2 for size in shape), indexing="ij"))


def places(num_images, shape=SHAPE, **settings):
    """The position that each pixel takes its value from, y and x from the centre, shape (2, n, height, width)."""
    coordinates = [np.broadcast_to(axis, (num_images, *shape)) for axis in centred(shape)]
    return np.stack([move(axis, **settings)[0] for axis in coordinates])


def angles(num_images, **settings):
    """The angle by which each image was rotated, in radians, measured at a pixel near the centre."""
    y, x = places(num_images, **settings)[:, :, SHAPE[0] // 2, SHAPE[1] // 2]
    return np.arctan2(y, x) - np.pi / 4


def picture(shape=SHAPE):
    return np.random.default_rng(0).uniform(0.2, 1, shape)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_a_shifted_image_is_the_padded_and_cropped_original(dtype, device):
    """Up to rounding; all 25 shifts of up to two pixels are equally frequent, within five standard deviations."""
    torch.set_default_dtype(dtype)
    height, width = SHAPE
    padded = np.pad(picture(), 2)
    expected = np.stack([padded[y : y + height, x : x + width] for y in range(5) for x in range(5)])
    (moved,) = move(np.broadcast_to(picture(), (2500, *SHAPE)), shift=2, device=device)
    distance = np.abs(moved[:, None] - expected).max(axis=(2, 3))
    assert np.all(distance.min(axis=1) < {torch.float32: 1e-5, torch.float64: 1e-13}[dtype])
    assert np.all(np.abs(np.bincount(distance.argmin(axis=1), minlength=25) - 100) < 50)


def test_a_rotated_image_is_scipys(device):
    """Bilinear, around the centre, and 0 outside the border; by all angles up to the largest."""
    turned = np.degrees(angles(400, rotate=50.0))
    moved = move(np.broadcast_to(picture(), (400, *SHAPE)), rotate=50.0, device=device)[0]
    for image, angle in zip(moved[:20], turned[:20], strict=True):
        expected = scipy.ndimage.rotate(picture(), angle, reshape=False, order=1, mode="grid-constant")
        np.testing.assert_allclose(image, expected, atol=1e-9)
    quarters = np.histogram(turned, bins=4, range=(-50, 50))[0]
    assert quarters.sum() == 400
    assert np.all(np.abs(quarters - 100) < 50)


def test_a_distortion_is_normal_with_the_configured_standard_deviation_at_every_pixel():
    """The two axes are independent; measured where no position is outside the image."""
    inner = np.s_[:, :, 6:-6, 6:-6]
    displacement = (places(4000, shape=(28, 28), elastic=1.2) - centred((28, 28))[:, None])[inner]
    np.testing.assert_allclose(displacement.std(axis=1), 1.2, rtol=0.06)
    assert np.abs(displacement.mean(axis=1)).max() < 0.1
    assert np.abs((displacement[0] * displacement[1]).mean(axis=0)).max() < 0.12 * 1.2**2
    assert 0.65 < np.mean(np.abs(displacement) < 1.2) < 0.71


def test_a_distortion_is_as_smooth_as_simards():
    """Random numbers under a Gaussian of σ = 4 pixels are correlated as exp(−r² / 4σ²) at a distance of r pixels."""
    shape = (27, 29)
    displacement = (places(3000, shape=shape, elastic=0.5) - centred(shape)[:, None])[:, :, 3:-3, 3:-3]
    for distance in (1, 2, 4, 6):
        for one, other in (
            (displacement[..., distance:], displacement[..., :-distance]),
            (displacement[..., distance:, :], displacement[..., :-distance, :]),
        ):
            assert np.mean(one * other) / 0.5**2 == pytest.approx(np.exp(-(distance**2) / 64), abs=0.12)


def test_the_three_combine_and_none_changes_the_others():
    """A pixel at p takes its value from R (p − s) + d, with the same R, s and d as each kind has alone."""
    inner = np.s_[:, :, 5:-5, 8:-8]
    y, x = centred()[:, None]
    shifts = (places(30, shift=2) - centred()[:, None])[:, :, 8:9, 11:12]
    distortion = places(30, elastic=0.5) - centred()[:, None]
    sines, cosines = (function(angles(30, rotate=20.0))[:, None, None] for function in (np.sin, np.cos))
    y, x = y + shifts[0], x + shifts[1]
    expected = np.stack([sines * x + cosines * y, cosines * x - sines * y]) + distortion
    np.testing.assert_allclose(places(30, **ALL)[inner], expected[inner], atol=1e-9)


def test_rotation_and_shift_are_independent():
    """If they shared a stream, they would be drawn from the same numbers."""
    shifts = (places(400, shift=14, shape=(40, 40)) - centred((40, 40))[:, None])[:, :, 20, 20]
    for shift in shifts:
        assert abs(np.corrcoef(shift, angles(400, rotate=20.0))[0, 1]) < 0.2


def test_a_seeds_images_do_not_depend_on_the_other_seeds(device):
    images = np.random.default_rng(1).uniform(size=(40, *SHAPE))
    both = move(images, seeds=(0, 1), device=device, **ALL)
    alone = move(images, seeds=(1,), device=device, **ALL)
    np.testing.assert_allclose(both[1], alone[0], atol=1e-12)
    assert np.abs(both[0] - both[1]).max() > 0.1


@pytest.mark.parametrize("kind", list(ALL))
def test_every_seed_epoch_and_image_has_its_own_moves(kind):
    """The same moves are drawn each time."""
    images = np.broadcast_to(picture(), (40, *SHAPE))
    settings = {kind: ALL[kind]}
    first = move(images, **settings)
    assert np.array_equal(first, move(images, **settings))
    for other in (move(images, seeds=(1,), **settings), move(images, epoch=2, **settings), first[:, ::-1]):
        assert np.mean(np.abs(first - other).max(axis=(2, 3)) > 0.01) > 0.8


def test_the_moves_do_not_depend_on_the_batch_size(device):
    images = np.random.default_rng(1).uniform(size=(40, *SHAPE))
    x = torch.from_numpy(images).flatten(1)[None].to(device)
    augmentation = Augmentation(Augment(**ALL), (0,), SHAPE, device)
    draw = augmentation.for_epoch(1)
    parts = [augmentation.moved(part, draw(part.shape[1])) for part in torch.split(x, 15, dim=1)]
    in_parts = torch.cat(parts, dim=1)
    np.testing.assert_allclose(in_parts.view(40, *SHAPE).cpu(), move(images, device=device, **ALL)[0], atol=1e-12)
