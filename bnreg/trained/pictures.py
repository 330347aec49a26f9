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
from bnreg.trained.framing import border_grey, fitted, framed, is_framed
from bnreg.trained.grey import LIGHT, Grey, declared_white, grey

# Only formats that Pillow decodes itself; it hands others to programs such as Ghostscript.
PICTURE_FORMATS = ("PNG", "JPEG", "GIF", "BMP", "TIFF", "WEBP", "PPM")

LEAST_CONTRAST = 32  # of 255; with less, a network would still answer, and surely


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


def read_pictures(
    paths: Sequence[Path], shape: tuple[int, int], *, ink_side: int | None, invert: bool
) -> list[Picture]:
    """Read image files as grey images of the given shape.

    A file's first frame is turned upright (EXIF) and converted to grey; then inverted if requested or if it is dark ink
    on transparency, scaled without distortion until it fits, and centred on its border's grey. Shrinking takes the mean
    of each pixel's area, so an image of the data set that was enlarged by an integer factor is restored bit for bit.
    Where the data set's images are framed by their ink, others are cropped to theirs and framed in the same way.

    Args:
        paths: The files.
        shape: Height and width that the network reads.
        ink_side: The longer side of the ink in the data set's images, see ``framed``; None if it varies.
        invert: Whether to swap light and dark.

    Raises:
        UserError: One line for each file that is not a readable image, or has nothing to see.
    """
    pictures: list[Picture] = []
    mistakes: list[str] = []
    for path in paths:
        try:
            _check_file(path)
            pictures.append(_picture(path, _decode(path), shape, ink_side, invert=invert))
        except UserError as error:
            mistakes += error.lines
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


def _picture(path: Path, decoded: Grey, shape: tuple[int, int], ink_side: int | None, *, invert: bool) -> Picture:
    notes = list(decoded.notes)
    if decoded.is_dark_ink and not invert:
        notes.append("dark ink on a transparent background is read as light on dark")
    image = ImageOps.invert(decoded.image) if invert or decoded.is_dark_ink else decoded.image
    pixels = fitted(image, shape)
    is_light = border_grey(image) >= LIGHT
    is_cropped = ink_side is not None and not is_light and not is_framed(pixels, ink_side)
    if ink_side is not None and is_cropped:
        pixels = framed(image, shape, ink_side)
    contrast = int(np.ptp(pixels))
    if contrast < LEAST_CONTRAST:
        raise UserError(f"{path}: has almost the same shade everywhere: nothing to see")
    if is_cropped:
        pixels = np.rint(pixels * (255 / contrast)).astype(np.uint8)
        notes.append("not framed like the training images: cropped to what is light, and centred")
    if is_light:
        remedy = "leave out" if invert else "try"
        notes.append(f"light background; MNIST's digits are light on dark: {remedy} --invert")
    return Picture(path, pixels, tuple(notes))


def _decode(path: Path) -> Grey:
    """The first frame, upright and grey."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        warnings.simplefilter("error", Image.DecompressionBombWarning)
        try:
            with Image.open(path, formats=PICTURE_FORMATS) as image:
                num_frames = int(getattr(image, "n_frames", 1))
                image.seek(0)
                decoded = grey(ImageOps.exif_transpose(image), declared_white(image))
        except UserError as error:
            raise UserError(f"{path}: {error}") from None
        except UnidentifiedImageError:
            raise UserError(f"{path}: not an image (readable: {', '.join(PICTURE_FORMATS)})") from None
        except (Image.DecompressionBombError, Image.DecompressionBombWarning):
            raise UserError(f"{path}: too large: more than {Image.MAX_IMAGE_PIXELS:,} pixels") from None
        # On damaged files, Pillow's decoders raise all kinds of errors: OSError, SyntaxError, ValueError, …
        except Exception as error:
            reason = " ".join(str(error).split()) or type(error).__name__
            raise UserError(f"{path}: damaged image: {reason}") from None
    if num_frames == 1:
        return decoded
    return decoded._replace(notes=(f"only the first of {num_frames} frames is classified", *decoded.notes))
