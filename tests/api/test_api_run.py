"""Runs and comparisons from Python: the same results as on the command line, as data frames, text and HTML."""

import io
import json
import pickle
import warnings

import numpy as np
import pandas as pd
import pytest
from support.made_runs import flip, made_name, make_run, make_unfinished, watched_view, write_run

import bnreg

pytestmark = pytest.mark.usefixtures("here")


def made(name, **options):
    """A run with two arms, in a folder with its own name."""
    folder = write_run(name, **options)
    return bnreg.open_run(folder.rename(folder.with_name(made_name(name))))


@pytest.fixture
def run(here):  # noqa: ARG001 # it is where the run is written
    """A run in which `bn` is better by one point."""
    return made("lift")


def test_a_run_is_opened_by_its_folder_its_name_or_its_start(run):
    asked = (run.path, str(run.path), run.name, "lift", run.name[:-2])
    assert {bnreg.open_run(one).path.resolve() for one in asked} == {run.path.resolve()}
    run.path.parent.rename("elsewhere")
    assert bnreg.open_run("lift", runs="elsewhere").name == run.name


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ("lfit", "lfit: no such run; did you mean 'lift'?"),
        ("", "'': an empty argument; give a run folder"),
        ("runs", "runs: a folder of 1 run, not a run; did you mean 'runs/*'?"),
        ("a\0b", "no such run"),
        ("*/*/*", "no run matches this pattern"),
    ],
)
@pytest.mark.usefixtures("run")
def test_a_run_that_is_not_there_is_a_line(asked, said):
    with pytest.raises(bnreg.UserError) as error:
        bnreg.open_run(asked)
    (line,) = error.value.lines
    assert said in line


def test_one_of_several_runs_must_be_chosen(run):
    other = make_run(run.path.parent, made_name("lift", 5))
    remedy = r"open one of them \(see bnreg.list_runs\), or latest:lift"
    with pytest.raises(bnreg.UserError, match=rf"^lift: matches 2 runs, newest first: .*; {remedy}$"):
        bnreg.open_run("lift")
    assert bnreg.open_run("latest:lift").name == bnreg.open_run("latest").name == other.name


def test_its_tables_are_new_data_frames(run):
    """What a program does to one changes nothing else."""
    for name in ("metrics", "summary"):
        table = getattr(run, name)
        pd.testing.assert_frame_equal(table, pd.read_csv(run.path / f"{name}.csv"))
        table["arm"] = "changed"
        assert "changed" not in set(getattr(run, name)["arm"])
    assert run.config["optimizer"]["lr"] == 0.001


def test_diagnostics_are_a_data_frame_or_a_clear_mistake(run):
    with pytest.raises(bnreg.UserError, match=r"lift-\S+: nothing was watched while it trained; name what to watch in"):
        run.diagnostics  # noqa: B018 # it is what is tried
    rows = watched_view().table("diagnostics")
    watched = bnreg.open_run(make_run("runs", made_name("watched"), files={"diagnostics.csv": rows.to_csv().encode()}))
    assert len(watched.diagnostics) == len(rows)


def test_charts_are_those_of_the_command(run):
    assert run.chart().to_dict()["title"]["subtitle"][0] == "lift: mnist_5k (requested mnist)"
    with pytest.raises(bnreg.UserError, match=r"^chart: unknown chart 'curve'; did you mean 'curves'"):
        run.chart("curve")
    with pytest.raises(bnreg.UserError, match="no setting is swept"):
        run.chart("response")


def test_a_run_says_what_it_is(run):
    facts = "bn, plain, 6 seeds, mnist_5k (requested mnist), 2 epochs"
    assert repr(run) == f"Run('{run.path}': {facts})"
    assert run._repr_html_() == f"<p><strong>{run.name}</strong>: {facts}</p>"


def test_runs_are_listed_with_a_warning_for_those_that_are_left_out(run):
    other, damaged = (make_run("runs", made_name("rise", number, number)) for number in (1, 2))
    flip(damaged / "metrics.csv")
    unfinished = make_unfinished("runs", made_name("rise", 3, 3)).folder
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        found = bnreg.list_runs()
    assert [one.name for one in found] == [run.name, other.name]
    said = [str(one.message) for one in caught]
    assert [any(str(folder) in line for line in said) for folder in (damaged, unfinished)] == [True, True]
    assert {one.filename for one in caught} == {__file__}
    with pytest.raises(bnreg.UserError, match=r"^nowhere: no such folder"):
        bnreg.list_runs("nowhere")


def test_a_comparison_has_what_the_command_prints(run, command):
    found = bnreg.compare(run)
    assert str(found) == command("compare", run.path, "--width", 100).out.strip("\n")
    assert found.records == json.loads(command("compare", run.path, "--json").out)
    expected = pd.read_csv(io.StringIO(command("compare", run.path, "--csv").out))
    given = pd.read_csv(io.StringIO(found.frame.to_csv(index=False)))
    pd.testing.assert_frame_equal(given, expected)


def test_a_verdict_is_a_small_record(run):
    (verdict,) = run.compare().verdicts
    (record,) = run.compare().records[0]["comparisons"]
    assert verdict == (
        *(run.name, {}, "bn", "plain", "test_accuracy", "helped"),
        *(record["difference"], tuple(record["interval"]), record["corrected_p"]),
    )
    assert verdict.interval[0] <= verdict.difference <= verdict.interval[1]
    assert repr(run.compare()) == "Comparison(bn helped)"


def test_a_notebook_shows_the_tables_of_the_report(run):
    assert '<span class="bnreg-chip bnreg-helped">' in run.compare()._repr_html_()


@pytest.mark.parametrize(
    ("question", "options"),
    [
        ({"metric": "test_loss"}, ["--metric", "test_loss"]),
        (
            {"metric": ["test_loss", "test_accuracy"], "smallest_effect": {"test_loss": 0.1}},
            ["--metric", "test_loss", "--metric", "test_accuracy", "--smallest-effect", "test_loss=0.1"],
        ),
        ({"smallest_effect": "3pp", "at": "epoch=1"}, ["--smallest-effect", "3pp", "--at", "epoch=1"]),
        ({"smallest_effect": 0.03}, ["--smallest-effect", "0.03"]),
        ({"baseline": "bn", "tests": True}, ["--baseline", "bn", "--tests"]),
        ({"where": "seed<5", "seeds": True}, ["--where", "seed<5", "--seeds"]),
        ({"group_by": "run", "sort": "arm"}, ["--group-by", "run", "--sort", "arm"]),
        ({"columns": "optimizer.lr"}, ["--columns", "optimizer.lr"]),
        ({"columns": ["optimizer.lr", "model.norm"], "only_changed": True}, None),
    ],
)
def test_a_question_is_that_of_the_command(run, command, question, options):
    if options is None:
        options = ["--columns", "optimizer.lr", "--columns", "model.norm", "--only-changed"]
    assert run.compare(**question).records == json.loads(command("compare", run.path, *options, "--json").out)


def test_several_runs_are_compared_in_any_form(run):
    other = made("rise", lift=0.0)
    found = bnreg.compare([run, other.path, "lift", str(run.path)])
    assert [one.run for one in found.verdicts] == [run.name, other.name]
    assert bnreg.compare(["lift", "rise"]).frame.equals(bnreg.compare(iter([run, other])).frame)
    flip(other.path / "metrics.csv")
    (line,) = bnreg.compare([run, other]).left_out
    assert str(other.path) in line
    assert line in str(bnreg.compare([run, other]))


@pytest.mark.parametrize(
    ("runs", "question", "said"),
    [
        ([], {}, "compare: no runs; give runs, their folders or their names"),
        ("none", {}, "none: no such run"),
        ("lift", {"metric": "acuracy"}, "unknown metric 'acuracy'"),
        ("lift", {"baseline": "palin"}, "did you mean 'plain'"),
        ("lift", {"where": "seed>9"}, "matches none of the 12 replicas"),
        ("lift", {"smallest_effect": np.nan}, "expected a number from 0"),
        ("lift", {"at": "first"}, "at"),
    ],
)
@pytest.mark.usefixtures("run")
def test_what_cannot_be_compared_is_a_line(runs, question, said):
    with pytest.raises(bnreg.UserError, match=said) as error:
        bnreg.compare(runs, **question)
    assert len(error.value.lines) == 1


def test_an_unknown_keyword_is_named(run):
    with pytest.raises(TypeError, match=r"^compare: unknown keyword 'metrics'; did you mean 'metric'"):
        run.compare(metrics="test_loss")


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda _: bnreg.open_run(3), "run: expected a run, its folder or its name, got 3"),
        (lambda _: bnreg.compare(3), "runs: expected a run, or a list of them, got 3"),
        (lambda _: bnreg.compare([3]), "run: expected a run, its folder or its name, got 3"),
        (lambda run: run.compare(baseline=3), "baseline: expected a text, got 3"),
        (lambda run: run.compare(where=3), "where: expected a text, got 3"),
        (lambda run: run.compare(metric=3), "metric: expected a text or a list of texts, got 3"),
        (lambda run: run.compare(columns=[3]), "columns: expected a text or a list of texts, got 3"),
        (lambda run: run.compare(baseline="pln"), "baseline pln: "),
        (lambda run: run.compare(smallest_effect={"test_acuracy": 1}), "smallest_effect test_acuracy: unknown metric"),
        (lambda run: run.compare(smallest_effect={"test_loss": 1}), "smallest_effect test_loss: it is not compared"),
        (lambda run: run.chart(["curves"]), "chart: expected a name, got "),
    ],
)
def test_what_makes_no_sense_is_a_line_in_the_words_of_python(run, call, said):
    with pytest.raises(bnreg.UserError) as error:
        call(run)
    assert error.value.lines[0].startswith(said)
    assert "--" not in error.value.lines[0]


def test_an_unknown_keyword_of_judge_is_named():
    with pytest.raises(TypeError, match="judge: unknown keyword 'metricc'; did you mean 'metric'"):
        bnreg.judge({"arm": ["a"], "x": [1]}, metricc="x")


def test_an_untested_verdict_has_no_p():
    run = made("gone", diverged=[("bn", seed) for seed in range(6)])
    (verdict,) = run.compare().verdicts
    assert (verdict.word, verdict.difference, verdict.interval, verdict.p_value) == (None, None, None, None)


def test_its_config_is_a_copy(run):
    run.config["optimizer"]["lr"] = 7
    assert run.config["optimizer"]["lr"] == 0.001


def test_it_goes_to_another_process_and_back(run):
    repr(run)
    assert pickle.loads(pickle.dumps(run)).name == run.name
