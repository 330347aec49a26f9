"""Mistakes in an experiment, and notices about it, that only show once its data and networks are known."""

from collections.abc import Callable, Iterator, Mapping
from itertools import islice

from bnreg.config.experiment import Cell, Experiment
from bnreg.config.schema import Data, Model
from bnreg.metrics import columns_of
from bnreg.names import TUNE
from bnreg.nn.architecture import Architecture
from bnreg.sinks.table import lacking
from bnreg.statistics.anytime import smallest_anytime_p_value
from bnreg.statistics.power import fewest_pairs
from bnreg.statistics.sign_flip import smallest_p_value
from bnreg.training.shards import budget_of
from bnreg.wording import VARIANCE_SHIFT, counted, show, unknown

# From here, a batch norm's momentum was probably meant as Keras's, which is 1 minus torch's; its default is 0.99.
LARGE_MOMENTUM = 0.9
# The names that ``pandas.read_csv`` takes for missing values by default, as far as an arm may have them.
MISSING_IN_PANDAS = ("NA", "NULL", "NaN", "None", "nan", "null")

Networks = Callable[[Cell], Architecture]


def check_experiment(
    experiment: Experiment, num_train: Mapping[str, int], network: Networks, *, is_extended: bool = False
) -> tuple[list[str], list[str]]:
    """Check an experiment against its data and networks.

    Args:
        experiment: The experiment.
        num_train: For each data set, by its name in the config: the number of examples in its training set, before a
            validation split is taken from it.
        network: Cell → its network.
        is_extended: Whether it adds seeds to a run, so that its results were looked at before.

    Returns:
        Errors, which forbid the run, and notices, which do not; one line each.
    """
    errors = [
        *(error for cell in experiment.cells for error in _errors_on_sizes(experiment, cell, num_train, network)),
        *_errors_on_shifts(experiment, network),
        *_errors_on_test_sets(experiment),
        *_errors_on_sources(experiment),
        *_errors_on_shapes(experiment, network),
        *_errors_on_metrics(experiment),
        *_errors_on_rounds(experiment),
        *_errors_on_tuning(experiment),
        *_errors_on_sinks(experiment),
    ]
    if errors:
        return list(dict.fromkeys(errors)), []
    notices = [
        *_notices_on_batches(experiment, num_train, network),
        *_notices_on_differences(experiment, num_train),
        *_notices_without_effect(experiment, network),
        *_notices_on_pairs(experiment, is_extended=is_extended),
        *_notices_on_dropout(experiment, network),
        *_notices_on_momentum(experiment, network),
        *_notices_on_epochs(experiment, num_train),
        *_notices_on_names(experiment),
        *_notices_on_shapes(experiment, network),
    ]
    return [], list(dict.fromkeys(notices))


def _errors_on_sizes(
    experiment: Experiment, cell: Cell, num_train: Mapping[str, int], network: Networks
) -> Iterator[str]:
    data = cell.settings.data
    num_examples = num_train[data.dataset]
    left = num_examples - data.validation_size
    train_size = data.num_train(num_examples)
    if left < 1:
        place = experiment.locate(cell, "data.validation_size")
        most = num_examples - 1
        yield f"{place}: {data.validation_size} of {num_examples} examples leave none to train on; at most {most}"
        return
    if train_size > left:
        kept = f" with {data.validation_size} for validation" if data.validation_size else ""
        place = experiment.locate(cell, "data.train_size")
        yield f"{place}: {train_size} of {num_examples} examples are too many{kept}; at most {left}"
        return
    place = experiment.locate(cell, "data.batch_size")
    batch_size = data.examples_per_batch(num_examples)
    if batch_size > train_size:
        yield f"{place}: {batch_size} is larger than the training set; at most {train_size}, or all"
    elif batch_size == 1 and network(cell).needs_batch:
        yield f"{place}: batch norm needs batches of at least 2, got 1"


def _errors_on_sources(experiment: Experiment) -> Iterator[str]:
    first = experiment.cells[0].settings.data
    for cell in experiment.cells:
        for key in ("root", "fallback"):
            if getattr(cell.settings.data, key) != getattr(first, key):
                place = experiment.locate(cell, f"data.{key}")
                yield f"{place}: must be the same for the whole experiment; set it outside arms and sweep"


def _errors_on_shifts(experiment: Experiment, network: Networks) -> Iterator[str]:
    """A line for each cell whose augmentation would move small images out of sight."""
    for cell in experiment.cells:
        height, width = network(cell).image_shape
        shift, most = cell.settings.data.augment.shift, min(height, width) // 2
        if shift > most:
            place = experiment.locate(cell, "data.augment.shift")
            yield f"{place}: {shift} is too far for images of {height} × {width} pixels; at most {most}"


def _compared(experiment: Experiment) -> Iterator[tuple[Cell, Cell]]:
    """At each point, the baseline's cell paired with the cell of each other arm."""
    baselines = {cell.point_index: cell for cell in experiment.cells if cell.arm == experiment.baseline}
    for cell in experiment.cells:
        baseline = baselines.get(cell.point_index)
        if baseline is not None and cell is not baseline:
            yield baseline, cell


def _errors_on_test_sets(experiment: Experiment) -> Iterator[str]:
    key = "data.dataset"
    for baseline, cell in _compared(experiment):
        datasets = [each.settings.data.dataset for each in (baseline, cell)]
        if datasets[0] != datasets[1]:
            place = experiment.locate(cell, key)
            if place == experiment.locate(None, key):  # this arm does not set the key, so the baseline does
                place = experiment.locate(baseline, key)
            yield (
                f"{place}: arms {show(baseline.arm)} and {show(cell.arm)} would be tested on different examples "
                f"({' and '.join(datasets)}) and cannot be compared; sweep {key} instead"
            )


def _notices_on_differences(experiment: Experiment, num_train: Mapping[str, int]) -> Iterator[str]:
    """Differences between two arms besides the model: a line for each pair of arms, at the first point that has one."""
    on_batches: dict[tuple[str, str], str] = {}
    on_epochs: dict[tuple[str, str], str] = {}
    for baseline, cell in _compared(experiment):
        pair = (baseline.arm, cell.arm)
        arms = f"arms {show(baseline.arm)} and {show(cell.arm)}"
        if differences := list(_differences(baseline.settings.data, cell.settings.data, num_train)):
            on_batches.setdefault(pair, f"{arms} do not see the same batches: {', '.join(differences)}")
        epochs = [each.settings.training.epochs for each in (baseline, cell)]
        steps = [each.settings.training.steps for each in (baseline, cell)]
        if steps[0] != steps[1]:
            shown = [f"{n} epochs" if s is None else f"{s} steps" for n, s in zip(epochs, steps, strict=True)]
            on_epochs.setdefault(pair, f"{arms} train for different times ({', '.join(shown)})")
        elif steps[0] is None and epochs[0] != epochs[1]:
            on_epochs.setdefault(pair, f"{arms} train for different numbers of epochs ({epochs[0]}, {epochs[1]})")
    yield from on_batches.values()
    yield from on_epochs.values()


def _differences(one: Data, other: Data, num_train: Mapping[str, int]) -> Iterator[str]:
    num_examples, num_others = num_train[one.dataset], num_train[other.dataset]
    values = {
        "batch_size": (one.examples_per_batch(num_examples), other.examples_per_batch(num_others)),
        "validation_size": (one.validation_size, other.validation_size),
        "label_noise": (one.label_noise, other.label_noise),
    }
    if one.train_size != other.train_size:  # null may mean the same number that the other arm gives
        values["train_size"] = (one.num_train(num_examples), other.num_train(num_others))
    for key, (value, other_value) in values.items():
        if value != other_value:
            yield f"data.{key} differs ({show(value)}, {show(other_value)})"
    if one.augment != other.augment:
        yield "data.augment differs"


def _has_hidden_layers(model: Model) -> bool:
    return bool(model.hidden) or model.kind == "cnn"


def _notices_without_effect(experiment: Experiment, network: Networks) -> Iterator[str]:
    """Settings that were chosen but change nothing."""
    default = Model()
    for cell in experiment.cells:
        model, penalty = cell.settings.model, cell.settings.training.penalty
        chosen = (model.norm, model.activation, model.dropout)
        if not _has_hidden_layers(model) and chosen != (default.norm, default.activation, default.dropout):
            yield "without hidden layers, norm, activation and dropout have no effect"
        for key in ("norm_init", "inference_statistics"):
            is_chosen = getattr(model, key) != getattr(default, key)
            if is_chosen and model.norm != "none" and not network(cell).needs_batch:
                place = experiment.locate(cell, f"model.{key}")
                yield f"{place}: without effect: {model.norm} norm has no statistics of batches"
        if penalty.kind != "none" and (penalty.strength == 0 or not penalty.on):
            why = "its strength is 0" if penalty.strength == 0 else "it applies to no parameters"
            yield f"{experiment.locate(cell, 'training.penalty')}: the penalty has no effect: {why}"


def _errors_on_sinks(experiment: Experiment) -> Iterator[str]:
    """Said before training: afterwards, nothing would be sent."""
    for name in experiment.sinks:
        if reason := lacking(name):
            yield f"{experiment.locate(None, 'sinks')}: {reason}, or train with 'sinks=[]'"


def _notices_on_batches(experiment: Experiment, num_train: Mapping[str, int], network: Networks) -> Iterator[str]:
    for data in {
        cell.settings.data.order: cell.settings.data for cell in experiment.cells if network(cell).needs_batch
    }.values():
        num_examples = num_train[data.dataset]
        if data.num_train(num_examples) % data.examples_per_batch(num_examples) == 1:
            yield (
                "the last batch of each epoch would hold 1 example, too few for batch norm: it is dropped in every arm"
            )


def _notices_on_pairs(experiment: Experiment, *, is_extended: bool) -> Iterator[str]:
    num_pairs = experiment.rounds.at_most if experiment.rounds else len(experiment.seeds)
    anytime = is_extended or num_pairs > len(experiment.seeds)  # there is a look before the last seeds
    family_size = (len(experiment.arms) - 1) * len(experiment.points)
    enough = fewest_pairs(family_size, anytime=anytime)
    is_compared = experiment.baseline is not None and family_size and not experiment.tune
    if not is_compared or (enough is not None and num_pairs >= enough):
        return
    smallest = min(1.0, (smallest_anytime_p_value if anytime else smallest_p_value)(num_pairs) * family_size)
    corrected = f" after Holm for {family_size} comparisons" if family_size > 1 else ""
    remedy = "sweep fewer points" if enough is None else f"use at least {enough} seeds"
    yield (
        f"{counted(num_pairs, 'pair')}: no two-sided test can reach p < 0.05 "
        f"(smallest p = {smallest:.3g}{corrected}); {remedy}"
    )


def _errors_on_metrics(experiment: Experiment) -> Iterator[str]:
    """A line for each metric that the comparison declares but no network is measured by."""
    settings = [cell.settings for cell in experiment.cells]
    splits = ["train", *(["validation"] if all(each.data.validation_size for each in settings) else []), "test"]
    measured = columns_of(*splits)
    compare = experiment.resolved["compare"]
    effects = compare["smallest_effect"]
    names = {"metric": [compare["metric"]], "smallest_effect": [*effects] if isinstance(effects, Mapping) else []}
    for key, metrics in names.items():
        for metric in metrics:
            if metric not in measured:
                yield f"{experiment.locate(None, f'compare.{key}')}: {unknown('metric', metric, measured)}"


def _errors_on_rounds(experiment: Experiment) -> Iterator[str]:
    """A line if seeds would be added until something is decided, and nothing is compared."""
    is_compared = experiment.baseline is not None and len(experiment.arms) > 1
    if experiment.rounds and not is_compared and not experiment.claim:
        yield f"{experiment.locate(None, 'seeds')}: nothing to decide: there are no two arms; give a number of seeds"


def _errors_on_tuning(experiment: Experiment) -> Iterator[str]:
    """A line if arms would choose on a validation split that they do not have."""
    if experiment.tune and not all(cell.settings.data.validation_size for cell in experiment.cells):
        place = experiment.locate(None, TUNE)
        yield f"{place}: {experiment.tune.on} needs a validation split; set data.validation_size, such as 5000"


def _errors_on_shapes(experiment: Experiment, network: Networks) -> Iterator[str]:
    """A line for each cell whose network cannot be built for these images."""
    for cell in experiment.cells:
        try:
            network(cell).layers()
        except ValueError as error:
            model = cell.settings.model
            key = next((key for key in ("stride", "pool") if getattr(model, key) != getattr(Model(), key)), "channels")
            place = experiment.locate(cell, f"model.{key}")
            yield f"{place}: {error}; use fewer layers, a smaller model.stride or a smaller model.pool"
            continue
        if ungrouped := network(cell).ungrouped_widths():
            num_groups, widths = cell.settings.model.norm_groups, ", ".join(map(str, sorted({*ungrouped})))
            place = experiment.locate(cell, "model.norm" if num_groups == Model().norm_groups else "model.norm_groups")
            yield f"{place}: {num_groups} groups do not divide the normalised layers of {widths}; set model.norm_groups"


def _notices_on_dropout(experiment: Experiment, network: Networks) -> Iterator[str]:
    for cell in experiment.cells:
        if cell.settings.model.dropout > 0 and network(cell).has_dropout_before_norm:
            yield f"arm {cell.arm!r}: dropout {VARIANCE_SHIFT}"


def _notices_on_momentum(experiment: Experiment, network: Networks) -> Iterator[str]:
    for cell in experiment.cells:
        momentum = cell.settings.model.norm_momentum
        if momentum >= LARGE_MOMENTUM and network(cell).needs_batch:
            keras = f"; a Keras momentum of {momentum:g} is {1 - momentum:.12g} here" if momentum < 1 else ""
            yield (
                f"{experiment.locate(cell, 'model.norm_momentum')}: {momentum:g} is the share of each new batch, as in "
                f"torch, so the running statistics follow the last few batches{keras}"
            )


def _notices_on_epochs(experiment: Experiment, num_train: Mapping[str, int]) -> Iterator[str]:
    """Settings that count epochs or evaluations, and lie beyond the last one."""
    for cell in experiment.cells:
        schedule, training = cell.settings.optimizer.schedule, cell.settings.training
        stopping = training.early_stopping
        budget = budget_of(cell.settings, num_train[cell.settings.data.dataset], drop_single=False)
        epochs = budget.num_steps / budget.steps_per_epoch
        times = [*islice(budget.moments(), stopping.patience + 1)] if stopping else []
        length = counted(training.epochs, "epoch") if training.steps is None else counted(training.steps, "step")
        after = f"in {length} of training"
        for key, number, most, effect in (
            ("optimizer.schedule.warmup_epochs", schedule.warmup_epochs, epochs, "the learning rate only rises"),
            ("optimizer.schedule.step_epochs", schedule.step_epochs, epochs, "the learning rate never drops"),
            (
                "training.early_stopping.patience",
                stopping.patience if stopping else None,
                len(times),
                "nothing stops early",
            ),
        ):
            if number is not None and number >= most:
                reason = f"because {key.rpartition('.')[2]} is {number:g}"
                yield f"{experiment.locate(cell, key)}: {effect} {after}, {reason}"


def _notices_on_names(experiment: Experiment) -> Iterator[str]:
    for arm in experiment.arms:
        if arm in MISSING_IN_PANDAS:
            yield f"arm {arm!r}: pandas reads this name in a CSV file as missing, unless keep_default_na is False"


def _notices_on_shapes(experiment: Experiment, network: Networks) -> Iterator[str]:
    """A line for each arm whose layers cannot start from the baseline's weights."""

    def shapes(cell: Cell) -> list[tuple[str, int, int]]:
        return [(layer.kind, layer.fan_in, layer.num_outputs) for layer in network(cell).layers()]

    for baseline, cell in _compared(experiment):
        if shapes(cell) != shapes(baseline):
            yield (
                f"arm {cell.arm!r} and arm {baseline.arm!r} have layers of different shapes: these cannot start from "
                "equal weights"
            )
