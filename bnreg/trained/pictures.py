"""Image files as a network reads them: small, grey, in the data set's proportions."""

import stat
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps, UnidentifiedImageError

from bnreg.errors import UserError

# Only formats that Pillow decodes itself; it hands others to programs such as Ghostscript.
PICTURE_FORMATS = ("PNG", "JPEG", "GIF", "BMP", "TIFF", "WEBP", "PPM")

SIXTEEN_BITS = 65535
LIGHT = 128


@dataclass(frozen=True)
class Picture:
    """An image file, prepared for a network.

    Attributes:
        path: The file.
        pixels: Values 0 to 255, uint8, shape (height, width).
        notes: What the user should know about it, one line each.
    """

    path: Path
    pixels: NDArray[np.uint8]
    notes: tuple[str, ...]


def read_pictures(paths: Sequence[Path], shape: tuple[int, int], *, invert: bool) -> list[Picture]:
    """Read image files as grey images of the given shape.

    A file's first frame is turned upright (EXIF), composited over black where it is transparent, and converted to grey;
    then inverted if requested, scaled without distortion until it fits, and centred on its border's grey. Shrinking
    takes the mean of each pixel's area, so an image of the data set that was enlarged by an integer factor is restored
    bit for bit; enlarging interpolates linearly.

    Args:
        paths: The files.
        shape: Height and width that the network reads.
        invert: Whether to swap light and dark.

    Raises:
        UserError: One line for each file that is not a readable image.
    """
    pictures: list[Picture] = []
    mistakes: list[str] = []
    for path in paths:
        try:
            _check_file(path)
            image, num_frames = _decode(path)
        except UserError as error:
            mistakes += error.lines
        else:
            pictures.append(_picture(path, image, num_frames, shape, invert=invert))
    if mistakes:
        raise UserError(*mistakes)
    return pictures


def _check_file(path: Path) -> None:
    """Refuse everything but readable regular files that are not empty; a pipe would block the reader."""
    try:
        if path.is_dir():
            raise UserError(f"{path}: is a folder; give image files")
        if not stat.S_ISREG(path.stat().st_mode):
            raise UserError(f"{path}: is not a regular file")
        with path.open("rb") as file:
            if not file.read(1):
                raise UserError(f"{path}: is empty")
    except OSError as error:
        raise UserError(f"{path}: cannot be read: {error.strerror}") from None


def _picture(path: Path, image: Image.Image, num_frames: int, shape: tuple[int, int], *, invert: bool) -> Picture:
    grey = ImageOps.invert(image) if invert else image
    border = _border(grey)
    pixels = np.asarray(_fitted(grey, shape, border))
    notes = []
    if num_frames > 1:
        notes.append(f"only the first of {num_frames} frames is classified")
    if pixels.min() == pixels.max():
        notes.append("all pixels have the same shade: nothing to see")
    elif border >= LIGHT:
        remedy = "leave out" if invert else "try"
        notes.append(f"light background; MNIST's digits are light on dark: {remedy} --invert")
    return Picture(path, pixels, tuple(notes))


def _decode(path: Path) -> tuple[Image.Image, int]:
    """The first frame, upright, in 8 bits of grey, and the number of frames."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        warnings.simplefilter("error", Image.DecompressionBombWarning)
        try:
            with Image.open(path, formats=PICTURE_FORMATS) as image:
                num_frames = int(getattr(image, "n_frames", 1))
                image.seek(0)
                return _grey(ImageOps.exif_transpose(image)), num_frames
        except UnidentifiedImageError:
            raise UserError(f"{path}: not an image (readable: {', '.join(PICTURE_FORMATS)})") from None
        except (Image.DecompressionBombError, Image.DecompressionBombWarning):
            raise UserError(f"{path}: too large: more than {Image.MAX_IMAGE_PIXELS:,} pixels") from None
        # On damaged files, Pillow's decoders raise all kinds of errors: OSError, SyntaxError, ValueError, …
        except Exception as error:
            reason = " ".join(str(error).split()) or type(error).__name__
            raise UserError(f"{path}: damaged image: {reason}") from None


def _grey(image: Image.Image) -> Image.Image:
    """Convert an image of any mode to 8 bits of grey.

    Raises:
        ValueError: If it has samples of more than 16 bits, for which white is not defined.
    """
    if image.mode == "F" or image.mode.startswith("I"):
        samples = np.asarray(image)
        if image.mode == "F" or samples.min() < 0 or samples.max() > SIXTEEN_BITS:
            raise ValueError("samples of more than 16 bits; save it with 8 or 16")
        return Image.fromarray(np.rint(samples / SIXTEEN_BITS * 255).astype(np.uint8))
    if image.has_transparency_data:
        opaque = image.convert("RGBA")
        image = Image.alpha_composite(Image.new("RGBA", opaque.size, "black"), opaque)
    return image.convert("L")


def _border(image: Image.Image) -> int:
    """The median grey of the outermost pixels."""
    pixels = np.asarray(image)
    return int(np.median(np.concatenate([pixels[0], pixels[-1], pixels[:, 0], pixels[:, -1]])))


def _fitted(image: Image.Image, shape: tuple[int, int], border: int) -> Image.Image:
    height, width = shape
    scale = min(width / image.width, height / image.height)
    size = max(1, round(image.width * scale)), max(1, round(image.height * scale))
    resampling = Image.Resampling.BOX if scale < 1 else Image.Resampling.BILINEAR
    canvas = Image.new("L", (width, height), border)
    canvas.paste(image.resize(size, resampling), ((width - size[0]) // 2, (height - size[1]) // 2))
    return canvas
