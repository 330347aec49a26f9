"""What is published: a wheel that trains in an environment of its own, far from this repository."""

import os
import re
import shutil
import subprocess
import sys
import zipfile
from email import message_from_bytes
from email.policy import default
from pathlib import Path, PurePosixPath

import pytest

ROOT = Path(__file__).parent.parent
SOURCES = ("bnreg", "configs", "LICENSE", "README.md", "pyproject.toml")
UV = shutil.which("uv", path=os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")]))
NO_NETWORK = re.compile(r"error sending request|dns error|failed to fetch|network|offline|timed out", re.IGNORECASE)
# What Windows needs to start a process; everything else of this environment could hide that something is missing.
KEPT = ("COMSPEC", "PATHEXT", "SYSTEMROOT", "TEMP", "TMP", "WINDIR")


def uv(*arguments, **options):
    """Call uv: with what its cache holds, else with the network; skip the test, with the reason, without both."""
    if UV is None:
        pytest.skip("uv, which builds and installs, is not installed")
    for mode in ("--offline", "--no-progress"):
        done = subprocess.run(
            [UV, *map(str, arguments), mode], capture_output=True, text=True, check=False, encoding="utf-8", **options
        )
        if done.returncode == 0:
            return
    if NO_NETWORK.search(done.stderr):
        pytest.skip(f"uv has no network, and not all in its cache: {done.stderr.strip().splitlines()[-1]}")
    pytest.fail(done.stderr)


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    """The folder with the source distribution and the wheel that is built of it."""
    folder = tmp_path_factory.mktemp("build")
    sources = folder / "sources"
    sources.mkdir()
    for name in SOURCES:  # a copy, so that nothing that earlier builds left behind gets in
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, sources / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(ROOT / name, sources / name)
    uv("build", "--quiet", "--out-dir", folder / "dist", sources)
    return folder / "dist"


@pytest.fixture(scope="module")
def wheel(built):
    (path,) = built.glob("*.whl")
    return path


@pytest.fixture(scope="module")
def metadata(wheel):
    with zipfile.ZipFile(wheel) as archive:
        (name,) = (name for name in archive.namelist() if name.endswith(".dist-info/METADATA"))
        return message_from_bytes(archive.read(name), policy=default)


@pytest.fixture(scope="module")
def scripts(wheel, tmp_path_factory):
    """The folder of the commands of an environment with the wheel, what it depends on, and nothing else."""
    place = tmp_path_factory.mktemp("bare")
    uv("venv", "--quiet", "--python", sys.executable, place)
    folder = place / ("Scripts" if sys.platform == "win32" else "bin")
    constraints = ROOT / ".constraints.txt"
    uv("pip", "install", "--quiet", "--python", place, "--constraint", constraints, wheel)
    return folder


def call(scripts, folder, *words):
    """Call a command of the environment there, as a new user would, with an empty home folder."""
    home = folder / "home"
    home.mkdir(exist_ok=True)
    variables = {name: os.environ[name] for name in KEPT if name in os.environ}
    variables |= {"PATH": str(scripts), "HOME": str(home), "USERPROFILE": str(home), "LOCALAPPDATA": str(home)}
    command, *arguments = words
    return subprocess.run(
        [str(scripts / command), *arguments],
        capture_output=True,
        check=False,
        cwd=folder,
        encoding="utf-8",
        env=variables | {"PYTHONIOENCODING": "utf-8"},
    )


def test_the_wheel_holds_the_package_and_nothing_of_tests_or_runs(wheel, metadata):
    with zipfile.ZipFile(wheel) as archive:
        packed = {PurePosixPath(name) for name in archive.namelist()}
    information = f"bnreg-{metadata['Version']}.dist-info"
    assert {path.parts[0] for path in packed} == {"bnreg", information}
    files = {path.relative_to(ROOT) for path in (ROOT / "bnreg").rglob("*") if path.is_file()}
    needed = {PurePosixPath(path.as_posix()) for path in files if path.suffix not in (".md", ".pyc")}
    needed |= {PurePosixPath("bnreg/examples", path.name) for path in (ROOT / "configs").glob("*.yaml")}
    assert needed <= packed
    assert PurePosixPath(information, "licenses", "LICENSE") in packed


def test_a_source_distribution_is_built_too(built):
    assert len([*built.glob("bnreg-*.tar.gz")]) == 1


def test_the_description_on_a_package_index_has_no_link_that_leads_nowhere(metadata):
    """A relative link or picture works only beside the files of the repository."""
    assert metadata["Description-Content-Type"] == "text/markdown"
    targets = re.findall(r"\]\(([^)]*)\)|(?:src|href)=\"([^\"]*)\"", metadata.get_content())
    assert [target for target in map("".join, targets) if not target.startswith("https://")] == []


def test_what_the_description_shows_works_in_a_bare_environment(scripts, metadata, tmp_path):
    """No extra is installed there, so torch trains, and the run says so."""
    text = metadata.get_content()
    (config,) = re.findall(r"```yaml\n(.*?)```", text, re.DOTALL)
    (commands,) = re.findall(r"```console\n(.*?)```", text, re.DOTALL)
    (tmp_path / "pair.yaml").write_text(config, encoding="utf-8")
    train, compare = (call(scripts, tmp_path, *line.split()) for line in commands.splitlines())
    assert train.returncode == 0, train.stderr
    assert "numba is not installed: pip install 'bnreg[fast]', so the torch engine trains" in train.stderr
    assert "warning" not in train.stderr
    assert (tmp_path / train.stdout.splitlines()[-1] / "report.html").is_file()
    assert (compare.returncode, compare.stderr) == (0, "")
    assert compare.stdout in train.stdout

    where = call(scripts, tmp_path, "python", "-I", "-c", "import bnreg; print(bnreg.__file__)")
    assert Path(where.stdout.strip()).is_relative_to(scripts.parent.resolve()), where.stdout


def test_examples_and_a_first_config_work_anywhere(scripts, tmp_path):
    begun = call(scripts, tmp_path, "bnreg", "init", "mine")
    assert begun.returncode == 0, begun.stderr
    for config in ("bn_vs_plain", "mine.yaml"):
        planned = call(scripts, tmp_path, "bnreg", "train", config, "--dry-run", "--json")
        assert planned.returncode == 0, planned.stderr
