"""The record of a run's beginning."""

from pathlib import Path

import pytest

from bnreg.experiment.beginning import describe_beginning
from bnreg.experiment.plan import plan_experiment


@pytest.fixture
def recorded(tmp_path, monkeypatch):
    """The words of a command line as a run records them; it is typed in the folder /…/home/me/work."""
    home = tmp_path / "home" / "me"
    (home / "work").mkdir(parents=True)
    (tmp_path / "link").symlink_to(home / "work")
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.chdir(home / "work")
    config = Path("a.yaml")
    config.write_text("data: {dataset: mnist_5k}\nseeds: 1\n")
    plan = plan_experiment(config, [], data_folder=None, log=pytest.fail, load_data=False)
    return lambda *words: describe_beginning(plan, command=words, data_folder=Path("/data")).info.command


@pytest.mark.parametrize(
    ("typed", "kept"),
    {
        "ROOT/home/me/work/a.yaml": "a.yaml",
        "ROOT/home/me/work/../work/sub/a.yaml": "sub/a.yaml",
        "ROOT/home/me/work": ".",
        "ROOT/link/a.yaml": "a.yaml",
        "ROOT/home/me/configs/a b.yaml": "~/configs/a b.yaml",
        "ROOT/home/you/a.yaml": "a.yaml",
        "--data-root=ROOT/home/me/data": "--data-root=~/data",
        "--runs=ROOT/secret/runs": "--runs=runs",
        "data.root=ROOT/secret/mnist": "data.root=mnist",
        "data.root='ROOT/secret/mnist'": "data.root='mnist'",
        "data={root: ROOT/secret/mnist, train_size: 9}": "data={root: mnist, train_size: 9}",
        "configs/a.yaml": "configs/a.yaml",
        "../a.yaml": "../a.yaml",
        "model.hidden=[32, 32]": "model.hidden=[32, 32]",
        "name=a/b": "name=a/b",
        "https://example.org/mnist": "https://example.org/mnist",
    }.items(),
)
def test_a_command_is_recorded_without_the_folders_of_the_machine(recorded, tmp_path, typed, kept):
    """Below the current folder, paths stay usable; below the home folder, with ~; else only their name is kept."""
    assert recorded(typed.replace("ROOT", str(tmp_path))) == (kept,)


def test_a_user_without_a_home_may_record_a_command(recorded, tmp_path, monkeypatch):
    def no_home():
        raise RuntimeError

    monkeypatch.setattr(Path, "home", no_home)
    assert recorded(f"{tmp_path}/home/me/data") == ("data",)


def test_the_root_folder_is_no_place_to_be_relative_to(recorded, tmp_path, monkeypatch):
    monkeypatch.chdir("/")
    assert recorded(f"{tmp_path}/secret/a.yaml") == ("a.yaml",)
