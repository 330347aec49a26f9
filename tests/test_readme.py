"""The README says what the code does: its generated parts are current, its commands and configs work."""

import re
import shlex

import pytest
import typer.main
from readme import ROOT, committed_run, regenerated, verdicts

from bnreg.cli import app
from bnreg.config import load_experiment
from bnreg.plan import CHOICES
from bnreg.runs import read_run

README = (ROOT / "README.md").read_text(encoding="utf-8")


def test_the_generated_parts_are_current():
    """If this fails, run `make readme` and read what has changed."""
    assert regenerated(README) == README


def all_commands(group, path=("bnreg",)):
    for name, command in group.commands.items():
        yield (*path, name), command
        if hasattr(command, "commands"):
            yield from all_commands(command, (*path, name))


@pytest.mark.parametrize(("path", "command"), list(all_commands(typer.main.get_command(app))))
def test_every_command_and_option_is_explained(path, command):
    assert command.help
    assert f"`{' '.join(path)}`" in README
    for parameter in command.params:
        assert getattr(parameter, "help", None), f"{path}: {parameter.name}"


def test_the_experiments_in_the_readme_are_valid(tmp_path):
    blocks = re.findall(r"```yaml\n(.*?)```", README, re.DOTALL)
    assert blocks
    for number, block in enumerate(blocks):
        path = tmp_path / f"block{number}.yaml"
        path.write_text(block)
        load_experiment(path, [], CHOICES)


def test_the_overrides_in_the_readme_are_valid():
    """Those of a `bnreg train` command, and those that the table of mechanisms puts behind the main job's."""
    main = "configs/bn_vs_plain.yaml"
    commands = re.findall(r"bnreg train (configs/\S+\.yaml)((?: [a-z_.]+=\S+)*)", README)
    table = README.partition("## The lecture's mechanisms")[2].partition("\n## ")[0]
    commands += [(main, overrides) for overrides in re.findall(r"`([a-z_]+\.[^`]*=[^`]*)`", table)]
    assert len(commands) > 15
    for config, overrides in commands:
        load_experiment(ROOT / config, shlex.split(overrides), CHOICES)


@pytest.mark.parametrize("mechanism", [f"M{number}" for number in range(1, 17)])
def test_every_mechanism_has_a_config_or_a_command_that_shows_it(mechanism):
    (row,) = re.findall(rf"^\| {mechanism} \| .+ \| (.+) \|$", README, re.MULTILINE)
    assert re.search(r"`(bnreg [a-z]+ |[a-z_]+\.[a-z_.]+=)", row)


def test_the_make_targets_in_the_readme_exist():
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    named = set(re.findall(r"(?:`|^    )make ([a-z]+)", README, re.MULTILINE))
    assert {"demo", "test", "check", "bench", "clean"} <= named <= targets


def test_links_in_the_readme_lead_somewhere():
    for target in re.findall(r"\]\((?!https?:)([^)#]+)\)", README):
        assert (ROOT / target).exists(), target


def test_all_four_verdicts_are_shown_on_trained_networks():
    rows = re.findall(r"^\| \w+ \| (helped|hurt|equivalent|\\?~) \|", verdicts(), re.MULTILINE)
    assert sorted(word.lstrip("\\") for word in rows) == ["equivalent", "helped", "hurt", "~"]


def test_the_committed_run_is_whole_small_and_on_full_mnist():
    run = committed_run("bn_vs_plain")
    info = read_run(run).info
    assert info["data"]["mnist"]["name"] == "mnist"
    assert len(info["seeds"]) == 10
    assert sum(path.stat().st_size for path in run.iterdir()) < 200_000
