"""Each measure on tables whose answer is known by hand."""

import math
from itertools import product

import numpy as np
import pytest
from support.made_runs import CONFIG, MadeReplica, made_run

from bnreg.claims import measures
from bnreg.claims.measures import MEASURES, best_of
from bnreg.errors import UserError
from bnreg.names import ReplicaId


def view_of(values, points=({},), *, histories=None, seconds=1.0, flags=None, diagnostics=()):
    """A run of one arm: ``values`` maps point and seed to a test accuracy, ``histories`` to rows of metrics."""
    seeds = sorted({seed for _, seed in values})
    replicas = []
    for (index, seed), accuracy in values.items():
        rows = histories[index, seed] if histories else [{"test_accuracy": accuracy}]
        replicas.append(
            MadeReplica(
                ReplicaId(index, "a", seed),
                epochs=rows,
                final={"test_accuracy": accuracy},
                proof={"initial_weights": "w", "batch_order": "b", "epochs": len(rows)},
                seconds=seconds,
                flags=None if flags is None else flags[index, seed],
            )
        )
    run = made_run(replicas, points=points, arms=["a"], seeds=seeds, config=CONFIG | {"arms": {"a": {}}})
    return run.view(diagnostics=list(diagnostics))


def measured(measure, view, **options):
    return MEASURES[measure].function(view, "a", **options)


RATES = tuple({"optimizer.lr": rate} for rate in (0.25, 0.5, 1, 2))
ACCURACIES = {0: (0.5, 0.9, 0.8, 0.89), 1: (0.6, 0.7, 0.95, 0.1), 2: (0.1, 0.8, 0.9, 0.91)}
TABLE = {(point, seed): row[point] for seed, row in ACCURACIES.items() for point in range(4)}


def test_a_final_metric_is_the_mean_over_the_points():
    view = view_of(TABLE, RATES)
    assert measured("final", view, metric="test_accuracy") == pytest.approx({0: 0.7725, 1: 0.5875, 2: 0.6775})
    one = measured("final", view, metric="test_accuracy", where={"optimizer.lr": 2})
    assert one == {0: 0.89, 1: 0.1, 2: 0.91}


def test_a_selection_that_no_network_has_is_a_mistake():
    with pytest.raises(UserError, match=r"no network of a with \{optimizer\.lr: 3\}"):
        measured("final", view_of(TABLE, RATES), metric="test_accuracy", where={"optimizer.lr": 3})


def test_a_change_is_the_end_minus_the_start():
    view = view_of(TABLE, RATES)
    found = measured("change", view, metric="test_accuracy", start={"optimizer.lr": 0.25}, end={"optimizer.lr": 1})
    assert found == pytest.approx({0: 0.3, 1: 0.35, 2: 0.8})


def test_a_spread_is_the_range_over_a_key():
    found = measured("spread", view_of(TABLE, RATES), metric="test_accuracy", key="optimizer.lr")
    assert found == pytest.approx({0: 0.4, 1: 0.85, 2: 0.81})


def test_the_largest_value_is_the_last_that_is_nearly_best():
    found = measured("largest", view_of(TABLE, RATES), metric="test_accuracy", key="optimizer.lr", within=0.02)
    assert found == {0: 1.0, 1: 0.0, 2: 1.0}
    exact = measured("largest", view_of(TABLE, RATES), metric="test_accuracy", key="optimizer.lr", within=0.0)
    assert exact == {0: -1.0, 1: 0.0, 2: 1.0}


def test_the_best_value_is_chosen_by_the_other_seeds():
    """Otherwise the best of several noisy values would gain even if none of them is better."""
    rows = {seed: dict(zip("wxyz", row, strict=True)) for seed, row in ACCURACIES.items()}
    assert [best_of(rows, seed) for seed in rows] == ["y", "z", "y"]
    view = view_of(TABLE, RATES)
    found = measured("gain", view, metric="test_accuracy", key="optimizer.lr", instead_of=0.25)
    assert found == pytest.approx({0: 0.3, 1: -0.5, 2: 0.8})


def test_a_gain_of_nothing_but_noise_is_nothing_on_average():
    random = np.random.default_rng(0)
    values = {(point, seed): random.normal() for point in range(4) for seed in range(400)}
    found = measured("gain", view_of(values, RATES), metric="test_accuracy", key="optimizer.lr", instead_of=0.25)
    assert abs(np.mean([*found.values()])) < 0.2
    naive = [max(values[point, seed] for point in (1, 2, 3)) - values[0, seed] for seed in range(400)]
    assert np.mean(naive) > 0.7


def test_a_peak_is_as_high_as_its_lower_side():
    widths = tuple({"model.hidden": (width,)} for width in (1, 4, 16, 64))
    found = measured("peak", view_of(TABLE, widths), metric="test_accuracy", key="model.hidden")
    # Inside, the other seeds choose 16, 4 (the first of equal ones) and 16; the higher end decides.
    assert found == pytest.approx({0: 0.8 - 0.89, 1: 0.7 - 0.6, 2: 0.9 - 0.91})


def history(*pairs):
    return [{"step": step, "test_accuracy": value} for step, value in pairs]


def test_the_time_to_a_target_is_that_of_the_first_evaluation_at_it():
    histories = {
        (0, 0): history((2, 0.5), (8, 0.9), (16, 0.8)),
        (0, 1): history((2, 0.1), (8, 0.2), (16, 0.3)),  # never: all its steps
    }
    view = view_of({(0, 0): 0.8, (0, 1): 0.3}, histories=histories, seconds=4.0)
    assert measured("time_to", view, metric="test_accuracy", target=0.85) == {0: 3.0, 1: 4.0}
    in_seconds = measured("time_to", view, metric="test_accuracy", target=0.85, clock="seconds")
    assert in_seconds == {0: 1.0, 1: 2.0}


def test_the_fastest_value_of_a_key_is_chosen_by_the_other_seeds():
    points = RATES[:2]
    reached = {(0, 0): 4, (1, 0): 64, (0, 1): 32, (1, 1): 8, (0, 2): 32, (1, 2): 16}
    histories = {cell: history((step, 0.9), (64, 0.9)) for cell, step in reached.items()}
    view = view_of(dict.fromkeys(reached, 0.9), points, histories=histories)
    found = measured("time_to", view, metric="test_accuracy", target=0.85, best_over="optimizer.lr")
    # For seed 0 the others prefer the second rate; for 1 and 2, seed 0 tips the balance to the first.
    assert found == {0: 6.0, 1: 5.0, 2: 5.0}


def test_what_reached_a_target_is_a_share():
    found = measured("reached", view_of(TABLE, RATES), metric="test_accuracy", target=0.8)
    assert found == {0: 0.75, 1: 0.25, 2: 0.75}


def test_a_gap_is_that_between_the_evaluations_around_a_training_loss():
    losses = {
        0: [(1.0, 1.1), (0.5, 0.7), (0.1, 0.5), (0.3, 9.0)],  # 0.3 is halfway from the second to the third: 0.6
        1: [(1.0, 1.1), (0.5, 0.5), (0.4, 0.9)],  # never
        2: [(0.3, 0.5), (0.1, 0.9)],  # from the start
        3: [(0.2, 0.5), (0.1, 0.9)],
    }
    histories = {
        (0, seed): [{"train_loss": train, "test_loss": test, "test_accuracy": 0.5} for train, test in rows]
        for seed, rows in losses.items()
    }
    found = measured("gap", view_of(dict.fromkeys(histories, 0.5), histories=histories), train=0.3)
    assert [found[0], found[2], found[3]] == pytest.approx([0.3, 0.2, 0.2])
    assert math.isnan(found[1])


def seen(points=({},)):
    """Findings in layer l at step s of seed r and point p: l + s / 10 + 100 r + 1000 p; and those of another name."""
    return [
        {**point, "arm": "a", "seed": seed, "step": step, "layer": layer, "name": name, "value": value}
        for (index, point), seed, step, layer in product(enumerate(points), (0, 1), (0, 10), (1, 2, 3))
        for name, value in (("mean_shift", layer + step / 10 + 100 * seed + 1000 * index), ("distance", -5.0))
    ]


def test_what_was_watched_is_the_mean_over_layers_and_looks():
    view = view_of({(0, 0): 0.5, (0, 1): 0.5}, diagnostics=seen())
    assert measured("watched", view, name="mean_shift") == pytest.approx({0: 2.5, 1: 102.5})
    assert measured("watched", view, name="mean_shift", layers=(2, 3), since=5) == pytest.approx({0: 3.5, 1: 103.5})
    assert measured("watched", view, name="mean_shift", above=2.0) == pytest.approx({0: 0.5, 1: 100.5})


def test_what_was_watched_at_a_point_is_found_however_its_value_is_written():
    points = (
        {"optimizer.lr": 1, "model.hidden": (32, 32), "data.train_size": None, "optimizer.nesterov": True},
        {"optimizer.lr": 0.5, "model.hidden": (8,), "data.train_size": 5, "optimizer.nesterov": False},
    )
    written = [
        {"optimizer.lr": 1.0, "model.hidden": "[32, 32]", "data.train_size": math.nan, "optimizer.nesterov": True},
        {"optimizer.lr": 0.5, "model.hidden": "[8]", "data.train_size": 5.0, "optimizer.nesterov": False},
    ]
    values = {(point, seed): 0.5 for point in (0, 1) for seed in (0, 1)}
    view = view_of(values, points, diagnostics=seen(written))
    found = measured("watched", view, name="mean_shift", where={"optimizer.lr": 1})
    assert found == pytest.approx({0: 2.5, 1: 102.5})
    assert measured("watched", view, name="mean_shift") == pytest.approx({0: 502.5, 1: 602.5})


def test_a_slope_is_that_over_the_layers():
    view = view_of({(0, 0): 0.5, (0, 1): 0.5}, diagnostics=seen())
    assert measured("slope", view, name="mean_shift") == pytest.approx({0: 1.0, 1: 1.0})


def test_bias_and_variance_add_up_to_the_error_and_are_found_again():
    """Answers drawn with known probabilities p of being right: bias (1 − p)² and variance p (1 − p) by width."""
    random = np.random.default_rng(0)
    widths, num_seeds, num_examples = (1, 2, 4), 400, 200
    right = {1: 0.5, 2: 0.7, 4: 0.9}

    class Answered:
        def __init__(self, width, seed):
            self.settings, self.seed = {"model.hidden": (width,)}, seed
            self._correct = random.random(num_examples) < right[width]

        def correct(self):
            return self._correct

    class View:
        seeds = range(num_seeds)

    replicas = [Answered(width, seed) for width in widths for seed in range(num_seeds)]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(measures, "_replicas", lambda *_: replicas)
        parts = measures._parts(View, "a", "model.hidden", 4, {})
        falls = MEASURES["fall_of_bias"].function(View, "a", key="model.hidden", group=4)
        rises = MEASURES["variance"].function(View, "a", key="model.hidden", group=4)
    assert len(parts) == len(falls) == 100
    for width in widths:
        p = right[width]
        bias, variance = np.mean([part[math.log2(width)] for part in parts.values()], axis=0)
        assert bias == pytest.approx((1 - p) ** 2, abs=0.01)
        assert variance == pytest.approx(p * (1 - p), abs=0.01)
    assert np.mean([*falls.values()]) == pytest.approx((0.25 - 0.01) / 2, abs=0.01)
    assert np.mean([*rises.values()]) == pytest.approx((0.09 - 0.25) / 2, abs=0.01)


def test_nothing_that_was_watched_is_a_mistake():
    view = view_of({(0, 0): 0.5, (0, 1): 0.5}, diagnostics=seen())
    with pytest.raises(UserError, match="nothing called mean_shft was watched in a"):
        measured("watched", view, name="mean_shft")
    with pytest.raises(UserError, match=r"nothing called mean_shift was watched in a in layers \[7\]"):
        measured("watched", view, name="mean_shift", layers=(7,))


def test_every_measure_is_tried_here():
    """A new entry of the table needs a known answer."""
    import inspect
    import sys

    source = inspect.getsource(sys.modules[__name__])
    assert [name for name in MEASURES if f'"{name}"' not in source] == []
