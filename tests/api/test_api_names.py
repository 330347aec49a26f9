"""The public names: they cost nothing until they are used, and are documented and typed."""

import doctest
import inspect
import re
import subprocess
import sys

import pytest
from tools.readme import ROOT

import bnreg
from bnreg.config.experiment_file import ExperimentFile

# What a user of mypy may write, with mistakes that mypy must find: each in a line that ends so.
MISTAKE = "# wrong"
PROGRAM = f"""\
from pathlib import Path

import bnreg

run: bnreg.Run = bnreg.train(Path("a.yaml"), {{"optimizer.lr": 0.01}}, seeds=5, until_decided=True)
again: bnreg.Run = bnreg.train({{"arms": {{"bn": {{}}}}}}, runs="elsewhere", progress=False)
means = run.summary.groupby("arm").mean(numeric_only=True)
chart = run.chart("response").to_dict()
words: list[str | None] = [one.word for one in run.compare(metric="test_loss", at="best").verdicts]
found: bnreg.Comparison = bnreg.compare([run, "name", Path("runs/a")], smallest_effect="0.2pp", group_by=["arm"])
try:
    names: list[str] = [one.name for one in bnreg.list_runs()] + [bnreg.open_run("a").name]
except (bnreg.UserError, bnreg.RunError) as error:
    print(error)
print(bnreg.judge(run.summary, metric="final_test_loss").record)
bnreg.trian("a.yaml")  {MISTAKE}
bnreg.train("a.yaml", until_decided="yes")  {MISTAKE}
bnreg.compare(run, metrics="test_loss")  {MISTAKE}
run.compare(tests="yes")  {MISTAKE}
run.path = Path("b")  {MISTAKE}
"""


def test_every_name_is_there_and_no_other():
    assert sorted(bnreg.__all__) == bnreg.__all__
    assert [getattr(bnreg, name).__name__ for name in bnreg.__all__] == bnreg.__all__
    assert {*bnreg.__all__} <= {*dir(bnreg)}
    with pytest.raises(AttributeError, match="module 'bnreg' has no attribute 'trian'"):
        bnreg.trian  # noqa: B018 # it is what is tried


def test_a_type_checker_knows_the_names_and_finds_mistakes_in_their_use(tmp_path):
    program = tmp_path / "program.py"
    program.write_text(PROGRAM)
    options = ["--strict", "--config-file", ROOT / "pyproject.toml", "--no-error-summary", "--hide-error-context"]
    done = subprocess.run(
        [sys.executable, "-m", "mypy", *options, program], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.stderr == ""
    lines = enumerate(PROGRAM.splitlines(), 1)
    found = re.findall(r":(\d+): error: ", done.stdout)
    assert [*map(int, found)] == [number for number, line in lines if line.endswith(MISTAKE)], done.stdout


def test_no_option_of_train_hides_a_setting():
    """A setting without a dot may be given as a keyword."""
    assert not inspect.signature(bnreg.train).parameters.keys() & ExperimentFile.model_fields.keys()


@pytest.mark.parametrize("name", [name for name in bnreg.__all__ if not name.endswith("Error")])
def test_every_name_and_what_it_offers_is_documented(name):
    one = getattr(bnreg, name)
    assert one.__doc__
    members = (
        {key: value for key, value in vars(one).items() if not key.startswith("_")} if isinstance(one, type) else {}
    )
    assert all(inspect.getdoc(value) for value in members.values())


@pytest.mark.usefixtures("here")
def test_the_examples_of_the_functions_are_true():
    """They are run in this order, in one folder, with what the ones before them made."""
    names = {"bnreg": bnreg}
    runner = doctest.DocTestRunner(optionflags=doctest.NORMALIZE_WHITESPACE)
    for name in ("train", "resume", "open_run", "list_runs", "compare", "judge"):
        (example,) = doctest.DocTestFinder(recurse=False).find(getattr(bnreg, name), name)
        assert example.examples, f"{name} has no example"
        example.globs = names
        runner.run(example, clear_globs=False)
    assert runner.failures == 0
