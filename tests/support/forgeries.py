"""Changes of a run that its other files contradict, with right checksums: a checksum is no signature."""

import json

import numpy as np
import yaml
from safetensors import numpy
from support.made_runs import made_name, reseal, write_run

from bnreg.runs import CORRECT


def make_victim(root):
    """Write a run with answers, its config in two places, and a diverged network."""
    run = write_run("lift", root=root, correct=True, diverged=[("bn", 2)])
    reseal(run, "config.yaml", yaml.safe_dump(json.loads((run / "run.json").read_text())["config"]).encode())
    return run


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


def in_both_configs(change):
    """A change of the config in run.json and of the one beside it."""

    def change_files(run):
        in_json(config=change)(run)
        config = json.loads((run / "run.json").read_text())["config"]
        reseal(run, "config.yaml", yaml.safe_dump(config, sort_keys=False).encode())

    return change_files


def in_file(name, change):
    """A change of a file's content."""
    return lambda run: reseal(run, name, change((run / name).read_bytes()))


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


def chained(*changes):
    """Several changes, one after another."""

    def change_all(run):
        for change in changes:
            change(run)

    return change_all


def in_setting(section, **settings):
    """A change of the settings of a section, in both configs."""
    return in_both_configs(lambda config: config | {section: config[section] | settings})


def without(mapping, key):
    return {name: value for name, value in mapping.items() if name != key}


OTHER_SEEDS = in_json(
    seeds=lambda seeds: [*seeds[:-1], 99],
    pairing=lambda rows: [row | {"seed": 99} if row["seed"] == 5 else row for row in rows],
)

FORGERIES = {
    "an accuracy of 77": (in_table("summary.csv", "final_test_accuracy", "77"), "summary.csv"),
    "an accuracy below 0": (in_table("metrics.csv", "test_accuracy", "-0.1"), "metrics.csv"),
    "a loss below 0": (in_table("metrics.csv", "test_loss", "-1"), "metrics.csv"),
    "an infinite loss": (in_table("summary.csv", "final_test_loss", "inf"), "summary.csv"),
    "a loss that no network has": (in_table("summary.csv", "final_test_loss", "1e307"), "summary.csv"),
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
        in_json(pairing=lambda rows: [{**rows[0], "epochs": 1}, *rows[1:]]),
        "run.json",
    ),
    "another number of epochs before a stop": (
        chained(
            in_json(pairing=lambda rows: [{**rows[0], "epochs": 1}, *rows[1:]]),
            in_setting("training", early_stopping={"patience": 1}),
        ),
        "metrics.csv",
    ),
    "other seeds": (OTHER_SEEDS, "run.json"),
    "other seeds in its config, too": (
        chained(OTHER_SEEDS, in_both_configs(lambda config: config | {"seeds": [0, 1, 2, 3, 4, 99]})),
        "summary.csv",
    ),
    "another name": (in_json(name=lambda _: "rise", id=lambda _: made_name("rise")), "run.json"),
    "an id of another name": (in_json(id=lambda _: made_name("rise")), "run.json"),
    "an id without a start": (in_json(id=lambda _: "lift"), "run.json"),
    "an id with more than a start": (in_json(id=lambda run: f"{run} (2)"), "run.json"),
    "another baseline": (in_json(baseline=lambda _: "bn"), "run.json"),
    "no baseline": (in_json(baseline=lambda _: None), "run.json"),
    "another name in its config": (in_both_configs(lambda config: config | {"name": "rise"}), "run.json"),
    "another baseline in its config": (in_both_configs(lambda config: config | {"baseline": "bn"}), "run.json"),
    "more seeds in its config": (in_both_configs(lambda config: config | {"seeds": 10**12}), "run.json"),
    "no seeds in its config": (in_both_configs(lambda config: without(config, "seeds")), "run.json"),
    "another arm in its config": (
        in_both_configs(lambda config: config | {"arms": config["arms"] | {"dropout": {"model": {"dropout": 0.5}}}}),
        "run.json",
    ),
    "its arms in another order": (
        in_both_configs(lambda config: config | {"arms": dict(reversed(config["arms"].items()))}),
        "run.json",
    ),
    "a sweep in its config": (
        in_both_configs(lambda config: config | {"sweep": {"optimizer.lr": [0.001, 0.01]}}),
        "run.json",
    ),
    "a huge sweep in its config": (
        in_both_configs(lambda config: config | {"sweep": {f"model.k{key}": [*range(9)] for key in range(90)}}),
        "run.json",
    ),
    "a sweep without lists": (in_both_configs(lambda config: config | {"sweep": {"optimizer.lr": 0.1}}), "run.json"),
    "a sweep that is none": (in_both_configs(lambda config: config | {"sweep": ["zip"]}), "run.json"),
    "no config": (in_both_configs(lambda _: {}), "run.json"),
    "more epochs": (in_setting("training", epochs=200), "run.json"),
    "fewer epochs": (in_setting("training", epochs=1), "run.json"),
    "fewer epochs before a stop": (in_setting("training", epochs=1, early_stopping={"patience": 1}), "run.json"),
    "more training examples": (in_setting("data", train_size=4001), "run.json"),
    "as many validation examples": (in_setting("data", validation_size=4000), "run.json"),
    "more training and validation examples": (
        in_setting("data", train_size=3000, validation_size=1001),
        "run.json",
    ),
    "a batch of more examples": (in_setting("data", batch_size=1000, train_size=999), "run.json"),
    "other data": (in_setting("data", dataset="fashion_mnist"), "run.json"),
    "no pairing": (in_json(pairing=lambda _: []), "run.json"),
    "a config that is not the recorded one": (
        in_file("config.yaml", lambda content: content.replace(b"lr: 0.001", b"lr: 0.3")),
        "config.yaml",
    ),
    "a recorded config that is not the one beside it": (
        in_json(config=lambda config: config | {"optimizer": {**config["optimizer"], "lr": 0.3}}),
        "config.yaml",
    ),
    "a start after the last year": (in_json(started=lambda _: "9999-12-31T23:59:59-23:59"), "run.json"),
    "a start before the first year": (in_json(started=lambda _: "0001-01-01T00:00:00+23:59"), "run.json"),
    "another learning rate": (in_both_configs(lambda config: config | {"optimizer": {"lr": "fast"}}), "run.json"),
    "a rate of dropout that is missing": (
        in_both_configs(lambda config: config | {"model": config["model"] | {"dropout": None}}),
        "run.json",
    ),
    "all units dropped": (in_both_configs(lambda config: config | {"model": {"dropout": 1}}), "run.json"),
    "a start without a time zone": (in_json(started=lambda _: "2026-11-23T03:45:29"), "run.json"),
    "no data": (in_json(data=lambda _: {}), "run.json"),
    "a baseline that is no arm": (in_json(baseline=lambda _: "rise"), "run.json"),
    "a proof of another replica": (in_json(pairing=lambda rows: [rows[1], rows[0], *rows[2:]]), "run.json"),
    "no epochs": (in_both_configs(lambda config: config | {"training": {}}), "run.json"),
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
