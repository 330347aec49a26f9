"""Keys in the wrong place, under another tool's name or in the wrong form: the line says where they belong, and how."""

import pytest
from support.config_case import PAIR, mistakes

from bnreg.config.experiment_file import ExperimentFile
from bnreg.config.faults import example_of, model_at, takes
from bnreg.config.hints import SYNONYMS, all_settings
from bnreg.config.schema import ALIASES, Settings
from bnreg.experiment.choices import all_choices
from bnreg.names import SECTIONS
from bnreg.wording import joined, nearest, unknown

NOT_SWEPT = (
    "cannot be swept; sweep settings of data, model, optimizer, training, diagnostics, "
    "or of an arm (arms.NAME.model.norm)"
)
ARMS_EXAMPLE = "for example {bn: {model: {norm: batch}}, plain: {}}"
MARK = "(a colon and a space after the key)"

IN_THE_FILE = {
    "epochs: 3": "unknown key 'epochs'; did you mean 'training.epochs'? write 'training: {epochs: 3}'",
    "learning_rate: 0.1": "unknown key 'learning_rate'; did you mean 'optimizer.lr'? write 'optimizer: {lr: 0.1}'",
    "learningRate: 0.1": "unknown key 'learningRate'; did you mean 'optimizer.lr'? write 'optimizer: {lr: 0.1}'",
    "batch_size: 9": "unknown key 'batch_size'; did you mean 'data.batch_size'? write 'data: {batch_size: 9}'",
    "dropout: 0.5": "unknown key 'dropout'; did you mean 'model.dropout'? write 'model: {dropout: 0.5}'",
    "activation: tanh": "unknown key 'activation'; did you mean 'model.activation'? write 'model: {activation: tanh}'",
    "hidden_size: 64": "unknown key 'hidden_size'; did you mean 'model.hidden'? write 'model: {hidden: [32, 32]}'",
    "num_epochs: 3": "unknown key 'num_epochs'; did you mean 'training.epochs'? write 'training: {epochs: 3}'",
    "batchnorm: true": "unknown key 'batchnorm'; did you mean 'model.norm'? write 'model: {norm: batch}'",
    "patience: 3": "unknown key 'patience'; did you mean 'training.early_stopping.patience'? "
    "write 'training: {early_stopping: {patience: 3}}'",
    "early_stopping: 3": "unknown key 'early_stopping'; did you mean 'training.early_stopping'? "
    "write 'training: {early_stopping: {patience: 3}}'",
    "epoch: 3": "unknown key 'epoch'; did you mean 'training.epochs'? write 'training: {epochs: 3}'",
    "optimizer.lr: 0.1": "unknown key 'optimizer.lr'; write 'optimizer: {lr: 0.1}'",
    "model: {lr: 1}": "model: unknown key 'lr'; did you mean 'optimizer.lr'? write 'optimizer: {lr: 1}'",
    "training: {seeds: 3}": "training: unknown key 'seeds'; did you mean 'seeds' at the top level? write 'seeds: 3'",
    "arms: {a: {norm: batch}}": "arms.a: unknown key 'norm'; did you mean 'model.norm'? "
    "write 'arms: {a: {model: {norm: batch}}}'",
    "arms: {a: {model.norm: batch}}": "arms.a: unknown key 'model.norm'; write 'arms: {a: {model: {norm: batch}}}'",
    "arms: [a, b]\nbaseline: a": f"arms: expected a mapping, got ['a', 'b']; {ARMS_EXAMPLE}",
    "arms:\n- {name: bn}\nbaseline: bn": f"arms: expected a mapping, got [{{'name': 'bn'}}]; {ARMS_EXAMPLE}",
    "arms: {bn: batch}": "arms.bn: expected a mapping, got 'batch'; for example {model: {norm: batch}}",
    "sweep: {lr: [0.1, 0.2]}": f"sweep.lr: {NOT_SWEPT}; did you mean 'optimizer.lr: [0.1, 0.2]'?",
    "sweep: {optimizer: {lr: [1, 2]}}": "sweep.optimizer: expected a list of values, got {'lr': [1, 2]}; "
    "write optimizer.lr: [1, 2]",
    "sweep: {model.epochs: [1, 2]}": "sweep.model.epochs: unknown key 'epochs'; did you mean 'training.epochs'?",
    "name x": f"expected keys such as 'name: …' at the top level, got 'name x'; write 'name: x' {MARK}",
    "name x\nseeds: 3": f"write 'name: x' {MARK}",
    "name = x\nseeds: 3": f"write 'name: x' {MARK}",
    "model:  # a comment\n  norm batch\n  hidden: [3]": f"write 'norm: batch' {MARK}",
    "optimizer:\n  lr 0.1": f"optimizer: expected a mapping, got 'lr 0.1'; write 'lr: 0.1' {MARK}",
    "model: {norm batch}": f"model: unknown key 'norm batch'; write 'norm: batch' {MARK}",
    "optimizer: sgd": "optimizer: expected a mapping, got 'sgd'; write {name: sgd}",
    "model: {init: he}": "model.init: expected a mapping, got 'he'; write {scheme: he}",
    "model: {hidden: none}": "model.hidden: expected a list, got 'none'; write []",
    "model: {hidden: null}": "model.hidden: expected a list, got null; write []",
    "data: {train_size: None}": "data.train_size: expected a whole number, got 'None'; write null",
    "model: {hidden: '[8, 16]'}": "model.hidden: expected a list, got '[8, 16]'; write [8, 16]",
    "data: {augment: shift}": "data.augment: expected a mapping, got 'shift'; for example {shift: 2}",
    "validation: 0.1": "unknown key 'validation'; did you mean 'data.validation_size'? "
    "write 'data: {validation_size: 10000}'",
    "sweep: {model: {norm: batch}}": "sweep.model: expected a list of values, got {'norm': 'batch'}; "
    "write model.norm: [batch]",
    "arms: {bn: 2, plain: {}}\nbaseline: bn": "arms.bn: expected a mapping, got 2; for example {model: {norm: batch}}",
    "training: {early_stopping: none}": "training.early_stopping: expected a mapping, got 'none'; write null",
}

AS_OVERRIDE = {
    "lr=0.1": "unknown key 'lr'; did you mean 'optimizer.lr=0.1'?",
    "schedule.name=step": "unknown key 'schedule'; did you mean 'optimizer.schedule={name: step}'?",
    "arms.bn.norm=batch": "arms.bn: unknown key 'norm'; did you mean 'arms.bn.model.norm=batch'?",
    "model={lr: 0.1}": "unknown key 'lr'; did you mean 'optimizer.lr=0.1'?",
    "hidden_size=64": "unknown key 'hidden_size'; did you mean 'model.hidden=[32, 32]'?",
    "sweep.lr=[1, 2]": f"{NOT_SWEPT}; did you mean 'sweep.optimizer.lr=[1, 2]'?",
    "sweep.arms.bn.lr=[1, 2]": f"{NOT_SWEPT}; did you mean 'sweep.arms.bn.optimizer.lr=[1, 2]'?",
    "arms.plian.norm=batch": "unknown arm 'plian'; did you mean 'plain'? (choices: bn, plain)",
    "arms=[a, b]": f"expected a mapping, got ['a', 'b']; {ARMS_EXAMPLE}",
    "model.hidden=none": "expected a list, got 'none'; write []",
    "model.hidden=16,16": "expected a list, got '16,16'; write [16, 16]",
    "model.hidden=(16, 16)": "expected a list, got '(16, 16)'; write [16, 16]",
    "model.hidden=big": "expected a list, got 'big'; for example [32, 32]",
    "model.channels=none": "expected a list, got 'none'; for example [8, 16]",
    "hidden=16,16": "unknown key 'hidden'; did you mean 'model.hidden=[16, 16]'?",
    "optimizer.betas=0.9,0.99": "expected a list, got '0.9,0.99'; write [0.9, 0.99]",
    "optimizer.weight_decay_on=weights,norm": "expected a list, got 'weights,norm'; write [weights, norm]",
    "diagnostics.names=shift": "expected a list, got 'shift'; write [shift]",
    "seeds=1,2": "expected a number of seeds or a list of seeds, got '1,2'; write [1, 2]",
    "seeds='3'": "expected a number of seeds or a list of seeds, got '3'; write 3",
    "optimizer.lr=0,1": "expected a number, got '0,1'; write 0.1",
    "lr=0,1": "unknown key 'lr'; did you mean 'optimizer.lr=0.1'?",
    "training.epochs='3'": "expected a whole number, got '3'; write 3",
    "optimizer.nesterov=True": "expected true or false, got 'True'; write true",
    "seeds=a,b": "expected a number of seeds or a list of seeds, got 'a,b'",
    "augment=shift": "unknown key 'augment'; did you mean 'data.augment={shift: 2}'?",
    "augment={shft: 2}": "unknown key 'augment'; did you mean 'data.augment={shft: 2}'?",
    "model.kind={a: 1}": "unknown kind {'a': 1} (choices: cnn, mlp)",
    "batch size=9": "unknown key 'batch size'; did you mean 'data.batch_size=9'?",
    "step size=9": "unknown key 'step size'; did you mean 'optimizer.schedule.step_epochs=9'?",
    "augment=3": "unknown key 'augment'; did you mean 'data.augment={shift: 3}'?",
    "validation=0.1": "unknown key 'validation'; did you mean 'data.validation_size=10000'?",
    "val_size=0.1": "unknown key 'val_size'; did you mean 'data.validation_size=10000'?",
    "early_stopping=true": "unknown key 'early_stopping'; did you mean 'training.early_stopping={patience: 3}'?",
    "sweep.optimizer.lr=0.1": "expected a list of values, got 0.1; write sweep.optimizer.lr=[0.1]",
    "sweep.zip.optimizer.lr=0.1,1": "expected a list of values, got '0.1,1'; write sweep.zip.optimizer.lr=[0.1, 1]",
    "sweep.arms.bn.model.norm=batch,none": "expected a list of values, got 'batch,none'; "
    "write sweep.arms.bn.model.norm=[batch, none]",
    "sweep.model.hidden=16,16": "expected a list of values, got '16,16'; write sweep.model.hidden=[[16, 16]]",
    "sweep.optimizer.schedule=cosine": "expected a list of values, got 'cosine'; "
    "write sweep.optimizer.schedule=[{name: cosine}]",
    "sweep.optimizer.lr=fast": "expected a list of values, got 'fast'; write sweep.optimizer.lr=[0.001]",
    "sweep.lr=0.1": f"{NOT_SWEPT}; did you mean 'sweep.optimizer.lr=[0.1]'?",
    "sweep.arms=3": NOT_SWEPT,
    "sweep={arms: {bn: 1}}": "sweep.arms: expected a list of values, got {'bn': 1}; write sweep.arms.bn=[1]",
    "sweep={model: {}}": "sweep.model: expected a list of values, got {}",
    "arms=2": f"expected a mapping, got 2; {ARMS_EXAMPLE}",
    "arms.plain=none": "expected a mapping, got 'none'; for example {model: {norm: batch}}",
    "model=3": "expected a mapping, got 3; for example {kind: mlp}",
}


@pytest.mark.parametrize("text", IN_THE_FILE, ids=lambda text: text[:40])
def test_a_line_of_the_file_leads_to_the_right_place_and_form(tmp_path, text):
    (line,) = mistakes(tmp_path, f"# a comment\n{text}\n")
    assert line.partition(": ")[2] == IN_THE_FILE[text]


@pytest.mark.parametrize("override", AS_OVERRIDE)
def test_an_override_leads_to_the_right_override(tmp_path, override):
    assert mistakes(tmp_path, PAIR, override) == [f"override '{override}': {AS_OVERRIDE[override]}"]


@pytest.mark.parametrize(
    ("text", "hint"),
    {
        "model: {name: cnn}": "'kind'",
        "model: {type: cnn}": "'kind'",
        "optimizer: {kind: sgd}": "'name'",
        "optimizer: {learning_rate: 1}": "'lr'",
        "model: {batchnorm: true}": "'norm'",
        "seed: 3": "'seeds'",
        "gpu: true": "'device'",
        "arm: {a: {}}\nbaseline: a": "'arms'",
        "variants: {a: {}}\nbaseline: a": "'arms'",
        "arms: {a: {}, b: {model: {norm: batch}}}\nbase_line: a": "'baseline'",
        "arms: {a: {}, b: {model: {norm: batch}}}\ncontrol: a": "'baseline'",
    }.items(),
)
def test_a_key_of_the_same_section_is_named_beside_the_choices(tmp_path, text, hint):
    """One mistake is one line: arms and baseline are not missing if they were meant."""
    (line,) = mistakes(tmp_path, text)
    assert f"; did you mean {hint}? (choices: " in line


@pytest.mark.parametrize("key", all_settings())
def test_every_setting_is_found_by_its_dotted_key(tmp_path, key):
    """Also where the last part alone is ambiguous, as ``name`` is."""
    if "." in key:
        (line,) = mistakes(tmp_path, f"{key}: 1")
        assert line.startswith(f"a.yaml:1: unknown key '{key}'; write '{key.partition('.')[0]}: {{")


@pytest.mark.parametrize("key", [key for key in all_settings() if key not in SECTIONS])
def test_every_setting_has_an_example_that_is_valid_and_says_something(key):
    """Where the default switches something off, the example switches it on."""
    *around, last = key.split(".")
    section = model_at(Settings if key.partition(".")[0] in SECTIONS else ExperimentFile, around)
    assert takes(section, last, example_of(section, last))
    assert example_of(section, last) not in (None, (), "none", 0)


@pytest.mark.parametrize("name", SYNONYMS)
def test_every_synonym_leads_to_a_setting_and_its_example_is_valid(tmp_path, name):
    """A value is part of the synonym where the user's own would mean something else here."""
    key, is_example, value = SYNONYMS[name].partition("=")
    assert key in all_settings()
    assert name not in all_settings()
    if is_example:
        assert mistakes(tmp_path, "data: {validation_size: 9}", f"{key}={value}") == []


@pytest.mark.parametrize(
    ("override", "choice"),
    {
        "arms.bn.model.norm=bn": "batch",
        "arms.bn.model.norm=batchnorm": "batch",
        "arms.bn.model.norm=BatchNorm1d": "batch",
        "arms.bn.model.norm=batch_norm": "batch",
        "arms.bn.model.norm=Batch-Normalisation": "batch",
        "arms.bn.model.norm=true": "batch",
        "arms.bn.model.norm=null": "none",
        "optimizer.name=SGD": "sgd",
        "optimizer.name=momentum": "sgd",
        "optimizer.name=Adam-W": "adamw",
        "model.kind=CNN": "cnn",
        "training.weights=Best": "best",
        "model.norm_placement=Pre-Activation": "pre_activation",
        "optimizer.weight_decay_on=[Biases]": "biases",
        "data.dataset=MNIST-5k": "mnist_5k",
        "training.penalty.kind=L-2": "l2",
        "training.penalty.kind=ridge": "l2",
    }.items(),
)
def test_a_choice_is_recognised_under_another_spelling_or_name(tmp_path, override, choice):
    (line,) = mistakes(tmp_path, PAIR, override)
    assert f"; did you mean '{choice}'?" in line


@pytest.mark.parametrize("given", ["Leaky-ReLU", "leakyrelu", "leaky relu", "LEAKY_RELU", "lrelu"])
def test_case_and_the_marks_between_words_do_not_matter(given):
    aliases = ALIASES["activations"]
    assert "; did you mean 'leaky_relu'?" in unknown(
        "activation", given, ["elu", "leaky_relu", "relu"], aliases.get(joined(given))
    )
    assert nearest("A-B-C", ["a-b-d", "abc"]) == "abc"


@pytest.mark.parametrize("table", ALIASES)
def test_every_alias_stands_for_a_choice_and_is_none_itself(table):
    choices = [*getattr(all_choices(), table)]
    for alias, choice in ALIASES[table].items():
        assert choice in choices
        assert alias == joined(alias)
        assert alias not in map(joined, choices)
