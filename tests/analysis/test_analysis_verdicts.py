"""Which statistic is used when: pairs, the test examples' share in the interval, the family, the direction."""

from dataclasses import replace

import numpy as np
import pytest
from support.made_runs import make_run, write_run

from bnreg.analysis.comparison import compare_views
from bnreg.analysis.interactions import interactions_of
from bnreg.analysis.question import Question
from bnreg.analysis.run_view import view_of_run
from bnreg.claims.condition import outcome
from bnreg.errors import UserError
from bnreg.report.comparison.interactions import interactions_grid
from bnreg.runs import read_run
from bnreg.statistics.intervals import over_redrawn_splits


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def view(folder):
    return view_of_run(read_run(folder))


def answered(name, **options):
    """A run whose networks' answers on each test example are known."""
    return view(write_run(name, num_seeds=8, noise=0.001, correct=True, **options))


def judged(views, **question):
    """The first comparison."""
    (block,) = compare_views(views if isinstance(views, list) else [views], Question(**question))
    return block.judged[0]


def test_the_last_epoch_is_the_final_network_however_it_is_asked_for():
    run = answered("lift", num_epochs=3)
    last, same, earlier = (judged(run, at=at).evidence for at in ("last", "epoch=3", "epoch=2"))
    assert last.interval_over == same.interval_over == "seeds and examples"
    assert last.interval == same.interval
    assert earlier.interval_over == "seeds"


def test_a_best_epoch_that_is_the_last_one_is_the_final_network():
    run = answered("lift", validation=True, num_epochs=2)
    summary = run.summary | {"best_epoch": [2] * len(run.pairing)}
    assert judged(run, at="best").evidence.interval_over == "seeds"
    assert judged(replace(run, summary=summary), at="best").evidence.interval_over == "seeds and examples"


def test_several_networks_of_a_seed_are_averaged_in_the_answers_too():
    """Their answers are a share; two runs of equal networks say no more than one of them."""
    one, two = answered("one"), answered("two")
    alone, pooled = judged(one, group_by=("arm",)).evidence, judged([one, two], group_by=("arm",)).evidence
    assert pooled.interval_over == "seeds and examples"
    assert pooled.interval == pytest.approx(alone.interval)


def test_strangers_tested_on_the_same_examples_have_these_in_their_interval():
    runs = [answered("one", arms=("bn",), baseline=None), answered("two", arms=("plain",), baseline=None, lift=0)]
    strangers = [runs[0], replace(runs[1], info=replace(runs[1].info, pairing=reordered(runs[1])))]
    found = judged(strangers, group_by=("arm",), baseline="plain")
    assert (found.unpaired, found.evidence.interval_over) == ("batch orders", "unpaired seeds and examples")
    assert found.evidence.floor_error > 0
    other_set = [answered("three"), answered("four", dataset="mnist")]
    apart = judged(other_set, baseline="dataset=mnist_5k")
    assert (apart.unpaired, apart.evidence.interval_over) == ("data", "unpaired seeds")


def reordered(run):
    return tuple(proof._replace(batch_order=f"other-{proof.replica.seed}") for proof in run.pairing)


def made(name="lift-20261101T120000Z-000000", **options):
    return view(make_run(".", name, **options))


VALIDATION = {"data": {"dataset": "mnist", "batch_size": 100, "train_size": None, "validation_size": 10_000}}


def test_one_swept_setting_and_the_arms_interact():
    """Does the gain depend on the learning rate?"""
    points = [{"optimizer.lr": 0.1}, {"optimizer.lr": 0.01}]
    run = made(points=points, accuracies={"bn": [0.97, 0.99], "plain": [0.96, 0.96]}, num_seeds=8)
    (block,) = compare_views([run])
    (found,) = interactions_of(block, "test_accuracy")
    assert (found.factor, found.level, found.reference) == ("optimizer.lr", "0.01", "0.1")
    assert found.evidence.difference == pytest.approx(0.02)
    assert found.evidence.verdict.word == "helped"


def test_divergence_at_one_point_stands_on_the_line_of_the_change():
    """A seed counts where either arm diverged; the change is that of the seeds in which neither did at either point."""
    fell = {(1, "bn"): {2, 3}, (1, "plain"): {3, 7}, (2, "bn"): {*range(10)}}
    run = made(points=[{"optimizer.lr": lr} for lr in (0.1, 0.01, 0.001)], num_seeds=10)
    cells = [(one.replica.point_index, one.replica.arm, one.replica.seed) for one in run.pairing]
    status = ["diverged" if seed in fell.get((point, arm), ()) else "ok" for point, arm, seed in cells]
    (block,) = compare_views([replace(run, summary={**run.summary, "status": status})])
    some, none_trained = interactions_of(block, "test_accuracy")
    assert (some.evidence.divergence.num_arm, some.evidence.divergence.num_baseline) == (3, 0)
    assert some.evidence.pairs.seeds == (0, 1, 4, 5, 6, 8, 9)
    assert some.evidence.divergence.p_value == pytest.approx(0.25)
    assert (none_trained.evidence.num_pairs, none_trained.evidence.divergence.num_arm) == (0, 10)
    rows = interactions_grid([some, none_trained], "test_accuracy", {}).rows
    assert [row[3] for row in rows] == ["equivalent; diverged 3:0", "–; diverged 10:0"]
    assert [row[-1] for row in rows] == ["1.000", "–"]


def test_a_change_on_a_validation_split_is_as_wide_as_redrawn_splits_make_it():
    points = [{"optimizer.lr": 0.1}, {"optimizer.lr": 0.01}]
    run = made(points=points, num_seeds=8)
    random = np.random.default_rng(0)
    accuracies = random.normal(0.95, 0.01, len(run.pairing)).tolist()
    run = replace(run, summary={**run.summary, "final_validation_accuracy": accuracies}, config=run.config | VALIDATION)
    (block,) = compare_views([run], Question(metrics=("validation_accuracy",)))
    (found,) = interactions_of(block, "validation_accuracy")
    assert found.evidence.interval_over == "redrawn splits"
    expected = over_redrawn_splits(found.evidence.pairs.differences, 10_000 / 50_000)
    assert found.evidence.interval == pytest.approx(expected.interval())


def test_a_metric_without_a_smallest_effect_is_higher_or_lower():
    run = made(num_seeds=8)
    losses = [0.1 if proof.replica.arm == "bn" else 0.2 for proof in run.pairing]
    run = replace(run, summary={**run.summary, "final_test_loss": losses, "final_test_input_gradient": losses})
    for metric in ("test_loss", "test_input_gradient"):
        assert judged(run, metrics=(metric,)).evidence.verdict.word == "lower"
    declared = judged(run, metrics=("test_loss",), smallest_effects={"": "0.01"})
    assert declared.evidence.verdict.word == "helped"
    any_difference = judged(run, metrics=("test_loss",), smallest_effects={"": 0})
    assert any_difference.evidence.verdict.word == "helped"
    gradient = judged(run, metrics=("test_input_gradient",), smallest_effects={"": 0.01})
    assert gradient.evidence.verdict.word == "lower"


def test_each_metric_may_have_its_own_smallest_effect():
    run = made(num_seeds=8)
    compare = {"metric": "test_accuracy", "smallest_effect": {"test_loss": 0.5, "test_accuracy": 0.02}}
    run = replace(run, config={**run.config, "compare": compare})
    (block,) = compare_views([run], Question(metrics=("test_accuracy", "test_loss", "train_loss")))
    assert [one.evidence.smallest_effect for one in block.judged] == [0.02, 0.5, None]
    assert [one.evidence.verdict.word for one in block.judged] == ["equivalent", "equivalent", "inconclusive"]
    asked = judged(run, metrics=("test_accuracy", "test_loss"), smallest_effects={"test_loss": "0.1", "": "0.1pp"})
    assert asked.evidence.smallest_effect == pytest.approx(0.001)


@pytest.mark.parametrize(
    ("effects", "line"),
    [
        ({"": "0.3"}, "--smallest-effect 0.3: test accuracy: as a share that is 30 percentage points; write 0.3pp or"),
        ({"": "wide"}, "--smallest-effect wide: test accuracy: expected a number, such as 0.002 or 0.2pp"),
        ({"": "-1"}, "--smallest-effect -1: test accuracy: expected a number"),
        ({"": "200pp"}, "--smallest-effect 200pp: test accuracy: expected a number from 0 to 1"),
    ],
)
def test_a_smallest_effect_that_hides_everything_is_refused(effects, line):
    with pytest.raises(UserError, match=line):
        judged(made(num_seeds=8), smallest_effects=effects)
    assert judged(made("lift-20261101T120000Z-000001", num_seeds=8), smallest_effects={"": "30pp"}).evidence


def test_the_declared_metric_decides_and_others_are_families_of_their_own():
    run = made(num_seeds=6)
    (alone,) = compare_views([run])
    (both,) = compare_views([run], Question(metrics=("test_accuracy", "test_loss", "train_loss")))
    assert alone.judged[0].evidence == both.judged[0].evidence
    assert alone.judged[0].evidence.verdict.word == "helped"
    assert {one.evidence.verdict.family_size for one in both.judged} == {1}
    declared = replace(run, config={**run.config, "compare": {"metric": "train_accuracy", "smallest_effect": 0.002}})
    (block,) = compare_views([declared])
    assert [one.metric for one in block.judged] == ["train_accuracy"]
    assert block.metrics[0] == "train_accuracy"


def test_looking_at_one_of_five_points_makes_no_smaller_family():
    points = [{"optimizer.lr": rate} for rate in (0.1, 0.03, 0.01, 0.003, 0.001)]
    run = made(points=points, num_seeds=7)
    everything, one = (judged(run, where=where).evidence for where in (None, "optimizer.lr=0.1"))
    assert (everything.verdict.family_size, one.verdict.family_size) == (5, 5)
    assert one.verdict == everything.verdict
    assert one.verdict.word == "inconclusive"  # seven pairs are too few for five comparisons
    (some,) = compare_views([run], Question(where="optimizer.lr>0.02 and seed<6"))
    assert [(each.evidence.num_pairs, each.evidence.verdict.family_size) for each in some.judged] == [(6, 5)] * 2


def test_batches_of_other_sizes_are_other_batches():
    """Within a run and between runs, although their order is the same."""
    points = [{"data.batch_size": size} for size in (50, 100)]
    run = made(points=points, num_seeds=8)
    for one in compare_views([run], Question(baseline="data.batch_size=50"))[0].judged:
        assert one.unpaired == "batches"
    config = run.config | {"data": {**run.config["data"], "batch_size": 50}}
    one, other = (made(f"lift-20261101T120000Z-00000{i}", num_seeds=8) for i in (1, 2))
    assert judged([one, other], baseline=f"run={one.id}", group_by=("arm",)).unpaired is None
    other = replace(other, config=config)
    assert judged([one, other], baseline=f"run={one.id}", group_by=("arm",)).unpaired == "batches"


@pytest.mark.parametrize(
    ("seeds", "unpaired", "used"),
    [
        (range(8), None, (8, 8)),
        (range(1, 9), None, (7, 7)),  # seven shared pairs are enough for two comparisons
        (range(6, 14), "seeds", (8, 8)),
        (range(20, 28), "seeds", (8, 8)),
        (range(20, 23), None, (0, 0)),  # too few for Welch's test as well
    ],
)
def test_seeds_that_are_not_shared_are_compared_unpaired(seeds, unpaired, used):
    one = made("a-20261101T120000Z-000001", num_seeds=8)
    other = made("a-20261101T120000Z-000002", seeds=[*seeds])
    found = judged([one, other], baseline=f"run={one.id}", group_by=("arm",))
    assert (found.unpaired, found.evidence.num_seeds) == (unpaired, used)


def test_whoever_diverges_significantly_more_often_is_hurt():
    run = made(num_seeds=14, diverged=[("bn", seed) for seed in range(6)])
    found = judged(run)
    assert (found.evidence.num_pairs, found.evidence.verdict.word, outcome(found)) == (8, "helped", "hurt")
    few = judged(made("lift-20261101T120000Z-000001", num_seeds=14, diverged=[("bn", 0)]))
    assert (few.evidence.divergence.num_arm, outcome(few)) == (1, "helped")


def test_a_run_with_several_looks_is_judged_by_what_holds_at_every_look():
    run = made(num_seeds=8)
    looked = replace(run, info=replace(run.info, looks=(4, 8)))
    assert not judged(run).evidence.is_anytime
    assert judged(looked).evidence.is_anytime
    planned = replace(run, config=run.config | {"seeds": {"until": "decided", "from": 8, "step": 8, "at_most": 16}})
    assert judged(planned).evidence.is_anytime
    assert judged([run, looked], group_by=("arm",)).evidence.is_anytime


def test_seeds_that_diverged_still_pair_their_arms():
    """They are counted and left out; too few that trained are no reason to compare strangers."""
    run = made(num_seeds=10, diverged=[("bn", seed) for seed in range(6)])
    found = judged(run)
    assert (found.unpaired, found.evidence.num_pairs) == (None, 4)


def test_a_loss_without_a_smallest_effect_is_won_by_the_lower_value():
    run = made(num_seeds=8)
    losses = [0.1 if proof.replica.arm == "bn" else 0.2 for proof in run.pairing]
    run = replace(run, summary={**run.summary, "final_test_loss": losses})
    evidence = judged(run, metrics=("test_loss",)).evidence
    assert (evidence.verdict.word, evidence.pairs.wins, evidence.pairs.better.value) == ("lower", 8, 1)


def test_pooled_seeds_are_in_the_order_in_which_they_were_trained():
    first = made("a-20261101T120000Z-000001", seeds=[7, 3], num_epochs=2)
    second = made("a-20261101T120000Z-000002", seeds=[5, 1])
    first, second = (
        replace(run, info=replace(run.info, started=f"2026-11-0{day}T00:00:00+00:00", looks=(1, 2)))
        for day, run in ((1, first), (2, second))
    )
    for runs in ([first, second], [second, first]):
        assert judged(runs, group_by=("arm",)).evidence.pairs.seeds == (7, 3, 5, 1)


def test_one_of_many_arms_that_diverges_more_often_by_chance_is_not_hurt():
    """Divergence is corrected for the family, too."""
    arms = [f"a{number}" for number in range(10)]
    accuracies = dict.fromkeys(arms, 0.96) | {"plain": 0.96}
    run = made(num_seeds=12, accuracies=accuracies, diverged=[("a0", seed) for seed in range(6)])
    found = judged(run)
    assert found.evidence.divergence.p_value == pytest.approx(1 / 32)
    assert outcome(found) != "hurt"
