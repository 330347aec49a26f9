"""Every command of the pages works as typed, except for those listed here with the reason.

Each runs in a folder with the repository's configs, its committed runs and the runs that the pages name. Training only
prints its plan, and charts are not drawn: other tests do both.
"""

import re
import shlex
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from support.made_runs import made_name, make_run, write_run
from support.own_data import own_arrays, write_idx, write_npz
from support.pages import MAIN_JOB, OVERRIDES, PASTED, TEXT, shown_commands
from support.small_runs import train_here
from support.tables import data_sets, wide
from tools.readme import PICTURES, ROOT, committed_run, run_of

from bnreg.config.source.examples import examples
from bnreg.report.charts import drawing
from bnreg.runs.finding.marks import Marks, change_marks

WITHOUT_MAKE = "a target of the Makefile, which test_readme.py looks up"
EXPORTED = "test_cli_export.py exports so; to import ONNX takes longer than everything here"
NOT_RUN = {
    "make demo": WITHOUT_MAKE,
    "make test": WITHOUT_MAKE,
    "bnreg --install-completion": "changes the user's shell",
    "bnreg train --resume": "mentions the option",
    "bnreg train --resume latest": "needs a run that was stopped; test_cli_resume.py has one",
    "bnreg export trained --format onnx --arm bn": EXPORTED,
    "bnreg export trained --format onnx --arm bn --seed 3": EXPORTED,
    "bnreg train configs/bn_vs_plain.yaml --executor ray --address HOST:6379": "test_executors_ray.py starts a cluster",
    "bnreg send RUN --to mlflow": "mentions the command",
    "bnreg watch": "follows a run that is being trained; test_cli_watch.py does",
    "bnreg schema > bnreg.schema.json": "writes its output into a file, by the shell",
    "bnreg data fetch mnist": "downloads",
    "bnreg data fetch mnist --mirror URL": "downloads",
    "bnreg data fetch mnist --data-root ~/data": "downloads",
}
# What is added to a command, if it does not say so itself: the answer to a question, or less work.
ADDED = {
    "bnreg rm": ["--yes"],
    "bnreg extend": ["--dry-run"],
    "bnreg claims": ["--list"],
    ("bnreg train configs", *(f"bnreg train {name}" for name in examples())): [
        "--dry-run",
        "data.dataset=mnist_5k",
        "data.train_size=200",
    ],
}

TRAINED = """\
name: trained
data: {dataset: mnist_5k, train_size: 200}
model: {hidden: [8]}
training: {epochs: 1, weights: last}
arms: {bn: {model: {norm: batch}}, plain: {}}
baseline: plain
seeds: 7
"""


COMMANDS = [line for line in shown_commands() if line not in NOT_RUN]


@pytest.fixture(scope="module")
def shared(tmp_path_factory):
    """The folder in which a reader of the pages types."""
    folder = tmp_path_factory.mktemp("reader")
    train_here(folder, TRAINED)
    for experiment in ("bn_vs_plain", "verdicts"):
        shutil.copytree(committed_run(experiment), folder / "runs" / committed_run(experiment).name)
    for experiment, *_ in PICTURES.values():
        shutil.copytree(run_of(experiment), folder / "runs" / "lecture" / run_of(experiment).name)
    # After a demo without network, some runs of an experiment used the fallback.
    for i, (lr, dataset) in enumerate([(0.001, "mnist"), (0.01, "mnist"), (0.01, "mnist_5k")]):
        write_run(
            "my_sweep",
            root=folder / "runs",
            settings={"optimizer.lr": lr},
            dataset=dataset,
            id=made_name("my_sweep", i),
        )
    make_run(folder / "runs", made_name("bn_vs_plain"))  # of the demo
    change_marks(folder / "runs" / committed_run("verdicts").name, lambda _: Marks(("draft",)))
    pixels = np.zeros((28, 28), np.uint8)
    pixels[6:22, 12:16] = 255
    Image.fromarray(pixels).save(folder / "five.png")
    (folder / "results.csv").write_text(PASTED)
    (folder / "wide.csv").write_text(wide())
    (folder / "benchmark.csv").write_text(data_sets())
    write_npz(folder / "digits.npz", **own_arrays(10, num_train=400))
    write_idx(folder / "mine")
    (folder / "configs").symlink_to(ROOT / "configs")
    (folder / "my_claims").symlink_to(ROOT / "configs" / "lecture")
    return folder


@pytest.fixture
def reader(bnreg, shared, tmp_path, monkeypatch):
    """Type a command in a folder of one's own, which has what the shared one has."""
    monkeypatch.setenv("BNREG_DATA", str(tmp_path / "data"))
    monkeypatch.setattr(drawing, "render_chart", lambda *_: b"drawn")
    for path in shared.iterdir():
        Path(path.name).symlink_to(path)

    def typed(line):
        _, *words = shlex.split(line)
        for beginning, added in ADDED.items():
            if line.startswith(beginning):
                words += [word for word in added if word.partition("=")[0] not in {w.partition("=")[0] for w in words}]
        return bnreg(*words)

    return typed


def test_what_is_not_run_is_in_the_pages():
    assert [line for line in NOT_RUN if line not in shown_commands()] == []
    assert len(COMMANDS) > 30


@pytest.mark.parametrize("line", COMMANDS)
def test_every_command_of_the_pages_works_as_typed(reader, line):
    done = reader(line)
    assert done.code == 0, done.err
    assert done.out


@pytest.mark.parametrize("overrides", OVERRIDES)
def test_every_override_of_the_mechanisms_works_and_is_compared(reader, overrides):
    """With a baseline, or there is nothing to see."""
    done = reader(f"{MAIN_JOB} {overrides}")
    assert done.code == 0, done.err
    assert "(baseline)" in done.out


@pytest.mark.parametrize("mechanism", ["dropout", "decay", "l2", "prelu"])
def test_a_mechanism_that_any_network_may_have_is_compared_with_its_absence(mechanism):
    """Set for both arms, it would change both, and the table would only show batch norm again."""
    (overrides,) = [one for one in OVERRIDES if f"{mechanism}:" in one]
    assert re.fullmatch(rf"arms='\{{{mechanism}: \{{.+\}}, (plain|relu): \{{\}}\}}'.*", overrides)


def test_the_filter_of_the_help_works(reader):
    (example,) = re.findall(r"networks that match, such as '(.+)'\.$", TEXT["bnreg/cli/README.md"], re.MULTILINE)
    done = reader(shlex.join(["bnreg", "compare", "verdicts", "--where", example]))
    assert done.code == 0, done.err
