"""The verdicts on tables are those of the tests that are named, as scipy and statsmodels compute them."""

import json
import math
import re

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from statsmodels.stats.multitest import multipletests
from statsmodels.stats.weightstats import DescrStatsW
from support.tables import ARMS, data_sets, judged, tidy, wide

import bnreg
from bnreg.errors import UserError
from bnreg.foreign.judging import Request, judge_table
from bnreg.foreign.table import table_of
from bnreg.report.judgement import judgement_notes, judgement_record

DIFFERENCES = {arm: np.subtract(ARMS[arm], ARMS["plain"]) for arm in ("bn", "elu")}


def sign_flip(differences):
    """The p of scipy's permutation test, which exchanges the two sides of each pair."""
    zeros = np.zeros_like(differences)
    return stats.permutation_test(
        (differences, zeros),
        lambda x, y, axis: np.mean(x - y, axis=axis),
        permutation_type="samples",
        vectorized=True,
        n_resamples=np.inf,
    ).pvalue


def test_pairs_are_judged_by_sign_flips_a_t_interval_and_holm(tmp_path):
    found = judged(tmp_path, tidy())
    assert [one.arm.side for one in found.judged] == [*DIFFERENCES]
    p_values = [one.evidence.p_value for one in found.judged]
    assert p_values == pytest.approx([sign_flip(one) for one in DIFFERENCES.values()])
    corrected = multipletests(p_values, method="holm")[1]
    assert [one.evidence.verdict.corrected_p for one in found.judged] == pytest.approx(corrected)
    for one, differences in zip(found.judged, DIFFERENCES.values(), strict=True):
        assert one.evidence.interval == pytest.approx(DescrStatsW(differences).tconfint_mean())
    assert [one.evidence.verdict.word for one in found.judged] == ["helped", "inconclusive"]


def test_a_lower_loss_helps_and_without_direction_a_difference_is_only_higher(tmp_path):
    words = {}
    for name, options in {
        "test_loss": {"smallest_effect": 0},
        "accuracy": {},
        "x": {"smallest_effect": 0.001},
        "test_acc": {"smallest_effect": 0.1},
    }.items():
        found = judged(tmp_path, tidy(header=f"method,seed,{name}"), **options)
        words[name] = found.judged[0].evidence.verdict.word
    assert words == {"test_loss": "hurt", "accuracy": "helped", "x": "higher", "test_acc": "equivalent"}
    found = judged(tmp_path, tidy(header="method,seed,test_loss"))
    assert found.judged[0].evidence.verdict.word == "higher"
    assert any("no smallest effect" in line for line in found.assumed)


def test_a_wide_table_and_a_frame_give_the_verdicts_of_the_tidy_one(tmp_path):
    options = {"metric": "accuracy", "baseline": "plain", "higher_is_better": True, "smallest_effect": "0.2pp"}
    expected = judged(tmp_path, tidy(), **options)
    rows = [(arm, seed, value) for arm, values in ARMS.items() for seed, value in enumerate(values)]
    frame = pd.DataFrame(rows, columns=["method", "seed", "accuracy"])
    columns = {name: frame[name].tolist() for name in frame}
    (tmp_path / "file.csv").write_text(tidy())
    others = [
        judged(tmp_path, wide(), wide=True, **options),
        judged(tmp_path, wide().replace("seed", "no"), wide=True, arm="bn,elu,plain", **options),
        *(bnreg.judge(one, **options).judgement for one in (frame, columns, tmp_path / "file.csv")),
        bnreg.judge(pd.DataFrame(ARMS), wide=True, **options).judgement,
    ]
    for other in others:
        assert [one.evidence for one in other.judged] == [one.evidence for one in expected.judged]


def test_from_python_the_verdicts_are_printed_with_what_was_guessed():
    frame = pd.DataFrame([(a, s, v) for a, values in ARMS.items() for s, v in enumerate(values)])
    frame.columns = ["method", "seed", "accuracy"]
    found = bnreg.judge(frame)
    assert "note: guessed --seed seed --arm method --metric accuracy --baseline plain\n" in str(found)
    assert "  bn             helped " in str(found)
    assert json.loads(json.dumps(found.record))["comparisons"][0]["verdict"] == "helped"
    frame.loc[3, "accuracy"] = math.nan
    with pytest.raises(UserError, match="row 3: accuracy: is nan"):
        bnreg.judge(frame)


def test_seeds_that_only_one_arm_has_are_named(tmp_path):
    content = "\n".join(line for line in tidy().splitlines() if not line.startswith("bn,7"))
    found = judged(tmp_path, content)
    notes = judgement_notes(found)
    assert "bn against plain: seed 7 has no partner and is left out" in notes
    assert judgement_record(found)["comparisons"][0]["unmatched_seeds"] == ["7"]


@pytest.mark.parametrize("disjoint", [True, False])
def test_without_common_seeds_the_arms_are_compared_unpaired(tmp_path, disjoint):
    """As Welch does; a column without seeds says that nothing pairs the rows."""
    rows = [line.split(",") for line in tidy().splitlines()]
    shifted = [[arm, seed + ("b" if arm == "bn" else ""), value] for arm, seed, value in rows[1:]]
    content = "\n".join(",".join(row) for row in [rows[0], *shifted])
    if not disjoint:
        content = "\n".join(f"{arm},{value}" for arm, _, value in rows)
    found = judged(tmp_path, content, baseline="plain")
    bn = found.judged[0]
    assert bn.evidence.pairs is None
    welch = stats.ttest_ind(ARMS["bn"], ARMS["plain"], equal_var=False)
    assert bn.evidence.interval == pytest.approx(tuple(welch.confidence_interval()))
    why = "the seeds differ" if disjoint else "no column pairs their rows"
    assert any(f"unpaired because {why}" in note for note in judgement_notes(found))


def test_too_few_pairs_and_a_forecast_are_noted_without_a_command(tmp_path):
    found = judged(tmp_path, tidy({arm: values[:5] for arm, values in ARMS.items()}))
    assert any("use at least 7 seeds" in note for note in judgement_notes(found))
    notes = judgement_notes(judged(tmp_path, tidy()))
    assert any(note.startswith("elu: inconclusive; ") for note in notes)
    assert not any("bnreg extend" in note for note in notes)


def test_folds_are_warned_of(tmp_path):
    notes = judgement_notes(judged(tmp_path, tidy(header="method,fold,accuracy")))
    assert any(note.startswith("warning: folds share most of their training examples") for note in notes)


def test_seeds_that_were_added_are_judged_at_every_look(tmp_path):
    (bn, _) = judged(tmp_path, tidy(), anytime=True).judged
    assert bn.evidence.is_anytime
    assert bn.evidence.p_value > sign_flip(DIFFERENCES["bn"])


@pytest.mark.parametrize("seeds", [1, 3])
def test_several_data_sets_are_judged_by_their_mean_differences(tmp_path, seeds):
    """One family over the arms; each data set's comparisons are another."""
    content = data_sets(seeds=seeds)
    found = judged(tmp_path, content)
    frame = pd.read_csv(tmp_path / "results.csv")
    means = frame.groupby(["dataset", "method"]).accuracy.mean().unstack()
    arms = ["bn", "drop", "elu"]
    differences = [(means[arm] - means["plain"]).to_numpy() for arm in arms]
    over = [one.evidence for one in found.over_data_sets]
    assert [one.arm.side for one in found.over_data_sets] == arms
    assert [one.difference for one in over] == pytest.approx([one.mean() for one in differences])
    assert [one.p_value for one in over] == pytest.approx([sign_flip(one) for one in differences])
    assert [one.verdict.corrected_p for one in over] == pytest.approx(
        multipletests([one.p_value for one in over], method="holm")[1]
    )
    assert [one.interval for one in over] == [pytest.approx(DescrStatsW(one).tconfint_mean()) for one in differences]
    assert {one.evidence.verdict.family_size for one in found.judged} == {27}
    assert found.decisive == found.over_data_sets


def test_too_few_data_sets_are_called_data_sets(tmp_path):
    notes = judgement_notes(judged(tmp_path, data_sets(number=4)))
    assert any("over data sets: 4 pairs are too few" in note and "at least 7 data sets" in note for note in notes)


def test_a_data_set_without_the_baseline_is_left_out_and_said(tmp_path):
    content = "\n".join(line for line in data_sets().splitlines() if not line.startswith("plain,set2,"))
    found = judged(tmp_path, content, friedman=True)
    assert "left out, without plain: set2" in judgement_notes(found)
    assert [one.evidence.num_pairs for one in found.over_data_sets] == [8, 8, 8]
    assert found.ranking.num_data_sets == 8


def test_ranks_are_those_of_the_means_on_complete_data_sets(tmp_path):
    content = data_sets(seeds=2)
    found = judged(tmp_path, content, friedman=True)
    means = pd.read_csv(tmp_path / "results.csv").groupby(["dataset", "method"]).accuracy.mean().unstack()
    expected = means.rank(axis=1, ascending=False).mean()
    assert dict(zip(found.ranked, found.ranking.ranks, strict=True)) == pytest.approx(expected.to_dict())


def test_ranks_that_cannot_be_computed_are_refused(tmp_path):
    for content, options, said in (
        (tidy(), {}, "needs at least 3 arms and 2 data sets that have all of them; there are 3 and 1"),
        (tidy(header="method,seed,x"), {}, "ranks need a direction; give --higher-is-better or --lower-is-better"),
        (data_sets({"bn": 0, "plain": 0}), {}, "there are 2 and 9"),
    ):
        with pytest.raises(UserError, match=said):
            judged(tmp_path, content, friedman=True, **options)


def test_tens_of_thousands_of_pairs_are_judged():
    """Nothing grows with the square of their number, or this test would not end."""
    values = np.random.default_rng(0).normal(size=(2, 50_000))
    found = bnreg.judge({"bn": values[0], "plain": values[1]}, wide=True).judgement
    (bn,) = found.judged
    assert bn.evidence.num_pairs == 50_000
    assert bn.forecast is None


def test_a_log_is_read_by_its_clock_not_by_its_order():
    """The last epoch counts, also if it is written first."""
    rows = [(arm, seed, epoch) for arm in ("a", "b") for seed in range(6) for epoch in (2, 1, 0)]
    frame = {
        "arm": [arm for arm, _, _ in rows],
        "seed": [seed for _, seed, _ in rows],
        "epoch": [epoch for _, _, epoch in rows],
        "accuracy": [0.9 + 0.01 * epoch + (0.01 if arm == "a" else 0) for arm, _, epoch in rows],
    }
    judgement = judge_table(table_of(frame), Request(metric="accuracy", baseline="b", last=True))
    assert [round(one.moments("").mean, 6) for one in judgement.samples] == [0.93, 0.92]


@pytest.mark.parametrize(("examples", "word"), [(None, "equivalent"), (1000, "inconclusive"), (10_000, "equivalent")])
def test_a_small_test_set_proves_no_equivalence(examples, word):
    frame = {"arm": ["a"] * 6 + ["b"] * 6, "seed": [*range(6)] * 2, "accuracy": [0.99] * 12}
    judgement = judge_table(table_of(frame), Request(baseline="b", examples=examples))
    assert judgement.judged[0].evidence.verdict.word == word


def test_a_frame_may_have_numbers_as_names():
    frame = {"arm": [1] * 6 + [2] * 6, "seed": [*range(6)] * 2, 0: [0.9 + 0.01 * one for one in range(12)]}
    assert "against 2" in str(bnreg.judge(frame, baseline=2, metric=0))
    with pytest.raises(UserError, match="expected a data frame"):
        bnreg.judge([1, 2])


def test_data_sets_without_a_trained_pair_are_named_and_divergence_is_on_the_line_over_all():
    """On one of three data sets arm a always diverged."""
    rows = [(arm, data, seed) for data in ("x", "y", "z") for arm in ("a", "b") for seed in range(6)]
    frame = {
        "arm": [arm for arm, _, _ in rows],
        "dataset": [data for _, data, _ in rows],
        "seed": [seed for _, _, seed in rows],
        "accuracy": [math.nan if (arm, data) == ("a", "z") else 0.9 + 0.01 * seed for arm, data, seed in rows],
    }
    judgement = judge_table(table_of(frame), Request(baseline="b", nan_is_diverged=True))
    (over,) = judgement.over_data_sets
    assert over.evidence.num_pairs == 2
    assert (over.evidence.divergence.num_arm, over.evidence.divergence.num_baseline) == (6, 0)
    assert over.evidence.divergence.cases == (18, 18)
    assert "left out over data sets, because no pair trained: a at dataset=z" in judgement_notes(judgement)


def extreme(values, name="loss"):
    """Eight seeds of three arms on two data sets, whose values are these in turn."""
    rows = [(arm, data, seed) for data in ("x", "y") for arm in ("a", "b", "c") for seed in range(8)]
    return {
        **dict(zip(("arm", "dataset", "seed"), zip(*rows, strict=True), strict=True)),
        name: [values[i % len(values)] * (1 + i / 100) for i in range(len(rows))],
    }


@pytest.mark.parametrize(
    ("value", "why"),
    [
        (1e307, "is too large: at most 1e+50; write it in another unit, or as nan if the run diverged"),
        (-1e308, "is too large: at most 1e+50; write it in another unit, or as nan if the run diverged"),
        (10**400, "is too large: at most 1e+50; write it in another unit, or as nan if the run diverged"),
        (1e-320, "is too close to 0: at least 1e-50; write it in another unit, or as 0"),
    ],
)
def test_numbers_that_cannot_be_computed_with_are_named_by_row_and_value(value, why, tmp_path):
    """Squares of squares of them are infinite or 0, and so would be intervals and p values."""
    frame = extreme([1.0])
    frame["loss"][5] = value
    with pytest.raises(UserError) as raised:
        bnreg.judge(frame, baseline="a")
    (line,) = raised.value.lines
    assert re.fullmatch(rf"row 5: loss: '{re.escape(str(value)[:20])}.* {re.escape(why)}", line)
    pd.DataFrame(frame).to_csv(tmp_path / "file.csv", index=False)
    with pytest.raises(UserError, match=r"file.csv:7: loss: '.* is too "):
        bnreg.judge(tmp_path / "file.csv", baseline="a")


@pytest.mark.parametrize("values", [[6e49], [1e-49], [6e49, -6e49], [6e49, 1e-49, 0.0], [-1e-49, 1e-49], [3.4e38, 1.0]])
@pytest.mark.parametrize(
    "request_",
    [
        {},
        {"anytime": True, "where": "dataset=x"},
        {"smallest_effect": 1e50, "where": "dataset=x"},
        {"smallest_effect": "1e-60", "anytime": True, "where": "dataset=x"},
        {"seed": None, "friedman": True},
    ],
)
def test_the_largest_and_the_smallest_numbers_are_judged_like_all_others(values, request_):
    """Without a warning, which would be an error here, and with the p of the same differences in another unit."""
    frame = extreme(values)
    if "seed" in request_:
        del frame["seed"]
    judgement = bnreg.judge(frame, baseline="a", **request_).judgement
    assert math.isfinite(sum(one.evidence.p_value + abs(one.evidence.difference) for one in judgement.judged))
    json.dumps(judgement_record(judgement), allow_nan=False)
    unit = max(map(abs, values))
    in_units = {**frame, "loss": [round(one / unit, 12) for one in frame["loss"]]}
    scaled = bnreg.judge(in_units, baseline="a", **{**request_, "smallest_effect": None}).judgement
    for one, same in zip(judgement.judged, scaled.judged, strict=True):
        assert one.evidence.p_value == pytest.approx(same.evidence.p_value)
        assert np.divide(one.evidence.interval, unit) == pytest.approx(same.evidence.interval, rel=1e-3, abs=1e-3)


@pytest.mark.parametrize("asked", ["1e51", 1e51, 10**400, math.inf, math.nan, "1e999"])
def test_a_smallest_effect_is_bounded_as_the_values_are(asked):
    with pytest.raises(UserError, match=r"smallest_effect .*: loss: expected a number from 0 to 1e\+50"):
        bnreg.judge(extreme([1.0]), baseline="a", smallest_effect=asked)


@pytest.mark.parametrize("examples", [0, -3, 10**400])
def test_the_number_of_test_examples_is_one(examples):
    with pytest.raises(UserError, match=r"examples .*: expected a number of test examples"):
        bnreg.judge(extreme([0.5], "accuracy"), baseline="a", examples=examples)


def test_small_values_and_effects_are_shown_with_as_many_decimals_as_they_need():
    frame = extreme([3.1e-6, 3.3e-6, 3.2e-6], "latency")
    shown = str(bnreg.judge(frame, baseline="a", where="dataset=x", smallest_effect=1e-12))
    assert "a (baseline)  0.000003312 ± 0.000000135  8" in shown
    assert "+0.000000241 [+0.000000102, +0.000000381]" in shown
    assert "equivalent: within ±1e-12;" in shown


def results():
    rows = [(arm, seed, value) for arm, values in ARMS.items() for seed, value in enumerate(values)]
    return pd.DataFrame(rows, columns=["method", "seed", "accuracy"])


@pytest.mark.parametrize(
    ("shaped", "request_"),
    [
        (lambda frame: frame.set_index("seed"), {}),
        (lambda frame: frame.groupby(["method", "seed"]).mean(), {}),
        (lambda frame: frame.set_index("seed", drop=False), {}),
        (lambda frame: frame.convert_dtypes().astype({"method": "category"}), {}),
        (lambda frame: frame.pivot(index="seed", columns="method", values="accuracy"), {"wide": True}),
        (lambda frame: frame.set_index(["seed", "method"]).unstack(), {"wide": True, "baseline": "accuracy.plain"}),
        (
            lambda frame: frame.pivot(index="seed", columns="method", values="accuracy"),
            {"wide": True, "arm": ["bn", "elu", "plain"]},
        ),
    ],
    ids=["index", "grouped", "index and column", "other types", "pivot", "two levels of columns", "arms as a list"],
)
def test_frames_of_any_shape_pair_by_their_seeds(shaped, request_):
    """Where pandas puts the seeds into the index, they are a column like any other."""
    expected = bnreg.judge(results()).judgement
    found = bnreg.judge(shaped(results()), **{"metric": "accuracy", **request_}).judgement
    assert [one.evidence.pairs for one in found.judged] == [one.evidence.pairs for one in expected.judged]


@pytest.mark.parametrize(
    ("given", "mistake"),
    [
        (
            results()["accuracy"],
            "expected a data frame, a mapping of columns or the path of a CSV file, got a pandas.Series",
        ),
        ([{"a": 1}], "expected a data frame, a mapping of columns or the path of a CSV file, got a list"),
        ({"method": "bn", "seed": 1}, "column 'method': expected a list of values, got 'bn'"),
        ({"method": ["bn"], "seed": 1}, "column 'seed': expected a list of values, got 1"),
        (pd.concat([results(), results()[["seed"]]], axis=1), "columns 2 and 4 are both called 'seed'"),
        (results().assign(method=["bn", None] + ["plain"] * 22), "row 1: method: is empty"),
        (results().assign(seed=[math.nan, *range(23)]), "row 0: seed: is empty"),
    ],
)
def test_what_is_no_table_is_one_line(given, mistake):
    with pytest.raises(UserError) as raised:
        bnreg.judge(given)
    assert raised.value.lines[0].startswith(mistake)
    assert "\n" not in raised.value.lines[0]


@pytest.mark.parametrize(("option", "value"), [("where", {"method": "bn"}), ("examples", "1e4")])
def test_an_option_of_another_type_is_one_line(option, value):
    with pytest.raises(UserError, match=option):
        bnreg.judge(results(), **{option: value})


def test_points_of_a_metric_that_is_no_share_are_refused():
    frame = results().assign(accuracy=lambda one: 100 - 100 * one["accuracy"]).rename(columns={"accuracy": "error"})
    with pytest.raises(UserError, match=r"smallest_effect 0.2pp: error: no share from 0 to 1, so give a number in"):
        bnreg.judge(frame, smallest_effect="0.2pp")
