"""What the shell completes: by the protocol of each shell, in a process of its own and in this one."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
import typer.main
from support.made_runs import make_run, make_unfinished

from bnreg.cli import app
from bnreg.cli.common.completion import one_of, quietly
from bnreg.cli.networks.export import FORMATS
from bnreg.nn.activations import ACTIVATIONS
from bnreg.report.charts.table import CHARTS
from bnreg.runs.finding.listing import SORT_KEYS, STATES
from bnreg.sinks.table import SINKS

DONE, MORE, STOPPED = "lift-20261101T000000Z-000001", "lift-20261102T000000Z-000002", "rise-20261103T000000Z-000003"


@pytest.fixture
def runs(tmp_path):
    """Two finished runs and one that was stopped, in the folder of the runs."""
    for name in (DONE, MORE):
        make_run(tmp_path / "runs", name, accuracies={"bn": 0.97, "plain": 0.96})
    make_unfinished(tmp_path / "runs", STOPPED)


@pytest.fixture
def ask(monkeypatch, capsys, tmp_path):
    """Ask the program what a shell asks, by its environment; return what it prints."""
    monkeypatch.chdir(tmp_path)
    command = typer.main.get_command(app)

    def call(shell, **environment):
        for name, value in {"_BNREG_COMPLETE": f"complete_{shell}", **environment}.items():
            monkeypatch.setenv(name, value)
        with pytest.raises(SystemExit):
            command.main(args=[], prog_name="bnreg")
        captured = capsys.readouterr()
        assert not captured.err
        return captured.out

    return call


def as_bash_asks(words):
    return {"COMP_WORDS": "\n".join(["bnreg", *words]), "COMP_CWORD": str(len(words))}


@pytest.fixture
def complete(ask):
    """The words that Bash would offer: ``complete("compare", "li")``; the last word is the one that is typed."""
    return lambda *words: ask("bash", **as_bash_asks(words)).split()


@pytest.mark.usefixtures("runs")
class TestRuns:
    """Names of runs, and what is in them."""

    def test_the_latest_experiments_then_runs(self, complete):
        assert complete("compare", "") == ["latest", "lift", MORE, DONE]
        assert complete("plot", "lift-20261102") == [MORE]

    def test_also_those_that_are_not_finished_where_the_command_takes_them(self, complete):
        for command in ("show", "watch", "rm", "runs", "tag", "note"):
            assert STOPPED in complete(command, "ri")
        assert complete("export", "ri") == []
        assert complete("train", "--resume", "") == ["latest", "rise", STOPPED]

    def test_those_of_the_folder_that_was_typed(self, complete, tmp_path):
        (tmp_path / "runs").rename(tmp_path / "elsewhere")
        assert complete("compare", "") == []
        assert complete("compare", "--runs", "elsewhere", "") == ["latest", "lift", MORE, DONE]

    @pytest.mark.parametrize("run", ["lift", DONE, f"runs/{DONE}"])
    def test_the_arms_of_the_run_that_was_typed(self, complete, run):
        assert complete("export", run, "--arm", "") == ["bn", "plain"]
        assert complete("compare", run, "--baseline", "p") == ["plain"]

    def test_no_arms_without_a_run(self, complete):
        assert complete("export", "--arm", "") == []


def test_names_from_tables(complete):
    assert complete("plot", "x", "--chart", "") == [*CHARTS]
    assert complete("export", "x", "--format", "") == [*FORMATS]
    assert complete("runs", "--state", "") == [*STATES]
    assert complete("runs", "--sort", "") == [*SORT_KEYS]
    assert complete("data", "fetch", "f") == ["fashion_mnist"]
    assert complete("compare", "x", "--metric", "test") == ["test_loss", "test_accuracy"]
    assert complete("init", "--example", "cn") == ["cnn_bn_vs_plain"]
    assert complete("train", "--device", "c") == ["cpu", "cuda"]
    assert complete("send", "x", "--to", "") == [*SINKS]


def test_the_formats_are_those_that_can_be_written():
    from bnreg.trained.export import EXPORT_FORMATS

    assert {*FORMATS} == {*EXPORT_FORMATS}


def test_an_option_may_be_completed_again(complete):
    """Which the command itself would refuse."""
    assert complete("compare", "x", "--at", "last", "--at", "be") == ["best"]


def test_configs_are_files_here_and_below_and_the_examples(complete):
    Path("configs").mkdir()
    for name in ("configs/mine.yaml", "mine.yml", "notes.txt"):
        Path(name).touch()
    assert complete("train", "")[:2] == ["mine.yml", "configs/mine.yaml"]
    assert complete("train", "configs/") == ["configs/mine.yaml"]
    assert complete("train", "bn_") == ["bn_vs_plain"]
    assert "notes.txt" not in complete("train", "")


def test_the_keys_of_settings_and_then_their_values(complete):
    """The only key is offered with its values, so that no shell adds a space after its "="."""
    keys = complete("train", "bn_vs_plain", "optimizer.")
    assert {"optimizer.lr=", "optimizer.schedule.name="} <= {*keys}
    assert complete("train", "bn_vs_plain", "optimizer.l") == ["optimizer.lr=", "optimizer.lr=0.001"]
    assert complete("train", "bn_vs_plain", "model.norm=b") == ["model.norm=batch"]
    assert complete("train", "bn_vs_plain", "seeds=3", "training.epo") == ["training.epochs=", "training.epochs=5"]
    assert complete("train", "bn_vs_plain", "report=") == ["report=true", "report=false"]
    assert "training.early_stopping.patience=3" in complete("train", "x", "training.early_stopping.p")


def test_values_where_bash_cuts_words_at_the_equals_sign(complete):
    assert complete("train", "bn_vs_plain", "model.norm", "=", "ba") == ["batch"]
    assert complete("train", "bn_vs_plain", "model.norm", "=") == ["batch", "group", "layer", "noisy_batch", "none"]
    assert complete("train", "bn_vs_plain", "seeds", "=", "3", "model.norm", "=", "ba") == ["batch"]
    assert complete("train", "bn_vs_plain", "seeds", "=", "3", "model.activation") == [
        "model.activation=",
        *(f"model.activation={name}" for name, one in ACTIVATIONS.items() if one.trainable),
    ]


def test_the_settings_of_the_arms_that_the_config_has(complete):
    Path("mine.yaml").write_text("arms: {v1.0: {}, b: {}}\nbaseline: b\n")
    assert complete("train", "mine.yaml", "arms.v1.0.model.norm=ba") == ["arms.v1.0.model.norm=batch"]
    assert "arms.b.optimizer.lr=" in complete("train", "mine.yaml", "arms.b.")
    assert complete("train", "absent.yaml", "arms.b.") == []


def test_whatever_goes_wrong_nothing_is_offered_and_nothing_said(complete):
    def broken(_, __):
        yield "a"
        raise OSError("the disk is gone")

    assert quietly(broken)(None, [], "") == []
    assert one_of(["ab", "b", "ab"])(None, [], "a") == ["ab"]
    for words in (("show", ""), ("export", "no-such", "--arm", ""), ("train", "x", "no.such.key=")):
        assert complete(*words) == []
    Path("runs").write_text("no folder")
    assert complete("show", "") == []


SHELLS = {
    "zsh": {"_TYPER_COMPLETE_ARGS": "bnreg train bn_vs_plain model.norm=b"},
    "fish": {"_TYPER_COMPLETE_ARGS": "bnreg train bn_vs_plain model.norm=b", "_TYPER_COMPLETE_FISH_ACTION": "get-args"},
    "powershell": {
        "_TYPER_COMPLETE_ARGS": "bnreg train bn_vs_plain model.norm=b",
        "_TYPER_COMPLETE_WORD_TO_COMPLETE": "model.norm=b",
    },
}


@pytest.mark.parametrize("shell", SHELLS)
def test_other_shells_ask_in_their_own_way(shell, ask):
    assert "model.norm=batch" in ask(shell, **SHELLS[shell])


def test_the_installed_program_completes_without_the_heavy_packages(tmp_path, runs):  # noqa: ARG001 # its runs
    """As Bash asks it: the first word typed, in a process of its own that tells what it has loaded."""
    program = (
        "import sys; sys.argv = ['bnreg']; from bnreg.cli import main\n"
        "try: main()\n"
        "except SystemExit: pass\n"
        "print(*{'torch', 'pandas', 'scipy', 'altair'} & {*sys.modules}, file=sys.stderr)"
    )
    for words, expected in (
        (["compare", "li"], ["lift", MORE, DONE]),
        (["train", "bn_vs_plain", "model.norm=b"], ["model.norm=batch"]),
    ):
        done = subprocess.run(
            [sys.executable, "-c", program],
            env={**os.environ, "_BNREG_COMPLETE": "complete_bash", **as_bash_asks(words)},
            capture_output=True,
            text=True,
            cwd=tmp_path,
            check=False,
        )
        assert (done.stdout.split(), done.stderr) == (expected, "\n")
