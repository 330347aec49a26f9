"""What can be said of an experiment only once its data set is known."""

from collections import defaultdict
from collections.abc import Iterator, Mapping

from bnreg.config.experiment import Cell, Experiment
from bnreg.config.schema import Data

MIN_PAIRS = 6  # 2/2⁵ > 0.05 > 2/2⁶


def check_against_data(experiment: Experiment, num_train: Mapping[str, int]) -> tuple[list[str], list[str]]:
    """What in an experiment does not fit its data.

    Args:
        experiment: The experiment.
        num_train: For each data set by the name in the config, the examples in its training set, before a validation
            split is taken from it.

    Returns:
        Errors, which forbid the run, and notices, which do not; each a line.
    """
    errors = [
        error for cell in experiment.cells for error in _errors(experiment, cell, num_train[cell.settings.data.dataset])
    ]
    notices = [*_notices_on_batches(experiment, num_train), *_notices_on_pairs(experiment)]
    return list(dict.fromkeys(errors)), list(dict.fromkeys(notices))


def _train_size(data: Data, num_train: int) -> int:
    return num_train - data.validation_size if data.train_size is None else data.train_size


def _errors(experiment: Experiment, cell: Cell, num_train: int) -> Iterator[str]:
    data = cell.settings.data
    left = num_train - data.validation_size
    train_size = _train_size(data, num_train)
    if left < 1:
        place = experiment.locate(cell, "data.validation_size")
        yield f"{place}: {data.validation_size} of {num_train} examples leave none to train on; at most {num_train - 1}"
        return
    if train_size > left:
        kept = f" beside {data.validation_size} for validation" if data.validation_size else ""
        place = experiment.locate(cell, "data.train_size")
        yield f"{place}: {train_size} of {num_train} examples are too many{kept}; at most {left}"
        return
    place = experiment.locate(cell, "data.batch_size")
    if data.batch_size > train_size:
        yield f"{place}: {data.batch_size} is larger than the training set; at most {train_size}"
    elif data.batch_size == 1 and cell.settings.model.norm == "batch":
        yield f"{place}: batch norm needs batches of at least 2, got 1"


def _notices_on_batches(experiment: Experiment, num_train: Mapping[str, int]) -> Iterator[str]:
    norms: dict[Data, set[str]] = defaultdict(set)
    for cell in experiment.cells:
        norms[cell.settings.data].add(cell.settings.model.norm)
    for data, used in norms.items():
        if "batch" in used and _train_size(data, num_train[data.dataset]) % data.batch_size == 1:
            yield (
                "the last batch of each epoch would hold 1 example, too few for batch norm: it is dropped in every arm"
            )


def _notices_on_pairs(experiment: Experiment) -> Iterator[str]:
    num_pairs = len(experiment.seeds)
    if experiment.baseline is not None and len(experiment.arms) > 1 and num_pairs < MIN_PAIRS:
        pairs = "1 pair" if num_pairs == 1 else f"{num_pairs} pairs"
        smallest = 2 / 2**num_pairs
        yield (
            f"{pairs}: no two-sided exact test can reach p < 0.05 (smallest p = {smallest:g}); "
            f"use at least {MIN_PAIRS} seeds"
        )
