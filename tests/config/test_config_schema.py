"""Settings: types, bounds, choices and the rules between them, each reported with its line."""

import pytest
from pydantic import ValidationError
from support.config_case import CHOICES, mistakes

from bnreg.config.experiment_file import ExperimentFile
from bnreg.config.schema import Augment, Data, Model, Optimizer, Penalty, Schedule, Settings, Training
from bnreg.names import SECTIONS

ALL_KEYS = (
    "name, data, model, optimizer, training, diagnostics, arms, baseline, seeds, compare, sweep, tune, tuned, claim, "
    "device, engine, executor, address, jobs, report, sinks, snapshot_seconds"
)
OPTIMIZER_KEYS = "name, lr, weight_decay, weight_decay_on, momentum, nesterov, betas, eps, schedule"
MODEL_KEYS = (
    "kind, hidden, channels, kernel, stride, pool, activation, norm, norm_placement, norm_epsilon, norm_momentum, "
    "norm_groups, norm_init, inference_statistics, dropout, dropout_placement, init"
)
BATCH_SIZE_RULE = "expected a whole number from 1 to 2147483648, or all"
METRICS_LISTED = "(choices: train_loss, train_accuracy, validation_loss, validation_accuracy, test_loss, test_accuracy)"
NAME_RULE = "expected a name of at most 64 letters, digits, '_', '.' or '-' that starts with a letter or digit"

REFUSED = {
    "data: 3": "data: expected a mapping, got 3; for example {dataset: mnist}",
    "data:": "data: expected a mapping, got null; for example {dataset: mnist}",
    "data: [1]": "data: expected a mapping, got [1]; for example {dataset: mnist}",
    "data: {dataset: minst}": "data.dataset: unknown data set 'minst'; did you mean 'mnist'? "
    "(choices: mnist, mnist_5k)",
    "data: {batch_size: All}": f"data.batch_size: {BATCH_SIZE_RULE}, got 'All'",
    "data: {batch_size: true}": f"data.batch_size: {BATCH_SIZE_RULE}, got true",
    "data: {label_noise: 1.1}": "data.label_noise: expected a number of at most 1, got 1.1",
    "data: {augment: 2}": "data.augment: expected a mapping, got 2; write {shift: 2}",
    "data: {augment: {shift: 2.5}}": "data.augment.shift: expected a whole number, got 2.5",
    "data: {augment: {shift: 15}}": "data.augment.shift: expected a number of at most 14, got 15",
    "data: {augment: {rotate: -3}}": "data.augment.rotate: expected a number of at least 0, got -3",
    "data: {augment: {elastic: 11}}": "data.augment.elastic: expected a number of at most 10, got 11",
    "data: {augment: {rotation: 3}}": "data.augment: unknown key 'rotation'; did you mean 'rotate'? "
    "(choices: shift, rotate, elastic)",
    "data: {batch_size: 0}": f"data.batch_size: {BATCH_SIZE_RULE}, got 0",
    "data: {batch_size: 1.0}": f"data.batch_size: {BATCH_SIZE_RULE}, got 1.0",
    "data: {batch_size: 1e2}": f"data.batch_size: {BATCH_SIZE_RULE}, got 100.0",
    "data: {batch_size: null}": f"data.batch_size: {BATCH_SIZE_RULE}, got null",
    "data: {train_size: 0}": "data.train_size: expected a number greater than 0, got 0",
    "data: {batch_size: 2147483649}": f"data.batch_size: {BATCH_SIZE_RULE}, got 2147483649",
    "data: {train_size: 2147483649}": "data.train_size: expected a number of at most 2147483648, got 2147483649",
    "data: {validation_size: 2147483649}": "data.validation_size: expected a number of at most 2147483648, got "
    "2147483649",
    "data: {dataset: MNIST_5K}": "data.dataset: unknown data set 'MNIST_5K'; did you mean 'mnist_5k'? "
    "(choices: mnist, mnist_5k)",
    "data: {train_size: all}": "data.train_size: expected a whole number, got 'all'",
    "data: {validation_size: -1}": "data.validation_size: expected a number of at least 0, got -1",
    "data: {fallback: mnist5k}": "data.fallback: expected 'mnist_5k' or 'none', got 'mnist5k'; "
    "did you mean 'mnist_5k'?",
    "data: {root: 3}": "data.root: expected text, got 3",
    "model: {hidden: 32}": "model.hidden: expected a list, got 32; write [32]",
    "model: {hidden: [32, 0]}": "model.hidden[1]: expected a number greater than 0, got 0",
    "model: {hidden: [true]}": "model.hidden[0]: expected a whole number, got true",
    "model: {activation: rleu}": "model.activation: unknown activation 'rleu'; did you mean 'relu'? "
    "(choices: relu, sigmoid, tanh)",
    "model: {hidden: [1, 1000001]}": "model.hidden[1]: expected a number of at most 1000000, got 1000001",
    f"model: {{hidden: {[1] * 1001}}}": "model.hidden: expected at most 1000 layers, got 1001",
    "model: {activation: ReLU}": "model.activation: unknown activation 'ReLU'; did you mean 'relu'? "
    "(choices: relu, sigmoid, tanh)",
    "model: {norm: BatchNorm1d}": "model.norm: unknown norm 'BatchNorm1d'; did you mean 'batch'? "
    "(choices: batch, group, layer, none)",
    "model: {norm: batch_normalization}": "model.norm: unknown norm 'batch_normalization'; did you mean 'batch'? "
    "(choices: batch, group, layer, none)",
    "model: {norm: instance}": "model.norm: unknown norm 'instance' (choices: batch, group, layer, none)",
    "model: {norm: off}": "model.norm: unknown norm 'off'; did you mean 'none'? (choices: batch, group, layer, none)",
    "model: {dropout: 1}": "model.dropout: expected a number less than 1, got 1",
    "model: {init: {scheme: hee}}": "model.init.scheme: unknown scheme 'hee'; did you mean 'he'? "
    "(choices: he, normal, torch)",
    "training: {evaluate: {at: log, every_steps: 5}}": "training.evaluate.every_steps: logarithmic moments need no "
    "number of steps between them; use at: regular",
    "training: {evaluate: 100}": "training.evaluate: expected a mapping, got 100; for example {at: log}",
    "model: {init: {std: 0.1}}": "model.init.std: std does not belong to torch (it belongs to: normal)",
    "model: {init: {gain: 0}}": "model.init.gain: expected a number greater than 0, got 0",
    "model: {init: {gian: 1}}": "model.init: unknown key 'gian'; did you mean 'gain'? (choices: scheme, gain, std)",
    "optimizer: {name: adm}": "optimizer.name: unknown optimizer 'adm'; did you mean 'adam'? "
    "(choices: adam, adamw, sgd)",
    "optimizer: {name: SGD}": "optimizer.name: unknown optimizer 'SGD'; did you mean 'sgd'? "
    "(choices: adam, adamw, sgd)",
    "optimizer: {LR: 1}": f"optimizer: unknown key 'LR'; did you mean 'lr'? (choices: {OPTIMIZER_KEYS})",
    "optimizer: {lr: true}": "optimizer.lr: expected a number, got true",
    "optimizer: {lr: '0,1'}": "optimizer.lr: expected a number, got '0,1'; write 0.1",
    "optimizer: {lr: 0}": "optimizer.lr: expected a number greater than 0, got 0",
    "optimizer: {lr: .inf}": "optimizer.lr: expected a finite number, got inf",
    "optimizer: {lr: .nan}": "optimizer.lr: expected a finite number, got nan",
    "optimizer: {lr: 1e999}": "optimizer.lr: expected a finite number, got inf",
    "optimizer: {lerning_rate: 1}": f"optimizer: unknown key 'lerning_rate'; did you mean 'lr'? "
    f"(choices: {OPTIMIZER_KEYS})",
    "optimizer: {weight_decay_on: [gamma]}": "optimizer.weight_decay_on[0]: expected 'weights', 'biases', 'norm' or "
    "'prelu', got 'gamma'",
    "optimizer: {weight_decay_on: [norm, norm]}": "optimizer.weight_decay_on: expected each name once, got "
    "['norm', 'norm']",
    "optimizer: {betas: [0.9]}": "optimizer.betas[1]: missing",
    "optimizer: {betas: [0.9, 0.9, 0.9]}": "optimizer.betas: expected 2 values, got [0.9, 0.9, 0.9]",
    "optimizer: {betas: [0.9, 1]}": "optimizer.betas[1]: expected a number less than 1, got 1",
    "optimizer: {momentum: 0.9}": "optimizer.momentum: momentum does not belong to adam (adam takes: betas, eps)",
    "optimizer: {name: sgd, eps: 1}": "optimizer.eps: eps does not belong to sgd (sgd takes: momentum, nesterov)",
    "optimizer: {name: sgd, nesterov: 1}": "optimizer.nesterov: expected true or false, got 1",
    "optimizer: {name: sgd, nesterov: true}": "optimizer.nesterov: Nesterov momentum needs optimizer.momentum "
    "greater than 0",
    "optimizer: {schedule: {name: steps}}": "optimizer.schedule.name: unknown schedule 'steps'; did you mean 'step'? "
    "(choices: constant, cosine, step)",
    "optimizer: {schedule: {name: step}}": "optimizer.schedule.step_epochs: step needs step_epochs",
    "optimizer: {schedule: {name: cosine, step_epochs: 2}}": "optimizer.schedule.step_epochs: step_epochs does not "
    "belong to cosine (cosine takes: final_factor)",
    "optimizer: {schedule: {final_factor: 0}}": "optimizer.schedule.final_factor: final_factor does not belong to "
    "constant (it belongs to: cosine)",
    "optimizer: {schedule: {name: step, step_epochs: 1, step_factor: 0}}": "optimizer.schedule.step_factor: expected a "
    "number greater than 0, got 0",
    "training: {epochs: 0}": "training.epochs: expected a number greater than 0, got 0",
    "training: {epochs: 99999999999999999999}": "training.epochs: expected a number of at most 1000000, got "
    "99999999999999999999",
    "training: {early_stopping: {}}": "training.early_stopping.patience: missing",
    "training: {early_stopping: true}": "training.early_stopping: expected a mapping, got true; "
    "for example {patience: 3}",
    "training: {early_stopping: {patience: 3, patence: 3}}": "training.early_stopping: unknown key 'patence'; "
    "did you mean 'patience'? (choices: patience, metric, min_delta)",
    "training: {early_stopping: {patience: 3}}": "training.early_stopping: needs data.validation_size greater than 0: "
    "the test set selects nothing",
    "compare: {smallest_effect: 0.3}": "compare.smallest_effect: as a share that is 30 percentage points; "
    "write 0.3pp or 30pp, got 0.3",
    "compare: {smallest_effect: 200pp}": "compare.smallest_effect: expected a number from 0 to 1, got '200pp'",
    "compare: {smallest_effect: -1}": "compare.smallest_effect: expected a number from 0 to 1, got -1",
    "compare: {smallest_effect: 5}": "compare.smallest_effect: as a share that is 500 percentage points; "
    "write 5pp, got 5",
    "compare: {smallest_effect: 1.0e+300}": "compare.smallest_effect: expected a number from 0 to 1, got 1e+300",
    "compare: {smallest_effect: big}": "compare.smallest_effect: expected a number, such as 0.002 or 0.2pp, got 'big'",
    "compare: {smallest_effect: {test_loss: 1pp}}": "compare.smallest_effect: test_loss: expected a number, got '1pp'",
    "compare: {metric: test_acuracy}": f"compare.metric: unknown metric 'test_acuracy'; did you mean 'test_accuracy'? "
    f"{METRICS_LISTED}",
    "compare: {smallest_effect: {loss: 0.1}}": f"compare.smallest_effect: unknown metric 'loss' {METRICS_LISTED}",
    "claim: {id: X, statement: Y, tests: []}": "claim.tests: expected at least 1 in a list, got []",
    "claim: {id: X, statement: Y, tests: [{measure: final, more: a, smallest_effect: 1, x: 1}]}": "claim.tests[0]: "
    "unknown key 'x' (choices: measure, of, more, equal, against, smallest_effect)",
    "compare: {effect: 0.1}": "compare: unknown key 'effect' (choices: metric, smallest_effect)",
    "compare: 0.1": "compare: expected a mapping, got 0.1; for example {metric: test_accuracy}",
    "name: -x": f"name: {NAME_RULE}, got '-x'",
    "name: ''": f"name: {NAME_RULE}, got ''",
    "name: ../x": f"name: {NAME_RULE}, got '../x'",
    "name: con": "name: 'con' is the name of a device on Windows; choose another name",
    "name: a.": "name: 'a.' ends in a dot, which Windows leaves out; choose another name",
    "arms: {CON: {}}": "arms.CON: 'CON' is the name of a device on Windows; choose another name",
    "arms: {nul.2: {}}": "arms.nul.2: 'nul.2' is the name of a device on Windows; choose another name",
    "arms: {Lpt1: {}}": "arms.Lpt1: 'Lpt1' is the name of a device on Windows; choose another name",
    "arms: {bn.: {}}": "arms.bn.: 'bn.' ends in a dot, which Windows leaves out; choose another name",
    "arms: {\u00e9: {}}": f"arms.'\u00e9': {NAME_RULE}, got '\u00e9'",
    "name: 3": "name: expected text, got 3",
    "arms: {a b: {}}": f"arms.'a b': {NAME_RULE}, got 'a b'",
    "arms: [a, b]": "arms: expected a mapping, got ['a', 'b']; for example {bn: {model: {norm: batch}}, plain: {}}",
    "arms: {a: 3}": "arms.a: expected a mapping, got 3; for example {model: {norm: batch}}",
    "arms: {a: {modle: {}}}": "arms.a: unknown key 'modle'; did you mean 'model'? "
    "(choices: data, model, optimizer, training, diagnostics)",
    "arms: {a: {seeds: 3}}": "arms.a: unknown key 'seeds'; did you mean 'seeds' at the top level? write 'seeds: 3'",
    "arms: {a: {model: {nrm: batch}}}": "arms.a.model: unknown key 'nrm'; did you mean 'norm'? "
    f"(choices: {MODEL_KEYS})",
    "model: {kind: cn}": "model.kind: unknown kind 'cn'; did you mean 'cnn'? (choices: cnn, mlp)",
    "model: {channels: [8]}": "model.channels: channels does not belong to mlp (it belongs to: cnn)",
    "model: {kind: cnn, channels: []}": "model.channels: expected at least one layer, got []; use kind: mlp for no "
    "convolutional layers",
    "model: {kind: cnn, channels: [0]}": "model.channels[0]: expected a number greater than 0, got 0",
    "model: {kind: cnn, channels: 8}": "model.channels: expected a list, got 8; write [8]",
    "model: {kind: cnn, kernel: 4}": "model.kernel: expected an odd number, got 4",
    "model: {kind: cnn, stride: 0}": "model.stride: expected a number greater than 0, got 0",
    "model: {kind: cnn, pool: 100}": "model.pool: expected a number of at most 99, got 100",
    "model: {norm_placement: before}": "model.norm_placement: expected 'pre_activation', 'post_activation' or 'input', "
    "got 'before'",
    "model: {norm_epsilon: 0}": "model.norm_epsilon: expected a number of at least 1e-12, got 0",
    "model: {norm_epsilon: 1e300}": "model.norm_epsilon: expected a number of at most 1, got 1e+300",
    "model: {norm_groups: 2}": "model.norm_groups: norm_groups does not belong to none (it belongs to: group)",
    "model: {norm_momentum: 1.1}": "model.norm_momentum: expected a number of at most 1, got 1.1",
    "model: {norm_init: zero}": "model.norm_init: expected 'standard' or 'identity', got 'zero'",
    "model: {inference_statistics: batch}": "model.inference_statistics: expected 'running' or 'population', "
    "got 'batch'",
    "model: {dropout_placement: first}": "model.dropout_placement: expected 'each_layer', 'before_norm' or "
    "'last_layer', got 'first'",
    "training: {penalty: {kind: l3, strength: 1}}": "training.penalty.kind: unknown penalty 'l3' "
    "(choices: elastic, l1, l2, none)",
    "training: {penalty: {strength: 0.1}}": "training.penalty.strength: a strength needs a kind of penalty "
    "(choices: elastic, l1, l2)",
    "training: {penalty: {kind: l2, strength: -1}}": "training.penalty.strength: expected a number of at least 0, "
    "got -1",
    "training: {penalty: {kind: l2, l1_share: 0.5}}": "training.penalty.l1_share: l1_share does not belong to l2 "
    "(it belongs to: elastic, none)",
    "training: {penalty: {kind: elastic, l1_share: 2}}": "training.penalty.l1_share: expected a number of at most 1, "
    "got 2",
    "training: {penalty: {kind: l1, on: [weights, weights]}}": "training.penalty.on: expected each name once, got "
    "['weights', 'weights']",
    "diagnostics: {names: [shifts]}": "diagnostics.names[0]: unknown diagnostic 'shifts'; did you mean 'shift'? "
    "(choices: pre_activations, shift)",
    "diagnostics: {names: [shift, shift]}": "diagnostics.names: expected each name once, got ['shift', 'shift']",
    "training: {weights: all}": "training.weights: expected 'last', 'best' or 'none', got 'all'",
    "training: {weights: best}": "training.weights: needs data.validation_size greater than 0: "
    "the test set selects nothing",
    "{data: {validation_size: 9}, training: {weights: last, early_stopping: {patience: 3}}}": "training.weights: early "
    "stopping keeps the best epoch; use weights: best",
    "baseline: bn": "baseline: unknown arm 'bn' (choices: base)",
    "baseline: 3": "baseline: expected text, got 3",
    "seeds: 0": "seeds: expected 1 to 10000 seeds, got 0",
    "seeds: 10001": "seeds: expected 1 to 10000 seeds, got 10001",
    f"seeds: {list(range(10_001))}": "seeds: expected at most 10000 seeds, got 10001",
    "seeds: true": "seeds: expected a number of seeds or a list of seeds, got true",
    "seeds: null": "seeds: expected a number of seeds or a list of seeds, got null",
    "seeds: []": "seeds: expected at least one seed, got []",
    "seeds: [1, 2, 1, 2, 3]": "seeds: repeated seeds: 1, 2",
    "seeds: [-1]": "seeds: expected whole numbers from 0 to 4294967295, got -1",
    "seeds: [4294967296]": "seeds: expected whole numbers from 0 to 4294967295, got 4294967296",
    "seeds: [false]": "seeds: expected whole numbers from 0 to 4294967295, got false",
    "device: gpu": "device: expected auto, cpu, cuda or cuda:N, got 'gpu'",
    "device: cuda:x": "device: expected auto, cpu, cuda or cuda:N, got 'cuda:x'",
    "jobs: 0": "jobs: expected a number greater than 0, got 0",
    "seed: 1": f"unknown key 'seed'; did you mean 'seeds'? (choices: {ALL_KEYS})",
    f"model: {{activation: {'x' * 99}}}": f"model.activation: unknown activation '{'x' * 38}… "
    "(choices: relu, sigmoid, tanh)",
    'model: {activation: "a\\nb"}': "model.activation: unknown activation 'a\\nb' (choices: relu, sigmoid, tanh)",
}


@pytest.mark.parametrize("text", REFUSED, ids=lambda text: text[:60])
def test_each_mistake_is_reported_with_its_line_and_its_remedy(tmp_path, text):
    """One mistake is one line: the place, the expected value, the given value."""
    assert mistakes(tmp_path, f"# a comment\n{text}\n") == [f"a.yaml:2: {REFUSED[text]}"]


@pytest.mark.parametrize(
    "text",
    [
        "data: {train_size: null, root: /data, fallback: none}",
        "model: {hidden: []}",
        "model: {hidden: [1000000]}",
        f"model: {{hidden: {[1] * 1000}}}",
        "data: {batch_size: 2147483648, train_size: 2147483648, validation_size: 2147483648}",
        "training: {epochs: 1000000}",
        "optimizer: {lr: 1, weight_decay: 1}",
        "optimizer: {name: sgd, momentum: 0.9, nesterov: true}",
        "optimizer: {weight_decay_on: []}",
        "optimizer: {schedule: {name: step, step_epochs: 2, step_factor: 1}}",
        "optimizer: {schedule: {name: constant, step_epochs: null}}",
        "optimizer: {schedule: {name: cosine, final_factor: 1, warmup_epochs: 0.5}}",
        "data: {validation_size: 9}\ntraining: {early_stopping: {patience: 1}}",
        "training: {early_stopping: null}",
        "name: 2x_.-",
        "arms: {console: {}, com10: {model: {norm: batch}}, aux-1: {model: {dropout: 0.5}}}\nbaseline: console",
        "arms: {a: {}}",
        "arms: {a: }",
        "arms: {}",
        "arms: {'1': {}}",
        "arms: {a: {}}\nbaseline: a",
        "seeds: [4294967295, 0]",
        "seeds: 10000",
        "device: cuda:1",
        "jobs: 3",
        "sweep: {}",
        "sweep: null",
    ],
)
def test_values_at_the_edge_of_what_is_allowed_pass(tmp_path, text):
    """The bounds are those of the documentation."""
    assert mistakes(tmp_path, text) == []


def test_all_mistakes_are_reported_at_once_in_the_order_of_the_file(tmp_path):
    """A user can fix the file in one pass; a rule between settings does not wait for the other mistakes."""
    text = """\
seeds: 0
arms:
  bn: {model: {norm: bach}}
  plain: {}
baseline: plan
optimizer:
  lr: -1
  momentum: 0.9
model: {hidden: [x]}
datta: {}
"""
    assert mistakes(tmp_path, text, "jobs=none") == [
        "a.yaml:1: seeds: expected 1 to 10000 seeds, got 0",
        "a.yaml:3: arms.bn.model.norm: unknown norm 'bach'; did you mean 'batch'? (choices: batch, group, layer, none)",
        "a.yaml:5: baseline: unknown arm 'plan'; did you mean 'plain'? (choices: bn, plain)",
        "a.yaml:7: optimizer.lr: expected a number greater than 0, got -1",
        "a.yaml:8: optimizer.momentum: momentum does not belong to adam (adam takes: betas, eps)",
        "a.yaml:9: model.hidden[0]: expected a whole number, got 'x'",
        f"a.yaml:10: unknown key 'datta'; did you mean 'data'? (choices: {ALL_KEYS})",
        "override 'jobs=none': expected a whole number, got 'none'; write null",
    ]


def test_a_suggestion_is_spelled_like_the_choice(tmp_path):
    """Case is ignored in both the given text and the choices."""
    assert mistakes(tmp_path, "arms: {BN: {}}\nbaseline: bn") == [
        "a.yaml:2: baseline: unknown arm 'bn'; did you mean 'BN'? (choices: BN)"
    ]


def test_endless_mistakes_are_cut_short(tmp_path):
    """50 lines are enough for a start."""
    text = "model:\n  hidden:\n" + "  - 0\n" * 60
    reported = mistakes(tmp_path, text)
    assert len(reported) == 51
    assert reported[0] == "a.yaml:3: model.hidden[0]: expected a number greater than 0, got 0"
    assert reported[-1] == "… and 10 more"


def test_a_file_whose_stem_is_not_a_valid_name_must_give_one(tmp_path):
    """The name becomes part of a folder's name."""
    assert mistakes(tmp_path, "seeds: 1", file="my run.yaml") == [f"my run.yaml: name: {NAME_RULE}, got 'my run'"]
    assert mistakes(tmp_path, "name: mine", file="my run.yaml") == []


def test_settings_are_frozen_and_hashable():
    """A cell's settings can be a dictionary key, and no code can change them later."""
    settings = Settings(model=Model(hidden=(8,)))
    assert {settings: 1}[Settings(model=Model(hidden=(8,)))] == 1
    with pytest.raises(ValidationError):
        settings.data.batch_size = 3


def test_the_defaults_are_the_documented_ones():
    """An empty config means the lecture's network."""
    assert Settings.model_validate({}, context=CHOICES).model_dump() == {
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
            "hidden": (32, 32),
            "channels": (8, 16),
            "kernel": 3,
            "stride": 1,
            "pool": 2,
            "activation": "relu",
            "norm": "none",
            "norm_placement": "pre_activation",
            "norm_epsilon": 1e-5,
            "norm_momentum": 0.1,
            "norm_groups": 4,
            "norm_init": "standard",
            "inference_statistics": "running",
            "dropout": 0.0,
            "dropout_placement": "each_layer",
            "init": {"scheme": "torch", "gain": 1.0, "std": 1.0},
        },
        "optimizer": {
            "name": "adam",
            "lr": 1e-3,
            "weight_decay": 0.0,
            "weight_decay_on": ("weights",),
            "momentum": 0.0,
            "nesterov": False,
            "betas": (0.9, 0.999),
            "eps": 1e-8,
            "schedule": {
                "name": "constant",
                "warmup_epochs": 0.0,
                "step_epochs": None,
                "step_factor": 0.1,
                "final_factor": 0.0,
            },
        },
        "training": {
            "epochs": 5,
            "steps": None,
            "evaluate": {"at": "regular", "every_steps": None},
            "penalty": {"kind": "none", "strength": 0.0, "l1_share": 0.5, "on": ("weights",)},
            "early_stopping": None,
            "weights": "none",
        },
        "diagnostics": {"at": "regular", "every_steps": None, "names": (), "probe": 1000},
    }


@pytest.mark.parametrize("section", [Augment, Data, Model, Optimizer, Penalty, Schedule, Training, ExperimentFile])
def test_every_setting_has_a_description(section):
    """The documentation of the settings is generated from the fields."""
    assert [name for name, field in section.model_fields.items() if not field.description] == []


@pytest.mark.parametrize("section", [Augment, Data, Model, Optimizer, Penalty, Schedule, Training])
def test_no_setting_is_called_like_a_section(section):
    """In ``arms.v1.0.model.norm``, the last name of a section ends the arm's name."""
    assert not {*section.model_fields} & {*SECTIONS}
