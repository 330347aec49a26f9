"""What tells listed runs apart, and which of them match a filter."""

from dataclasses import replace

import pytest
from support.made_runs import CONFIG, made_name, make_run, make_unfinished

from bnreg.analysis.listed import told_apart, why_none, with_settings, with_tags
from bnreg.errors import UserError
from bnreg.runs.finding.listing import list_runs
from bnreg.runs.finding.marks import Marks

POINTS = [{"optimizer.lr": 0.001}, {"optimizer.lr": 0.1}]


def changed(section, **settings):
    return CONFIG | {section: CONFIG[section] | settings}


def make(root, number, config=CONFIG, **about):
    about = {"num_seeds": 2, "command": ("bnreg", "train", "lift.yaml"), **about}
    return make_run(root, made_name(about.pop("name", "lift"), number), config=config, **about)


def told(root):
    return told_apart(list_runs(root))


def test_the_settings_in_which_runs_of_an_experiment_differ_tell_them_apart(tmp_path):
    """What a run shares with all others does not, nor what another experiment has."""
    make(tmp_path, 1)
    make(tmp_path, 2, changed("optimizer", lr=0.01))
    make(tmp_path, 3, changed("model", hidden=[8]), device="cuda:0", engine="compiled")
    make(tmp_path, 4, changed("optimizer", lr=9), name="other")
    usual = {"model.hidden": [32, 32], "optimizer.lr": 0.001, "device": "cpu", "engine": "torch"}
    assert told(tmp_path) == [
        usual,
        usual | {"optimizer.lr": 0.01},
        usual | {"model.hidden": [8], "device": "cuda:0", "engine": "compiled"},
        {},
    ]


def test_what_was_typed_tells_a_run_apart(tmp_path):
    """Even if it is the only one; but not how many processes trained it."""
    typed = ("bnreg", "train", "x.yaml", "optimizer.lr=0.001", " model = {hidden: [32, 32]}", "jobs=3", "--jobs=2")
    make(tmp_path, 1, CONFIG | {"jobs": 3}, command=typed)
    (settings,) = told(tmp_path)
    assert settings == {f"model.{key}": value for key, value in CONFIG["model"].items()} | {"optimizer.lr": 0.001}


def test_what_was_typed_for_a_run_is_shown_of_the_run_that_extends_it(tmp_path):
    """Otherwise, it would look as if it had been trained with other settings."""
    make(tmp_path, 1, command=("bnreg", "train", "x.yaml", "optimizer.lr=0.001"))
    make(tmp_path, 2, command=("bnreg", "extend", "latest", "--until-decided"))
    make(tmp_path, 3, name="other")
    assert told(tmp_path) == [{"optimizer.lr": 0.001}, {"optimizer.lr": 0.001}, {}]


def test_a_setting_that_is_newer_than_a_run_does_not_tell_it_apart(tmp_path):
    """Unlike an arm's change, which a config lacks if the arm does not make it."""
    make(tmp_path, 1)
    make(tmp_path, 2, changed("training", steps=None))
    make(tmp_path, 3, CONFIG | {"arms": {"bn": {"model": {"norm": "batch", "dropout": 0.1}}, "plain": {}}})
    assert told(tmp_path) == [{}, {}, {"arms.bn.model.dropout": 0.1}]


def test_an_unfinished_run_is_told_apart_by_its_plan(tmp_path):
    make(tmp_path, 1, changed("optimizer", lr=0.01))
    make_unfinished(tmp_path, made_name(number=2))
    assert [settings["optimizer.lr"] for settings in told(tmp_path)] == [0.01, 0.001]


def test_a_run_that_cannot_be_read_is_not_told_apart(tmp_path):
    (tmp_path / made_name()).mkdir()
    assert told(tmp_path) == [{}]


@pytest.fixture
def four(tmp_path):
    """Runs at two rates, a sweep over both, and one that only its plan describes."""
    make(tmp_path, 1, num_seeds=4)
    make(tmp_path, 2, changed("optimizer", lr=0.1), device="cuda:1", engine="compiled")
    make(tmp_path, 3, points=POINTS, accuracies={"bn": 0.9, "third": 0.8, "plain": 0.7})
    make_unfinished(tmp_path, made_name("rise", 4))
    (tmp_path / made_name("damaged", 5)).mkdir()
    return list_runs(tmp_path)


def numbers(listed):
    return "".join(str(int(one.run.removesuffix(".unfinished")[-6:])) for one in listed)


@pytest.mark.parametrize(
    ("filters", "found"),
    [
        ([], "51234"),
        (["optimizer.lr=0.1"], "23"),
        (["optimizer.lr == 1e-3"], "134"),
        (["optimizer.lr!=0.1"], "134"),
        (["optimizer.lr<0.1", "optimizer.lr>=0.001"], "134"),
        (["optimizer.lr<0.1, optimizer.lr>0.001"], ""),
        (["model.norm=batch"], "1234"),
        (["arm=bn and model.norm=none"], ""),
        (["model.hidden=[32,32]"], "1234"),
        (["training.early_stopping=null"], "1234"),
        (["arm=third"], "3"),
        (["arms>2"], "3"),
        (["seeds>=4"], "1"),
        (["device=cuda:1"], "2"),
        (["engine=torch"], "134"),
        (["name=rise"], "4"),
    ],
    ids=str,
)
def test_runs_are_found_by_their_settings(four, filters, found):
    """A run is found if any of its cells matches all conditions; one without a record never is."""
    assert numbers(with_settings(four, filters, four)) == found


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("optimiser.lr<1", "--where: unknown key 'optimiser.lr'; did you mean 'optimizer.lr'? (choices: "),
        ("optimizer.lr", "--where: 'optimizer.lr^': expected one of < <= > >= = != at column 13 (marked by ^)"),
        ("optimizer.lr<fast", "--where: 'optimizer.lr<^fast': expected a number after < at column 14 (marked by ^)"),
        ("", "--where: '^': expected a key such as optimizer.lr at column 1 (marked by ^)"),
    ],
)
def test_a_filter_that_makes_no_sense_is_a_line(four, text, line):
    with pytest.raises(UserError) as refusal:
        with_settings([], [text], four)
    assert refusal.value.lines[0].startswith(line)


def test_a_plan_without_its_points_matches_nothing(four):
    """Nobody has held it to its config yet, unlike the results of a complete run."""
    *_, plan = four
    forged = replace(plan, info=replace(plan.info, config={"optimizer": 1}, points=({"optimizer.lr": 1},)))
    assert with_settings([forged], ["optimizer.lr=1"], four) == []


@pytest.mark.parametrize(
    ("words", "found"),
    [
        (["keep"], "12"),
        (["+keep", "best"], "1"),
        (["-best"], "5234"),
        (["keep", "-best"], "2"),
        (["-keep"], "534"),
        (["new"], ""),
    ],
)
def test_runs_are_found_by_their_tags(four, words, found):
    tags = {"1": ("keep", "best"), "2": ("keep",)}
    marked = [replace(one, marks=Marks(tags.get(numbers([one]), ()))) for one in four]
    assert numbers(with_tags(marked, words)) == found


@pytest.mark.parametrize("word", ["a b", "", "-", "--draft", "\x1b[2J"])
def test_what_cannot_be_a_tag_is_refused(word):
    with pytest.raises(UserError, match=r"^--tag: '[^']*' is not a tag$") as refusal:
        with_tags([], [word])
    assert refusal.value.lines[0].isprintable()


def test_if_nothing_matches_the_reason_is_what_no_run_has(four):
    marked = [replace(one, marks=Marks(("keep",))) for one in four]
    assert why_none(["optimizer.lr=0.5, arm=thrid"], ["kep", "-keep"], marked) == [
        "--where: no optimizer.lr is 0.5 (choices: 0.001, 0.1)",
        "--where: no arm is thrid; did you mean 'third'? (choices: bn, plain, third)",
        "--tag: unknown tag 'kep'; did you mean 'keep'? (choices: keep)",
    ]
    assert why_none(["optimizer.lr=0.1, seeds=4"], ["keep"], marked) == []
