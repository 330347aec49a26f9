"""``bnreg init``: a first config and the shipped examples, as files of the user's own."""

import json
import re
from itertools import pairwise
from pathlib import Path

import jsonschema
import pytest

from bnreg.config.cell_settings import plain
from bnreg.config.load import load_experiment
from bnreg.config.source.strict_yaml import parse
from bnreg.experiment.choices import all_choices

CHOICES = all_choices()


def test_the_config_trains_and_its_commands_are_said(bnreg):
    done = bnreg("init", "my_first")
    assert done.out.splitlines() == [
        *("my_first.yaml", "bnreg.schema.json  (for editors)", "", "next:"),
        *("  bnreg train my_first.yaml", "  bnreg compare my_first"),
    ]
    small = ("data.dataset=mnist_5k", "data.train_size=100", "data.batch_size=50", "training.epochs=1", "seeds=2")
    assert bnreg("train", "my_first.yaml", *small, "jobs=1", "report=false", "--no-progress").code == 0
    assert bnreg("compare", "my_first").code == 0


def test_its_commands_can_be_typed_in_a_folder_with_spaces(bnreg):
    assert "  bnreg train 'my lab/x.yaml'" in bnreg("init", "my lab/x").out.splitlines()
    assert "#   bnreg train 'my lab/x.yaml'" in Path("my lab/x.yaml").read_text(encoding="utf-8").splitlines()


def test_an_editor_finds_the_schema_and_the_config_fits_it(bnreg):
    bnreg("init")
    text = Path("experiment.yaml").read_text(encoding="utf-8")
    (named,) = re.findall(r"\A# yaml-language-server: \$schema=(.+)$", text, re.MULTILINE)
    schema = json.loads(Path(named).read_text(encoding="utf-8"))
    jsonschema.Draft202012Validator(schema).validate(plain(parse(text.encode()).value))


def test_what_is_left_out_can_be_used_as_it_is(bnreg):
    """Without the marks before them, the settings in comments are settings."""
    bnreg("init")
    text = Path("experiment.yaml").read_text(encoding="utf-8")
    used = re.sub(r"^( *)#(?=[a-z]| +[a-z_.]+: \[)", r"\1", text, flags=re.MULTILINE)
    experiment = load_experiment(used.encode(), [], CHOICES)
    assert len(experiment.points) > 1
    assert experiment.jobs
    assert experiment.cells[0].settings.model.dropout > 0


def test_every_shown_setting_says_what_it_means(bnreg):
    """In the words of the reference, with its choices."""
    bnreg("init")
    lines = Path("experiment.yaml").read_text(encoding="utf-8").splitlines()
    assert "  # name of the optimizer (sgd, adam, adamw)" in lines
    for above, line in pairwise(lines[9:]):
        if re.match(r" *#?[a-z_]+:", line) and not line.startswith(("  bn:", "  plain:")):
            assert above.lstrip().startswith("# "), line


@pytest.mark.parametrize("example", ["cnn_bn_vs_plain", "lecture/c09_learning_rates"])
def test_an_example_becomes_a_file_of_the_users_own(bnreg, configs, example):
    """It has the user's name, and the schema beside it instead of the checkout's."""
    assert bnreg("init", "sub/mine", "--example", example).code == 0
    own, shipped = Path("sub/mine.yaml"), configs / f"{example}.yaml"
    assert own.read_text().startswith("# yaml-language-server: $schema=bnreg.schema.json\n#")
    assert Path("sub/bnreg.schema.json").is_file()
    loaded, original = (load_experiment(path, [], CHOICES) for path in (own, shipped))
    assert (loaded.name, loaded.cells) == ("mine", original.cells)


def test_an_example_keeps_its_name_if_none_is_given(bnreg):
    bnreg("init", "--example", "lecture/c09_learning_rates")
    assert load_experiment(Path("c09_learning_rates.yaml"), [], CHOICES).name == "c09_learning_rates"


def test_nothing_is_replaced_without_force(bnreg):
    Path("mine.yaml").write_text("precious")
    done = bnreg("init", "mine")
    assert (done.code, len(done.err.splitlines())) == (2, 1)
    assert "already exists" in done.err
    assert "--force" in done.err
    assert [path.name for path in Path().iterdir()] == ["mine.yaml"]
    assert bnreg("init", "mine", "--force").code == 0
    Path("bnreg.schema.json").write_text('{"title": "something else"}')
    assert bnreg("init", "other").code == 2
    assert not Path("other.yaml").exists()


def test_a_second_config_renews_the_schema_beside_it(bnreg):
    bnreg("init")
    schema = Path("bnreg.schema.json")
    current = schema.read_text(encoding="utf-8")
    schema.write_text(current.replace("learning rate", "of an older version"), encoding="utf-8")
    assert bnreg("init", "second").code == 0
    assert schema.read_text(encoding="utf-8") == current


@pytest.mark.parametrize(
    ("arguments", "mistake"),
    [
        (["a b"], "init: expected a name of at most 64 letters"),
        (["a\nb: 3/x"], r"init: a\nb: 3/x: control character; remove it"),
        (["con"], "init: 'con' is the name of a device on Windows; choose another name"),
        (
            ["--example", "bn_vs_plan"],
            "--example: unknown example 'bn_vs_plan'; did you mean 'bn_vs_plain'? (choices: ",
        ),
    ],
)
def test_a_mistake_is_one_line_and_writes_nothing(bnreg, arguments, mistake):
    done = bnreg("init", *arguments)
    assert (done.code, len(done.err.splitlines())) == (2, 1)
    assert done.err.startswith(mistake)
    assert not [*Path().iterdir()]


def test_the_list_says_what_each_example_asks(bnreg):
    lines = bnreg("init", "--list").out.splitlines()
    assert re.match(r"bn_vs_plain +Does batch normalisation help", lines[0])
    assert len(lines) == 23
    assert not [*Path().iterdir()]
