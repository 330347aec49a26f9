"""What reproduces a run is recorded: the commit of the config's own repository, and all packages."""

import os
import shutil
import subprocess
from importlib.metadata import version

import pytest
from support.made_runs import make_run

import bnreg
from bnreg.experiment import provenance
from bnreg.experiment.beginning import describe_beginning
from bnreg.experiment.plan import plan_experiment
from bnreg.experiment.provenance import commit_of, installed_packages
from bnreg.runs import read_run

pytestmark = pytest.mark.skipif(shutil.which("git") is None, reason="git is not installed")

PATTERNS = ["*.yaml", ":(glob)a.yaml"] if os.name == "posix" else []  # no names of files elsewhere
CONFIG = "data: {dataset: mnist_5k}\nseeds: 1\n"


def git(folder, *words):
    """Call git as a user whose own settings do not matter."""
    author = {f"GIT_{who}_{what}": "x" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")}
    environment = os.environ | author | {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_SYSTEM": os.devnull}
    done = subprocess.run(["git", *words], cwd=folder, env=environment, capture_output=True, text=True, check=True)
    return done.stdout.strip()


def make_repository(folder):
    """A repository with one commit, of a config and another file; return the commit."""
    (folder / "configs").mkdir(parents=True)
    (folder / "configs" / "a.yaml").write_text(CONFIG)
    (folder / "other").write_text("1")
    git(folder, "init", "-q")
    git(folder, "add", ".")
    git(folder, "commit", "-q", "-m", "x")
    return git(folder, "rev-parse", "HEAD")


@pytest.fixture
def repository(tmp_path, monkeypatch):
    """The folder of a repository, and its commit; the current folder is in another repository."""
    make_repository(tmp_path / "elsewhere")
    monkeypatch.chdir(tmp_path / "elsewhere")
    return tmp_path / "mine", make_repository(tmp_path / "mine")


def test_the_commit_is_that_of_the_configs_repository(repository):
    folder, commit = repository
    assert commit_of(folder / "configs" / "a.yaml") == (commit, False)
    (folder.parent / "link.yaml").symlink_to(folder / "configs" / "a.yaml")
    assert commit_of(folder.parent / "link.yaml") == (commit, False)


@pytest.mark.parametrize(
    ("name", "content", "is_dirty"),
    [("configs/a.yaml", "seeds: 2\n", True), ("other", "2", True), ("new", "untracked", False)],
)
def test_changes_of_tracked_files_are_noticed(repository, name, content, is_dirty):
    folder, commit = repository
    (folder / name).write_text(content)
    assert commit_of(folder / "configs" / "a.yaml") == (commit, is_dirty)


@pytest.mark.parametrize("name", ["b.yaml", "ignored.yaml", *PATTERNS])
def test_a_config_that_is_not_tracked_counts_as_a_change(repository, name):
    """Its name is no pattern, which a tracked file could match."""
    folder, commit = repository
    (folder / ".git" / "info" / "exclude").write_text("ignored.yaml\n")
    (folder / "configs" / name).write_text(CONFIG)
    assert commit_of(folder / "configs" / name) == (commit, True)


def test_a_staged_change_is_a_change(repository):
    folder, commit = repository
    (folder / "other").write_text("2")
    git(folder, "add", ".")
    assert commit_of(folder / "configs" / "a.yaml") == (commit, True)


def test_the_variables_of_git_do_not_mislead(repository, monkeypatch):
    """As in a hook, which git calls with these set."""
    folder, commit = repository
    other = folder.parent / "elsewhere"
    variables = {"GIT_DIR": other / ".git", "GIT_WORK_TREE": other, "GIT_INDEX_FILE": other / ".git" / "index"}
    for name, value in variables.items():
        monkeypatch.setenv(name, str(value))
    assert commit_of(folder / "configs" / "a.yaml") == (commit, False)


def test_nothing_is_written_or_run_there(repository):
    """Git would refresh its index, and a repository may name a program that watches its files."""
    folder, commit = repository
    canary = folder / "canary"
    git(folder, "config", "core.fsmonitor", f"touch {canary}; false")
    os.utime(folder / "other", (1, 1))  # the index is out of date
    index = folder / ".git" / "index"
    before = index.read_bytes(), index.stat().st_mtime_ns
    assert commit_of(folder / "configs" / "a.yaml") == (commit, False)
    assert (index.read_bytes(), index.stat().st_mtime_ns) == before
    assert not canary.exists()


def test_outside_of_a_repository_there_is_no_commit(tmp_path):
    (tmp_path / "a.yaml").write_text(CONFIG)
    assert commit_of(tmp_path / "a.yaml") is None
    assert commit_of(tmp_path / "nowhere.yaml") is None


def test_a_repository_without_a_commit_has_none(tmp_path):
    git(tmp_path, "init", "-q")
    (tmp_path / "a.yaml").write_text(CONFIG)
    assert commit_of(tmp_path / "a.yaml") is None


def test_a_repository_around_the_installed_package_is_not_the_configs(repository, monkeypatch):
    """A virtual environment is often inside a project, whose commit says nothing about what came with bnreg."""
    folder, commit = repository
    package = folder / ".venv" / "bnreg"
    package.mkdir(parents=True)
    (package / "shipped.yaml").write_text(CONFIG)
    monkeypatch.setattr(bnreg, "__file__", str(package / "__init__.py"))
    assert commit_of(package / "shipped.yaml") is None
    assert commit_of(folder / "configs" / "a.yaml") == (commit, False)
    git(folder, "add", "--force", ".")
    assert commit_of(package / "shipped.yaml") == (commit, True)


def test_without_git_there_is_no_commit(repository, monkeypatch):
    folder, _ = repository
    monkeypatch.setenv("PATH", str(folder))
    assert commit_of(folder / "configs" / "a.yaml") is None


def test_git_is_not_waited_for(repository, monkeypatch):
    """A commit is read at once; in a very large repository, whether something changed stays unknown."""
    folder, commit = repository
    run = subprocess.run

    def slow(command, **options):
        if "status" in command:
            raise subprocess.TimeoutExpired(command, options["timeout"])
        return run(command, **options)

    monkeypatch.setattr(provenance.subprocess, "run", slow)
    assert commit_of(folder / "configs" / "a.yaml") == (commit, None)


def begun(config, **options):
    plan = plan_experiment(config, [], data_folder=None, log=pytest.fail, load_data=False)
    return describe_beginning(plan, command=(), data_folder=None, **options).info


def test_a_run_records_the_commit_of_its_config(repository):
    folder, commit = repository
    info = begun(folder / "configs" / "a.yaml")
    assert (info.git_commit, info.git_dirty) == (commit, False)
    assert begun(CONFIG.encode()).git_commit is None  # from a program


def test_an_extended_run_has_the_commit_of_the_other(repository, tmp_path):
    """Its config is the other's, wherever its folder is now."""
    folder, _ = repository
    other = read_run(make_run(tmp_path, "lift", num_seeds=1, git_commit="0" * 40, git_dirty=True)).info
    info = begun(folder / "configs" / "a.yaml", extends=other)
    assert (info.git_commit, info.git_dirty) == ("0" * 40, True)


def test_all_packages_are_recorded_with_their_versions():
    """Those that bnreg names, those that they need, and no package that has nothing to do with it."""
    found = installed_packages()
    assert {"torch", "numpy", "rich", "pydantic-core", "markupsafe"} <= found.keys()
    assert all(number == version(name) for name, number in found.items())
    assert not {"bnreg", "pip", "uv"} & found.keys()
    assert list(found) == sorted(found)


def test_a_checkout_that_is_not_installed_records_no_packages(monkeypatch):
    """Nothing says there what bnreg needs."""
    monkeypatch.setattr(provenance, "distribution", missing)
    assert installed_packages.__wrapped__() == {}


def missing(name):
    raise provenance.PackageNotFoundError(name)
