"""From a file and overrides to cells: files, overrides, arms, and the place of each setting."""

from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from support.config_case import CHOICES, PAIR, load, mistakes

from bnreg.config.cells import merge
from bnreg.config.load import load_experiment
from bnreg.config.source.examples import examples
from bnreg.errors import UserError
from bnreg.experiment.choices import all_choices

FULL = """\
name: full
data: {dataset: mnist_5k, batch_size: 50, validation_size: 100}
model:
  hidden: [16, 8]
optimizer:
  name: adam
  betas: [0.9, 0.99]
arms:
  bn: {model: {norm: batch}}
  step: {optimizer: {schedule: {name: step, step_epochs: 2}}}
  '1e-3': {training: {early_stopping: {patience: 2}}}
  '08': {model: {init: {gain: 2}}}
  plain:
baseline: plain
seeds: [3, 1]
sweep:
  optimizer.lr: [1e-3, 1e-5]
  zip:
    model.dropout: [0, 0.5]
    arms.bn.model.activation: [relu, tanh]
device: cpu
jobs: 2
"""


def lines_of(path, *overrides):
    with pytest.raises(UserError) as caught:
        load_experiment(path, overrides, CHOICES)
    return list(caught.value.lines)


def same(one, other):
    """Whether two experiments agree in everything that a run depends on."""
    keys = ("name", "arms", "baseline", "seeds", "device", "jobs", "points", "point_keys", "cells", "resolved")
    return all(getattr(one, key) == getattr(other, key) for key in keys)


def test_a_pair_of_arms_becomes_two_cells(tmp_path):
    """The standard example: batch norm against plain."""
    text = f"model: {{hidden: [32, 32], activation: relu}}\noptimizer: {{lr: 1e-3}}\n{PAIR}seeds: 3\n"
    experiment = load(tmp_path, text, file="bn_vs_plain.yaml")
    assert experiment.name == "bn_vs_plain"
    assert experiment.arms == ("bn", "plain")
    assert experiment.baseline == "plain"
    assert experiment.seeds == (0, 1, 2)
    assert (experiment.device, experiment.jobs) == ("auto", None)
    assert (experiment.points, experiment.point_keys) == (({},), ())
    assert [(cell.point_index, cell.arm, cell.settings.model.norm) for cell in experiment.cells] == [
        (0, "bn", "batch"),
        (0, "plain", "none"),
    ]


def test_without_arms_there_is_one_arm_called_base(tmp_path):
    """A single network is an experiment too."""
    experiment = load(tmp_path, "seeds: 1")
    assert (experiment.arms, experiment.baseline, len(experiment.cells)) == (("base",), None, 1)


def test_an_arm_merges_mappings_and_replaces_the_rest(tmp_path):
    """An arm contains only its differences, at any depth; a list is one value."""
    base = "model: {hidden: [9, 9], init: {scheme: he, gain: 2}}\n"
    experiment = load(tmp_path, base + "arms: {a: {model: {hidden: [7], init: {gain: 3}}}}")
    model = experiment.cells[0].settings.model
    assert (model.hidden, model.init.scheme, model.init.gain) == ((7,), "he", 3.0)


@given(
    *[st.dictionaries(st.sampled_from("abc"), st.none() | st.dictionaries(st.sampled_from("ab"), st.integers()))] * 2
)
def test_merging_changes_neither_side_and_repeats_without_effect(base, changes):
    """The arm's changes hold afterwards, and applying them twice makes no difference."""
    before = (repr(base), repr(changes))
    merged = merge(base, changes)
    assert merge(merged, changes) == merged
    assert (repr(base), repr(changes)) == before
    assert merged.keys() == base.keys() | changes.keys()


def test_the_resolved_config_loads_as_the_same_experiment(tmp_path):
    """The run folder's config.yaml reproduces the run, with any names of arms."""
    experiment = load(tmp_path, FULL, "training.epochs=3", "arms.bn.model.init.scheme=he")
    text = yaml.safe_dump(experiment.resolved, sort_keys=False)
    again = load(tmp_path, text, file="other.yaml")
    assert len(experiment.cells) == 4 * 5
    assert same(again, experiment)
    assert yaml.safe_dump(again.resolved, sort_keys=False) == text


def test_the_resolved_config_is_complete_and_keeps_what_was_written(tmp_path):
    """Defaults are filled in, except those that the chosen optimizer or schedule may not take."""
    resolved = load(tmp_path, "name: x\noptimizer: {name: sgd, momentum: 0.5}\nseeds: 4").resolved
    assert resolved == {
        "name": "x",
        "data": {
            "dataset": "mnist",
            "batch_size": 100,
            "train_size": None,
            "validation_size": 0,
            "label_noise": 0.0,
            "standardise": "none",
            "augment": {"shift": 0, "rotate": 0.0, "elastic": 0.0},
            "fallback": "mnist_5k",
            "root": None,
        },
        "model": {
            "kind": "mlp",
            "hidden": [32, 32],
            "activation": "relu",
            "norm": "none",
            "norm_placement": "pre_activation",
            "norm_epsilon": 1e-5,
            "norm_momentum": 0.1,
            "norm_init": "standard",
            "inference_statistics": "running",
            "dropout": 0.0,
            "dropout_placement": "each_layer",
            "init": {"scheme": "torch", "gain": 1.0},
        },
        "optimizer": {
            "name": "sgd",
            "lr": 0.001,
            "weight_decay": 0.0,
            "weight_decay_on": ["weights"],
            "momentum": 0.5,
            "schedule": {"name": "constant", "warmup_epochs": 0.0},
        },
        "training": {
            "epochs": 5,
            "steps": None,
            "evaluate": {"at": "regular", "every_steps": None},
            "penalty": {"kind": "none", "strength": 0.0, "on": ["weights"]},
            "early_stopping": None,
            "weights": "none",
        },
        "diagnostics": {"at": "regular", "every_steps": None, "names": [], "probe": 1000},
        "arms": {"base": {}},
        "baseline": None,
        "seeds": 4,
        "compare": {"metric": "test_accuracy", "smallest_effect": 0.002},
        "sweep": {},
        "device": "auto",
        "engine": "auto",
        "executor": "processes",
        "jobs": None,
        "report": True,
        "sinks": [],
        "snapshot_seconds": 30.0,
    }


def test_overrides_replace_what_the_file_says(tmp_path):
    """The command line wins over the file."""
    experiment = load(tmp_path, PAIR + "seeds: 3", "seeds=[5]", "optimizer.lr=1e-2", "arms.bn.model.dropout = 0.5")
    assert experiment.seeds == (5,)
    assert [cell.settings.optimizer.lr for cell in experiment.cells] == [0.01, 0.01]
    assert [cell.settings.model.dropout for cell in experiment.cells] == [0.5, 0.0]


@pytest.mark.parametrize(
    "overrides",
    [
        ("seeds=20", "seeds=5"),
        ("seeds=20", "seeds=20"),
        ("model.activation=tanh", "model={dropout: 0.5}"),
        ("model={norm: batch}", "model.norm=none"),
        ("model={init: {scheme: he}}", "model.init.scheme=torch"),
        ("training.early_stopping=null", "training.early_stopping.patience=2"),
        ("arms.bn.model.dropout=0.5", "arms={bn: {}, plain: {}}"),
        ("arms={bn: {model: {norm: batch}}, plain: {}}", "arms.bn.model.norm=none"),
        ("sweep.optimizer.lr=[1]", "sweep.optimizer.lr=[2]"),
        ("sweep.optimizer.lr=[1]", "sweep={}"),
        ("device=cpu", "seeds=3", "device=auto"),
    ],
)
def test_an_override_that_would_replace_another_is_a_mistake_that_names_both(tmp_path, overrides):
    """The last one would win silently, and the user may have meant the first."""
    *_, last = overrides
    first = overrides[0]
    assert mistakes(tmp_path, PAIR, *overrides) == [
        f"override '{last}': would replace what override '{first}' sets; give each key once"
    ]


@pytest.mark.parametrize(
    "overrides",
    [
        ("model.dropout=0.5", "model.init.scheme=he"),
        ("model={dropout: 0.5}", "model.init.scheme=he"),
        ("model={init: {gain: 2}}", "model.init.scheme=he"),
        ("arms={bn: {model: {norm: batch}}, plain: {}}", "arms.plain.model.dropout=0.5"),
    ],
)
def test_overrides_beside_each_other_all_hold(tmp_path, overrides):
    assert mistakes(tmp_path, PAIR, *overrides) == []


def test_an_override_reaches_arms_whose_names_contain_dots(tmp_path):
    """The longest arm name that fits is used."""
    text = "arms: {v1: {}, v1.2: {model: {dropout: 0.1}}}\nbaseline: v1"
    cells = load(tmp_path, text, "arms.v1.2.model.norm=batch").cells
    assert [cell.settings.model.norm for cell in cells] == ["none", "batch"]


def test_an_override_may_add_an_arm_or_a_sweep_or_fill_a_null(tmp_path):
    """Entire arms and swept keys can be set, and null counts as an empty mapping on the way."""
    experiment = load(
        tmp_path,
        PAIR + "data: {validation_size: 5}\ntraining: {early_stopping: null}",
        "arms.third={model: {dropout: 0.1}}",
        "sweep.optimizer.lr=[0.1, 0.2]",
        "sweep.zip.model.hidden=[[1], [2]]",
        "training.early_stopping.patience=2",
    )
    assert experiment.arms == ("bn", "plain", "third")
    assert len(experiment.points) == 4
    assert experiment.cells[0].settings.training.early_stopping.patience == 2


OVERRIDES = {
    "optimiser.lr=1": "override 'optimiser.lr=1': unknown key 'optimiser'; did you mean 'optimizer'? (choices: name, "
    "data, model, optimizer, training, diagnostics, arms, baseline, seeds, compare, sweep, tune, tuned, claim, "
    "device, engine, executor, address, jobs, report, sinks, snapshot_seconds)",
    "optimizer.learning_rate=1": "override 'optimizer.learning_rate=1': optimizer: unknown key 'learning_rate'; did "
    "you mean 'lr'? (choices: name, lr, weight_decay, weight_decay_on, momentum, nesterov, betas, eps, schedule)",
    "optimizer.lr=-1": "override 'optimizer.lr=-1': expected a number greater than 0, got -1",
    "model={hidden: [0]}": "override 'model={hidden: [0]}': model.hidden[0]: expected a number greater than 0, got 0",
    "arms.plian.model.norm=none": "override 'arms.plian.model.norm=none': unknown arm 'plian'; did you mean 'plain'? "
    "(choices: bn, plain)",
    "seeds": "override 'seeds': expected KEY=VALUE, such as optimizer.lr=0.01",
    "=3": "override '=3': expected KEY=VALUE, such as optimizer.lr=0.01",
    "model..norm=3": "override 'model..norm=3': expected KEY=VALUE, such as optimizer.lr=0.01",
    "a\nb=3": "override 'a\\nb=3': expected KEY=VALUE, such as optimizer.lr=0.01",
    "b.yaml": "override 'b.yaml': looks like a file; give one file, then overrides such as seeds=20",
    "configs/b.yml": "override 'configs/b.yml': looks like a file; give one file, then overrides such as seeds=20",
    "seeds.x=1": "override 'seeds.x=1': seeds is 3, not a mapping",
    "model.hidden.0=1": "override 'model.hidden.0=1': model.hidden is [4], not a mapping",
    "seeds=[1": "override 'seeds=[1': a list '[…]' is missing a comma or its closing ']'",
    "seeds=a: 1": "override 'seeds=a: 1': expected a value, a list such as [1, 2] or a mapping such as {name: sgd}",
    "seeds=1\n2": "override 'seeds=1\\n2': expected a value on one line",
    "seeds=*x": "override 'seeds=*x': the alias '*x' is not supported; write the value out",
    "name=\udce9": "override 'name=\\udce9': control character '\\udce9'; remove it",
    "model.norm=batch": "override 'model.norm=batch': every arm sets model.norm itself; override arms.NAME.model.norm "
    "instead",
}


@pytest.mark.parametrize("override", OVERRIDES, ids=ascii)
def test_a_mistaken_override_is_reported_as_it_was_typed(tmp_path, override):
    """An override has no line number; its own text is its place."""
    assert mistakes(tmp_path, PAIR + "seeds: 3\nmodel: {hidden: [4]}", override) == [OVERRIDES[override]]


def test_an_override_of_a_swept_key_would_be_lost_and_is_refused(tmp_path):
    """The sweep replaces the base, so the override would have no effect."""
    reported = mistakes(tmp_path, "sweep: {optimizer.lr: [0.1, 0.2]}", "optimizer.lr=1")
    assert reported == [
        "a.yaml:1: sweep.optimizer.lr: would replace override 'optimizer.lr=1'; override sweep.optimizer.lr instead"
    ]


def test_a_long_override_is_cut_in_the_message(tmp_path):
    """One mistake stays one short line."""
    (line,) = mistakes(tmp_path, "jobs: 1", f"seeds={'x' * 200}")
    assert len(line) < 200


ARMS = {
    "arms: {a: {}, b: {}}": "a.yaml: baseline: missing; name the arm that the others are compared with (choices: a, b)",
    "arms:\n  BN: {}\n  bn: {model: {norm: batch}}\nbaseline: bn": "a.yaml:3: arms.bn: arms 'BN' and 'bn' differ only "
    "in case, which not every disk tells apart; rename one",
    "arms: {bn: {}, plain: {}}\nbaseline: plian": "a.yaml:2: baseline: unknown arm 'plian'; did you mean 'plain'? "
    "(choices: bn, plain)",
    "arms:\n  a: {}\n  b: {model: {norm: none}}\nbaseline: a": "a.yaml:3: arms.b: arms 'a' and 'b' are equal; "
    "change one or remove it",
    "arms:\n  a: {model: {norm: batch}}\n  b: {}\n  c: {model: {norm: batch}}\nbaseline: b": "a.yaml:4: arms.c: "
    "arms 'a' and 'c' are equal; change one or remove it",
}


@pytest.mark.parametrize("text", ARMS)
def test_arms_that_cannot_be_compared_are_reported(tmp_path, text):
    """Every arm must differ from every other, and one of them must be the baseline."""
    assert mistakes(tmp_path, text) == [ARMS[text]]


def test_arms_that_differ_at_one_point_only_are_different(tmp_path):
    """A sweep within an arm may pass through the other arm."""
    text = "arms: {a: {}, b: {}}\nbaseline: a\nsweep: {arms.b.model.dropout: [0, 0.5]}"
    assert mistakes(tmp_path, text) == []


def test_a_mistake_in_the_base_is_reported_although_every_arm_replaces_it(tmp_path):
    """No cell uses the value, but the user still wrote it."""
    text = f"model: {{norm: bach}}\n{PAIR}"
    assert mistakes(tmp_path, text) == [
        "a.yaml:1: model.norm: unknown norm 'bach'; did you mean 'batch'? (choices: batch, group, layer, none)"
    ]


def test_a_setting_of_another_optimizer_fails_in_the_arm_that_changes_the_optimizer(tmp_path):
    """The message names the line of the setting, not the line of the arm."""
    text = "optimizer:\n  betas: [0.9, 0.9]\narms:\n  a: {}\n  b: {optimizer: {name: sgd}}\nbaseline: a"
    assert mistakes(tmp_path, text) == [
        "a.yaml:2: optimizer.betas: betas does not belong to sgd (sgd takes: momentum, nesterov)"
    ]


def test_an_arm_that_needs_a_setting_is_reported_on_its_own_line(tmp_path):
    """A missing setting is reported on the line that makes it necessary."""
    text = "arms:\n  a: {}\n  b:\n    optimizer:\n      schedule: {name: step}\nbaseline: a"
    assert mistakes(tmp_path, text) == [
        "a.yaml:5: arms.b.optimizer.schedule.step_epochs: step needs step_epochs",
    ]


def test_locate_says_where_a_setting_was_written(tmp_path):
    """In the base, an arm, the sweep, an override, or nowhere."""
    experiment = load(tmp_path, FULL, "data.batch_size=7", "arms.bn.data={train_size: 9}")
    cells = {(cell.point_index, cell.arm): cell for cell in experiment.cells}

    def place(cell, key):
        return experiment.locate(cell, key).replace(f"{tmp_path}/", "")

    assert place(None, "model.hidden") == "a.yaml:4: model.hidden"
    assert place(cells[0, "bn"], "model.hidden") == "a.yaml:4: model.hidden"
    assert place(None, "data.batch_size") == "override 'data.batch_size=7'"
    assert (
        place(cells[0, "bn"], "data.train_size") == "override 'arms.bn.data={train_size: 9}': arms.bn.data.train_size"
    )
    assert place(cells[0, "plain"], "data.train_size") == "a.yaml: data.train_size"
    assert place(None, "model.norm") == "a.yaml: model.norm"
    assert place(cells[0, "bn"], "model.norm") == "a.yaml:9: arms.bn.model.norm"
    assert place(cells[0, "plain"], "optimizer.lr") == "a.yaml:17: sweep.optimizer.lr[0]"
    assert place(cells[3, "plain"], "optimizer.lr") == "a.yaml:17: sweep.optimizer.lr[1]"
    assert place(cells[1, "bn"], "model.activation") == "a.yaml:20: sweep.zip.arms.bn.model.activation[1]"
    assert place(cells[1, "plain"], "model.activation") == "a.yaml: model.activation"


def test_locate_looks_through_a_swept_mapping_to_what_it_leaves_to_the_base(tmp_path):
    """A schedule that is swept in an arm merges with the base's schedule, so a setting may come from either."""
    text = """\
optimizer:
  schedule: {name: step, step_epochs: 3}
sweep:
  arms.base.optimizer.schedule: [{name: step, step_factor: 0.5}]
arms: {base: {}}
"""
    experiment = load(tmp_path, text)
    (cell,) = experiment.cells
    assert cell.settings.optimizer.schedule.step_epochs == 3
    places = [experiment.locate(cell, f"optimizer.schedule.{key}") for key in ("step_epochs", "step_factor")]
    assert [place.replace(f"{tmp_path}/", "") for place in places] == [
        "a.yaml:2: optimizer.schedule.step_epochs",
        "a.yaml:4: sweep.arms.base.optimizer.schedule[0].step_factor",
    ]


def test_a_missing_file_leads_to_the_nearest(tmp_path, monkeypatch):
    """Similar names are searched beside the file and in ./configs."""
    (tmp_path / "configs").mkdir()
    for name in ("configs/bn_vs_plain.yaml", "other.yml", "notes.txt"):
        (tmp_path / name).touch()
    monkeypatch.chdir(tmp_path)
    assert lines_of(Path("bn_vs_plian")) == ["bn_vs_plian: no such file or example; did you mean 'bn_vs_plain'?"]
    assert lines_of(Path("zzz")) == ["zzz: no such file or example; `bnreg init --list` lists the examples"]
    assert lines_of(Path("configs/bn_vs_plian.yaml")) == [
        "configs/bn_vs_plian.yaml: no such file; did you mean 'configs/bn_vs_plain.yaml'?"
    ]
    assert lines_of(Path("other.yaml")) == ["other.yaml: no such file; did you mean 'other.yml'?"]
    assert lines_of(Path("zzz/qqq.yaml")) == ["zzz/qqq.yaml: no such file"]
    assert lines_of(Path("configs")) == ["configs: is a folder; give one of its files (configs/bn_vs_plain.yaml)"]


def name_of(word):
    return load_experiment(Path(word), [], all_choices()).name


def test_a_name_means_a_file_of_the_users_and_otherwise_the_example(tmp_path, monkeypatch):
    """From the first to be found: the file itself, one with the suffix, one in ./configs, what ships with bnreg."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "bn_vs_plain").mkdir()  # a folder is no config
    assert name_of("bn_vs_plain") == "bn_vs_plain"
    assert load_experiment(Path("verdicts"), [], all_choices()).document.file == "verdicts"  # in messages
    assert name_of("lecture/c01_saturation") == "c01_saturation"
    (tmp_path / "configs").mkdir()
    for path, name in (("configs/bn_vs_plain.yaml", "second"), ("bn_vs_plain.yaml", "first"), ("verdicts", "own")):
        (tmp_path / path).write_text(f"name: {name}")
        assert name_of(Path(path).stem) == name


def test_the_examples_are_the_committed_configs(configs):
    assert {*examples().values()} == {*configs.rglob("*.yaml")}
    assert "bn_vs_plain" in examples()


def test_an_unreadable_file_is_reported_in_one_line(tmp_path):
    """Strange paths also lead to a plain sentence."""
    assert lines_of(Path("a\0b")) == ["a\\x00b: cannot be read (not a valid file name)"]
    assert lines_of(Path("a\nb.yaml")) == ["a\\nb.yaml: no such file"]
    assert lines_of(Path("x" * 300)) == [f"{'x' * 300}: cannot be read (File name too long)"]
    (tmp_path / "empty").mkdir()
    assert lines_of(tmp_path / "empty") == [f"{tmp_path}/empty: is a folder; give one of its files"]
    (tmp_path / "file").touch()
    assert lines_of(tmp_path / "file" / "a.yaml") == [f"{tmp_path}/file/a.yaml: cannot be read (Not a directory)"]


def test_the_resolved_config_of_an_older_run_still_loads(tmp_path):
    """It has settings that are gone, with the value that changed nothing; any other value is a mistake."""
    assert mistakes(tmp_path, "training: {epochs: 2, measure: []}") == []
    (line,) = mistakes(tmp_path, "training: {epochs: 2, measure: [input_gradient]}")
    assert line.startswith("a.yaml:1: training: unknown key 'measure'; did you mean 'diagnostics.names'")


def test_an_executor_is_one_of_the_table_and_an_address_belongs_to_one_that_takes_it(tmp_path):
    path = tmp_path / "on_ray.yaml"
    path.write_text("executor: ray\naddress: 10.0.0.1:6379\n" + PAIR)
    experiment = load_experiment(path, [], CHOICES)
    assert (experiment.executor, experiment.address) == ("ray", "10.0.0.1:6379")
    assert load_experiment(path, ["address=null"], CHOICES).address is None
    assert load_experiment(path, ["address='[::1]:6379'"], CHOICES).address == "[::1]:6379"


@pytest.mark.parametrize(
    ("overrides", "line"),
    [
        (["executor=rya"], "unknown executor 'rya'; did you mean 'ray'? (choices: processes, ray)"),
        (["executor=ray", "address=there"], "expected HOST:PORT, or auto for the cluster of this machine, got 'there'"),
        (["address=there:6379"], "executor 'processes' takes no address; use executor=ray, or address=null"),
    ],
)
def test_an_executor_or_address_that_cannot_be_is_one_line(tmp_path, overrides, line):
    path = tmp_path / "x.yaml"
    path.write_text(PAIR)
    assert lines_of(path, *overrides) == [f"override '{overrides[-1]}': {line}"]
