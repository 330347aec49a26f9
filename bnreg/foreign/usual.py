"""The names that are usual in tables of results. What is taken for granted because of a name is always said."""

import re
from collections.abc import Collection
from dataclasses import dataclass
from itertools import pairwise

from bnreg.metrics import ACCURACY_SMALLEST_EFFECT, Metric


def _names(words: str) -> frozenset[str]:
    return frozenset(words.split())


# In lower case, without the marks between words: see ``wording.joined``.
ARMS = _names(
    "algorithm approach arm classifier condition configuration estimator learner method model system treatment variant"
)
SEEDS = _names(
    "cvfold fold randomseed randomstate rep repeat repetition replica replicate rngseed run seed split trial"
)
POINTS = _names("benchmark data dataset env environment problem task")
BASELINES = _names("baseline control plain reference vanilla")
# The columns that tell a training log's rows apart.
CLOCKS = _names("epoch globalstep step trainerglobalstep")
# A data frame's own, written by accident, or a tracker's.
INDEXES = re.compile(r"(unnamed: ?\d+|index|((row|run|trial|experiment)[ _.]?)?id)?", re.IGNORECASE)

_HIGHER_SHARES = _names("acc accuracy auc auroc dice f1 iou jaccard miou precision recall sensitivity specificity")
HIGHER = _HIGHER_SHARES | _names("bleu elbo mcc psnr r2 return reward rouge score ssim")
_LOWER_SHARES = _names("cer err error fpr fnr wer")
LOWER = _LOWER_SHARES | _names(
    "bpc bpd brier crossentropy ece fid latency loss mae mape mse nll perplexity ppl regret rmse"
)
SHARES = _HIGHER_SHARES | _LOWER_SHARES
_ACCURACIES = frozenset({"acc", "accuracy"})
_SPLITS = _names("train training val valid validation dev")
PERCENT = 100.0


@dataclass(frozen=True)
class Meaning:
    """How to read a metric, as far as its name and its values tell.

    Attributes:
        metric: Its direction, its unit and its usual smallest effect.
        is_percent: Whether the values are percentages.
        is_of_test_set: Whether the name speaks of no other split.
        misfit: A value that no accuracy can have, although the name says that it is one; None without.
    """

    metric: Metric
    is_percent: bool
    is_of_test_set: bool
    misfit: float | None


def meaning(name: str, values: Collection[float]) -> Meaning:
    """The meaning of a metric.

    Args:
        name: As the table has it, such as ``metrics.val_acc`` or ``Test Accuracy``.
        values: All its finite values.
    """
    words = _words(name)
    higher, lower = bool(words & HIGHER), bool(words & LOWER)
    named_share = bool(words & SHARES) and not words & (LOWER - _LOWER_SHARES)
    lowest, highest = min(values, default=0.0), max(values, default=0.0)
    is_accuracy = bool(words & _ACCURACIES) and not lower
    is_percent = named_share and lowest >= 0 and 1 < highest <= PERCENT and bool(words & _ACCURACIES)
    is_share = named_share and (is_percent or (lowest >= 0 and highest <= 1))
    return Meaning(
        metric=Metric(
            higher_is_better=higher if higher != lower else None,
            is_share=is_share,
            smallest_effect=ACCURACY_SMALLEST_EFFECT if is_accuracy and is_share else None,
        ),
        is_percent=is_percent,
        is_of_test_set=not words & _SPLITS,
        misfit=(lowest if lowest < 0 else highest) if is_accuracy and named_share and not is_share else None,
    )


def _words(name: str) -> set[str]:
    """The words of a name in lower case, also each two neighbours as one: ``top-1``, ``cross_entropy``."""
    words = [part for word in re.findall(r"[A-Za-z0-9]+", name) for part in _parts(word)]
    return {*words, *map("".join, pairwise(words))}


def _parts(word: str) -> list[str]:
    """``testAcc`` → test, acc."""
    return [part.lower() for part in re.findall(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+", word)]


def last_part(name: str) -> str:
    """``lr`` for ``params.lr`` and ``config/lr``."""
    return re.split(r"[./]", name)[-1]
