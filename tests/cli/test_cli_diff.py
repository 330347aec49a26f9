"""``bnreg diff``: the settings in which two runs differ, and their results."""

import json
import re

import pytest
from support.made_runs import write_run


@pytest.fixture
def two_runs(tmp_path, monkeypatch):
    """Runs of the same arms at two learning rates; the second's bn is better by a percentage point."""
    monkeypatch.chdir(tmp_path)
    write_run("one", num_seeds=8, lift=0.0)
    write_run("two", num_seeds=8, settings={"optimizer.lr": 0.01})


@pytest.mark.usefixtures("two_runs")
def test_settings_that_differ_are_in_two_columns_above_the_verdicts(bnreg):
    done = bnreg("diff", "one", "two", "--width", "80")
    assert done.code == 0
    assert re.search(r"^  optimizer\.lr +0\.001 +0\.01 *$", done.out, re.M)
    assert "data.dataset" not in done.out
    assert re.search(r"^  bn +second +helped +\+1\.00 \[\+1\.00, \+1\.00\] ", done.out, re.M)
    assert re.search(r"^  plain +second +equivalent +\+0\.00 ", done.out, re.M)
    assert max(map(len, done.out.splitlines())) <= 80


@pytest.mark.usefixtures("two_runs")
def test_the_second_is_compared_with_the_first(bnreg):
    forward, back = (json.loads(bnreg("diff", *runs, "--json").out) for runs in (("one", "two"), ("two", "one")))
    assert forward["config"] == {"optimizer.lr": ["0.001", "0.01"]}
    reported = [
        [(one["point"], one["verdict"], round(one["difference"], 9)) for one in record["comparison"][0]["comparisons"]]
        for record in (forward, back)
    ]
    assert reported == [
        [({"arm": "bn"}, "helped", 0.01), ({"arm": "plain"}, "equivalent", 0.0)],
        [({"arm": "bn"}, "hurt", -0.01), ({"arm": "plain"}, "equivalent", 0.0)],
    ]


@pytest.mark.usefixtures("two_runs")
def test_the_smallest_effect_can_be_replaced(bnreg):
    """Above all if the two configs disagree on it: the smaller applies."""
    record = json.loads(bnreg("diff", "one", "two", "--smallest-effect", 0.02, "--json").out)
    assert [one["verdict"] for one in record["comparison"][0]["comparisons"]] == ["equivalent", "equivalent"]
    write_run("three", num_seeds=8, settings={"compare.smallest_effect": 0.1})
    for asked, effect in (([], 0.002), (["--smallest-effect", 0.02], 0.02)):
        record = json.loads(bnreg("diff", "one", "three", *asked, "--json").out)
        assert {one["smallest_effect"] for one in record["comparison"][0]["comparisons"]} == {effect}


@pytest.mark.usefixtures("two_runs")
def test_only_arms_of_both_runs_are_compared(bnreg):
    write_run("three", arms=("wide", "plain"))
    done = bnreg("diff", "one", "three", "--json")
    assert [one["point"] for one in json.loads(done.out)["comparison"][0]["comparisons"]] == [{"arm": "plain"}]
    write_run("four", arms=("wide", "deep"), baseline="deep")
    assert "the runs have no arm in common: nothing to compare" in bnreg("diff", "one", "four").out


@pytest.mark.usefixtures("two_runs")
def test_runs_that_saw_other_batches_are_not_paired(bnreg):
    write_run("three", batch_order="other")
    assert "unpaired because the batch orders differ" in bnreg("diff", "one", "three", "--width", "200").out


@pytest.mark.usefixtures("two_runs")
def test_equal_configs_are_reported_as_equal(bnreg):
    write_run("three", num_seeds=8, lift=0.0)
    assert "the configs are equal" in bnreg("diff", "one", "three").out


@pytest.mark.usefixtures("two_runs")
def test_each_side_is_one_run(bnreg):
    done = bnreg("diff", "one", "runs/*")
    assert done.code == 2
    assert done.err.startswith("runs/*: matches 2 runs, newest first: ")
    assert done.err.endswith("; name one run on each side\n")
    assert bnreg("diff", "one", "nowhere").code == 2
