"""Hold the results of a run to each other.

A checksum proves that a file did not change by accident. It is no signature: whoever can change a file can change its
checksum. What is impossible, or contradicts another file, is noticed here; a consistent forgery is not.
"""

import json
import math
from collections.abc import Mapping, Sequence
from itertools import filterfalse, islice, product
from typing import Any

import numpy as np

from bnreg.budget import Budget, Moment, examples_of
from bnreg.config.cell_settings import arms_of, cell_settings, points_of
from bnreg.config.own_data import data_name
from bnreg.data.order import num_batches
from bnreg.metrics import LARGEST, metric_of
from bnreg.metrics import METRICS as KNOWN_METRICS
from bnreg.names import TUNE, TUNED
from bnreg.rounds import MAX_SEEDS, rounds_of, short_seeds
from bnreg.runs.correctness import packed_correct
from bnreg.runs.info import (
    MAX_COUNT,
    Check,
    RunInfo,
    is_count,
    is_number,
    is_text,
    is_whole,
    list_of,
    or_none,
    replicas_of,
)
from bnreg.runs.names import CORRECT, METRICS, RUN, SUMMARY
from bnreg.tuning import tune_of, tuned_of

Columns = Mapping[str, Sequence[Any]]

_OTHER_ROWS = "its rows are not those of the networks in run.json"
_IMPOSSIBLE = "no network can have such a value"


def _is_part(value: Any) -> bool:
    return is_number(value) and value < 1


def _is_size(value: Any) -> bool:
    return is_whole(value, 0, MAX_COUNT)


# The settings of finished runs that an analysis calculates with. Those of the second table may be missing.
_SETTINGS: dict[str, Check] = {
    "data.dataset": is_text,
    "data.batch_size": lambda value: value == "all" or is_count(value),
    "data.train_size": or_none(is_count),
    "data.validation_size": _is_size,
    "model.norm": is_text,
    "model.hidden": list_of(is_count),
    "optimizer.lr": is_number,
    "training.epochs": is_count,
}
_LATER_SETTINGS: dict[str, Check] = {
    "model.dropout": _is_part,
    "model.kind": is_text,
    "model.channels": list_of(is_count),
    "model.norm_placement": is_text,
    "model.dropout_placement": is_text,
    "training.steps": or_none(is_count),
    "training.evaluate.every_steps": or_none(is_count),
    "training.evaluate.at": is_text,
}


def contradiction(info: RunInfo, summary: Columns, metrics: Columns, correct: bytes | None) -> tuple[str, str] | None:
    """The first file whose content is impossible or contradicts another file, and what is wrong; None if all agree.

    Args:
        info: The contents of ``run.json``.
        summary: Column → one value per network.
        metrics: Column → one value per network and evaluation.
        correct: The content of the file of answers; None for a run that is older than it.
    """
    if not info.pairing:
        return RUN, "it does not say what its networks were trained from"
    if wrong := _wrong_settings(info):
        return RUN, wrong
    try:
        if wrong := _wrong_summary(info, summary):
            return SUMMARY, wrong
        if wrong := _wrong_metrics(info, summary, metrics):
            return METRICS, wrong
    except KeyError as column:
        return SUMMARY, f"not a table that bnreg wrote: a table of this run has no column {column}"
    wrong = None if correct is None else _wrong_answers(info, summary, correct)
    return (CORRECT, wrong) if wrong else None


def _wrong_settings(info: RunInfo) -> str | None:
    """The first setting that no config can have, or that the rest of ``run.json`` contradicts."""
    config = info.config
    if config is None:
        return None
    try:
        said = _facts_of(config, info)
        if config.get(TUNED) is not None:
            tuned_of(config[TUNED])
    except (ValueError, TypeError, AttributeError):
        return "its config has no possible sweep, seeds or tuning"
    if unlike := next((name for name, fact in _facts(info).items() if fact != said[name]), None):
        return f"its {unlike} and its config disagree"
    for place, (point, arm) in enumerate(product(info.points, info.arms)):
        try:
            settings = cell_settings(config, arm, point)
        except ValueError as error:
            return f"its config does not have its points: {error}"
        if wrong := _wrong_cell(info, place, settings):
            return wrong
    return None


def _wrong_cell(info: RunInfo, place: int, settings: Mapping[str, Any]) -> str | None:
    """What is wrong with the settings of a cell, given its place among the run's cells."""
    checks = _SETTINGS | {key: check for key, check in _LATER_SETTINGS.items() if key in settings}
    for key, check in checks.items():
        if key not in settings or not check(settings[key]):
            return f"its config has no possible {key}"
    used = info.data.get(data_name(settings["data.dataset"]))
    if used is None:
        return "its data and its config disagree"
    if not _is_enough(used.num_train, settings):
        return "its config needs more examples than its data have"
    budgets = _budgets(settings, used.num_train)
    may_stop = _may_stop(settings)
    proofs = info.pairing[place * len(info.seeds) : (place + 1) * len(info.seeds)]
    for proof in proofs:
        if not any(
            proof.epochs == budget.num_epochs or (may_stop and proof.epochs < budget.num_epochs) for budget in budgets
        ):
            return "its config does not have the epochs of its pairing"
    return None


def _may_stop(settings: Mapping[str, Any]) -> bool:
    """Whether training may end before the last moment."""
    return settings.get("training.early_stopping", ()) is not None


def _budgets(settings: Mapping[str, Any], num_examples: int) -> list[Budget]:
    """The lengths that a cell's training may have: a last batch of one example may be left out."""
    num_train, batch_size = examples_of(settings, num_examples)
    numbers = {max(1, num_batches(num_train, batch_size, drop_single=drop)) for drop in (False, True)}
    return [Budget.of(settings, number) for number in numbers]


def _facts(info: RunInfo) -> dict[str, Any]:
    """The facts of ``run.json`` that its config decided."""
    return {
        "name": info.name,
        "arms": [*info.arms],
        "baseline": info.baseline,
        "seeds": short_seeds([*info.seeds]),
        "points": [*info.points],
    }


def _facts_of(config: Mapping[str, Any], info: RunInfo) -> dict[str, Any]:
    """The same facts of a resolved config; of its points no more than are needed to see that they are too many."""
    seeds = config.get("seeds")
    if tune := config.get(TUNE):
        if isinstance(seeds, Mapping):
            rounds = rounds_of(seeds, _long(seeds["from"], most=MAX_SEEDS))
            seeds = rounds.seeds(rounds.at_most)
        others = seeds or 0
        seeds = [*tune_of(tune).seeds(range(others) if isinstance(others, int) else others)]
    elif isinstance(seeds, Mapping):
        rounds = rounds_of(seeds, _long(seeds["from"], most=len(info.seeds)))
        seeds = short_seeds([*rounds.seeds(len(info.seeds))])
    return {
        "name": config.get("name"),
        "arms": [*arms_of(config)],
        "baseline": config.get("baseline"),
        "seeds": seeds,
        "points": [*islice(points_of(config), len(info.points) + 1)],
    }


def _long(seeds: int | Sequence[int], most: int) -> Sequence[int]:
    """The seeds that a config writes as a number or a list, no more than are needed."""
    return range(min(seeds, most + 1)) if isinstance(seeds, int) else seeds


def _is_enough(num_examples: int, settings: Mapping[str, Any]) -> bool:
    """Whether so many examples suffice for a batch, and for the training and validation splits."""
    num_train, batch_size = examples_of(settings, num_examples)
    left: int = num_examples - settings["data.validation_size"]
    return max(1, batch_size) <= num_train <= left


def _names(info: RunInfo, table: Columns) -> list[tuple[Any, ...]]:
    """The point's values, arm and seed of each row."""
    return [*zip(*(table[key] for key in (*info.point_keys, "arm", "seed")), strict=True)]


def _expected_names(info: RunInfo) -> list[tuple[Any, ...]]:
    return [
        (*(point_cell(info.points[index][key]) for key in info.point_keys), arm, seed)
        for index, arm, seed in replicas_of(len(info.points), info.arms, info.seeds)
    ]


def point_cell(value: Any) -> str:
    """A swept value as the text of its cells in the tables."""
    if isinstance(value, (list, tuple, Mapping)):
        return json.dumps(value)
    return "" if value is None else repr(value) if isinstance(value, float) else str(value)


def _wrong_summary(info: RunInfo, summary: Columns) -> str | None:
    if _names(info, summary) != _expected_names(info):
        return _OTHER_ROWS
    if not {*summary["status"]} <= {"ok", "diverged"}:
        return "it has an unknown status"
    final = {name: values for name, values in summary.items() if name.startswith(("final_", "best_"))}
    for name, values in final.items():
        if not _are_possible(name.partition("_")[2], values):
            return f"{name}: {_IMPOSSIBLE}"
    for name in (f"final_test_{metric}" for metric in KNOWN_METRICS):
        if any(math.isnan(value) for value in summary[name]):
            return f"{name}: a value is missing"
    if not all(0 <= value < math.inf for name in ("seconds", "num_parameters") for value in summary[name]):
        return _IMPOSSIBLE
    return None


def _wrong_metrics(info: RunInfo, summary: Columns, metrics: Columns) -> str | None:
    for name in metrics.keys() - {*info.point_keys, "arm", "seed", *Moment._fields}:
        if not _are_possible(name, metrics[name]):
            return f"{name}: {_IMPOSSIBLE}"
    names = _names(info, metrics)
    has_steps = "step" in metrics
    moments = [*zip(metrics["epoch"], metrics["step" if has_steps else "epoch"], strict=True)]
    possible = _possible_moments(info, len(moments)) if has_steps else None
    place = 0
    for number, network in enumerate(_expected_names(info)):
        start = place
        while place < len(names) and names[place] == network:
            place += 1
        found, num_epochs = moments[start:place], info.pairing[number].epochs
        if possible is None:  # the run is older than the steps in its rows
            is_expected = found == [(epoch, epoch) for epoch in range(1, len(found) + 1)]
        else:
            is_expected = any(found == each[: len(found)] for each in possible[number // len(info.seeds)])
        if not (found and is_expected):
            return _OTHER_ROWS
        if found[-1][0] != num_epochs:
            return f"it has {found[-1][0]} epochs of a network that was trained for {num_epochs}"
        if summary["status"][number] == "ok":
            final = _final_moment(summary, number, found[-1])
            if final not in found:
                return f"it has no evaluation in epoch {final[0]}"
            measured = metrics["test_accuracy"][start + found.index(final)]
            if measured != _running_accuracy(summary, number):
                return f"its accuracies are not those of {SUMMARY}"
    return None if place == len(names) else _OTHER_ROWS


def _possible_moments(info: RunInfo, most: int) -> list[list[list[Moment]]]:
    """For each cell, the first moments, at most so many, at which its networks may have been evaluated."""
    if info.config is None:
        return [[] for _ in product(info.points, info.arms)]
    cells = [cell_settings(info.config, arm, point) for point, arm in product(info.points, info.arms)]
    return [
        [[*islice(budget.moments(), most)] for budget in _budgets(cell, used.num_train)]
        for cell in cells
        for used in [info.data[data_name(cell["data.dataset"])]]
    ]


def _final_moment(summary: Columns, number: int, last: tuple[int, int]) -> tuple[int, int]:
    """The moment of a network's final metrics; an old summary has only its epoch, a still older one not even that."""
    if "final_epoch" not in summary:
        return last
    epoch = summary["final_epoch"][number]
    return epoch, summary["final_step"][number] if "final_step" in summary else epoch


def _running_accuracy(summary: Columns, number: int) -> float:
    """A network's final accuracy as it is measured after each epoch: with running statistics, if it has any."""
    running: float = summary.get("final_test_accuracy_running", summary["final_test_accuracy"])[number]
    final: float = summary["final_test_accuracy"][number]
    return final if math.isnan(running) else running


def _wrong_answers(info: RunInfo, summary: Columns, correct: bytes) -> str | None:
    sizes = {used.num_test for used in info.data.values()}
    try:
        packed = packed_correct(correct)
    except ValueError as error:
        return str(error)
    if {*packed} != {*range(len(info.points))}:
        return "it does not have the points of run.json"
    num_networks = len(info.arms) * len(info.seeds)
    for index, answers in packed.items():
        if answers.flags.shape[:2] != (len(info.arms), len(info.seeds)) or answers.num_examples not in sizes:
            return "it does not have one answer per network and test example of run.json"
        shares = answers.shares().ravel()
        here = slice(index * num_networks, (index + 1) * num_networks)
        final = np.array(summary["final_test_accuracy"][here])
        is_ok = np.array(summary["status"][here]) == "ok"
        if (np.abs(shares - final) > 0.5 / answers.num_examples + 1e-9)[is_ok].any():
            return f"the shares of right answers are not the accuracies in {SUMMARY}"
    return None


def _are_possible(column: str, values: Sequence[float]) -> bool:
    """Whether the values, some of which may be missing, are in the range of the column's metric."""
    most = 1.0 if metric_of(column).is_share else LARGEST  # a number of 32 bits is never as large
    least = 0.0 if metric_of(column) in KNOWN_METRICS.values() else -LARGEST
    known = [*filterfalse(math.isnan, values)]
    return not known or (least <= min(known) and max(known) <= most)
