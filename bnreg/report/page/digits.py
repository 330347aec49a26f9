"""Pictures of the test images about which two arms disagree."""

import base64
import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from PIL import Image

from bnreg.analysis.comparison import Block
from bnreg.analysis.disagreement import Example, disagreements
from bnreg.analysis.run_view import RunView

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

NUM_SHOWN = 12
MAX_ARMS = 3


class Images(NamedTuple):
    """The images of a test set.

    Attributes:
        images: Pixel values 0 to 255, shape (examples, height, width).
        labels: Classes, shape (examples,).
    """

    images: "NDArray[np.uint8]"
    labels: "NDArray[np.int64]"


@dataclass(frozen=True)
class Digit:
    """A test image.

    Attributes:
        source: The picture, as a data URL.
        label: What it is.
        counts: How many networks of each arm get it right, a line each.
    """

    source: str
    label: int
    counts: tuple[str, str]


@dataclass(frozen=True)
class Digits:
    """What an arm and the baseline disagree about.

    Attributes:
        arm: The arm.
        baseline: The baseline.
        better: Images that more of the arm's networks get right.
        worse: Images that more of the baseline's do.
    """

    arm: str
    baseline: str
    better: Sequence[Digit]
    worse: Sequence[Digit]


def digits(block: Block, images: Callable[[RunView], Images | None]) -> list[Digits]:
    """What each of the first three arms and the baseline disagree about; nothing of a sweep, or without images.

    Args:
        block: The comparison of a run's arms.
        images: Returns the test images of a run, None if they are not at hand.
    """
    (view,) = block.views
    if block.baseline is None or view.point_keys or not view.correct:
        return []
    arms = [arm for arm in view.arms if arm != block.baseline][:MAX_ARMS]
    found = [(arm, *disagreements(view, arm, NUM_SHOWN)) for arm in arms]
    found = [one for one in found if any(one[1:])]
    test = images(view) if found else None
    if test is None:
        return []

    def shown(example: Example, arm: str) -> Digit:
        of = example.num_seeds
        return Digit(
            source=_data_url(test.images[example.index]),
            label=int(test.labels[example.index]),
            counts=(f"{arm} {example.arm_right}/{of}", f"{block.baseline} {example.baseline_right}/{of}"),
        )

    return [
        Digits(arm, block.baseline, [shown(one, arm) for one in better], [shown(one, arm) for one in worse])
        for arm, better, worse in found
    ]


def _data_url(pixels: "NDArray[np.uint8]") -> str:
    content = io.BytesIO()
    Image.fromarray(pixels).save(content, "PNG", optimize=True)
    return f"data:image/png;base64,{base64.b64encode(content.getvalue()).decode()}"
