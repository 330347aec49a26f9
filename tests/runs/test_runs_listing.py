"""Every run in a folder is listed with the state that its files prove."""

import pytest
from support.made_runs import flip, made_name, make_every_state, make_run, make_unfinished

from bnreg.errors import UserError
from bnreg.runs.finding.listing import STATES, list_runs, select_runs
from bnreg.runs.names import runs_named


def test_every_state_is_derived_from_the_files(tmp_path):
    names = make_every_state(tmp_path)
    listed = {one.state: (one.name, one.reason) for one in list_runs(tmp_path)}
    assert listed == {
        "complete": (names["complete"], ""),
        "damaged": (names["damaged"], "metrics.csv: the file does not match its checksum in manifest.json"),
        "newer": (names["newer"], "written by bnreg 9.9.0 (folder schema 2, here 1); upgrade"),
        "created": (names["created"], "nothing has been trained yet"),
    }


def test_a_failed_run_is_listed_with_its_reason(tmp_path):
    """The last line of a traceback says why; an interruption needs no reason."""
    failed, interrupted = (make_unfinished(tmp_path, made_name("lift", number)) for number in range(2))
    with pytest.raises(RuntimeError), failed.training():
        raise RuntimeError("worker 3 failed:\n  Traceback\nMemoryError: out of memory\n")
    with pytest.raises(KeyboardInterrupt), interrupted.training():
        raise KeyboardInterrupt
    assert [(one.state, one.reason) for one in list_runs(tmp_path)] == [
        ("failed", "0 of 2 shards trained; MemoryError: out of memory"),
        ("interrupted", "0 of 2 shards trained"),
    ]


@pytest.mark.parametrize("moment", ["99991231T235959Z", "00010101T000000Z", "20261399T000000Z"])
def test_a_name_with_an_impossible_moment_is_listed_without_it(tmp_path, bnreg, moment):
    """The first and the last year have moments that no local time has."""
    (tmp_path / f"lift-{moment}-000000").mkdir()
    (listed,) = list_runs(tmp_path)
    assert listed.started is None
    assert bnreg("runs", "--runs", tmp_path).code == 0


def test_run_json_is_not_believed_about_its_state(tmp_path):
    """An interrupted copy claims to be complete, but is not."""
    path = make_run(tmp_path, made_name(), state="complete")
    (path / "manifest.json").unlink()
    (damaged,) = list_runs(tmp_path)
    assert (damaged.state, damaged.reason) == ("damaged", "not a run folder (it has no manifest.json)")


@pytest.mark.parametrize(
    ("manifest", "reason"),
    [
        ("{", "manifest.json: not a manifest that bnreg wrote"),
        ("[" * 100_000, "manifest.json: not a manifest that bnreg wrote"),
        ('{"schema": 1, "sha256": {}}', "not a run folder (its manifest.json does not list run.json)"),
    ],
    ids=["cut", "nested", "no run"],
)
def test_a_manifest_that_cannot_be_read_is_damage(tmp_path, manifest, reason):
    (make_run(tmp_path, made_name()) / "manifest.json").write_text(manifest)
    (damaged,) = list_runs(tmp_path)
    assert (damaged.state, damaged.reason) == ("damaged", reason)


def test_all_damage_of_a_run_is_reported(tmp_path):
    path = make_run(tmp_path, made_name())
    flip(path / "run.json")
    (path / "summary.csv").unlink()
    (damaged,) = list_runs(tmp_path)
    assert damaged.reason == (
        "run.json: the file does not match its checksum in manifest.json; summary.csv: No such file or directory"
    )


def test_folders_that_are_not_runs_are_not_listed(tmp_path):
    renamed = make_run(tmp_path, made_name()).rename(tmp_path / "the best")
    for name in ("notes", ".git", ".curves.svg.0a1b2c.partial", "folded"):
        (tmp_path / name).mkdir()
    (tmp_path / "folded" / "manifest.json").write_text('{"schema": 1, "sha256": {"certificate.json": ""}}')
    (tmp_path / made_name(number=1)).write_text("a file")
    assert [one.path for one in list_runs(tmp_path)] == [renamed]


def test_a_run_is_listed_with_the_accuracy_of_its_arms(tmp_path):
    points = [{"optimizer.lr": 0.001}, {"optimizer.lr": 0.01}]
    make_run(tmp_path, made_name(), points=points, accuracies={"bn": [0.9, 0.8], "plain": 0.7}, num_seeds=3)
    (one,) = list_runs(tmp_path)
    assert one.accuracy == {"bn": pytest.approx((0.9, 0.8)), "plain": pytest.approx((0.7, 0.7))}
    assert (one.arms, one.baseline, one.num_seeds) == (("bn", "plain"), "plain", 3)
    assert one.started.isoformat() == "2026-11-23T03:45:29+00:00"


def test_an_unfinished_run_began_when_its_name_says(tmp_path):
    (tmp_path / f".{made_name(day=7)}.partial").mkdir()
    (one,) = list_runs(tmp_path)
    assert one.started.isoformat() == "2026-11-07T12:00:00+00:00"


@pytest.fixture
def three(tmp_path):
    """Three runs whose orders by name, age and accuracy all differ, and a damaged one of unknown age."""
    for number, (name, day, accuracy) in enumerate([("a", 2, 0.98), ("b", 3, 0.97), ("c", 1, 0.99)]):
        make_run(
            tmp_path,
            made_name(name, number, day),
            accuracies={"bn": accuracy},
            started=f"2026-11-0{day}T00:00:00+00:00",
        )
    harmed = make_run(tmp_path, "0")
    flip(harmed / "run.json")
    return list_runs(tmp_path)


@pytest.mark.parametrize(("sort", "order"), [("when", "bac0"), ("name", "0abc"), ("accuracy", "cab0")])
def test_runs_are_sorted(three, sort, order):
    assert "".join(one.name[0] for one in select_runs(three, [], [], sort)) == order


@pytest.mark.parametrize(
    ("patterns", "states", "names"),
    [
        (["a"], [], "a"),
        (["b-2026", "c*"], [], "bc"),
        (["*-20261101T*"], [], "c"),
        (["1"], [], ""),
        ([], ["damaged"], "0"),
        ([], ["damaged", "complete"], "0abc"),
        (["0"], ["complete"], ""),
    ],
)
def test_runs_are_selected_by_name_and_state(three, patterns, states, names):
    assert "".join(one.name[0] for one in select_runs(three, patterns, states, "name")) == names


def test_latest_selects_the_run_that_other_commands_mean(three, tmp_path):
    """Not one that is unfinished; a folder with such a name is meant first."""
    make_unfinished(tmp_path, made_name("lift", 9, 9))
    chosen = [[one.name for one in select_runs(three, [word], [], "when")] for word in ("latest", "latest~1")]
    assert chosen == [[runs_named(word, tmp_path)[0].name] for word in ("latest", "latest~1")]
    with pytest.raises(UserError, match=r"latest:lfit: no such complete run of lfit"):
        select_runs(three, ["latest:lfit"], [], "when")
    (tmp_path / f"latest-{made_name().partition('-')[2]}").mkdir()
    assert [one.name[:7] for one in select_runs(list_runs(tmp_path), ["latest"], [], "when")] == ["latest-"]


def test_an_unfinished_run_is_selected_by_the_name_it_will_have(tmp_path):
    make_unfinished(tmp_path, made_name("lift"))
    assert len(select_runs(list_runs(tmp_path), ["lift"], [], "when")) == 1


def test_unknown_states_and_orders_are_refused_together():
    with pytest.raises(UserError) as refusal:
        select_runs([], [], ["done"], "age")
    assert refusal.value.lines == (
        f"--state: unknown state 'done' (choices: {', '.join(STATES)})",
        "--sort: unknown key 'age' (choices: when, name, accuracy)",
    )
