"""From image files to votes."""

import os
import struct
import warnings
import zlib
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from PIL import Image, ImageOps

from bnreg.errors import UserError
from bnreg.trained.framing import is_framed
from bnreg.trained.pictures import read_pictures
from bnreg.trained.predict import votes

SHAPE = (28, 28)
RANDOM = np.random.default_rng(1)


def digit():
    """A picture as irregular as a digit, with a black border."""
    pixels = np.zeros(SHAPE, dtype=np.uint8)
    pixels[4:24, 4:24] = RANDOM.integers(0, 256, (20, 20))
    return pixels


def read(path, *, invert=False, shape=SHAPE, ink_side=None):
    (picture,) = read_pictures([path], shape, ink_side=ink_side, invert=invert)
    return picture


def saved_and_read(image, tmp_path, *, name="x.png", invert=False, shape=SHAPE, ink_side=None, **options):
    path = tmp_path / name
    image.save(path, **options)
    return read(path, invert=invert, shape=shape, ink_side=ink_side)


def pixels_of(image, tmp_path, **arguments):
    return saved_and_read(image, tmp_path, **arguments).pixels


@pytest.mark.parametrize("name", ["x.png", "x.bmp", "x.tiff", "x.pgm", "x.gif"])
def test_a_grey_image_of_the_right_size_is_read_as_it_is(tmp_path, name):
    pixels = digit()
    assert (pixels_of(Image.fromarray(pixels), tmp_path, name=name) == pixels).all()


@pytest.mark.parametrize("factor", [2, 10])
def test_an_enlarged_image_is_shrunk_to_the_original(tmp_path, factor):
    pixels = digit()
    enlarged = np.kron(pixels, np.ones((factor, factor), dtype=np.uint8))
    assert (pixels_of(Image.fromarray(enlarged), tmp_path) == pixels).all()


def test_a_small_image_is_enlarged_to_fill_the_frame(tmp_path):
    small = np.full((7, 7), 200, dtype=np.uint8)
    small[0, 0] = 0
    pixels = pixels_of(Image.fromarray(small), tmp_path)
    assert pixels.shape == SHAPE
    assert (pixels[6:] == 200).all()


def test_an_oblong_image_is_padded_with_its_border_not_stretched(tmp_path):
    oblong = np.full((56, 28), 30, dtype=np.uint8)
    oblong[20:36, 6:22] = 250
    pixels = pixels_of(Image.fromarray(oblong), tmp_path)
    rows, columns = np.nonzero(pixels > 200)
    assert (np.ptp(rows), np.ptp(columns)) == (7, 7)  # still a square
    assert (pixels[:, :7] == 30).all()
    assert (pixels[:, 21:] == 30).all()


@pytest.mark.parametrize("size", [(1, 3000), (3000, 1)])
def test_an_image_as_thin_as_a_line_can_be_read(tmp_path, size):
    line = Image.new("L", size, 9)
    line.paste(200, (0, 0, *(-(-side // 3) for side in size)))
    pixels = pixels_of(line, tmp_path)
    assert (pixels.min(), pixels.max()) == (9, 200)


def test_inverting_exchanges_light_and_dark(tmp_path):
    pixels = digit()
    assert (pixels_of(Image.fromarray(255 - pixels), tmp_path, invert=True) == pixels).all()


def test_transparent_parts_are_black(tmp_path):
    pixels = digit()
    white = np.full_like(pixels, 255)
    rgba = Image.fromarray(np.stack([white, white, white, pixels], axis=2))
    assert (pixels_of(rgba, tmp_path) == pixels).all()


def test_a_transparent_palette_colour_is_black(tmp_path):
    image = Image.fromarray(np.where(digit() > 0, 1, 0).astype(np.uint8), mode=None).convert("P")
    image.putpalette([250, 250, 250, 200, 200, 200])
    pixels = pixels_of(image, tmp_path, transparency=0)
    assert set(np.unique(pixels)) == {0, 200}


def test_sixteen_bits_are_scaled_to_eight(tmp_path):
    pixels = digit()
    assert (pixels_of(Image.fromarray(pixels.astype(np.uint16) * 257), tmp_path) == pixels).all()


def test_sixteen_bits_of_a_portable_greymap_are_scaled_too(tmp_path):
    pixels = digit()
    path = tmp_path / "x.pgm"
    path.write_bytes(b"P5 28 28 65535\n" + (pixels.astype(">u2") * 257).tobytes())
    assert (read(path).pixels == pixels).all()


def test_colours_become_their_luminance(tmp_path):
    image = Image.new("RGB", SHAPE)
    image.paste((255, 0, 0), (9, 9, 20, 20))
    assert set(np.unique(pixels_of(image, tmp_path))) == {0, 76}  # 299/1000 of 255, ITU-R 601


def test_a_photograph_is_turned_upright(tmp_path):
    pixels = digit()
    exif = Image.Exif()
    exif[0x0112] = 6  # the camera was held on its side
    turned = Image.fromarray(np.rot90(pixels))
    assert (pixels_of(turned, tmp_path, exif=exif) == pixels).all()


@pytest.mark.parametrize("shape", [(28, 28), (6, 6), (20, 30)])
def test_every_picture_has_the_shape_that_the_network_reads(tmp_path, shape):
    assert pixels_of(Image.fromarray(digit()), tmp_path, shape=shape).shape == shape


def test_only_the_first_frame_of_an_animation_is_read_and_a_note_says_so(tmp_path):
    frames = [Image.fromarray(np.roll(digit(), shift)) for shift in range(3)]
    frames[0].save(tmp_path / "x.gif", save_all=True, append_images=frames[1:])
    picture = read(tmp_path / "x.gif")
    assert (picture.pixels == np.asarray(frames[0])).all()
    assert "only the first of 3 frames is classified" in picture.notes


@pytest.mark.parametrize(
    ("inverted_file", "invert", "note"),
    [
        (False, False, None),
        (True, False, "light background; MNIST's digits are light on dark: try --invert"),
        (True, True, None),
        (False, True, "light background; MNIST's digits are light on dark: leave out --invert"),
    ],
)
def test_a_light_background_is_noted(tmp_path, inverted_file, invert, note):
    image = Image.fromarray(digit())
    (ImageOps.invert(image) if inverted_file else image).save(tmp_path / "x.png")
    assert read(tmp_path / "x.png", invert=invert).notes == (() if note is None else (note,))


EMPTY = {
    "white": Image.new("L", SHAPE, 255),
    "black": Image.new("L", (900, 300)),
    "transparent": Image.new("RGBA", SHAPE, (255, 255, 255, 0)),
    "of one sample": Image.new("I", SHAPE, 7),
    "paper": Image.fromarray(RANDOM.normal(30, 5, (600, 600)).astype(np.uint8)),
    "vignette": Image.fromarray(np.hypot(*np.mgrid[-60:60, -60:60]).astype(np.uint8)),
}


@pytest.mark.parametrize(("name", "ink_side"), [*((name, 20) for name in EMPTY), ("white", None), ("black", None)])
def test_an_empty_picture_is_not_guessed_at(tmp_path, name, ink_side):
    with pytest.raises(UserError, match=r"x\.tiff: has almost the same shade everywhere: nothing to see$"):
        saved_and_read(EMPTY[name], tmp_path, name="x.tiff", ink_side=ink_side)


def image_of(samples, dtype):
    """A picture with samples of another type: 16 bits are unsigned, 32 bits are integers or floats."""
    return Image.fromarray(samples.astype(dtype))


@pytest.mark.parametrize(
    ("dtype", "white", "name"),
    [
        (np.uint8, 1, "x.png"),
        (np.uint16, 1, "x.png"),
        (np.uint16, 255, "x.png"),
        (np.uint16, 255, "x.tiff"),
        (">u2", 255, "x.tiff"),
        (np.int32, 1, "x.tiff"),
        (np.int32, 255, "x.tiff"),
        (np.int32, 65535, "x.tiff"),
        (np.float32, 1, "x.tiff"),
        (np.float32, 255, "x.tiff"),
        (np.float32, 65535, "x.tiff"),
    ],
)
def test_samples_that_use_little_of_their_range_are_scaled_by_what_they_hold_with_a_note(tmp_path, dtype, white, name):
    pixels = digit()
    pixels[9, 9] = 255
    if white == 1 and dtype != np.float32:
        pixels = np.where(pixels > 99, 255, 0).astype(np.uint8)
    picture = saved_and_read(image_of(pixels / 255 * white, dtype), tmp_path, name=name)
    assert (picture.pixels == pixels).all()
    assert picture.notes == (f"no sample is larger than {white:g}: {white:,} is taken as white",)


def test_a_file_may_say_which_sample_is_white(tmp_path):
    """Twelve bits of a camera in a TIFF of 16, with the tag MaxSampleValue."""
    pixels = digit()
    picture = saved_and_read(image_of(pixels / 255 * 4095, np.uint16), tmp_path, name="x.tiff", tiffinfo={281: 4095})
    assert np.abs(picture.pixels.astype(int) - pixels).max() <= 1
    assert picture.notes == ()


@pytest.mark.parametrize(("dtype", "white"), [(np.uint8, 255), (np.uint16, 65535), (">u2", 65535)])
def test_samples_that_use_their_range_are_scaled_by_it(tmp_path, dtype, white):
    pixels = digit()
    picture = saved_and_read(image_of(pixels * (white / 255), dtype), tmp_path, name="x.tiff")
    assert (picture.pixels == pixels).all()
    assert picture.notes == ()


@pytest.mark.parametrize("mode", ["1", "L", "P", "RGB", "CMYK", "LA", "RGBA", "I", "I;16", "I;16B", "F", "YCbCr"])
def test_a_picture_is_read_alike_in_every_mode(tmp_path, mode):
    pixels = np.where(digit() > 99, 255, 0).astype(np.uint8)
    image = Image.fromarray(pixels)
    types = {"I": np.int32, "I;16": np.uint16, "I;16B": ">u2", "F": np.float32}
    converted = (
        image_of(pixels * (1.0 if mode == "F" else 257.0), types[mode]) if mode in types else image.convert(mode)
    )
    assert converted.mode == mode
    assert (pixels_of(converted, tmp_path, name="x.tiff") == pixels).all()


INK_NOTE = "dark ink on a transparent background is read as light on dark"


@pytest.mark.parametrize(("shade", "invert", "notes"), [(0, False, (INK_NOTE,)), (0, True, ()), (255, False, ())])
@pytest.mark.parametrize("mode", ["RGBA", "LA"])
def test_ink_on_transparency_is_light_on_dark_whatever_its_shade(tmp_path, shade, invert, notes, mode):
    pixels = digit()
    image = Image.new(mode, SHAPE, (shade,) * (len(mode) - 1) + (0,))
    image.putalpha(Image.fromarray(pixels))
    picture = saved_and_read(image, tmp_path, invert=invert)
    assert (picture.pixels == pixels).all()
    assert picture.notes == notes


def test_sixteen_bits_may_have_a_transparent_shade(tmp_path):
    pixels = np.where(digit() > 99, 1000, 65535)
    picture = saved_and_read(image_of(pixels, np.uint16), tmp_path, transparency=65535)
    assert set(np.unique(picture.pixels)) == {0, 251}
    assert picture.notes == (INK_NOTE,)


def test_transparent_corners_do_not_become_ink(tmp_path):
    """A card with rounded corners: its background is that of the opaque border."""
    alpha = np.full(SHAPE, 255, dtype=np.uint8)
    alpha[:4, :4] = alpha[-4:, -4:] = 0
    pixels = digit()
    card = Image.fromarray(np.dstack([255 - pixels] * 3 + [alpha]))
    assert (pixels_of(card, tmp_path, invert=True) == pixels).all()


def mnist_digits():
    """Digits of MNIST, one of each class."""
    from bnreg.data.embedded import read_embedded

    return read_embedded().test_images[::100]


def enlarged(pixels, factor):
    return Image.fromarray(np.kron(pixels, np.ones((factor, factor), dtype=np.uint8)))


def test_every_digit_of_mnist_is_framed_already():
    from bnreg.data.embedded import read_embedded

    arrays = read_embedded()
    images = np.concatenate([arrays.train_images, arrays.test_images])
    assert all(is_framed(image, 20) for image in images)


@pytest.mark.parametrize("factor", [1, 10])
def test_a_digit_framed_as_in_mnist_stays_as_it_is(tmp_path, factor):
    for pixels in mnist_digits():
        picture = saved_and_read(enlarged(pixels, factor), tmp_path, ink_side=20)
        assert (picture.pixels == pixels).all()
        assert picture.notes == ()


CROPPED = "not framed like the training images: cropped to what is light, and centred"


def likeness(picture, pixels):
    """The correlation of a framed picture with its digit, at the best of the nine nearest places."""
    places = [np.roll(pixels, place, axis=(0, 1)) for place in np.ndindex(3, 3)]
    moved = np.roll(picture.pixels, (1, 1), axis=(0, 1))
    return max(np.corrcoef(moved.ravel(), place.ravel())[0, 1] for place in places)


FRAMES = {  # the digit's scale, its place, the size of the picture
    "wide": (3, (100, 20), (280, 120)),
    "high": (2, (0, 130), (60, 400)),
    "small in the frame": (1, (9, 3), (60, 60)),
    "tiny in a photograph": (2, (701, 333), (1000, 800)),
    "off the centre": (6, (40, 0), (220, 168)),
}


@pytest.mark.parametrize("frame", FRAMES)
@pytest.mark.parametrize(("light", "dark"), [(255, 0), (200, 60), (10, 240)], ids=["full", "faint", "dark"])
def test_a_digit_anywhere_in_a_picture_is_framed_as_in_mnist_with_a_note(tmp_path, frame, light, dark):
    factor, place, size = FRAMES[frame]
    for pixels in mnist_digits():
        canvas = Image.new("L", size)
        canvas.paste(enlarged(pixels, factor), place)
        shades = dark + (np.asarray(canvas) / 255) * (light - dark)
        image = Image.fromarray(np.rint(shades).astype(np.uint8))
        picture = saved_and_read(image, tmp_path, ink_side=20, invert=light < dark)
        assert likeness(picture, pixels) > 0.9
        assert is_framed(picture.pixels, 20)
        assert picture.pixels.max() == 255
        assert picture.notes == (CROPPED,)


def test_noise_is_not_ink(tmp_path):
    (pixels, *_) = mnist_digits()
    canvas = Image.new("L", (800, 600))
    canvas.paste(enlarged(pixels, 10), (400, 200))
    noisy = np.asarray(canvas) * 0.7 + RANDOM.normal(30, 8, (600, 800))
    picture = saved_and_read(Image.fromarray(np.clip(noisy, 0, 255).astype(np.uint8)), tmp_path, ink_side=20)
    assert likeness(picture, pixels) > 0.9
    assert is_framed(picture.pixels, 20)


def test_only_pictures_for_data_that_are_framed_by_their_ink_are_cropped(tmp_path):
    pixels = np.roll(digit(), 4, axis=1)
    picture = saved_and_read(Image.fromarray(pixels), tmp_path, ink_side=None)
    assert (picture.pixels == pixels).all()
    assert picture.notes == ()


def bomb(side):
    """A PNG whose header promises this many pixels per side, but which contains none."""
    header = b"IHDR" + struct.pack(">IIBBBBB", side, side, 8, 0, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n\0\0\0\x0d" + header + struct.pack(">I", zlib.crc32(header)) + b"\0\0\0\0IDAT5\xaf\x06\x1e"
    )


def png():
    path = Path("good.png")
    Image.fromarray(digit()).save(path)
    return path.read_bytes()


def blank():
    path = Path("blank.png")
    Image.new("L", SHAPE, 90).save(path)
    return path.read_bytes()


REFUSED = {
    "text.png": (lambda: b"five\n", r"not an image \(readable: PNG, JPEG, GIF, BMP, TIFF, WEBP, PPM\)"),
    "page.ps": (lambda: b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n%%EOF\n", "not an image"),
    "truncated.png": (lambda: png()[:300], "damaged image: "),
    "garbled.png": (lambda: png()[:60] + b"?" * 200 + png()[260:], "damaged image: "),
    "empty.png": (lambda: b"", "is empty"),
    "bomb.png": (lambda: bomb(60_000), "too large: more than 89,478,485 pixels"),
    "small_bomb.png": (lambda: bomb(10_000), "too large: more than 89,478,485 pixels"),
    "float.tiff": (
        100_000.0,
        "has samples up to 100,000: which of them is white is unknown; save it with 8 or 16 bits",
    ),
    "int.tiff": (100_000, "has samples up to 100,000: which of them is white is unknown; save it with 8 or 16 bits"),
    "negative.tiff": (-1, "has negative samples or NaN: which of them are black and white is unknown"),
    "nan.tiff": (float("nan"), "has negative samples or NaN: which of them are black and white is unknown"),
    "infinite.tiff": (float("inf"), "has samples up to inf: which of them is white is unknown"),
    "blank.png": (lambda: blank(), "has almost the same shade everywhere: nothing to see"),
}


def make_refused(name):
    content, _ = REFUSED[name]
    if callable(content):
        Path(name).write_bytes(content())
    else:
        Image.new("F" if isinstance(content, float) else "I", SHAPE, content).save(name)


@pytest.mark.parametrize("name", list(REFUSED))
def test_a_file_that_is_not_an_image_is_refused_in_one_line(tmp_path, monkeypatch, name):
    monkeypatch.chdir(tmp_path)
    make_refused(name)
    with pytest.raises(UserError, match=f"^{name}: {REFUSED[name][1]}") as refusal:
        read(Path(name))
    assert len(str(refusal.value).splitlines()) == 1


def test_a_path_without_a_file_is_refused(tmp_path):
    (tmp_path / "folder").mkdir()
    for name, reason in {"folder": "a folder", "none.png": "No such file", "x" * 300: "File name too long"}.items():
        with pytest.raises(UserError, match=f"{name}: .*{reason}"):
            read(tmp_path / name)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no named pipes here")
def test_a_pipe_is_refused_without_waiting_for_its_writer(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(UserError, match="pipe: is not a regular file"):
        read(tmp_path / "pipe")


def test_a_file_that_may_not_be_read_is_refused(tmp_path, monkeypatch):
    Image.fromarray(digit()).save(tmp_path / "x.png")

    def refuse(*_):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "open", refuse)  # the superuser, who may run this, can read any file
    with pytest.raises(UserError, match=r"x\.png: cannot be read: Permission denied"):
        read(tmp_path / "x.png")


def test_all_refusals_are_reported_at_once(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in REFUSED:
        make_refused(name)
    with pytest.raises(UserError) as refusal:
        read_pictures([*map(Path, REFUSED), Path("none.png")], SHAPE, ink_side=None, invert=False)
    assert [line.partition(": ")[0] for line in refusal.value.lines] == [*REFUSED, "none.png"]


@given(st.binary(max_size=200), st.integers(8, 400))
def test_any_bytes_are_read_or_refused(tmp_path_factory, garbage, place):
    """A PNG overwritten anywhere after its signature."""
    folder = tmp_path_factory.getbasetemp()
    path = folder / "fuzzed.png"
    Image.fromarray(np.arange(784, dtype=np.uint8).reshape(SHAPE)).save(path)
    content = path.read_bytes()
    path.write_bytes(content[:place] + garbage + content[place + len(garbage) :])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        try:
            assert read(path, ink_side=20).pixels.shape == SHAPE
        except UserError as error:
            lines = str(error).splitlines()
            assert len(lines) == 1  # some of these bytes are still an image


def logits_for(*answers, certainty=5.0, num_classes=10):
    """One image's logits: network r answers the r-th class, shape (R, 1, classes)."""
    logits = torch.zeros(len(answers), 1, num_classes)
    for replica, answer in enumerate(answers):
        logits[replica, 0, answer] = certainty if np.isscalar(certainty) else certainty[replica]
    return logits


def test_the_class_with_most_votes_wins():
    """No matter how certain the other networks are."""
    (vote,) = votes(logits_for(5, 5, 3, 3, 5, 8, certainty=[1, 1, 9, 9, 1, 9]))
    assert vote.prediction == 5
    assert vote.votes == {5: 3, 3: 2, 8: 1}
    assert list(vote.votes) == [5, 3, 8]
    assert vote.num_voters == 6


@pytest.mark.parametrize(("certainty", "winner"), [([2, 2, 3, 3], 3), ([3, 3, 2, 2], 5)])
def test_a_tie_goes_to_the_higher_mean_probability(certainty, winner):
    (vote,) = votes(logits_for(5, 5, 3, 3, certainty=certainty))
    assert vote.prediction == winner
    assert next(iter(vote.votes)) == winner


def test_the_probability_is_the_networks_mean():
    (vote,) = votes(torch.log(torch.tensor([[[0.7, 0.2, 0.1]], [[0.5, 0.1, 0.4]]])))
    assert vote.probability == pytest.approx(0.6)
    assert vote.probabilities == pytest.approx((0.6, 0.15, 0.25))


@given(arrays.arrays(np.float32, (4, 3, 5), elements=st.floats(-20, 20, width=32)))
def test_votes_add_up_to_the_voters(logits):
    for vote in votes(torch.from_numpy(logits)):
        assert sum(vote.votes.values()) == vote.num_voters == 4
        assert vote.votes[vote.prediction] == max(vote.votes.values())
        assert sum(vote.probabilities) == pytest.approx(1)
        assert vote.probability == vote.probabilities[vote.prediction]
