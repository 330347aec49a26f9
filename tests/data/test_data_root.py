"""The data root: where it is named, and what a path may contain."""

import re
from pathlib import Path

import platformdirs
import pytest
from support.command_line import EXPERIMENT
from support.small_runs import train_here

from bnreg.data import data_root
from bnreg.errors import UserError
from bnreg.experiment.beginning import describe_beginning
from bnreg.experiment.plan import plan_experiment


@pytest.fixture
def homeless(monkeypatch):
    """A user id without a name or a home folder, as in some containers."""
    pwd = pytest.importorskip("pwd", reason="Windows knows its users in another way")

    def unknown(uid):
        raise KeyError(f"getpwuid(): uid not found: {uid}")

    for name in ("HOME", "USER", "LOGNAME", "XDG_CACHE_HOME", "BNREG_DATA"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(pwd, "getpwuid", unknown)


def test_the_option_wins_over_the_environment_over_the_config_over_the_cache(monkeypatch):
    monkeypatch.setenv("BNREG_DATA", "from_environment")
    assert data_root(Path("from_option"), "from_config") == Path("from_option")
    assert data_root(None, "from_config") == Path("from_environment")
    monkeypatch.setenv("BNREG_DATA", "")
    assert data_root(None, "from_config") == Path("from_config")
    monkeypatch.delenv("BNREG_DATA")
    assert data_root(None, None) == platformdirs.user_cache_path("bnreg", appauthor=False) / "data"


def test_a_tilde_is_the_home_folder_in_every_source_of_the_root(monkeypatch):
    monkeypatch.setenv("HOME", "/home/someone")
    monkeypatch.delenv("BNREG_DATA", raising=False)
    assert data_root(Path("~/a"), None) == Path("/home/someone/a")
    assert data_root(None, "~/b") == Path("/home/someone/b")
    monkeypatch.setenv("BNREG_DATA", "~/c")
    assert data_root(None, None) == Path("/home/someone/c")


def test_variables_are_expanded_in_every_source_of_the_root(monkeypatch):
    monkeypatch.setenv("SCRATCH", "/scratch/someone")
    monkeypatch.delenv("BNREG_DATA", raising=False)
    assert data_root(Path("$SCRATCH/a"), None) == Path("/scratch/someone/a")
    assert data_root(None, "/x/${SCRATCH}_b") == Path("/x//scratch/someone_b")
    monkeypatch.setenv("BNREG_DATA", "$SCRATCH/c")
    assert data_root(None, None) == Path("/scratch/someone/c")
    assert data_root(Path("5$/$"), None) == Path("5$/$"), "a lone dollar is no variable"


@pytest.mark.parametrize(("value", "reason"), [(None, "is not set"), ("", "is empty")], ids=["not set", "empty"])
def test_an_unknown_variable_in_the_root_is_a_mistake_that_names_its_source(monkeypatch, value, reason):
    """An empty one would lead to the top of the file system."""
    monkeypatch.delenv("SCRATCHY", raising=False)
    monkeypatch.delenv("BNREG_DATA", raising=False)
    if value is not None:
        monkeypatch.setenv("SCRATCHY", value)
    ending = re.escape(f": variable 'SCRATCHY' {reason}")
    with pytest.raises(UserError, match=f"^--data-root{ending}$"):
        data_root(Path("$SCRATCHY/d"), None)
    with pytest.raises(UserError, match=f"^a.yaml:3: data.root{ending}$"):
        data_root(None, "${SCRATCHY}/d", "a.yaml:3: data.root")
    monkeypatch.setenv("BNREG_DATA", "$SCRATCHY/d")
    with pytest.raises(UserError, match=f"^BNREG_DATA{ending}$"):
        data_root(None, "${SCRATCHY}/d")


def test_an_unknown_variable_in_a_config_is_reported_with_its_line_and_the_other_mistakes(bnreg, monkeypatch):
    monkeypatch.delenv("NOWHERE", raising=False)
    monkeypatch.delenv("BNREG_DATA", raising=False)
    Path("a.yaml").write_text("data:\n  root: $NOWHERE/d\n  batch_size: 100000\n")
    done = bnreg("train", "a.yaml")
    assert done.code == 2
    assert done.err.splitlines() == [
        "a.yaml:2: data.root: variable 'NOWHERE' is not set",
        "a.yaml:3: data.batch_size: 100000 is larger than the training set; at most 60000, or all",
    ]
    assert [path.name for path in Path().iterdir()] == ["a.yaml"]
    assert bnreg("train", "a.yaml", "data.batch_size=100", "--data-root", "d", "--dry-run").code == 0, "it is not used"


@pytest.mark.usefixtures("homeless")
def test_a_user_without_a_home_folder_has_the_data_in_the_current_folder(monkeypatch, tmp_path):
    """A tilde is then a mistake that names its source."""
    monkeypatch.chdir(tmp_path)
    assert data_root(None, None) == tmp_path / "data"
    with pytest.raises(UserError, match=r"^--data-root: '~/x': home folder unknown; write the full path$"):
        data_root(Path("~/x"), None)


@pytest.mark.usefixtures("homeless")
def test_a_user_without_a_home_folder_can_train_on_the_embedded_digits(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    train_here(tmp_path, EXPERIMENT + "engine: torch\n")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["runs", "small.yaml"]


def test_a_run_records_its_expanded_data_root(tmp_path, monkeypatch):
    """A resumed run finds its data, whatever the variables are then."""
    monkeypatch.setenv("SCRATCH", str(tmp_path))
    (tmp_path / "a.yaml").write_text("data: {dataset: mnist_5k}")
    plan = plan_experiment(tmp_path / "a.yaml", [], data_folder=Path("$SCRATCH/d"), log=pytest.fail, load_data=False)
    beginning = describe_beginning(plan, command=(), data_folder=Path("$SCRATCH/d"))
    assert beginning.data_folder == str(tmp_path / "d")
