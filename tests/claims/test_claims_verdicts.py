"""The verdicts on claims: for each of the lecture's, what supports it, what contradicts it, and what says nothing."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from support.made_runs import CONFIG, MadeReplica, made_run

from bnreg.claims.claim import claim_of
from bnreg.claims.measures import MEASURES
from bnreg.claims.verdict import decide_claims
from bnreg.config.load import load_experiment
from bnreg.errors import UserError
from bnreg.experiment.choices import all_choices
from bnreg.names import ReplicaId

LECTURE = sorted((Path(__file__).parent.parent.parent / "configs" / "lecture").glob("*.yaml"))
NUM_SEEDS = 20

pytestmark = pytest.mark.filterwarnings("error")


@pytest.fixture(params=LECTURE, ids=lambda path: path.stem)
def claim(request):
    return claim_of(load_experiment(request.param, [], all_choices()))


@pytest.fixture(scope="module")
def view():
    """A run whose results no measure below looks at."""
    proof = {"initial_weights": "w", "batch_order": "b", "epochs": 1}
    replicas = [MadeReplica(ReplicaId(0, "a", seed), epochs=[{}], final={}, proof=proof) for seed in range(NUM_SEEDS)]
    return made_run(replicas, arms=["a"], seeds=range(NUM_SEEDS), config=CONFIG).view()


def decided(claim, view, lift, *, reverse=False, spread=0.3):
    """The verdict if the arms that a test predicts to have more have ``lift`` smallest effects more than the others."""
    random = np.random.default_rng(7)

    def with_values(test):
        drawn = {arm: random.normal(size=NUM_SEEDS) for arm in (*test.arms, *test.against)}
        noise = {arm: spread * (values - values.mean()) for arm, values in drawn.items()}

        def function(_view, arm, **_options):
            is_more = (arm in test.arms) != reverse
            values = test.smallest_effect * (lift * is_more * (-1 if reverse and not test.against else 1) + noise[arm])
            return dict(enumerate(values.tolist()))

        return replace(test, measure=replace(test.measure, function=function))

    changed = replace(claim, tests=tuple(map(with_values, claim.tests)))
    (found,) = decide_claims([(changed, view)])
    return found.word


def test_all_of_the_lectures_claims_are_there():
    ids = [claim_of(load_experiment(path, [], all_choices())).id for path in LECTURE]
    assert sorted(ids, key=lambda name: int(name[1:])) == [f"C{number}" for number in range(1, 19)]


def is_of_equality(claim):
    return claim.tests[0].expected == "equal"


def test_what_a_claim_predicts_supports_it(claim, view):
    assert decided(claim, view, 0 if is_of_equality(claim) else 3) == "supported"


def test_the_reverse_of_what_a_claim_predicts_contradicts_it(claim, view):
    if is_of_equality(claim):
        assert decided(claim, view, 3) == "not supported"
    assert decided(claim, view, 3, reverse=True) == "not supported"


def test_no_difference_contradicts_a_claim_or_leaves_it_open(claim, view):
    """If everything is noise, a narrow interval around zero excludes the smallest effect, and a wide one does not."""
    if is_of_equality(claim):
        assert decided(claim, view, 0, spread=20) == "inconclusive"
        return
    assert decided(claim, view, 0) == "not supported"
    assert decided(claim, view, 0, spread=20) == "inconclusive"


def test_one_test_that_fails_is_enough(view):
    """And one that is open leaves the claim open."""
    made = claim_with(["a", "b"])
    for second, spread, word in ((3, 0.4, "supported"), (-3, 0.4, "not supported"), (0.9, 4, "inconclusive")):
        functions = {"a": constant(3, 0.4), "b": constant(second, spread)}
        tests = [replace(test, measure=replace(test.measure, function=functions[test.arms[0]])) for test in made.tests]
        (found,) = decide_claims([(replace(made, tests=tuple(tests)), view)])
        assert found.word == word


def constant(lift, spread):
    def function(_view, _arm, **_options):
        return {seed: 0.01 * (lift + spread * np.sin(seed)) for seed in range(NUM_SEEDS)}

    return function


def claim_with(arms, **changes):
    """A claim with a test for each arm, against zero."""
    from bnreg.claims.claim import Claim, Test

    tests = [Test("final", MEASURES["final"], "pp", {"metric": "train_loss"}, (arm,), (), "more", 0.01) for arm in arms]
    return Claim("X", "It holds.", "", "", tuple(replace(test, **changes) for test in tests))


def test_p_is_corrected_for_all_claims_that_are_decided_together(view):
    """By Holm's method: the smallest of n is multiplied by n."""
    lift = constant(0.35, 0.8)
    test = replace(claim_with(["a"]).tests[0], measure=replace(MEASURES["final"], function=lift), smallest_effect=1e-4)
    one = replace(claim_with(["a"]), tests=(test,))
    (alone,) = decide_claims([(one, view)])
    assert alone.word == "supported"
    together = decide_claims([(one, view)] * 30)
    assert {found.corrected_p for found in together} == {min(1.0, 30 * alone.corrected_p)}
    assert {found.word for found in together} == {"inconclusive"}


def test_of_several_arms_the_best_counts_as_the_other_seeds_choose_it(view):
    values = {"a": {0: 0.0, 1: 0.9, 2: 0.1}, "b": {0: 0.5, 1: 0.3, 2: 0.4}, "c": {0: 0.2, 1: 0.2, 2: 0.2}}
    measure = replace(MEASURES["final"], function=lambda _view, arm, **_options: values[arm])
    test = replace(claim_with(["a"]).tests[0], measure=measure, arms=("a", "b"), against=("c",))
    (found,) = decide_claims([(replace(claim_with(["a"]), tests=(test,)), view)])
    # Seed 0: a (0.5 against 0.35), seed 1: b (0.05 against 0.45), seed 2: a (0.45 against 0.4).
    assert found.tested[0].values[0] == {0: 0.0, 1: 0.3, 2: 0.1}
    assert found.tested[0].evidence.pairs.differences == pytest.approx((-0.2, 0.1, -0.1))


MISTAKES = {
    "more: plan": "a.yaml:9: claim.tests[0].more: unknown arm 'plan'; did you mean 'plain'? (choices: bn, plain)",
    "more: [bn, x]": "a.yaml:9: claim.tests[0].more: unknown arm 'x' (choices: bn, plain)",
    "measure: finl": "claim.tests[0].measure: unknown measure 'finl'; did you mean 'final'?",
    "of: {metric: test_loss, metrc: 1}": "claim.tests[0].of.metrc: unknown option 'metrc'; did you mean 'metric'?",
    "of: {metric: 3}": "claim.tests[0].of.metric: expected text, got 3",
    "of: {}": "claim.tests[0].of.metric: missing",
    "smallest_effect: 2x": "claim.tests[0].smallest_effect: expected a positive number, such as 0.3pp, got '2x'",
    "of: {metric: test_acuracy}": "of.metric: unknown metric 'test_acuracy'; did you mean 'test_accuracy'?",
    "of: {metric: test_accuracy, at: foo}": "of.at: 'foo': expected best, last, last=N, epoch=N or step=N",
    "of: {metric: test_accuracy, where: {optimizer.lrr: 3}}": "of.where: unknown swept key 'optimizer.lrr'",
    "of: {metric: test_accuracy, where: {optimizer.lr: 3}}": "of.where: optimizer.lr is never 3",
    "smallest_effect: 0.003": "expected a positive number, such as 0.3pp, got 0.003",
    "smallest_effect: 0": "claim.tests[0].smallest_effect: expected a positive number, such as 0.3pp, got 0",
}
CLAIM = {
    "measure": "measure: final",
    "of": "of: {metric: test_accuracy}",
    "more": "more: bn",
    "smallest_effect": "smallest_effect: 0.3pp",
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_in_a_claim_is_one_line_with_its_place(tmp_path, monkeypatch, mistake):
    monkeypatch.chdir(tmp_path)
    written = CLAIM | {mistake.partition(":")[0]: mistake}
    lines = ["claim:", "  id: X", "  statement: It helps.", "  tests:", "    -"]
    lines += [f"      {line}" for line in (written["measure"], written["of"], "against: plain", written["more"])]
    lines += [
        f"      {written['smallest_effect']}",
        "sweep: {optimizer.lr: [0.1, 0.2]}",
        "arms: {bn: {model: {norm: batch}}, plain: {}}",
        "baseline: plain",
    ]
    Path("a.yaml").write_text("\n".join(lines) + "\n")
    with pytest.raises(UserError) as refusal:
        claim_of(load_experiment(Path("a.yaml"), [], all_choices()))
    (line,) = refusal.value.lines
    assert MISTAKES[mistake] in line
    assert line.startswith("a.yaml:")


OTHERS = {
    "gain, of: {metric: test_loss, key: optimizer.lr, instead_of: 0.1}, more: bn, smallest_effect: 0.1": (
        "of.metric: expected a metric of which more is better, got test_loss"
    ),
    "gain, of: {metric: test_accuracy, key: optimizer.lr, instead_of: 9}, more: bn, smallest_effect: 1pp": (
        "of.instead_of: optimizer.lr is never 9"
    ),
    "peak, of: {metric: test_accuracy, key: optimizer.lr}, more: bn, smallest_effect: 1pp": (
        "of.key: peak needs at least 3 values of optimizer.lr"
    ),
    "largest, of: {metric: test_accuracy, key: model.hidden, within: 0.1}, more: bn, smallest_effect: 2x": (
        "of.key: largest needs positive numbers, but model.hidden has others"
    ),
    "time_to, of: {metric: test_accuracy, target: 0.9, clock: second}, more: bn, smallest_effect: 2x": "of.clock: ",
    "time_to, of: {metric: test_accuracy, target: 0.9}, more: [bn, plain], smallest_effect: 2x": (
        "more: several arms, of which the best counts, cannot be compared by time_to"
    ),
    "watched, of: {name: mean_shift}, more: bn, smallest_effect: 1": (
        "of.name: nothing is watched; list diagnostics.names"
    ),
    "final, of: {metric: test_loss}, more: bn, smallest_effect: 1pp": (
        "smallest_effect: expected a positive number, such as 0.1, got '1pp'"
    ),
}


@pytest.mark.parametrize("test", OTHERS)
def test_what_nothing_in_the_experiment_answers_to_is_a_mistake(tmp_path, test):
    path = tmp_path / "a.yaml"
    claim = f"claim: {{id: X, statement: It helps., tests: [{{measure: {test}}}]}}\n"
    sweep = "sweep: {optimizer.lr: [0.1, 0.2], model.hidden: [[4], [8]]}\n"
    path.write_text(f"{claim}arms: {{bn: {{model: {{norm: batch}}}}, plain: {{}}}}\nbaseline: plain\n{sweep}")
    with pytest.raises(UserError) as refusal:
        claim_of(load_experiment(path, [], all_choices()))
    (line,) = refusal.value.lines
    assert line.startswith(f"{path}:1: claim.tests[0].{OTHERS[test]}")


def test_a_file_without_a_claim_is_told_so(tmp_path):
    path = tmp_path / "a.yaml"
    path.write_text("seeds: 2\n")
    with pytest.raises(UserError, match="no claim; add `claim:` with its id, statement and tests"):
        claim_of(load_experiment(path, [], all_choices()))
