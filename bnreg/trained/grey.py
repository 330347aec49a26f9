"""Images of any mode as 8 bits of grey."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from bnreg.errors import UserError

LIGHT = 128
WHITES = (1, 255, 65535)  # of masks and floats, of 8 bits, of 16 bits

BITS_PER_SAMPLE, MAX_SAMPLE_VALUE = 258, 281  # TIFF 6.0, section 8


class Grey(NamedTuple):
    """A grey image.

    Attributes:
        image: In mode L.
        is_dark_ink: Whether it is dark ink without a background, which is then white.
        notes: What was assumed, one line each.
    """

    image: Image.Image
    is_dark_ink: bool
    notes: tuple[str, ...]


def declared_white(image: Image.Image) -> int | None:
    """The sample that is white according to an image's file; None if it does not say."""
    if image.mode == "F":
        return None
    if not image.mode.startswith("I"):
        return 255
    tags = getattr(image, "tag_v2", None)
    if tags is None:  # Pillow scales the others to 16 bits
        return 65535
    if MAX_SAMPLE_VALUE in tags:
        return int(np.max(tags[MAX_SAMPLE_VALUE]))
    bits = int(tags[BITS_PER_SAMPLE][0])
    return None if bits > 16 else 2**bits - 1  # programs that write 32 bits rarely use them all


def grey(image: Image.Image, white: int | None) -> Grey:
    """Convert an image of any mode to grey.

    Where it is transparent, it gets a background: that of its border or, if the border is transparent too, black behind
    light ink and white behind dark ink.

    Args:
        image: The image.
        white: Its file's ``declared_white``.

    Raises:
        UserError: If its samples do not say which of them is white.
    """
    if image.mode == "L" or image.mode == "F" or image.mode.startswith("I"):
        samples, notes = _eight_bits(np.asarray(image), white)
        if not image.has_transparency_data:
            return Grey(Image.fromarray(samples), is_dark_ink=False, notes=notes)
        alpha = np.where(np.asarray(image) == image.info["transparency"], 0, 255)
        return _composited(samples, alpha, notes)
    if not image.has_transparency_data:
        return Grey(image.convert("L"), is_dark_ink=False, notes=())
    colours = image.convert("RGBA")
    return _composited(np.asarray(colours.convert("L")), np.asarray(colours.getchannel("A")), ())


def border_of(values: NDArray[np.generic]) -> NDArray[np.float64]:
    """The outermost pixels of an image."""
    return np.concatenate([values[0], values[-1], values[:, 0], values[:, -1]]).astype(float)


def _eight_bits(samples: NDArray[np.generic], declared: int | None) -> tuple[NDArray[np.uint8], tuple[str, ...]]:
    """Samples scaled to 8 bits, and notes."""
    least, largest = float(samples.min()), float(samples.max())
    if not 0 <= least <= largest:
        raise UserError(
            "has negative samples or NaN: which of them are black and white is unknown; save it with 8 bits"
        )
    by_content = [white for white in WHITES if largest <= white and (declared is None or white < declared)]
    white = by_content[0] if by_content else declared
    if white is None:
        raise UserError(
            f"has samples up to {largest:,.0f}: which of them is white is unknown; save it with 8 or 16 bits"
        )
    notes = (f"no sample is larger than {largest:g}: {white:,} is taken as white",) if by_content else ()
    return np.rint(np.minimum(samples.astype(float) / white, 1) * 255).astype(np.uint8), notes


def _composited(shades: NDArray[np.uint8], alpha: NDArray[np.generic], notes: tuple[str, ...]) -> Grey:
    """A transparent image over a background."""
    opacity = alpha.astype(float) / 255
    border, border_opacity = border_of(shades), border_of(opacity)
    if np.median(border_opacity) >= 0.5:
        ground, is_dark_ink = float(np.median(border[border_opacity >= 0.5])), False
    else:
        is_dark_ink = bool((shades * opacity).sum() < LIGHT * opacity.sum())
        ground = 255 if is_dark_ink else 0
    pixels = np.rint(shades * opacity + ground * (1 - opacity)).astype(np.uint8)
    return Grey(Image.fromarray(pixels), is_dark_ink, notes)
