"""The JSON Schema of a config accepts what the strict reader accepts, and says what every setting means."""

import json
import re
from dataclasses import fields
from pathlib import Path

import jsonschema
import pytest
from hypothesis import HealthCheck, given, settings
from support.config_beyond_schema import BEYOND, SWEPT
from support.config_from_schema import EVERYTHING_ELSE, SCHEMA, STRICT, around, at_bounds, configs, mutated
from tools.readme import SCHEMA as FILE

from bnreg.config.cell_settings import plain
from bnreg.config.json_schema.experiment import schema_text
from bnreg.config.json_schema.generator import resolved
from bnreg.config.load import RETIRED, load_experiment
from bnreg.config.source.strict_yaml import parse
from bnreg.errors import UserError
from bnreg.experiment.choices import all_choices

CHOICES = all_choices()
SHIPPED = sorted(FILE.parent.rglob("*.yaml"))
ORDINARY = jsonschema.Draft202012Validator(SCHEMA)
SOME = settings(max_examples=505, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])


def content(text):
    """What a file says, as JSON has it."""
    return plain(parse(text.encode()).value)


def refusals(text):
    """The lines about a config's mistakes."""
    try:
        load_experiment(text.encode(), [], CHOICES)
    except UserError as error:
        return error.lines
    return ()


def test_the_committed_schema_is_current():
    """If this fails, run `make readme`."""
    assert FILE.read_text(encoding="utf-8") == schema_text(CHOICES)


def test_it_is_a_schema():
    jsonschema.Draft202012Validator.check_schema(SCHEMA)


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.stem)
def test_a_shipped_config_names_the_schema_and_fits_it(path):
    text = path.read_text(encoding="utf-8")
    (named,) = re.findall(r"\A# yaml-language-server: \$schema=(.+)$", text, re.MULTILINE)
    assert (path.parent / named).resolve() == FILE
    assert not [*ORDINARY.iter_errors(content(text))]


def agree(config):
    """Both accept it, or both refuse it, or the reader refuses it by rules that the schema cannot state."""
    lines = refusals(json.dumps(config))
    if not STRICT.is_valid(config):
        assert lines
        return
    is_swept = bool(config.get("sweep") or config.get("tune"))
    rules = [rule.sentences for words, rule in BEYOND.items() if is_swept or words != SWEPT]
    assert not [line for line in lines if not re.search("|".join(rules), line)]


def settings_in(schema, path=()):
    """The path of each setting and section, and what the schema says of it."""
    for name, part in resolved(SCHEMA, schema).get("properties", {}).items():
        if path or name not in ("sweep", "tune"):
            yield (*path, name), resolved(SCHEMA, part)
            yield from settings_in(part, (*path, name))


EVERY = dict(settings_in(SCHEMA))


@pytest.mark.parametrize("section", dict.fromkeys(path[0] for path in EVERY))
def test_both_agree_on_every_setting(section):
    """Each with the values that people write where something else belongs, and with those at its bounds."""
    for path, part in EVERY.items():
        if path[0] == section:
            for value in [*EVERYTHING_ELSE, *at_bounds(part)]:
                agree(around(path, value))
            if "properties" in part:
                agree(around((*path, "x"), 1))


def test_both_agree_on_every_swept_key():
    """A list of different values is one; anything else, values twice among it, is none."""
    for path, part in EVERY.items():
        value, key = part.get("default", {}), ".".join(path)
        for values in ([value], [value, value], [], value, [{"x": 1}]):
            agree({"sweep": {key: values}})
        agree({"tune": {key: [value]}})
        agree({"arms": {"a": {}}, "sweep": {f"arms.a.{key}": [value]}})


@SOME
@given(configs())
def test_what_the_schema_allows_is_read(config):
    agree(config)


@SOME
@given(mutated())
def test_what_the_schema_refuses_is_a_mistake_and_the_other_way_round(config):
    """Wrong types, unknown keys, out of bounds, in the wrong place, null, text or decimals for numbers."""
    agree(config)


@pytest.mark.parametrize("rule", BEYOND)
def test_a_rule_beyond_the_schema_is_one_of_the_reader(rule):
    """Its example breaks no other rule, and the schema lets it pass."""
    example, sentences = BEYOND[rule]
    assert ORDINARY.is_valid(content(example))
    lines = refusals(example)
    assert lines
    assert all(re.search(sentences, line) for line in lines), lines


@pytest.mark.parametrize(
    "text",
    [
        "{model: {kernel: 3}}",
        "{model: {kind: cnn, kernel: 4}}",
        "{optimizer: {name: sgd, eps: 0.1}}",
        "{model: {init: {std: 0.1}}}",
        "{arms: {a: {model: {kernel: 3}}}}",
        "{arms: {a: {model: {kind: mlp, kernel: 3}}}, model: {kind: cnn}}",
        "{arms: {a: {optimizer: {name: sgd}}}, optimizer: {betas: [0.9, 0.99]}}",
        "{optimizer: {schedule: {step_epochs: 2}}}",
        "{arms: {a: {}, b: {model: {norm: batch}}}}",
        "{arms: {con: {}}}",
        "{name: a.}",
        "{report: yes}",
        "{data: {validation_size: 9}, training: {early_stopping: {min_delta: 0.1}}}",
        "{data: null}",
        "{seeds: null}",
        "{seeds: [1, 1]}",
        "{sweep: {optimizer.lr: 0.1}}",
        "{sweep: {optimizer.lr: [0.1, 0.1]}}",
        "{sweep: {model: [{}]}}",
        "{tune: {on: validation_loss}}",
        "{engine: fast}",
        "{compare: {metric: accuracy}}",
        "{compare: {smallest_effect: 0.2}}",
    ],
)
def test_an_editor_shows_the_mistake(text):
    assert refusals(text)
    assert not ORDINARY.is_valid(content(text))


@pytest.mark.parametrize(
    "text",
    [
        "{optimizer: {lr: 1e-3}}",
        "{model: {kind: cnn}, arms: {a: {model: {kernel: 3}}}}",
        "{sweep: {model.kind: [cnn]}, model: {kernel: 3}}",
        "{arms: {v1.0: {}}, sweep: {arms.v1.0.optimizer.lr: [0.1, 1]}}",
        "{optimizer: {schedule: {step_epochs: null}}}",
        "{data: {validation_size: 9}, training: {early_stopping: {patience: 3}}, arms: {a: {training: {epochs: 1}}}}",
        "{arms: {a: null}}",
        "{seeds: {until: decided, from: [3, 5]}}",
        "{compare: {smallest_effect: {test_loss: 5, test_accuracy: 0.2pp}}}",
    ],
)
def test_an_editor_lets_a_valid_config_pass(text):
    assert not refusals(text)
    assert ORDINARY.is_valid(content(text))


def test_settings_of_older_versions_are_read_but_not_offered():
    for (section, name), value in RETIRED.items():
        text = json.dumps({section: {name: value}})
        assert not refusals(text)
        assert not ORDINARY.is_valid(content(text))


def test_every_setting_has_a_type_and_says_what_it_means():
    """Those of sweeps are the settings themselves."""
    assert len(EVERY) > 80
    for path, part in EVERY.items():
        assert part.get("description"), path
        assert {"type", "anyOf", "$ref", "enum"} & part.keys(), path


def test_every_table_of_names_is_in_it():
    """A new table of ``Choices`` is one whose names an editor offers."""
    text = json.dumps(SCHEMA)
    for table in fields(CHOICES):
        assert json.dumps([*getattr(CHOICES, table.name)])[1:-1] in text, table.name


def test_the_command_prints_it(bnreg):
    assert json.loads(bnreg("schema").out) == SCHEMA
    assert Path("bnreg.schema.json").exists() is False
