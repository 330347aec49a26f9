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
from bnreg.trained.pictures import read_pictures
from bnreg.trained.predict import votes

SHAPE = (28, 28)
RANDOM = np.random.default_rng(1)


def digit():
    """A picture as irregular as a digit, with a black border."""
    pixels = np.zeros(SHAPE, dtype=np.uint8)
    pixels[4:24, 4:24] = RANDOM.integers(0, 256, (20, 20))
    return pixels


def read(path, *, invert=False, shape=SHAPE):
    (picture,) = read_pictures([path], shape, invert=invert)
    return picture


def pixels_of(image, tmp_path, *, name="x.png", invert=False, shape=SHAPE, **options):
    path = tmp_path / name
    image.save(path, **options)
    return read(path, invert=invert, shape=shape).pixels


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
    pixels = pixels_of(Image.fromarray(np.full((7, 7), 200, dtype=np.uint8)), tmp_path)
    assert pixels.shape == SHAPE
    assert (pixels == 200).all()


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
    assert pixels_of(Image.new("L", size, 9), tmp_path).tolist() == np.full(SHAPE, 9).tolist()


def test_inverting_exchanges_light_and_dark(tmp_path):
    pixels = digit()
    assert (pixels_of(Image.fromarray(255 - pixels), tmp_path, invert=True) == pixels).all()


def test_transparent_parts_are_black(tmp_path):
    pixels = digit()
    white = np.full_like(pixels, 255)
    rgba = Image.fromarray(np.stack([white, white, white, pixels], axis=2))
    assert (pixels_of(rgba, tmp_path) == pixels).all()
    rgba.putalpha(0)
    assert not pixels_of(rgba, tmp_path).any()


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
    pixels = pixels_of(Image.new("RGB", SHAPE, (255, 0, 0)), tmp_path)
    assert set(np.unique(pixels)) == {76}  # 299/1000 of 255, ITU-R 601


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
    frames = [Image.fromarray(np.full(SHAPE, value, dtype=np.uint8)) for value in (10, 90, 170)]
    frames[0].save(tmp_path / "x.gif", save_all=True, append_images=frames[1:])
    picture = read(tmp_path / "x.gif")
    assert (picture.pixels == 10).all()
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


def test_an_image_without_contrast_is_noted(tmp_path):
    Image.new("L", SHAPE, 255).save(tmp_path / "x.png")
    assert read(tmp_path / "x.png").notes == ("all pixels have the same shade: nothing to see",)


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


REFUSED = {
    "text.png": (lambda: b"five\n", r"not an image \(readable: PNG, JPEG, GIF, BMP, TIFF, WEBP, PPM\)"),
    "page.ps": (lambda: b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n%%EOF\n", "not an image"),
    "truncated.png": (lambda: png()[:300], "damaged image: "),
    "garbled.png": (lambda: png()[:60] + b"?" * 200 + png()[260:], "damaged image: "),
    "empty.png": (lambda: b"", "is empty"),
    "bomb.png": (lambda: bomb(60_000), "too large: more than 89,478,485 pixels"),
    "small_bomb.png": (lambda: bomb(10_000), "too large: more than 89,478,485 pixels"),
    "float.tiff": ("F", "damaged image: samples of more than 16 bits; save it with 8 or 16"),
    "int.tiff": ("I", "damaged image: samples of more than 16 bits; save it with 8 or 16"),
}


def make_refused(name):
    content, _ = REFUSED[name]
    if isinstance(content, str):
        Image.new(content, SHAPE, 100_000).save(name)
    else:
        Path(name).write_bytes(content())


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
        read_pictures([*map(Path, REFUSED), Path("none.png")], SHAPE, invert=False)
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
            assert read(path).pixels.shape == SHAPE
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
