"""All README pages match the code: their generated parts are current, and their commands work."""

import re
import shlex

import pytest
from support.pages import ALL_COMMANDS, MAIN_JOB, MECHANISMS, OVERRIDES, TEXT
from tools.readme import PAGES, ROOT, committed_run, regenerated, verdicts

from bnreg.config.load import load_experiment
from bnreg.experiment.choices import all_choices
from bnreg.runs import read_run

EVERYTHING = "\n".join(TEXT.values())


@pytest.mark.parametrize("page", PAGES)
def test_the_generated_parts_are_current(page):
    """If this fails, run `make readme` and read what has changed."""
    assert regenerated(page) == TEXT[page]


def test_the_first_page_is_short():
    """It opens with the result; the reference is in the folders that it describes."""
    assert TEXT["README.md"].count("\n") <= 250


@pytest.mark.parametrize(("path", "command"), ALL_COMMANDS)
def test_every_command_and_option_is_explained(path, command):
    assert command.help
    assert f"`{' '.join(path)}`" in TEXT["bnreg/cli/README.md"]
    for parameter in command.params:
        assert getattr(parameter, "help", None), f"{path}: {parameter.name}"


@pytest.mark.parametrize(("path", "command"), ALL_COMMANDS)
def test_every_command_ends_its_help_with_an_example(path, command):
    """The example uses this command itself."""
    assert command.epilog.startswith(("Example:", "Examples:"))
    assert all(line.startswith(" ".join(path)) for line in command.epilog.split("\n\n")[1:])


def test_the_experiments_in_the_pages_are_valid(tmp_path):
    blocks = re.findall(r"```yaml\n(.*?)```", EVERYTHING, re.DOTALL)
    assert len(blocks) > 1
    for number, block in enumerate(blocks):
        path = tmp_path / f"block{number}.yaml"
        path.write_text(block)
        load_experiment(path, [], all_choices())


def test_the_overrides_in_the_pages_are_valid():
    """Those of `bnreg train` commands, and those in the table of mechanisms, which are added to the main job."""
    commands = re.findall(r"bnreg train (configs/\S+\.yaml)((?: [a-z_.]+=[^\s`]+)*)", EVERYTHING)
    commands += [(MAIN_JOB.split()[-1], overrides) for overrides in OVERRIDES]
    assert len(commands) > 15
    for config, overrides in commands:
        load_experiment(ROOT / config, shlex.split(overrides), all_choices())


@pytest.mark.parametrize("mechanism", [f"M{number}" for number in range(1, 17)])
def test_every_mechanism_has_a_config_or_a_command_that_shows_it(mechanism):
    (row,) = re.findall(rf"^\| {mechanism} \| .+ \| (.+) \|$", MECHANISMS, re.MULTILINE)
    assert re.search(r"`(bnreg [a-z]+ |[a-z_.]+=)", row)


def test_the_make_targets_in_the_pages_exist():
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    named = set(re.findall(r"(?:`|^    )make ([a-z]+)", EVERYTHING, re.MULTILINE))
    assert {"demo", "test", "check", "bench", "clean"} <= named <= targets


@pytest.mark.parametrize("page", TEXT)
def test_links_lead_somewhere(page):
    for target in re.findall(r"\]\((?!https?:)([^)#]+)\)", TEXT[page]):
        assert (ROOT / page).parent.joinpath(target).exists(), target


def test_all_four_verdicts_are_shown_on_trained_networks():
    rows = re.findall(r"^\| \w+ \| (helped|hurt|equivalent|\\?~) \|", verdicts(), re.MULTILINE)
    assert sorted(word.lstrip("\\") for word in rows) == ["equivalent", "helped", "hurt", "~"]


def test_the_committed_run_is_intact_small_and_on_full_mnist():
    run = committed_run("bn_vs_plain")
    info = read_run(run).info
    assert info.data["mnist"].name == "mnist"
    assert len(info.seeds) == 10
    assert sum(path.stat().st_size for path in run.iterdir()) < 700_000  # most of it is its page
