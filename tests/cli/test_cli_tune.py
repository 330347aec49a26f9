"""``tune``: each arm chooses on validation data among the same values; then fresh seeds are trained with its choice."""

import json
from pathlib import Path

import pytest
from support.command_line import comparisons

from bnreg.analysis.audit import ChosenAtEdge, UnequalTuning, audit
from bnreg.analysis.run_view import view_of_run
from bnreg.runs import read_run, unfinished_runs
from bnreg.tuning import FIRST_SEED

EXPERIMENT = """\
data: {dataset: mnist_5k, batch_size: 100, train_size: 600, validation_size: 300}
model: {hidden: [8]}
training: {epochs: 1}
arms: {bn: {model: {norm: batch}}, plain: {}}
baseline: plain
tune: {optimizer.lr: [0.0001, 0.003, 0.03], seeds: 2}
seeds: 3
jobs: 1
device: cpu
"""
QUIET = ("--no-progress", "--runs", "runs")

pytestmark = pytest.mark.usefixtures("without_workers")


@pytest.fixture(autouse=True)
def config(bnreg):  # noqa: ARG001 # which enters the folder of the test
    Path("a.yaml").write_text(EXPERIMENT)


def runs_below(root):
    return [read_run(path) for path in sorted(Path(root).glob("a-*"))]


def best_by_hand(table, *keys, on="final_validation_accuracy", best="max"):
    """Each arm's learning rate with the best mean over the seeds, at each value of some other keys."""
    means = table.groupby([*keys, "arm", "optimizer.lr"])[on].mean().reset_index()
    rows = means.loc[getattr(means.groupby([*keys, "arm"])[on], f"idx{best}")()]
    return {tuple(row[name] for name in (*keys, "arm")): row["optimizer.lr"] for _, row in rows.iterrows()}


def test_each_arm_trains_fresh_seeds_with_what_it_chose_on_validation(bnreg):
    done = bnreg("train", "a.yaml", *QUIET)
    assert done.code == 0, done.err
    (tuning,), (run,) = runs_below("runs/tuning"), runs_below("runs")
    assert tuning.info.seeds == (FIRST_SEED, FIRST_SEED + 1)
    assert run.info.seeds == (0, 1, 2)
    assert len(tuning.info.pairing) == 3 * 2 * 2
    chosen = best_by_hand(tuning.table("summary"))
    for arm in ("bn", "plain"):
        assert run.config["arms"][arm]["optimizer"]["lr"] == chosen[arm,]
    said = " ".join(done.out.split())
    choices = "; ".join(f"{arm} optimizer.lr {chosen[arm,]:g}" for arm in ("bn", "plain"))
    cost = f"(12 networks, {tuning.info.seconds:,.0f} s: {tuning.info.id})"
    assert f"each arm chose among 3 by validation accuracy, with 2 other seeds: {choices} {cost}" in said
    record = json.loads((run.path / "run.json").read_text())["config"]["tuned"]
    assert record == {
        "run": tuning.info.id,
        "on": "validation_accuracy",
        "seeds": 2,
        "networks": 12,
        "seconds": tuning.info.seconds,
        "values": {"optimizer.lr": [0.0001, 0.003, 0.03]},
    }
    shown = bnreg("show", run.path, "--json")
    assert json.loads(shown.out)["tuned"]["chosen"] == {
        arm: {"optimizer.lr": [chosen[arm,]]} for arm in ("bn", "plain")
    }
    assert "each arm chose among 3" in " ".join(bnreg("show", run.path).out.split())


def test_the_choice_goes_by_the_metric_that_was_asked_for_and_by_its_direction(monkeypatch):
    """Where loss and accuracy disagree, and the lowest loss is best."""
    from bnreg.experiment import tuning
    from bnreg.runs import Run

    losses = [0.5, 0.7, 0.9, 0.2, 0.4, 0.4, 0.3, 0.3, 0.1, 0.8, 0.5, 0.5]  # rate, arm, seed
    accuracies = [0.9, 0.9, 0.1, 0.1, 0.2, 0.2, 0.8, 0.9, 0.3, 0.3, 0.3, 0.7]
    columns = {"final_validation_loss": losses, "final_validation_accuracy": accuracies}
    monkeypatch.setattr(Run, "summary", property(lambda _: columns))
    chosen = {}
    for on in ("validation_loss", "validation_accuracy"):
        run = planned(f"tune.on={on}")
        found = tuning.chosen_by(run.experiment, made(run))
        chosen[on] = [found["arms", arm, "optimizer", "lr"] for arm in ("bn", "plain")]
    assert chosen == {"validation_loss": [0.003, 0.003], "validation_accuracy": [0.0001, 0.003]}


def planned(*overrides):
    from bnreg.experiment.plan import plan_experiment

    return plan_experiment(Path("a.yaml"), overrides, data_folder=None, log=pytest.fail)


def made(plan):
    """A finished run without files."""
    from dataclasses import replace

    from bnreg.experiment.beginning import describe_beginning
    from bnreg.runs import Run

    info = describe_beginning(plan, command=(), data_folder=None).info
    return Run(Path("a"), replace(info, id="a", seconds=1.0), {}, {})


def test_at_each_point_of_a_sweep_each_arm_chooses_for_itself(bnreg):
    done = bnreg("train", "a.yaml", "sweep={model.hidden: [[4], [16]]}", "training.epochs=2", *QUIET)
    assert done.code == 0, done.err
    (tuning,), (run,) = runs_below("runs/tuning"), runs_below("runs")
    chosen = best_by_hand(tuning.table("summary"), "model.hidden")
    assert run.info.point_keys == ("model.hidden", "arms.bn.optimizer.lr", "arms.plain.optimizer.lr")
    assert len(run.info.points) == 2
    for point in run.info.points:
        for arm in ("bn", "plain"):
            assert point[f"arms.{arm}.optimizer.lr"] == chosen[str(point["model.hidden"]), arm]
    assert not [one for one in audit(view_of_run(run)) if isinstance(one, UnequalTuning)]
    assert len(comparisons(bnreg("compare", run.path, "--json"))) == 2


def test_the_same_tuning_is_done_once(bnreg):
    assert bnreg("train", "a.yaml", *QUIET).code == 0
    (tuning,) = runs_below("runs/tuning")
    again = bnreg("train", "a.yaml", *QUIET)
    assert f"note: {tuning.path}: already trained\n" in again.err
    assert len(runs_below("runs/tuning")) == 1
    assert len({run.config["tuned"]["run"] for run in runs_below("runs")}) == 1
    other = bnreg("train", "a.yaml", "training.epochs=2", *QUIET)
    assert "already trained" not in other.err
    assert len(runs_below("runs/tuning")) == 2


def test_a_tuning_that_was_stopped_goes_on_with_the_same_command(bnreg, monkeypatch):
    from bnreg.experiment import story

    def interrupted(*_, **__):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(story, "_train", interrupted)
        stopped = bnreg("train", "a.yaml", *QUIET)
    assert stopped.code == 130
    assert "the training so far is saved; the same command goes on with it" in stopped.err
    (begun,) = unfinished_runs(Path("runs/tuning"))
    done = bnreg("train", "a.yaml", *QUIET)
    assert done.code == 0
    assert f"note: {begun.final}: resumed\n" in done.err
    (tuning,) = runs_below("runs/tuning")
    assert tuning.path == begun.final
    assert not unfinished_runs(Path("runs/tuning"))


def test_a_tuned_run_is_extended_with_what_its_arms_chose_and_a_tuning_is_not(bnreg):
    assert bnreg("train", "a.yaml", *QUIET).code == 0
    (run,), (tuning,) = runs_below("runs"), runs_below("runs/tuning")
    assert bnreg("extend", run.path, "seeds=4", *QUIET).code == 0
    (extended,) = (one for one in runs_below("runs") if one.path != run.path)
    assert (len(extended.info.seeds), extended.config["tuned"]) == (4, run.config["tuned"])
    assert extended.config["arms"] == run.config["arms"]
    refused = bnreg("extend", tuning.path, "seeds=4", *QUIET)
    assert (refused.code, refused.err) == (
        2,
        f"{tuning.path}: cannot be extended: its arms only chose settings; extend the run that has them\n",
    )


def test_a_choice_at_the_edge_of_its_grid_is_a_finding(bnreg):
    """After one epoch the highest of three tiny rates is best in both arms."""
    assert bnreg("train", "a.yaml", "tune.optimizer.lr=[1e-4, 1e-6, 1e-5]", *QUIET).code == 0
    (run,) = runs_below("runs")
    found = [one for one in audit(view_of_run(run)) if isinstance(one, ChosenAtEdge)]
    assert found == [ChosenAtEdge(arm, "optimizer.lr", [1e-6, 1e-5, 1e-4], 1e-4, {}, 0) for arm in ("bn", "plain")]
    said = " ".join(bnreg("compare", run.path).out.split())
    edge = "chose optimizer.lr 0.0001, the highest of 3 tried (1e-06 to 0.0001): a better one may be outside this range"
    assert f"audit: bn {edge}" in said


def test_a_plan_of_a_tuning_says_what_comes_after_it(bnreg):
    done = bnreg("train", "a.yaml", "--dry-run")
    assert "a: 3 points × 2 arms × 2 seeds = 12 replicas" in done.out
    after = "note: then {} are trained, each arm with what it chose by validation_accuracy\n"
    assert done.err == after.format("3 seeds")
    rounds = "seeds={until: decided, from: 5, step: 5, at_most: 20}"
    assert bnreg("train", "a.yaml", rounds, "--dry-run").err == after.format("5 to 20 seeds")
    assert not Path("runs").exists()


def test_one_network_without_arms_chooses_too(bnreg):
    assert bnreg("train", "a.yaml", "arms=null", "baseline=null", *QUIET).code == 0
    (run,), (tuning,) = runs_below("runs"), runs_below("runs/tuning")
    assert run.config["optimizer"]["lr"] == best_by_hand(tuning.table("summary"))["base",]


@pytest.mark.parametrize(
    ("override", "line"),
    [
        ("tune={}", "nothing to choose; list values, such as optimizer.lr: [0.01, 0.1]"),
        ("tune=3", "expected a mapping, got 3"),
        ("tune.on=test_accuracy", "on: unknown metric 'test_accuracy' (choices: validation_loss, validation_accuracy)"),
        ("tune.seeds=0", "seeds: expected a whole number from 1 to 1000, got 0"),
        ("tuned={run: x}", "not what bnreg writes there; leave it out"),
        (
            "tune={arms.bn.optimizer.lr: [1, 2]}",
            "tune.arms.bn.optimizer.lr: all arms choose among the same values; write optimizer.lr",
        ),
        (
            "tune={model.norm: [none, batch]}",
            "tune.model.norm: arm 'bn' also sets model.norm and would ignore the sweep",
        ),
        ("tune={optimizer.lr: [1, x]}", "tune.optimizer.lr[1]: expected a number, got 'x'"),
        ("tune={optimizer.lr: 1}", "tune.optimizer.lr: expected a list of values, got 1; write tune.optimizer.lr=[1]"),
    ],
)
def test_a_mistake_in_it_is_one_line(bnreg, override, line):
    done = bnreg("train", "a.yaml", override, *QUIET)
    assert done.code == 2
    assert [said for said in done.err.splitlines() if said.endswith(line)], done.err
    assert not Path("runs").exists()


def test_to_choose_on_validation_takes_a_validation_split(bnreg):
    done = bnreg("train", "a.yaml", "data.validation_size=0", *QUIET)
    line = "tune: validation_accuracy needs a validation split; set data.validation_size, such as 5000"
    assert (done.code, done.err) == (2, f"a.yaml:6: {line}\n")


def test_values_that_a_swept_key_also_has_are_a_mistake(bnreg):
    done = bnreg("train", "a.yaml", "sweep={optimizer.lr: [1, 2]}", *QUIET)
    assert (done.code, done.err) == (
        2,
        "a.yaml:6: tune.optimizer.lr: sets the same setting as sweep.optimizer.lr\n",
    )


def test_rows_of_zip_may_repeat_a_value_but_not_a_row(bnreg):
    def plan(zipped):
        return bnreg("train", "a.yaml", "tune=null", f"sweep={{zip: {zipped}}}", "--dry-run")

    assert plan("{optimizer.lr: [1, 1, 2], model.hidden: [[4], [8], [8]]}").code == 0
    refused = plan("{optimizer.lr: [1, 1, 1], model.hidden: [[4], [8], [4]]}")
    assert (refused.code, refused.err.endswith(": sweep.zip: 1, [4] is repeated\n")) == (2, True), refused.err
