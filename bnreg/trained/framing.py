"""Put a picture into a network's frame: as a whole, or by its ink."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from bnreg.trained.grey import border_of

INK = 1 / 8  # share of the strongest ink that belongs to a digit; JPEG's ringing and noise are below it
SEARCH_SIDE = 112  # pixels of the copy in which ink is sought: a mean over many pixels has little noise
LARGEST_SHIFT = 1.5  # pixels between the centre of the frame and that of the ink; MNIST's are within 0.5
SIDE_TOLERANCE = 3  # pixels that the ink may be smaller or larger; MNIST's thinnest tails are fainter than ``INK``

Pixels = NDArray[np.uint8]


class Box(NamedTuple):
    """A rectangle, in pixels; the lower right end does not belong to it."""

    left: int
    upper: int
    right: int
    lower: int

    @property
    def side(self) -> int:
        """Its longer side."""
        return max(self.right - self.left, self.lower - self.upper)


def border_grey(image: Image.Image) -> int:
    """The median grey of the outermost pixels."""
    return int(np.median(border_of(np.asarray(image))))


def fitted(image: Image.Image, shape: tuple[int, int]) -> Pixels:
    """The whole image, scaled until it fits into a frame and centred on the grey of its border."""
    height, width = shape
    scale = min(width / image.width, height / image.height)
    size = max(1, round(image.width * scale)), max(1, round(image.height * scale))
    canvas = Image.new("L", (width, height), border_grey(image))
    canvas.paste(_resized(image, size), ((width - size[0]) // 2, (height - size[1]) // 2))
    return np.asarray(canvas)


def is_framed(pixels: Pixels, ink_side: int) -> bool:
    """Whether the ink of an image already lies as ``framed`` would place it."""
    ink = _ink(pixels, int(np.median(border_of(pixels))))
    if not ink.any():
        return False
    centre = np.asarray(_centre(ink)) - np.asarray(pixels.shape) / 2
    return abs(_box(ink).side - ink_side) <= SIDE_TOLERANCE and bool(np.abs(centre).max() <= LARGEST_SHIFT)


def framed(image: Image.Image, shape: tuple[int, int], ink_side: int) -> Pixels:
    """The ink of an image alone, as MNIST's digits were made: light on black, and not larger than a small box.

    The ink, which is what is lighter than the border, is scaled so that its longer side is ``ink_side``, and its centre
    of mass is put into the middle.

    References:
        LeCun et al., Gradient-based learning applied to document recognition, Proc. IEEE 86 (1998), section III.A
    """
    border = border_grey(image)
    for margin in (1 / 2, 0):  # coarsely in the whole image, then finely around what was found
        factor = max(1, max(image.size) // SEARCH_SIDE)
        found = _ink(np.asarray(image.reduce(factor)), border)
        if not found.any():
            return np.zeros(shape, np.uint8)
        box = _box(found)
        more = round(box.side * margin)
        left, upper = (factor * max(0, edge - more) for edge in (box.left, box.upper))
        right, lower = (factor * (edge + more) for edge in (box.right, box.lower))
        image = image.crop((left, upper, min(right, image.width), min(lower, image.height)))
    scale = ink_side / max(image.size)
    width, height = (max(1, round(side * scale)) for side in image.size)
    ink = _ink(np.asarray(_resized(image, (width, height))), border)
    frame = np.zeros(shape, np.uint8)
    corner = [
        int(np.clip(round(middle / 2 - centre), 0, middle - side))
        for middle, centre, side in zip(shape, _centre(ink), ink.shape, strict=True)
    ]
    frame[corner[0] : corner[0] + height, corner[1] : corner[1] + width] = ink
    return frame


def _resized(image: Image.Image, size: tuple[int, int]) -> Image.Image:
    """Shrinking takes the mean of each pixel's area; enlarging interpolates linearly."""
    shrinks = size[0] < image.width or size[1] < image.height
    return image.resize(size, Image.Resampling.BOX if shrinks else Image.Resampling.BILINEAR)


def _ink(pixels: Pixels, border: int) -> Pixels:
    """How much lighter each pixel is than the border."""
    return np.maximum(pixels, border).astype(np.uint8) - np.uint8(border)


def _box(ink: Pixels) -> Box:
    """The smallest box around all but the faintest ink, of which there is some."""
    strong = ink >= ink.max() * INK
    rows, columns = np.flatnonzero(strong.any(1)), np.flatnonzero(strong.any(0))
    return Box(int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(rows[-1]) + 1)


def _centre(ink: Pixels) -> tuple[float, float]:
    """The centre of mass: row and column of a pixel."""
    total = float(ink.sum()) or 1.0
    rows, columns = (np.arange(side) for side in ink.shape)
    return float(ink.sum(1) @ rows) / total, float(ink.sum(0) @ columns) / total
