"""The paired difference of differences: what is compared with what, by the same method as a difference."""

import numpy as np
import pandas as pd
import pytest
from statsmodels.stats.multitest import multipletests

from bnreg.statistics.interaction import compare_interactions
from bnreg.statistics.intervals import example_error, over_seeds
from bnreg.statistics.sign_flip import sign_flip_p_value

METRIC = "final_test_accuracy"
LR, DROPOUT = "optimizer.lr", "model.dropout"


def make_summary(num_seeds=7, gain=0.0):
    """Two factors; the advantage of ``bn`` at the learning rate 0.01 is greater by the gain."""
    random = np.random.default_rng(0)
    rows = [
        (lr, dropout, arm, seed, "ok", 0.9 + gain * (arm == "bn" and lr == 0.01) + random.normal(0, 0.002))
        for lr in (0.1, 0.01, 0.001)
        for dropout in (0.0, 0.5)
        for arm in ("plain", "bn")
        for seed in range(num_seeds)
    ]
    return pd.DataFrame(rows, columns=[LR, DROPOUT, "arm", "seed", "status", METRIC])


def values(frame, lr, dropout, arm):
    chosen = frame[(frame[LR] == lr) & (frame[DROPOUT] == dropout) & (frame["arm"] == arm)]
    return chosen.set_index("seed")[METRIC]


def compare(frame, keys=(LR, DROPOUT), higher_is_better=True, **options):
    return compare_interactions(frame, list(keys), ["bn", "plain"], "plain", METRIC, higher_is_better, **options)


def test_each_level_is_compared_with_the_first_at_equal_other_settings():
    found = [(one.arm, one.factor, one.level, one.reference, one.others) for one in compare(make_summary())]
    assert found == [
        ("bn", LR, 0.01, 0.1, {DROPOUT: 0.0}),
        ("bn", LR, 0.01, 0.1, {DROPOUT: 0.5}),
        ("bn", LR, 0.001, 0.1, {DROPOUT: 0.0}),
        ("bn", LR, 0.001, 0.1, {DROPOUT: 0.5}),
        ("bn", DROPOUT, 0.5, 0.0, {LR: 0.1}),
        ("bn", DROPOUT, 0.5, 0.0, {LR: 0.01}),
        ("bn", DROPOUT, 0.5, 0.0, {LR: 0.001}),
    ]


def test_it_is_the_difference_of_differences_seed_by_seed():
    frame = make_summary()
    evidence = compare(frame)[1].evidence
    expected = (
        values(frame, 0.01, 0.5, "bn")
        - values(frame, 0.01, 0.5, "plain")
        - values(frame, 0.1, 0.5, "bn")
        + values(frame, 0.1, 0.5, "plain")
    ).to_numpy()
    assert evidence.pairs.differences == pytest.approx(tuple(expected))
    assert evidence.interval == pytest.approx(over_seeds(expected).interval())
    assert evidence.p_value == sign_flip_p_value(expected)


def test_greater_advantages_are_found_and_judged_as_one_family():
    found = compare(make_summary(num_seeds=12, gain=0.02), smallest_effect=0.002)
    expected = multipletests([one.evidence.p_value for one in found], method="holm")[1]
    assert [one.evidence.verdict.corrected_p for one in found] == pytest.approx(list(expected))
    helped = [(one.factor, one.level) for one in found if one.evidence.verdict.word == "helped"]
    assert helped == [(LR, 0.01)] * 2


def test_for_a_loss_a_lower_difference_is_the_greater_advantage():
    frame = make_summary(num_seeds=12, gain=-0.02)
    words = {one.level: one.evidence.verdict.word for one in compare(frame, higher_is_better=False)[:4]}
    assert words[0.01] == "helped"


def test_a_seed_is_used_if_both_arms_have_it_at_both_levels():
    frame = make_summary()
    lacking = (frame[LR] == 0.01) & (frame[DROPOUT] == 0.0) & (frame["arm"] == "plain") & (frame["seed"] == 3)
    evidence = compare(frame[~lacking])[0].evidence
    assert evidence.pairs.seeds == (0, 1, 2, 4, 5, 6)
    assert evidence.pairs.unmatched_seeds == (3,)


def test_a_level_without_the_baseline_is_skipped():
    frame = make_summary()
    frame = frame[(frame[LR] != 0.01) | (frame["arm"] != "plain")]
    assert {one.level for one in compare(frame) if one.factor == LR} == {0.001}


def test_without_a_sweep_there_is_no_interaction():
    frame = make_summary()
    assert compare(frame[(frame[LR] == 0.1) & (frame[DROPOUT] == 0.0)], keys=()) == []


def test_if_correctness_is_known_the_interval_is_over_seeds_and_examples():
    random = np.random.default_rng(1)
    frame = make_summary()
    chances = {(lr, arm): random.random(300) for lr in (0.1, 0.01) for arm in ("bn", "plain")}
    correctness = {
        ((lr, 0.0), arm): {seed: random.random(300) < chances[lr, arm] for seed in range(7)} for lr, arm in chances
    }
    of = {
        key: np.stack([correctness[(key[0], 0.0), key[1]][seed] for seed in range(7)]).astype(np.int8)
        for key in chances
    }
    expected = example_error(of[0.01, "bn"] - of[0.01, "plain"] - of[0.1, "bn"] + of[0.1, "plain"])
    known, unknown, *_ = compare(frame, correctness=correctness)
    assert known.evidence.floor_error == pytest.approx(expected)
    assert (known.evidence.interval_over, unknown.evidence.interval_over) == ("seeds and examples", "seeds")
