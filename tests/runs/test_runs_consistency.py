"""Results that contradict each other are damaged, whatever their checksums."""

import json

import numpy as np
import pytest
from safetensors import numpy
from support.made_runs import NUM_EXAMPLES, reseal, write_run

from bnreg.runs import CORRECT, read_correct, read_run
from bnreg.runs.read import UnreadableRunError


@pytest.fixture
def run(tmp_path):
    """A run with answers and a diverged network."""
    return write_run("lift", root=tmp_path, correct=True, diverged=[("bn", 2)])


def in_table(name, column, value, row=1):
    """A change of one cell; rows are counted from the first below the header."""

    def change(run):
        lines = [line.split(",") for line in (run / name).read_text().splitlines()]
        lines[row][lines[0].index(column)] = value
        reseal(run, name, "\n".join(map(",".join, lines)).encode())

    return change


def in_json(**changes):
    """A change of some fields of run.json."""

    def change(run):
        info = json.loads((run / "run.json").read_text())
        reseal(run, "run.json", json.dumps(info | {key: new(info[key]) for key, new in changes.items()}).encode())

    return change


def in_answers(change):
    """A change of the arrays of the answers."""

    def change_file(run):
        arrays = numpy.load((run / CORRECT).read_bytes())
        reseal(run, CORRECT, numpy.save(change(arrays)))

    return change_file


def one_bit(flags):
    """One of the first network's answers."""
    bit = np.zeros_like(flags)
    bit[0, 0, 0] = 1
    return bit


def without_last_line(name):
    def change(run):
        reseal(run, name, "\n".join((run / name).read_text().splitlines()[:-1]).encode())

    return change


FORGERIES = {
    "an accuracy of 77": (in_table("summary.csv", "final_test_accuracy", "77"), "summary.csv"),
    "an accuracy below 0": (in_table("metrics.csv", "test_accuracy", "-0.1"), "metrics.csv"),
    "a loss below 0": (in_table("metrics.csv", "test_loss", "-1"), "metrics.csv"),
    "an infinite loss": (in_table("summary.csv", "final_test_loss", "inf"), "summary.csv"),
    "no accuracy": (in_table("summary.csv", "final_test_accuracy", ""), "summary.csv"),
    "another accuracy": (in_table("summary.csv", "final_test_accuracy", "0.99"), "metrics.csv"),
    "another measured accuracy": (in_table("metrics.csv", "test_accuracy", "0.99", row=2), "metrics.csv"),
    "another seed": (in_table("summary.csv", "seed", "99"), "summary.csv"),
    "another measured seed": (in_table("metrics.csv", "seed", "99"), "metrics.csv"),
    "another arm": (in_table("summary.csv", "arm", "plain"), "summary.csv"),
    "another status": (in_table("summary.csv", "status", "fine"), "summary.csv"),
    "another epoch": (in_table("metrics.csv", "epoch", "7"), "metrics.csv"),
    "a final epoch before the first": (in_table("summary.csv", "final_epoch", "0"), "metrics.csv"),
    "a final epoch beyond the last": (in_table("summary.csv", "final_epoch", "3"), "metrics.csv"),
    "a row too few": (without_last_line("summary.csv"), "summary.csv"),
    "an epoch too few": (without_last_line("metrics.csv"), "metrics.csv"),
    "another number of epochs": (
        in_json(pairing=lambda rows: [{**rows[0], "epochs": 5}, *rows[1:]]),
        "metrics.csv",
    ),
    "other seeds": (in_json(seeds=lambda seeds: [*seeds[:-1], 99], pairing=lambda _: []), "summary.csv"),
    "another learning rate": (in_json(config=lambda config: config | {"optimizer": {"lr": "fast"}}), "run.json"),
    "all units dropped": (in_json(config=lambda config: config | {"model": {"dropout": 1}}), "run.json"),
    "a start without a time zone": (in_json(started=lambda _: "2026-11-23T03:45:29"), "run.json"),
    "no data": (in_json(data=lambda _: {}), "run.json"),
    "a baseline that is no arm": (in_json(baseline=lambda _: "rise"), "run.json"),
    "a proof of another replica": (in_json(pairing=lambda rows: [rows[1], rows[0], *rows[2:]]), "run.json"),
    "no epochs": (in_json(config=lambda config: config | {"training": {}}), "run.json"),
    "inverted answers": (
        in_answers(lambda arrays: arrays | {"correct-0": ~arrays["correct-0"]}),
        CORRECT,
    ),
    "a thousand million answers": (
        in_answers(lambda arrays: arrays | {"num_examples-0": np.array([10**9])}),
        CORRECT,
    ),
    "one answer changed": (
        in_answers(lambda arrays: arrays | {"correct-0": arrays["correct-0"] ^ one_bit(arrays["correct-0"])}),
        CORRECT,
    ),
    "fewer answers": (
        in_answers(lambda _: {"correct-0": np.zeros((2, 6, 1), np.uint8), "num_examples-0": np.array([8])}),
        CORRECT,
    ),
    "answers at another point": (
        in_answers(lambda arrays: {name.replace("-0", "-1"): values for name, values in arrays.items()}),
        CORRECT,
    ),
}


def test_the_run_itself_is_consistent(run):
    assert read_correct(read_run(run))[0].shape == (2, 6, NUM_EXAMPLES)


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
