"""The vote: images classified by the networks of all seeds of an arm."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from bnreg.config.experiment import Cell
from bnreg.nn.evaluation import logits_of
from bnreg.trained.load import TrainedArm
from bnreg.trained.pictures import Picture


@dataclass(frozen=True)
class Vote:
    """The vote of an arm's networks on an image.

    Attributes:
        prediction: The class with the most votes; in a tie, the one with the highest mean probability.
        num_voters: Number of networks.
        votes: Number of votes for each class that has any: the prediction first, then in descending order.
        probability: Mean of the networks' softmax probabilities of the prediction, in [0, 1].
        probabilities: The same for every class.
    """

    prediction: int
    num_voters: int
    votes: dict[int, int]
    probability: float
    probabilities: tuple[float, ...]


@dataclass(frozen=True)
class Prediction:
    """One image and the vote of one arm on it."""

    picture: Picture
    cell: Cell
    vote: Vote

    def describe(self) -> dict[str, Any]:
        """The prediction as plain data, for printing as a table or as JSON."""
        return {
            "image": str(self.picture.path),
            "point_index": self.cell.point_index,
            "point": dict(self.cell.point),
            "arm": self.cell.arm,
            "class": self.vote.prediction,
            "num_seeds": self.vote.num_voters,
            "votes": {str(label): number for label, number in self.vote.votes.items()},
            "probability": self.vote.probability,
            "probabilities": list(self.vote.probabilities),
        }


def predict(arms: Sequence[TrainedArm], pictures: Sequence[Picture]) -> list[Prediction]:
    """The vote of each arm on each picture, picture by picture.

    Args:
        arms: The networks that vote, in eval mode.
        pictures: At least one, of the shape that the networks read.
    """
    pixels = torch.tensor(np.stack([picture.pixels for picture in pictures])).flatten(1)
    inputs = pixels.to(torch.get_default_dtype()).div_(255)
    by_arm = [votes(logits_of(arm.network, inputs)) for arm in arms]
    return [
        Prediction(picture, arm.cell, arm_votes[index])
        for index, picture in enumerate(pictures)
        for arm, arm_votes in zip(arms, by_arm, strict=True)
    ]


def votes(logits: Tensor) -> list[Vote]:
    """One vote for each image, from logits of shape (R, images, classes)."""
    probabilities = logits.to(torch.float64).softmax(2)
    return [_vote(probabilities[:, image]) for image in range(logits.shape[1])]


def _vote(probabilities: Tensor) -> Vote:
    """The vote of networks whose probabilities have shape (R, classes)."""
    num_voters, num_classes = probabilities.shape
    counts = torch.bincount(probabilities.argmax(1), minlength=num_classes).tolist()
    means = probabilities.mean(0).tolist()
    ranking = sorted(range(num_classes), key=lambda label: (-counts[label], -means[label]))
    return Vote(
        prediction=ranking[0],
        num_voters=num_voters,
        votes={label: counts[label] for label in ranking if counts[label]},
        probability=means[ranking[0]],
        probabilities=tuple(means),
    )
