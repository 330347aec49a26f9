"""Results that contradict each other are damaged, whatever their checksums."""

import dataclasses
import json

import pytest
from support.forgeries import FORGERIES, in_both_configs, make_victim
from support.made_runs import NUM_EXAMPLES, reseal
from support.small_runs import train_here

from bnreg.runs import RunInfo, consistency, info, read_correct, read_run
from bnreg.runs.read import UnreadableRunError


@pytest.fixture
def run(tmp_path):
    """A run with answers, its config in two places, and a diverged network."""
    return make_victim(tmp_path)


def test_the_run_itself_is_consistent(run):
    assert read_correct(read_run(run))[0].shape == (2, 6, NUM_EXAMPLES)


TRAINED = {
    "one arm": "seeds: 1",
    "seeds in any order": "seeds: [7, 0]",
    "arms without changes": "arms: {a: null, b: {model: {norm: batch}}}\nbaseline: b\nseeds: 1",
    "a grid": "seeds: 1\nsweep: {optimizer.lr: [0.1, 1], zip: {}, model.init: [{gain: 1}, {gain: 2}]}",
    "lists in step": "seeds: 1\n"
    "sweep: {zip: {training.epochs: [1, 2], data.batch_size: [9, all]}, optimizer.lr: [1e-7]}",
    "an arm's setting": "arms: {a.b: {}, c: {model: {norm: batch}}}\nbaseline: c\nseeds: 1\n"
    "sweep: {arms.a.b.data.train_size: [50, 60]}",
    "effects of several metrics": "arms: {a: null, b: {model: {norm: batch}}}\nbaseline: b\nseeds: 1\n"
    "compare: {metric: test_loss, smallest_effect: {test_accuracy: 0.3pp, test_loss: 0.01}}",
    "rounds": "arms: {a: null, b: {model: {norm: batch}}}\nbaseline: b\n"
    "seeds: {until: decided, from: 6, step: 1, at_most: 6}",
    "steps": "seeds: 1\ntraining: {steps: 3, evaluate: {every_steps: 2}}\n"
    "data: {dataset: mnist_5k, train_size: 101, batch_size: 50}\nmodel: {hidden: [4], norm: batch}",
    "logarithmic steps": "seeds: 1\ntraining: {epochs: 4, evaluate: {at: log}}\nsweep: {data.batch_size: [10, all]}",
    "arms that train for different times": "arms: {a: null, b: {training: {steps: 3}}}\nbaseline: b\nseeds: 1",
    "early stopping": "seeds: 2\ntraining: {epochs: 9, early_stopping: {patience: 1, min_delta: 1}}\n"
    "data: {dataset: mnist_5k, validation_size: 3950, train_size: 50, batch_size: 50}",
}


@pytest.mark.parametrize("text", TRAINED.values(), ids=TRAINED)
def test_what_bnreg_trains_is_consistent(text, tmp_path):
    base = {
        "data": "{dataset: mnist_5k, train_size: 50, batch_size: 50}",
        "model": "{hidden: [4]}",
        "training": "{epochs: 1}",
        "jobs": "1",
    }
    lines = [f"{key}: {value}" for key, value in base.items() if f"\n{key}:" not in text]
    assert len(read_run(train_here(tmp_path, "\n".join([*lines, text]))).summary["arm"]) > 0


@pytest.mark.parametrize(
    ("old", "new"), [(",1,10,", ",1,11,"), (",2,40,", ",3,40,"), ("run,0,2,40,", "run,0,2,45,")], ids=str
)
def test_moments_at_which_no_network_was_evaluated_are_damage(tmp_path, old, new):
    text = "data: {dataset: mnist_5k, train_size: 100, batch_size: 5}\nmodel: {hidden: [4]}\nseeds: 1\nname: run\n"
    path = train_here(tmp_path, f"{text}training: {{steps: 40, evaluate: {{every_steps: 10}}}}")
    metrics = (path / "metrics.csv").read_text()
    arm = metrics.splitlines()[1].split(",")[0]
    changed = metrics.replace(old.replace("run", arm), new.replace("run", arm))
    assert changed != metrics
    reseal(path, "metrics.csv", changed.encode())
    with pytest.raises(UnreadableRunError, match=r"metrics\.csv: damaged run: its rows are not those"):
        read_run(path)


def test_every_field_of_a_record_is_checked():
    """A field of any shape must not end a command in a traceback."""
    names = {field.name for field in dataclasses.fields(RunInfo)}
    assert names == {*info._REQUIRED, *info._OPTIONAL}


@pytest.mark.parametrize("name", FORGERIES)
def test_a_contradiction_is_damage(run, bnreg, name):
    """Every command agrees: one line with the file's name."""
    change, file = FORGERIES[name]
    change(run)
    with pytest.raises(UnreadableRunError) as refusal:
        read_run(run)
    (line,) = refusal.value.lines
    assert line.startswith(f"{run / file}: damaged run: ")
    assert refusal.value.state == "damaged"
    assert " damaged" in bnreg("runs", "--runs", run.parent).out
    for command in ("compare", "show"):
        done = bnreg(command, run)
        assert (done.code, done.out, done.err) == (2, "", f"{line}\n")


@pytest.mark.parametrize("value", [None, "x", [None], -1, {}])
@pytest.mark.parametrize("key", [*consistency._SETTINGS, *consistency._LATER_SETTINGS])
def test_a_setting_that_no_config_has_ends_no_command_in_a_traceback(run, bnreg, key, value):
    """Whatever an analysis calculates with is checked before; a few of these values are possible for some settings."""
    section, name = key.split(".", 1)
    in_both_configs(lambda config: config | {section: config.get(section, {}) | {name: value}})(run)
    for command in ("compare", "show"):
        done = bnreg(command, run)
        assert done.code == 0 or (done.code, done.out, len(done.err.splitlines())) == (2, "", 1)


TUNED = {"run": "a", "on": "loss", "seeds": 1, "networks": 1, "seconds": 1, "values": {"optimizer.lr": [1, 2]}}


@pytest.mark.parametrize("key", ["tune", "tuned"])
@pytest.mark.parametrize(
    "value",
    [
        3,
        "x",
        [None],
        {"a": 1},
        {"on": "test_loss"},
        {"optimizer.lr": 3},
        {"optimizer.lr": [1, 2], "seeds": 10**9},
        TUNED,
        TUNED | {"run": "\x1b[2J"},
        TUNED | {"seeds": "many"},
        TUNED | {"seconds": 1e300},
        TUNED | {"values": {"no.setting": [1, 2], "data": [{}]}},
        TUNED | {"values": 3},
    ],
)
def test_a_tuning_of_any_shape_ends_no_command_in_a_traceback(run, bnreg, key, value):
    in_both_configs(lambda config: config | {key: value})(run)
    for command in ("compare", "show"):
        done = bnreg(command, run)
        if (key, value) == ("tuned", TUNED):
            assert done.code == 0, done.err
        assert done.code == 0 or (done.code, done.out, len(done.err.splitlines())) == (2, "", 1), done.err
        assert "\x1b" not in done.out + done.err


@pytest.mark.parametrize(
    "name", ["././run.json", "../lift/run.json", "/etc/passwd", "a//b", "a/../b", "a\\b", "a\nb", "", ".", ".hidden"]
)
def test_a_manifest_has_one_normal_name_for_each_file(run, name, bnreg):
    manifest = json.loads((run / "manifest.json").read_text())
    manifest["sha256"][name] = "0" * 64
    (run / "manifest.json").write_text(json.dumps(manifest))
    done = bnreg("show", run)
    assert (done.code, done.out, len(done.err.splitlines())) == (2, "", 1)
    assert "manifest.json: damaged run: it lists " in done.err


@pytest.mark.parametrize("record", ["manifest.json", "run.json"])
def test_a_record_with_a_repeated_key_is_damaged(run, record, bnreg):
    """One flipped bit may turn a file's name into another's, and the file would no longer be missed."""
    content = (run / record).read_bytes()
    repeated = content.replace(b"{", b'{"schema": 9, ', 1) if record == "run.json" else _with_one_name_twice(content)
    if record == "run.json":
        reseal(run, record, repeated)
    else:
        (run / record).write_bytes(repeated)
    for command in ("show", "compare"):
        done = bnreg(command, run)
        assert (done.code, done.out, len(done.err.splitlines())) == (2, "", 1)
        assert f"{record}: damaged" in done.err


def _with_one_name_twice(manifest):
    first, second = [*json.loads(manifest)["sha256"]][:2]
    return manifest.replace(json.dumps(first).encode(), json.dumps(second).encode())


def test_changed_line_ends_are_named_as_the_likely_cause(run, bnreg):
    """As git makes them with ``core.autocrlf``."""
    content = (run / "summary.csv").read_bytes()
    (run / "summary.csv").write_bytes(content.replace(b"\n", b"\r\n"))
    assert "summary.csv: damaged run: its line ends were changed, probably by git" in bnreg("compare", run).err


def test_all_commands_agree_that_a_run_with_another_config_is_damaged(run, bnreg):
    """Even if only the file beside run.json has changed, or a file that no table needs."""
    (run / "config.yaml").write_text("name: lift\n")
    manifest = json.loads((run / "manifest.json").read_text())
    manifest["sha256"]["config.yaml"] = "0" * 64
    (run / "manifest.json").write_text(json.dumps(manifest))
    assert " damaged" in bnreg("runs", "--runs", run.parent).out
    assert bnreg("compare", run).code == 2
    assert "config.yaml: damaged run" in bnreg("show", run).err


def test_the_bytes_that_are_read_to_check_a_folder_are_bounded(run, bnreg, monkeypatch):
    from bnreg.runs import folder

    monkeypatch.setattr(folder, "MAX_FOLDER_BYTES", 1 << 20)
    manifest = json.loads((run / "manifest.json").read_text())
    for name in ("a", "b"):
        with (run / name).open("wb") as file:
            file.truncate(1 << 30)
        manifest["sha256"][name] = "0" * 64
    (run / "manifest.json").write_text(json.dumps(manifest))
    assert bnreg("compare", run).err.splitlines() == [
        f"{run / name}: damaged run: its folder is larger than 1 MiB" for name in ("a", "b")
    ]
