"""``bnreg compare`` with questions about what to show of them: metrics, seeds, tests and verdicts, and the format."""

import csv
import io
import json
import re
from dataclasses import replace
from pathlib import Path

import pytest
from support import made_runs
from support.command_line import comparisons
from support.made_runs import made_name

from bnreg.analysis.comparison import compare_views
from bnreg.analysis.question import Question
from bnreg.analysis.run_view import view_of_run
from bnreg.report.comparison.notes import notes_on
from bnreg.runs import read_run


@pytest.mark.usefixtures("rates")
def test_columns_show_settings_and_hide_those_equal_everywhere(bnreg):
    shown = bnreg("compare", "runs/*", "--columns", "optimizer.lr,model.norm,data.dataset").out
    assert re.search(r"^  arm +lr +norm +dataset +test", shown, re.M)
    changed = bnreg("compare", "runs/*", "--columns", "optimizer.lr,data.dataset", "--only-changed").out
    assert re.search(r"^  arm +lr +test", changed, re.M)
    everything = bnreg("compare", "runs/*", "--only-changed").out
    assert re.search(r"^  arm +norm +lr +test", everything, re.M)


def test_seeds_have_rows_of_their_own(bnreg, make_run):
    text = bnreg("compare", make_run("lift", num_seeds=3), "--seeds").out
    assert re.findall(r"^  (\S+)(?: \(baseline\))? +(\d) +(9\d\.\d\d) ", text, re.M) == [
        ("bn", "0", "96.00"),
        ("bn", "1", "96.08"),
        ("bn", "2", "96.09"),
        ("plain", "0", "95.00"),
        ("plain", "1", "95.08"),
        ("plain", "2", "95.09"),
    ]


def test_seeds_show_the_differences_of_the_pairs(bnreg, make_run):
    """In every format; a baseline has none, nor has a seed without a partner or an unpaired arm."""
    run = make_run("lift", num_seeds=3, noise=0.001)
    (record,) = json.loads(bnreg("compare", run, "--seeds", "--json").out)
    bn, plain = (arm["test_accuracy"]["by_seed"] for arm in record["arms"])
    expected = {seed: bn[seed] - plain[seed] for seed in ("0", "1", "2")}
    assert record["comparisons"][0]["by_seed"] == expected
    assert sum(expected.values()) / 3 == pytest.approx(record["comparisons"][0]["difference"])
    shown = bnreg("compare", run, "--seeds").out
    cells = re.findall(r"^  (?:bn|plain \(baseline\)) +\d .*?([+-]\d\.\d\d|–) ", shown, re.M)
    assert cells == [*(f"{value * 100:+.2f}" for value in expected.values()), "–", "–", "–"]
    rows = [*csv.DictReader(io.StringIO(bnreg("compare", run, "--seeds", "--csv").out))]
    assert [row["test_accuracy_difference"] for row in rows] == [*map(str, expected.values()), "", "", ""]


def test_unpaired_arms_have_no_differences_of_seeds(bnreg, make_run):
    make_run("one", arms=("bn",), baseline=None)
    make_run("two", arms=("plain",), baseline=None, lift=0.0, batch_order="other")
    asked = ("compare", "runs/*", "--group-by", "arm", "--baseline", "plain", "--seeds")
    (found,) = comparisons(bnreg(*asked, "--json"))
    assert (found["by_seed"], found["unpaired"]) == ({}, "batch orders")
    metrics = ("--metric", "test_loss", "--metric", "test_accuracy")
    header = bnreg(*asked, *metrics, "--width", "200").out.splitlines()[2]
    assert re.split(r" {2,}", header.strip()) == [
        "arm",
        "seed",
        "test loss",
        "test loss difference",
        "test accuracy, %",
        "test accuracy difference, pp",
    ]


def test_an_epoch_or_the_best_one_can_be_asked_for(bnreg, make_run):
    run = make_run("lift", num_seeds=2, validation=True)

    def mean(at):
        return json.loads(bnreg("compare", run, "--at", at, "--json").out)[0]["arms"][0]["test_accuracy"]["mean"]

    last = mean("last")
    assert [mean("epoch=1"), mean("epoch=2"), mean("best")] == pytest.approx([last - 0.1, last, last - 0.02])


def test_a_diverged_replica_is_counted_and_left_out_at_any_epoch(bnreg, make_run):
    run = make_run("lift", diverged=[("plain", 2)], num_seeds=7)
    for at in ("last", "epoch=1"):
        (record,) = json.loads(bnreg("compare", run, "--at", at, "--seeds", "--json").out)
        assert [*record["arms"][1]["test_accuracy"]["by_seed"]] == ["0", "1", "3", "4", "5", "6"]
        (found,) = record["comparisons"]
        assert (found["num_pairs"], found["difference"], found["verdict"]) == (6, pytest.approx(0.01), "helped")
        assert (found["diverged"]["num_arm"], found["diverged"]["num_baseline"]) == (0, 1)
        assert found["diverged"]["arm"] == {"share": 0, "low": 0, "high": pytest.approx(0.4096, abs=1e-4)}
    out = bnreg("compare", run, "--width", "120").out
    assert "diverged: plain, seed 2; means and differences are of the seeds that trained" in out
    assert "bn 0 [0–41 %] against plain 1 [0–58 %], exact p = 1.000" in out
    assert re.search(r"^  bn +helped; diverged 0:1 +\+1\.00", out, re.M)


@pytest.mark.parametrize(
    ("accuracies", "who"),
    [
        ({"bn": 0.97, "plain": 0.1135}, "plain, seeds 0, 1, 2, 3, 4, 5"),
        ({"plain": 0.1}, "plain, seeds 0, 1, 2, 3, 4, 5"),
        ({"bn": 0.97, "plain": 0.151}, None),
    ],
)
def test_networks_that_learnt_nothing_are_noticed(bnreg, accuracies, who):
    """11.35 % is what one class for all test images gets on MNIST."""
    made_runs.make_run("runs", made_name(), accuracies=accuracies, num_seeds=6)
    done = bnreg("compare", "runs/*", "--width", "200")
    assert done.code == 0, done.err
    assert (f"warning: no better than a guess: {who}; usual causes: dead units," in done.out) is (who is not None)


def test_a_diverged_network_is_not_called_dead_too(bnreg):
    accuracies = {"bn": [0.97, 0.97], "plain": [0.1, 0.1]}
    points = [{"optimizer.lr": 0.1}, {"optimizer.lr": 0.2}]
    diverged = [("plain", seed) for seed in range(5)]
    made_runs.make_run("runs", made_name(), accuracies=accuracies, num_seeds=6, points=points, diverged=diverged)
    out = bnreg("compare", "runs/*", "--width", "200").out
    assert "diverged: plain, seeds 0, 1, 2, 3, 4, at 2 points; means" in out
    assert "no better than a guess: plain, seed 5, at 2 points" in out


def test_arms_called_like_missing_values_are_arms_like_any_other(bnreg):
    """Also in metrics.csv, which pandas reads."""
    made_runs.make_run("runs", made_name(), accuracies={"NA": 0.97, "null": 0.96, "nan": 0.95}, baseline="null")
    asked = ("compare", "runs/*", "--at", "epoch=1", "--json")
    (record,) = json.loads(bnreg(*asked).out)
    assert {one["arm"]: one["test_accuracy"]["mean"] for one in record["arms"]} == pytest.approx(
        {"NA": 0.97, "null": 0.96, "nan": 0.95}
    )
    assert bnreg("plot", "lift", "-o", "curves.svg").code == 0
    drawn = Path("curves.svg").read_text()
    assert all(f">{arm}<" in drawn for arm in ("NA", "null", "nan"))


def test_the_smallest_effect_decides_what_is_equivalent(bnreg, make_run):
    run = make_run("lift", lift=0.001)
    (found,) = comparisons(bnreg("compare", run, "--json"))
    assert (found["verdict"], found["remark"]) == ("equivalent", "real, but smaller than what matters")
    (found,) = comparisons(bnreg("compare", run, "--smallest-effect", "0.0005", "--json"))
    assert (found["verdict"], found["smallest_effect"]) == ("helped", 0.0005)
    assert "bn: real, but smaller than what matters" in bnreg("compare", run).out


def test_a_loss_is_better_where_it_is_smaller(bnreg, make_run):
    """The loss has no smallest effect of its own; each metric is a family of its own."""
    found = comparisons(
        bnreg("compare", make_run("lift"), "--metric", "test_loss", "--metric", "test_accuracy", "--json")
    )
    assert [(one["metric"], one["smallest_effect"], one["family_size"]) for one in found] == [
        ("test_loss", None, 1),
        ("test_accuracy", 0.002, 1),
    ]


def test_stored_answers_widen_the_interval_by_the_test_sets_chance(bnreg, make_run):
    plain, stored = make_run("plain", noise=0.001), make_run("stored", noise=0.001, correct=True)
    alone, joint = (comparisons(bnreg("compare", run, "--json"))[0] for run in (plain, stored))
    assert (alone["interval_over"], joint["interval_over"]) == ("seeds", "seeds and examples")
    widths = [one["interval"][1] - one["interval"][0] for one in (alone, joint)]
    assert widths[1] >= widths[0]


def test_more_tests_are_shown_on_request(bnreg, make_run):
    run = make_run("lift", noise=0.002, correct=True)
    assert "Wilcoxon" not in bnreg("compare", run).out
    assert re.search(
        r"against plain +d_z +sign flip p +t +Wilcoxon +TOST +McNemar\n", bnreg("compare", run, "--tests").out
    )
    (found,) = comparisons(bnreg("compare", run, "--tests", "--json"))
    assert set(found["tests"]) == {"sign_flip", "t", "wilcoxon", "tost", "mcnemar"}
    assert found["tests"]["sign_flip"] == found["p_value"]
    assert 0 < found["tests"]["mcnemar"] <= 1
    (early,) = comparisons(bnreg("compare", run, "--tests", "--at", "epoch=1", "--json"))
    assert early["tests"]["mcnemar"] is None  # only the answers of the final networks are saved
    (others,) = comparisons(bnreg("compare", run, "--where", "seed!=0", "--tests", "--json"))
    diverged = make_run("diverged", noise=0.002, correct=True, diverged=(("bn", 0),))
    (found,) = comparisons(bnreg("compare", diverged, "--tests", "--json"))
    assert found["tests"]["mcnemar"] == others["tests"]["mcnemar"]  # seed 0 has no answers, the next one has
    (without,) = comparisons(bnreg("compare", make_run("other"), "--tests", "--json"))
    assert without["tests"]["mcnemar"] is None


@pytest.mark.parametrize(
    ("condition", "lift", "code"),
    [
        ("bn < plain", -0.01, 3),
        ("bn<plain", 0.01, 0),
        ("bn <= plain", 0.01, 0),
        ("bn <= plain", 0.0001, 3),
        ("bn < plain", 0.0001, 0),
        ("plain > bn", -0.01, 3),
        ("plain >= bn", 0.01, 0),
        ("bn >= plain", 0.01, 3),
    ],
)
def test_a_verdict_can_fail_a_script(bnreg, make_run, condition, lift, code):
    """The tables are still printed; the reason goes to stderr."""
    done = bnreg("compare", make_run("lift", lift=lift), "--fail-if", condition)
    assert done.code == code
    assert "against plain" in done.out
    assert bool(done.err) == (code == 3)
    if code:
        assert done.err.startswith(f"--fail-if {condition}: {made_name('lift')}: test accuracy of bn against plain: ")


def test_every_format_can_be_written_into_a_new_file(bnreg, make_run, tmp_path):
    run = make_run("lift")
    for option, start in (("--md", "**lift**: "), ("--latex", "% lift: "), ("--csv", "runs,arm,"), ("--json", "[\n")):
        done = bnreg("compare", run, option, "-o", f"out{option}")
        assert (done.code, done.out) == (0, f"out{option}\n")
        assert (tmp_path / f"out{option}").read_text() == bnreg("compare", run, option).out
        assert (tmp_path / f"out{option}").read_text().startswith(start)
    done = bnreg("compare", run, "-o", "out.txt", "--width", "100")
    assert (tmp_path / "out.txt").read_text() == bnreg("compare", run, "--width", "100").out
    done = bnreg("compare", run, "-o", "out.txt")
    assert done.code == 2
    assert "already exists" in done.err


@pytest.mark.usefixtures("rates")
def test_csv_has_a_row_for_each_arm_and_metric_or_seed(bnreg):
    rows = [*csv.DictReader(io.StringIO(bnreg("compare", "runs/*", "--csv", "--columns", "optimizer.lr").out))]
    assert len(rows) == 3 * 2 * 2
    of_bn = [row for row in rows if row["arm"] == "bn" and row["metric"] == "test_accuracy"]
    assert [row["optimizer.lr"] for row in of_bn] == ["0.1", "0.001", "0.01"]
    assert [row["verdict"] for row in of_bn] == ["helped"] * 3
    assert [float(row["difference"]) for row in of_bn] == pytest.approx([0.01, 0.02, 0.03])
    rows = [*csv.DictReader(io.StringIO(bnreg("compare", "runs/*", "--csv", "--seeds").out))]
    assert len(rows) == 3 * 2 * 6


def test_latex_closes_what_it_opens(bnreg, make_run):
    text = bnreg("compare", make_run("a_b"), "--latex").out
    for kind in ("table", "tabular"):
        assert text.count(rf"\begin{{{kind}}}") == text.count(rf"\end{{{kind}}}") == 2
    assert r"difference {[}95 \%], pp" in text
    assert "+1.00 {[}+1.00, +1.00]" in text


def test_latex_tables_are_paragraphs_with_a_caption_and_a_label_each(bnreg, make_run):
    """Without the blank line, LaTeX would set two tables side by side."""
    asked = ("--latex", "--metric", "test_loss", "--metric", "test_accuracy", "--tests")
    make_run("a_b")
    make_run("c", settings={"model.dropout": 0.5})
    title, *parts = bnreg("compare", "runs/*", *asked).out.rstrip().split("\n\n")
    assert title == "% a_b: mnist_5k (requested mnist), 2 epochs, 6 seeds, cpu, 3.0 s"
    tables = [part for part in parts if not part.startswith("%")]
    assert all(re.fullmatch(r"\\begin\{table\}\n.*\\end\{table\}", table, re.S) for table in tables)
    captions = re.findall(r"^\\caption\{(.+)\}$", "\n".join(tables), re.M)
    assert captions[:3] == [
        r"a\_b: mnist\_5k (requested mnist), 2 epochs, 6 seeds, cpu, 3.0 s",
        r"a\_b: verdicts on test loss, against plain",
        r"a\_b: tests on test loss, against plain",
    ]
    labels = re.findall(r"^\\label\{(tab:[\w.:-]+)\}$", "\n".join(tables), re.M)
    assert len(captions) == len(set(labels)) == len(tables) == 10


def test_the_smallest_of_the_declared_effects_applies(make_run):
    """What is equivalent by it is so by all of them."""
    paths = [make_run("one", lift=0.0025), make_run("two", lift=0.0025)]
    config = read_run(paths[1]).config | {"compare": {"smallest_effect": 0.003}}
    view = view_of_run(read_run(paths[0]))
    views = [view, replace(view, info=replace(view.info, id="two"), config=config)]
    note = "the runs declare different smallest effects (0.002, 0.003): the smallest applies, or --smallest-effect"
    for asked, effect, expected in ((None, 0.002, True), (0.001, 0.001, False)):
        (block,) = compare_views(
            views, Question(group_by=("arm",), smallest_effects={} if asked is None else {"": asked})
        )
        assert block.judged[0].evidence.verdict.smallest_effect == effect
        assert (note in notes_on(block)) is expected
    (block,) = compare_views(views, Question(group_by=("arm",), metrics=("test_loss",)))
    assert note not in notes_on(block)
