"""``bnreg compare`` with questions about which networks: filter, groups, pairs, baseline and order."""

import csv
import io
import json
from pathlib import Path

import pytest
from support.command_line import comparisons
from support.made_runs import made_name


@pytest.mark.usefixtures("rates")
def test_runs_are_pooled_by_a_key(bnreg):
    """One row for each value, in ascending order; each arm is compared with the baseline at the same value."""
    found = comparisons(bnreg("compare", "runs/*", "--group-by", "optimizer.lr", "--json"))
    assert [one["point"] for one in found] == [{"optimizer.lr": lr} for lr in (0.001, 0.01, 0.1)]
    assert [round(one["difference"], 9) for one in found] == [0.02, 0.03, 0.01]
    assert {one["family_size"] for one in found} == {3}
    text = bnreg("compare", "runs/*", "--group-by", "optimizer.lr", "--width", "200").out
    assert text.startswith("3 runs: mnist_5k (requested mnist), 2 epochs, 6 seeds\n")
    assert "p of sign flips, after Holm for 3 comparisons" in text


@pytest.mark.parametrize(
    "pooled", [["--group-by", "arm"], ["--group-by", "optimizer.lr,dataset"], ["--baseline", "dataset=mnist_5k"]]
)
def test_a_repeated_run_is_no_further_evidence(bnreg, make_run, pooled):
    """Its networks are the same ones, whatever its id: two of each would hide that the test examples are few."""
    asked = ("--width", "200", *pooled)
    one = make_run("lift", correct=True, noise=0.004)
    alone = bnreg("compare", one, *asked)
    assert alone.code == 0
    two = make_run("lift", correct=True, noise=0.004, id=made_name("lift", 2))
    both = bnreg("compare", one, two, *asked)
    left_out = f"left out: {two}: a repeat of {one}: the same settings gave the same results"
    assert (both.code, both.out.split()) == (0, [*alone.out.split(), *left_out.split()])


@pytest.mark.parametrize(
    "apart", [[], ["--baseline", "arm=plain"], ["--group-by", "run,arm"], ["--baseline", f"run={made_name('lift')}"]]
)
def test_a_repeated_run_is_shown_beside_the_first(bnreg, make_run, apart):
    """So that one sees that a training can be repeated."""
    for number in range(2):
        make_run("lift", id=made_name("lift", number))
    done = bnreg("compare", "runs/*", *apart)
    assert (done.code, "left out" in done.out) == (0, False)


@pytest.mark.parametrize("change", [{"lift": 0.02}, {"settings": {"optimizer.lr": 0.1}}, {"dataset": "mnist"}])
def test_runs_that_differ_are_averaged(bnreg, make_run, change):
    make_run("lift")
    make_run("lift", id=made_name("lift", 2), **change)
    done = bnreg("compare", "runs/*", "--group-by", "arm")
    assert (done.code, done.out[:6], "left out" in done.out) == (0, "2 runs", False)


def test_the_epochs_of_pooled_runs_are_a_range_from_the_fewest_to_the_most(bnreg, make_run):
    """Whichever run comes first."""
    for name, num_epochs in (("a", 8), ("b", 1), ("c", 3)):
        make_run(name, num_epochs=num_epochs)
    title = bnreg("compare", "runs/*", "--group-by", "training.epochs", "--width", "200").out.splitlines()[0]
    assert title == "3 runs: mnist_5k (requested mnist), 1 to 8 epochs, 6 seeds"
    assert ", 1 epoch, 6 seeds" in bnreg("compare", "b", "--width", "200").out.splitlines()[0]


def test_an_advantage_does_not_change_from_run_to_run(bnreg, make_run):
    """The run is not a setting, so no setting changes along with it."""
    make_run("one")
    make_run("other")
    (record,) = json.loads(bnreg("compare", "runs/*", "--group-by", "run,optimizer.lr", "--json").out)
    assert (len(record["comparisons"]), record["interactions"]) == (2, [])


@pytest.mark.usefixtures("rates")
def test_a_mean_over_different_settings_is_reported(bnreg):
    """Each seed counts once, even if several runs have it."""
    done = bnreg("compare", "runs/*", "--group-by", "arm", "--json")
    (found,) = comparisons(done)
    assert (found["num_pairs"], round(found["difference"], 9)) == (6, 0.02)
    note = "each seed's value is averaged over optimizer.lr; --group-by separates them"
    assert note in json.loads(done.out)[0]["notes"]


def test_arms_of_different_runs_pair_by_seed_if_they_saw_the_same_batches(bnreg, make_run):
    make_run("one", arms=("bn",), baseline=None)
    make_run("two", arms=("plain",), baseline=None, lift=0.0)
    (found,) = comparisons(bnreg("compare", "runs/*", "--group-by", "arm", "--baseline", "plain", "--json"))
    assert (found["num_pairs"], found["unpaired"]) == (6, None)
    assert found["difference"] == pytest.approx(0.01)


@pytest.mark.parametrize(
    ("other", "reason"),
    [({"batch_order": "other"}, "batch orders"), ({"num_epochs": 3}, "budgets")],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_runs_whose_streams_differ_are_not_paired_and_the_difference_is_named(bnreg, make_run, other, reason):
    make_run("one", arms=("bn",), baseline=None)
    make_run("two", arms=("plain",), baseline=None, lift=0.0, **other)
    asked = ("compare", "runs/*", "--group-by", "arm", "--baseline", "plain")
    (found,) = comparisons(bnreg(*asked, "--json"))
    assert (found["unpaired"], found["num_pairs"], found["wins"], found["verdict"]) == (reason, 0, None, "helped")
    assert found["difference"] == pytest.approx(0.01)
    assert found["interval"][0] < found["difference"] < found["interval"][1]
    out = " ".join(bnreg(*asked).out.split())
    assert f"warning: bn against plain: unpaired because the {reason} differ: Welch's interval and p" in out
    assert "p of Welch's test" in out


@pytest.mark.usefixtures("rates")
def test_along_any_key_its_values_are_compared(bnreg):
    asked = ("compare", "runs/*", "--group-by", "arm,optimizer.lr", "--baseline", "optimizer.lr=0.001")
    found = {(one["point"]["arm"], one["arm"]): one["difference"] for one in comparisons(bnreg(*asked, "--json"))}
    assert found == {
        ("bn", "0.1"): pytest.approx(-0.01),
        ("bn", "0.01"): pytest.approx(0.01),
        ("plain", "0.1"): 0.0,
        ("plain", "0.01"): 0.0,
    }
    assert "against 0.001" in bnreg(*asked).out


@pytest.mark.parametrize("value", ["1e-1", "0.10", ".1", "'0.1'"])
@pytest.mark.usefixtures("rates")
def test_the_value_of_a_baseline_may_be_written_in_any_way(bnreg, value):
    asked = ("compare", "runs/*", "--json", "--baseline")
    plain, other = (bnreg(*asked, f"optimizer.lr={text}") for text in ("0.1", value))
    assert (other.code, other.out) == (0, plain.out)


@pytest.mark.usefixtures("rates")
def test_a_filter_chooses_by_settings(bnreg):
    done = bnreg("compare", "runs/*", "--where", "optimizer.lr<0.1 and seed<3", "--json")
    assert [record["run"] for record in json.loads(done.out)] == [made_name("b"), made_name("c")]
    assert [one["num_pairs"] for one in comparisons(done)] == [3, 3]


@pytest.mark.parametrize(
    ("words", "line"),
    [
        (
            ("compare", "runs/*", "--where", "seed<3", "--json", "--where=arm=bn"),
            "--where: given 2 times; give it once",
        ),
        (("train", "a.yaml", "--jobs", "1", "--jobs", "1", "--jobs", "2"), "--jobs: given 3 times; give it once"),
        (("plot", "lift", "-o", "a.svg", "--output", "b.svg"), "--output: given 2 times; give it once"),
        (("data", "fetch", "mnist", "--mirror", "a", "--mirror", "b"), "--mirror: given 2 times; give it once"),
    ],
)
def test_an_option_that_holds_one_value_is_not_taken_twice(bnreg, words, line):
    """The last one would win silently."""
    done = bnreg(*words)
    assert (done.code, done.out, done.err) == (2, "", f"{line}\n")


def test_another_baseline_turns_the_difference_round(bnreg, make_run):
    (found,) = comparisons(bnreg("compare", make_run("lift"), "--baseline", "bn", "--json"))
    assert (found["arm"], found["verdict"], round(found["difference"], 9)) == ("plain", "hurt", -0.01)


@pytest.mark.usefixtures("rates")
def test_order_by_a_key_or_a_metric(bnreg):
    def runs(sort):
        return [record["name"] for record in json.loads(bnreg("compare", "runs/*", "--sort", sort, "--json").out)]

    assert runs("optimizer.lr") == ["b", "c", "a"]
    assert runs("-optimizer.lr") == ["a", "c", "b"]
    assert runs("-test_accuracy") == ["c", "b", "a"]


@pytest.mark.parametrize("place", ["--group-by", "--sort", "--baseline"])
def test_widths_sort_by_their_numbers(bnreg, make_run, place):
    for name, width in (("a", 80), ("b", 8), ("c", 16)):
        make_run(name, settings={"model.hidden": [width]})
    asked = {"--sort": ["model.hidden", "--group-by", "run"], "--group-by": ["model.hidden"]}
    done = bnreg(
        "compare", "runs/*", place, *asked.get(place, ["model.hidden=[8]"]), "--columns", "model.hidden", "--csv"
    )
    rows = [*csv.DictReader(io.StringIO(done.out))]
    assert [*dict.fromkeys(row["model.hidden"] for row in rows)] == ["[8]", "[16]", "[80]"]


def test_runs_and_patterns_sort_by_their_numbers(bnreg, make_run):
    for number in (10, 2, 1):
        make_run(f"run-{number}", num_seeds=1).rename(f"runs/run-{number}")
    for done in (
        bnreg("compare", "runs/*", "--json"),
        bnreg("compare", "run-*", "--json"),
        bnreg("compare", "runs/*", "--sort", "run", "--json"),
    ):
        names = [record["name"] for record in json.loads(done.out)]
        assert names == ["run-1", "run-2", "run-10"]
    done = bnreg("runs", "--sort", "name", "--json")
    assert [Path(record["path"]).name for record in json.loads(done.out)] == ["run-1", "run-2", "run-10"]


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (
            ["--metric", "test_acuracy"],
            "--metric: unknown metric 'test_acuracy'; did you mean 'test_accuracy'? (choi",
        ),
        (["--where", "lr=<1"], "--where: 'lr=^<1': expected a number or a word at column 4 (marked by ^)"),
        (
            ["--where", "optimizer.lr>5"],
            "--where 'optimizer.lr>5': matches none of the 36 replicas: no optimizer.lr is > 5 (choices: 0.001, 0.0",
        ),
        (
            ["--where", "arm=BN"],
            "--where 'arm=BN': matches none of the 36 replicas: no arm is BN; did you mean 'bn'? (choices: bn, plain)",
        ),
        (["--where", "test_accuracy>0.9"], "--where: unknown key 'test_accuracy'"),
        (["--group-by", "lr"], "--group-by: unknown key 'lr'; did you mean 'optimizer.lr'?"),
        (["--columns", "lr"], "--columns: unknown key 'lr'; did you mean 'optimizer.lr'?"),
        (["--sort", "lr"], "--sort: unknown key 'lr'; did you mean 'optimizer.lr'?"),
        (["--baseline", "dropout"], "--baseline dropout: no run has this arm (choices: bn, plain)"),
        (["--baseline", "optimizer.lr=7"], "--baseline optimizer.lr=7: not one of those compared (0.001, 0.01, 0.1)"),
        (["--baseline", "BN"], "--baseline BN: no run has this arm; did you mean 'bn'? (choices: bn, plain)"),
        (
            ["--baseline", "model.norm=Batch"],
            "--baseline model.norm=Batch: not one of those compared; did you mean 'batch'? (batch, none)",
        ),
        (["--baseline", "optimizer.lr="], "--baseline optimizer.lr=: expected a value after ="),
        (["--at", "epoch=9"], f"--at epoch=9: {made_name('a')}: was trained for 2 epochs"),
        (["--at", "epoch=0"], "--at: 'epoch=0': expected best, last, last=N, epoch=N or step=N"),
        (["--at", "best"], f"--at best: {made_name('a')}: no validation split, and the test set selects"),
        (["--fail-if", "bn is bad"], "--fail-if 'bn is bad': expected ARM < ARM"),
        (["--fail-if", "dropout < plain"], "--fail-if: dropout and plain were not compared (compared: bn with plain)"),
        (["--json", "--csv"], "--json and --csv exclude each other; give one"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
@pytest.mark.usefixtures("rates")
def test_a_mistake_is_one_line_and_nothing_is_shown(bnreg, arguments, line):
    done = bnreg("compare", "runs/*", *arguments)
    assert (done.code, done.out) == (2, "")
    assert done.err.startswith(line)
    assert len(done.err.splitlines()) == 1


def test_an_arm_missing_in_some_runs_is_named(bnreg, make_run):
    make_run("both")
    make_run("other", arms=("dropout", "wide"), baseline="wide")
    done = bnreg("compare", "runs/*", "--baseline", "plain")
    line = f"--baseline plain: {made_name('other')} does not have this arm (choices: dropout, wide)\n"
    assert (done.code, done.err) == (2, line)


def test_runs_with_different_baselines_are_pooled_without_a_comparison(bnreg, make_run):
    """Means need no baseline; the note says what a verdict needs."""
    make_run("both")
    make_run("other", arms=("dropout", "wide"), baseline="wide")
    done = bnreg("compare", "runs/*", "--group-by", "optimizer.lr", "--json")
    (record,) = json.loads(done.out)
    assert ([arm["arm"] for arm in record["arms"]], record["comparisons"]) == (["bn", "plain", "dropout", "wide"], [])
    note = "nothing is compared: the runs have different baselines (plain, wide); choose a --baseline"
    assert note in record["notes"]
    assert note in " ".join(bnreg("compare", "runs/*", "--group-by", "optimizer.lr").out.split())
    found = comparisons(bnreg("compare", "runs/*", "--group-by", "optimizer.lr", "--baseline", "plain", "--json"))
    assert [one["arm"] for one in found] == ["bn", "dropout", "wide"]


def test_data_sets_are_never_averaged(bnreg, make_run):
    """They are kept apart, and a note says so: a fallback may have replaced the data set of only some runs."""
    make_run("one")
    make_run("two", dataset="mnist")
    done = bnreg("compare", "runs/*", "--group-by", "optimizer.lr", "--json")
    found = comparisons(done)
    assert [one["point"]["dataset"] for one in found] == ["mnist", "mnist_5k"]
    note = "the runs use different data sets, which are never averaged: each has rows of its own"
    (record,) = json.loads(done.out)
    assert (note in record["notes"], record["interactions"]) == (True, [])
    done = bnreg("compare", "runs/*", "--group-by", "dataset", "--json")
    assert [one["point"] for one in comparisons(done)] == [{"dataset": "mnist"}, {"dataset": "mnist_5k"}]
    assert note not in json.loads(done.out)[0]["notes"]


@pytest.mark.usefixtures("rates")
def test_a_filter_that_removes_the_baseline_says_what_to_do(bnreg):
    done = bnreg("compare", "runs/*", "--where", "model.norm=batch")
    line = (
        f"{made_name('a')}: the baseline plain has no replica that matches --where 'model.norm=batch'; "
        "choose another --baseline, or filter by a setting that it shares, such as optimizer.lr or seed\n"
    )
    assert (done.code, done.err) == (2, line)
    assert bnreg("compare", "runs/*", "--where", "model.norm=batch", "--baseline", "bn").code == 0
