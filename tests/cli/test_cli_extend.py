"""Seeds are added to a finished run, or in rounds until everything is decided."""

import json
import shutil
from dataclasses import replace
from pathlib import Path

import pytest
from support.command_line import comparisons
from support.small_runs import plan_of, train_plan, training_here

from bnreg.runs import read_correct, read_run, unfinished_runs
from bnreg.runs.weights import read_weights

EXPERIMENT = """\
data: {dataset: mnist_5k, batch_size: 200, train_size: 600}
model: {hidden: [8]}
training: {epochs: 1, weights: last}
arms: {bn: {model: {norm: batch}}, plain: {}}
baseline: plain
sweep: {optimizer.lr: [0.01, 0.001]}
seeds: 3
jobs: 1
device: cpu
"""
QUIET = ("--no-progress", "--runs", "runs")

pytestmark = pytest.mark.usefixtures("without_workers")


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A run of three seeds, and one of six that was trained at once."""
    folder = tmp_path_factory.mktemp("trained")
    with training_here():
        return [
            train_plan(plan_of(folder, EXPERIMENT.replace("seeds: 3", f"seeds: {number}")), folder / f"runs-{number}")
            for number in (3, 6)
        ]


@pytest.fixture
def base(trained):
    """A copy of the run of three seeds among the test's own runs."""
    return Path(shutil.copytree(trained[0], Path("runs") / trained[0].name))


def write_rounds(arm, step, at_most):
    """Write the experiment without its sweep, with this arm instead of the one with batch norm, in equal rounds."""
    changes = {
        "sweep: {optimizer.lr: [0.01, 0.001]}": "optimizer: {lr: 0.03}",
        "bn: {model: {norm: batch}}": arm,
        "seeds: 3": f"seeds: {{until: decided, from: {step}, step: {step}, at_most: {at_most}}}",
    }
    text = EXPERIMENT
    for old, new in changes.items():
        assert old in text
        text = text.replace(old, new)
    Path("a.yaml").write_text(text)


def newest(root="runs"):
    return read_run(max(Path(root).iterdir(), key=lambda path: path.stat().st_mtime_ns))


def test_an_extended_run_is_that_with_all_its_seeds_from_the_start(bnreg, trained, base):
    """To the byte, except for what each run says of itself and its seconds; the old folder stays as it is."""
    before = {path: path.read_bytes() for path in base.rglob("*") if path.is_file()}
    done = bnreg("extend", base, "seeds=6", *QUIET)
    assert done.code == 0
    note = "note: 6 pairs: no two-sided test can reach p < 0.05 (smallest p = 0.121 after Holm for 2 comparisons)"
    assert done.err == f"{note}; use at least 8 seeds\n"
    found, whole = newest(), read_run(trained[1])
    assert (found.info.seeds, found.info.extends, found.info.looks) == (tuple(range(6)), base.name, (3, 6))
    for name in whole.checksums:
        if name not in ("run.json", "summary.csv", "curves.svg"):
            assert (found.path / name).read_bytes() == (whole.path / name).read_bytes(), name
    assert found.info.pairing == whole.info.pairing
    for name, column in whole.summary.items():
        if name != "seconds":
            assert found.summary[name] == column, name
    assert read_correct(found).keys() == {0, 1}
    names = [name for name in found.checksums if name.startswith("weights/")]
    assert len(read_weights(found, names)) == 24
    assert {path: path.read_bytes() for path in base.rglob("*") if path.is_file()} == before
    assert not unfinished_runs(Path("runs"))
    assert f"{found.path}/\n" in done.out
    assert "6 seeds, 2 looks" in done.out
    (one, *_) = comparisons(bnreg("compare", found.path, "--json"))
    assert one["at_every_look"] is True


def test_seeds_of_ones_own_stay_first(bnreg, base):
    """The test that holds at every look goes by the order in which seeds were added."""
    assert bnreg("extend", base, "seeds=[7, 2, 1, 0]", *QUIET).code == 0
    assert newest().info.seeds == (0, 1, 2, 7)
    again = bnreg("extend", newest().path, "seeds=[0, 1, 2, 7, 5]", *QUIET)
    assert again.code == 0
    assert (newest().info.seeds, newest().info.looks) == ((0, 1, 2, 7, 5), (3, 4, 5))


def test_a_stopped_extension_is_resumed_without_the_old_run(bnreg, trained, base, monkeypatch):
    from bnreg.experiment import story

    def interrupted(*_, **__):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(story, "_train", interrupted)
        assert bnreg("extend", base, "seeds=6", *QUIET).code == 130
    (run,) = unfinished_runs(Path("runs"))
    assert run.state()[0] == "interrupted"
    shutil.rmtree(base)
    done = bnreg("train", "--resume", run.final.name, *QUIET)
    assert done.code == 0, done.err
    found, whole = read_run(run.final), read_run(trained[1])
    assert (found.path / "metrics.csv").read_bytes() == (whole.path / "metrics.csv").read_bytes()
    assert (found.info.extends, found.info.looks) == (base.name, (3, 6))


def test_a_damaged_copy_of_the_old_run_is_not_extended(bnreg, base, monkeypatch):
    from bnreg.experiment import story

    def stopped(*_, **__):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(story, "_train", stopped)
        assert bnreg("extend", base, "seeds=6", *QUIET).code == 130
    (run,) = unfinished_runs(Path("runs"))
    summary = run.folder / "base" / "summary.csv"
    summary.write_bytes(summary.read_bytes().replace(b"0.", b"0.9", 1))
    done = bnreg("train", "--resume", run.final.name, *QUIET)
    assert (done.code, "damaged" in done.err, len(done.err.splitlines())) == (2, True, 1)
    assert bnreg("rm", run.final.name, "--yes").code == 0
    assert not run.folder.exists()


@pytest.mark.parametrize(
    ("words", "line"),
    [
        (["seeds=2"], "seeds: {run} also has 2; an extended run keeps all of its seeds\n"),
        (["seeds=[0, 5]"], "seeds: {run} also has 1, 2; an extended run keeps all of its seeds\n"),
        (["seeds=3"], "seeds: {run} has 3 seeds and all of these; ask for more, such as seeds=6\n"),
        ([], "extend: give either seeds=N, more than the run has, or --until-decided\n"),
        (["seeds=9", "--until-decided"], "extend: give either seeds=N, more than the run has, or --until-decided\n"),
        (["seeds=9", "--max-seeds", "9"], "--max-seeds: only with --until-decided; without it, give seeds=N\n"),
        (["--until-decided", "--max-seeds", "3"], "--max-seeds 3: {run} has 3 seeds already\n"),
        (["seeds=6", "training.epochs=2"], "{path}: cannot be extended: training.epochs is 2 here but was 1\n"),
        (["seeds=0"], "override 'seeds=0': expected 1 to 10000 seeds, got 0\n"),
    ],
)
def test_a_mistake_is_one_line_and_nothing_is_written(bnreg, base, words, line):
    done = bnreg("extend", base, *words, *QUIET)
    assert (done.code, done.out, done.err) == (2, "", line.format(run=base.name, path=base))
    assert [*Path("runs").iterdir()] == [base]


def test_other_versions_and_data_are_named(bnreg, base, monkeypatch):
    from bnreg.experiment import beginning

    with monkeypatch.context() as patch:
        patch.setattr(beginning, "version", lambda package: "9.9" if package == "numpy" else "2.0")
        done = bnreg("extend", base, "seeds=6", *QUIET)
    assert done.code == 2
    assert f"{base}: cannot be extended: numpy is 9.9 here but was " in done.err

    from bnreg.data import datasets

    monkeypatch.setattr(datasets, "fingerprint_of", lambda _: "sha256:0000")
    monkeypatch.setitem(datasets.DATASETS, "mnist_5k", replace(datasets.DATASETS["mnist_5k"], fingerprint=None))
    done = bnreg("extend", base, "seeds=6", *QUIET)
    assert done.code == 2
    assert f"{base}: cannot be extended: the data for 'mnist_5k' is mnist_5k with sha256:0000 here" in done.err


def test_seeds_are_added_until_everything_is_decided(bnreg):
    """An arm that differs at once: the first look that can decide does."""
    write_rounds("bad: {optimizer: {lr: 0.00001}}", step=4, at_most=16)
    done = bnreg("train", "a.yaml", *QUIET)
    assert done.code == 0, done.err
    run = newest()
    assert run.info.looks == (4, 8)
    assert run.info.seeds == tuple(range(8))
    assert run.config["seeds"] == {"until": "decided", "from": 4, "step": 4, "at_most": 16}
    lines = done.err.splitlines()
    assert lines[0] == "after 4 seeds: 0 of 1 comparison decided"
    assert lines[1].startswith("  bad: inconclusive, -")
    assert lines[2] == "after 8 seeds: 1 of 1 comparison decided"
    assert lines[3].startswith("  bad: hurt, -")
    (found,) = comparisons(bnreg("compare", run.path, "--json"))
    assert (found["verdict"], found["num_pairs"], found["at_every_look"]) == ("hurt", 8, True)
    assert bnreg("show", run.path).code == 0
    assert "1 in runs: 1 complete" in bnreg("runs").out


def test_undecided_rounds_end_at_the_limit_and_the_command_may_say_so(bnreg, base):
    Path("a.yaml").write_text(EXPERIMENT)
    done = bnreg("train", "a.yaml", "--until-decided", "--max-seeds", "5", *QUIET)
    assert done.code == 0, done.err
    run = newest()
    assert (run.info.looks, run.info.seeds) == ((3, 5), tuple(range(5)))
    assert run.config["seeds"] == {"until": "decided", "from": 3, "step": 10, "at_most": 5}
    further = bnreg("extend", base, "--until-decided", "--max-seeds", "4", *QUIET)
    assert further.code == 0, further.err
    assert (newest().info.looks, newest().info.extends) == ((3, 4), base.name)
    note, look = further.err.splitlines()[:2]
    assert note.startswith("note: 4 pairs: no two-sided test can reach p < 0.05")
    assert look == "after 3 seeds: 0 of 2 comparisons decided"
    metrics = [(path / "metrics.csv").read_text().splitlines() for path in (run.path, newest().path)]
    assert set(metrics[1]) <= set(metrics[0])


def test_no_shard_is_checked_again_for_the_rounds_that_follow(bnreg, monkeypatch):
    from bnreg.runs.in_training.shard import ShardPlace

    checked = []
    is_done = ShardPlace.is_done
    monkeypatch.setattr(ShardPlace, "is_done", lambda place, log: checked.append(place.index) or is_done(place, log))
    write_rounds("near: {optimizer: {lr: 0.029}}", step=2, at_most=6)
    assert bnreg("train", "a.yaml", *QUIET).code == 0
    assert newest().info.looks == (2, 4, 6)
    assert len({checked.count(shard) for shard in range(3)}) == 1


def test_a_resumed_run_goes_on_with_its_rounds(bnreg, monkeypatch):
    from bnreg.experiment import story

    Path("a.yaml").write_text(EXPERIMENT)
    asked = ("train", "a.yaml", "--until-decided", "--max-seeds", "6", *QUIET)
    assert bnreg(*asked).code == 0
    whole = newest()
    train = story._train
    rounds = []

    def stopped(plan, *arguments, **options):
        rounds.append(len(plan.experiment.seeds))
        if len(rounds) == 2:
            raise KeyboardInterrupt
        return train(plan, *arguments, **options)

    with monkeypatch.context() as patch:
        patch.setattr(story, "_train", stopped)
        assert bnreg(*asked).code == 130
    assert rounds == [3, 6]
    (run,) = unfinished_runs(Path("runs"))
    assert run.state() == ("interrupted", "100 % of 36 steps, 12 of 12 networks done")
    done = bnreg("train", "--resume", run.final.name, *QUIET)
    assert done.code == 0, done.err
    assert read_run(run.final).info.looks == whole.info.looks == (3, 6)
    assert (run.final / "metrics.csv").read_bytes() == (whole.path / "metrics.csv").read_bytes()


@pytest.mark.parametrize(
    ("words", "line"),
    [
        (["--max-seeds", "9"], "--max-seeds: only with --until-decided; without it, set seeds\n"),
        (["--until-decided", "--max-seeds", "2"], "--max-seeds 2: the first round has 3 seeds\n"),
        (["seeds={until: now}"], "override 'seeds={until: now}': until: expected decided, got 'now'\n"),
        (["seeds={until: decided, form: 3}"], "unknown key 'form'; did you mean 'from'?"),
        (["seeds={until: decided, step: 0}"], "step: expected a whole number from 1 to 10000, got 0"),
        (
            ["seeds={until: decided, step: 99999999999999999999, at_most: 20}"],
            "step: expected a whole number from 1 to 10000, got 99999999999999999999",
        ),
        (["seeds={until: decided, at_most: 1000000000}"], "at_most: expected a whole number from 1 to 10000, got 1"),
        (["seeds={until: decided, from: 9, at_most: 3}"], "at_most: expected at least the 9 seeds of the first"),
    ],
)
def test_a_mistake_about_rounds_is_one_line(bnreg, words, line):
    Path("a.yaml").write_text(EXPERIMENT)
    done = bnreg("train", "a.yaml", *words, *QUIET)
    assert (done.code, done.out, len(done.err.splitlines())) == (2, "", 1)
    assert line in done.err
    assert not Path("runs").exists()


@pytest.mark.parametrize(("most", "enough"), [(7, False), (8, True)])
def test_rounds_that_end_too_early_for_any_verdict_are_noted(bnreg, most, enough):
    """Two comparisons need eight pairs where results are looked at again."""
    Path("a.yaml").write_text(EXPERIMENT)
    done = bnreg("train", "a.yaml", "--until-decided", "--max-seeds", most, "--dry-run")
    note = "note: 7 pairs: no two-sided test can reach p < 0.05 (smallest p = 0.0641 after Holm for 2 comparisons); "
    assert (done.code, done.err) == (0, "" if enough else f"{note}use at least 8 seeds\n")


def test_the_plan_of_the_first_round_is_shown(bnreg):
    Path("a.yaml").write_text(EXPERIMENT)
    done = bnreg("train", "a.yaml", "--until-decided", "--dry-run", "--json")
    assert done.code == 0, done.err
    assert json.loads(done.out)["seeds"] == [0, 1, 2]


def test_pooled_with_the_run_that_it_extends_only_the_extended_one_counts(bnreg, base):
    assert bnreg("extend", base, "seeds=6", *QUIET).code == 0
    done = bnreg("compare", "runs/*", "--group-by", "arm,optimizer.lr", "--width", "200")
    assert f"left out: {base}: {newest().info.id} extends it" in done.out
    apart = bnreg("compare", "runs/*", "--json")
    assert [record["num_seeds"] for record in json.loads(apart.out)] == [3, 6]


@pytest.mark.parametrize("seeds", ["[5, 3, 7]", "{until: decided, from: [5, 3], step: 2, at_most: 4}"])
def test_rounds_may_begin_with_any_seeds(bnreg, seeds):
    Path("a.yaml").write_text(EXPERIMENT.replace("seeds: 3", f"seeds: {seeds}"))
    added = () if "until" in seeds else ("--until-decided", "--max-seeds", "4")
    done = bnreg("train", "a.yaml", *added, *QUIET)
    assert done.code == 0, done.err
    assert newest().info.seeds == ((5, 3, 7, 0) if added else (5, 3, 0, 1))
    again = bnreg("extend", newest().path, "--until-decided", "--max-seeds", "5", *QUIET)
    assert again.code == 0, again.err
    assert len(newest().info.seeds) == 5


def test_arms_that_share_no_batches_get_no_verdict_where_seeds_are_added(bnreg):
    """Welch's test is for one look."""
    write_rounds("bad: {optimizer: {lr: 1e-9}, data: {batch_size: 100}}", step=5, at_most=10)
    done = bnreg("train", "a.yaml", *QUIET, "--json")
    assert done.code == 0, done.err
    (found,) = comparisons(done)
    assert (found["unpaired"], found["verdict"], found["interval"]) == ("batches", None, None)
    assert "no verdict, because seeds were added after a look" in " ".join(json.loads(done.out)[0]["notes"])


def test_an_arm_that_always_diverges_is_decided(bnreg):
    write_rounds("bad: {optimizer: {name: sgd, lr: 1e30}}", step=4, at_most=16)
    done = bnreg("train", "a.yaml", *QUIET)
    assert done.code == 0, done.err
    assert newest().info.looks == (4, 8)
    assert "bad: no two seeds to compare; diverged 8:0" in done.err
    refused = bnreg("extend", newest().path, "--until-decided", *QUIET)
    assert (refused.code, refused.out) == (2, "")
    assert "nothing is left to decide" in refused.err


def test_without_two_arms_there_is_nothing_to_decide(bnreg):
    Path("a.yaml").write_text("data: {dataset: mnist_5k}\nseeds: {until: decided}\n")
    done = bnreg("train", "a.yaml", *QUIET)
    assert (done.code, done.out) == (2, "")
    assert done.err == "a.yaml:2: seeds: nothing to decide: there are no two arms; give a number of seeds\n"
