"""The fairness audit: what in a run could make a difference between its arms mean something else than it seems to."""

from collections.abc import Iterator, Mapping, Sequence
from statistics import fmean
from typing import Any

from bnreg.data import num_batches
from bnreg.nn.architecture import Architecture
from bnreg.report.run_view import RunView, counted, point_label, point_value
from bnreg.report.settings import cell_settings
from bnreg.statistics.power import MIN_SEEDS
from bnreg.statistics.sign_flip import smallest_p_value

Cells = Mapping[tuple[int, str], Mapping[str, Any]]
Figures = Mapping[tuple[int, str], float]

# What γ and β of batch norm add to a network is less than this share of its parameters.
SLIGHT = 0.05
LEARNING_RATE = "optimizer.lr"


def audit(view: RunView) -> list[str]:
    """What is unfair, or seems to be, in one run; a line for each finding, with its figures.

    Looked for: unequal epochs, steps and parameters of the arms; one arm tuned more than another; a best learning rate
    at the edge of its grid; a sweep of what is usually tuned, of which only the test split could choose a point;
    dropout before a batch norm; too few seeds.

    Not looked for, because it cannot be: that a network is evaluated in train mode (every evaluation puts the whole
    stack into eval mode), and that the test split stops a training or chooses an epoch or weights (a config that asks
    for either without a validation split is refused, and so is a comparison of best epochs).

    Args:
        view: The run. Of one that recorded no config or no pairing, less can be found.
    """
    cells = {
        (index, arm): cell_settings(view.config, arm, point)
        for index, point in enumerate(view.points if view.config else ())
        for arm in view.arms
    }
    return [
        *_unequal_training(view, cells),
        *_unequal_parameters(view),
        *_unequal_tuning(view),
        *_rates_at_edges(view, cells),
        *_choice_by_test(view),
        *_dropout_before_norm(cells),
        *_few_seeds(view),
    ]


def _unequal_training(view: RunView, cells: Cells) -> Iterator[str]:
    epochs = {cell: settings["training.epochs"] for cell, settings in cells.items()}
    findings = _unequal(view, "unequal epochs", epochs)
    yield from findings
    if not findings:
        done = _means(view, [row["epochs"] for row in view.pairing])
        yield from _unequal(view, "unequal epochs by early stopping, on average", done, slight=SLIGHT)
    yield from _unequal(view, "unequal steps", _num_steps(view, cells))


def _num_steps(view: RunView, cells: Cells) -> dict[tuple[int, str], int]:
    """The optimiser's steps in all epochs, if nothing stops early."""
    num_steps = {}
    for cell, settings in cells.items():
        described = view.data.get(settings["data.dataset"], {})
        if "num_train" not in described:
            return {}
        num_train = settings["data.train_size"] or described["num_train"] - settings["data.validation_size"]
        batch_size = num_train if settings["data.batch_size"] == "all" else settings["data.batch_size"]
        # As in training, where one arm's batch norm shortens the epochs of all arms that read the same batches.
        data = _section(settings, "data.")
        drop_single = any(s["model.norm"] == "batch" for s in cells.values() if _section(s, "data.") == data)
        num_steps[cell] = settings["training.epochs"] * num_batches(num_train, batch_size, drop_single=drop_single)
    return num_steps


def _section(settings: Mapping[str, Any], prefix: str) -> dict[str, Any]:
    return {key: value for key, value in settings.items() if key.startswith(prefix)}


def _unequal_parameters(view: RunView) -> list[str]:
    return _unequal(view, "unequal parameters", _means(view, view.summary["num_parameters"]), slight=SLIGHT)


def _unequal_tuning(view: RunView) -> Iterator[str]:
    """An arm whose own settings are swept has more tries than one that has none."""
    own = {arm: [key for key in view.point_keys if key.startswith(f"arms.{arm}.")] for arm in view.arms}
    num_tries = {
        arm: len({tuple(point_value(point[key]) for key in keys) for point in view.points}) for arm, keys in own.items()
    }
    if len(set(num_tries.values())) > 1:
        keys = ", ".join(key for keys in own.values() for key in keys)
        yield f"unequal tuning, settings tried: {_told(num_tries)} ({keys})"


def _rates_at_edges(view: RunView, cells: Cells) -> Iterator[str]:
    """Where the best learning rate is the first or last of those tried, a better one may lie beyond."""
    metric = "validation" if _has_validation(view) else "test"
    accuracy = _means(view, view.summary[f"final_{metric}_accuracy"])
    for arm in view.arms:
        by_rate: dict[float, float] = {}
        for index in range(len(view.points)):
            if (index, arm) in cells and (index, arm) in accuracy:
                rate = cells[index, arm][LEARNING_RATE]
                by_rate[rate] = max(accuracy[index, arm], by_rate.get(rate, 0.0))
        if len(by_rate) < 2:
            continue
        best, low, high = max(by_rate, key=by_rate.__getitem__), min(by_rate), max(by_rate)
        if best in (low, high):
            edge = "lowest" if best == low else "highest"
            yield (
                f"the best learning rate of {arm} by {metric} accuracy, {best:g}, is the {edge} of {len(by_rate)} "
                f"tried ({low:g} to {high:g}): a better one may lie beyond"
            )


def _choice_by_test(view: RunView) -> Iterator[str]:
    tuned = [key for key in view.point_keys if key.startswith(("arms.", "optimizer."))]
    if tuned and len(view.points) > 1 and not _has_validation(view):
        yield (
            f"no validation split: to choose among the {len(view.points)} points ({', '.join(tuned)}) by test accuracy "
            "is to choose by the test split; data.validation_size gives one to choose by"
        )


def _dropout_before_norm(cells: Cells) -> Iterator[str]:
    rates: dict[str, float] = {}
    for (_, arm), settings in cells.items():
        rate = settings.get("model.dropout", 0.0)
        if rate > 0 and _architecture(settings).has_dropout_before_norm:
            rates[arm] = max(rate, rates.get(arm, 0.0))
    for arm, rate in rates.items():
        yield (
            f"{arm}: dropout of {rate:g} comes before a batch norm, whose statistics in training then differ from "
            "those once trained (variance shift); model.dropout_placement: last_layer avoids it"
        )


def _architecture(settings: Mapping[str, Any]) -> Architecture:
    """The network as far as the order of its layers goes; a config that is older than a setting has its default."""
    optional = {key: settings.get(f"model.{key}") for key in ("norm_placement", "dropout_placement")}
    channels = settings.get("model.channels", (8, 16)) if settings.get("model.kind") == "cnn" else ()
    return Architecture(
        image_shape=(1, 1),
        num_classes=2,
        hidden=tuple(settings["model.hidden"]),
        channels=tuple(channels),
        norm=settings["model.norm"],
        **{key: value for key, value in optional.items() if value is not None},
    )


def _few_seeds(view: RunView) -> Iterator[str]:
    num_seeds = view.num_seeds
    if len(view.arms) > 1 and num_seeds < MIN_SEEDS:
        smallest = f"{smallest_p_value(num_seeds):.3g}"
        yield f"too few seeds: with {num_seeds} the smallest p is {smallest}; at least {MIN_SEEDS} can reach p < 0.05"


def _unequal(view: RunView, what: str, figures: Figures, slight: float = 0.0) -> list[str]:
    """The arms' figures at the first point of the sweep at which they differ by more than a slight share, if any."""
    unequal = []
    for index, point in enumerate(view.points):
        of_arms = {arm: figures[index, arm] for arm in view.arms if (index, arm) in figures}
        if of_arms and max(of_arms.values()) > (1 + slight) * min(of_arms.values()):
            unequal.append((point, of_arms))
    if not unequal:
        return []
    point, of_arms = unequal[0]
    others = f" and at {counted(len(unequal) - 1, 'other point')}" if len(unequal) > 1 else ""
    return [f"{what}: {_told(of_arms)}{f' at {point_label(point)}{others}' if point else ''}"]


def _told(of_arms: Mapping[str, float]) -> str:
    return ", ".join(
        f"{arm} {value:,.0f}" if float(value).is_integer() else f"{arm} {value:,.1f}" for arm, value in of_arms.items()
    )


def _means(view: RunView, values: Sequence[float]) -> dict[tuple[int, str], float]:
    """The mean over the seeds of one value for each replica, by point and arm."""
    groups: dict[tuple[int, str], list[float]] = {}
    for row, value in zip(view.pairing, values, strict=False):
        groups.setdefault((row["point_index"], row["arm"]), []).append(value)
    return {cell: fmean(group) for cell, group in groups.items()}


def _has_validation(view: RunView) -> bool:
    return "final_validation_accuracy" in view.summary
