"""bnreg in Jupyter: the committed notebook runs, and the interrupt button stops a training that can be resumed."""

import nbformat
import pytest
from jupyter_client.manager import start_new_kernel
from nbclient import NotebookClient
from support.made_runs import shard_of, steps_kept
from tools.readme import ROOT

from bnreg.runs import unfinished_runs

NOTEBOOK = ROOT / "configs" / "bnreg_in_a_notebook.ipynb"
SECONDS = 300  # a guard against a kernel that never answers

LONG = """\
import bnreg
arms = {"bn": {"model": {"norm": "batch"}}, "plain": {}}
long = {"name": "long", "data": {"dataset": "mnist_5k"}, "arms": arms, "baseline": "plain", "model": {"hidden": [8]}}
bnreg.train(long, {"training.epochs": 10_000}, seeds=1)
"""


@pytest.fixture(autouse=True)
def own_settings(tmp_path, monkeypatch):
    """The user's settings of IPython play no part."""
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path / "ipython"))


def committed_cells():
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    nbformat.validate(notebook)
    return notebook, [cell for cell in notebook.cells if cell.cell_type == "code"]


def shown(cell, kind):
    """What a cell shows of a kind, such as ``text/html``."""
    return "".join(output["data"].get(kind, "") for output in cell.outputs if "data" in output)


def test_the_committed_notebook_has_no_outputs():
    """They would be stale, and make each change of it hard to read."""
    _, cells = committed_cells()
    assert cells
    assert all(cell.outputs == [] and cell.execution_count is None for cell in cells)


def test_the_committed_notebook_runs(tmp_path):
    notebook, cells = committed_cells()
    NotebookClient(notebook, timeout=SECONDS, resources={"metadata": {"path": str(tmp_path)}}).execute()
    by_end = {cell.source.splitlines()[-1]: cell for cell in cells}
    assert "▲" in shown(by_end["comparison"], "text/html")
    assert "vega-lite" in shown(by_end["run.chart()"], "text/html")
    assert "in_a_notebook" in shown(by_end["run"], "text/html")
    assert not [output for cell in cells for output in cell.outputs if output.get("name") == "stderr"]


def outputs_of(client, code, on_output=lambda _: None):
    """Run a cell; return its outputs once it has ended."""
    asked = client.execute(code)
    outputs = []
    while True:
        message = client.get_iopub_msg(timeout=SECONDS)
        if message["parent_header"].get("msg_id") != asked:
            continue
        if message["content"].get("execution_state") == "idle":
            return outputs
        outputs.append(message["content"])
        on_output(str(message["content"]))


def test_the_interrupt_button_stops_a_training_that_can_be_resumed(tmp_path):
    """It is pressed once the networks train; the kernel and its variables survive."""
    manager, client = start_new_kernel(cwd=str(tmp_path))
    pressed = []

    def press(text):
        if "replica-epochs/s" in text and not pressed:
            pressed.append(True)
            manager.interrupt_kernel()

    try:
        outputs = outputs_of(client, LONG, press)
        assert pressed
        assert [one["ename"] for one in outputs if "ename" in one] == ["KeyboardInterrupt"]
        (run,) = unfinished_runs(tmp_path / "runs")
        assert any("the training so far is saved; resume it with bnreg.resume" in str(one) for one in outputs)
        assert run.state()[0] == "interrupted"
        assert steps_kept(run.folder, 0) > 0
        assert not shard_of(run, 0).is_done(pytest.fail)
        (answer,) = [one for one in outputs_of(client, "sorted(long)[0]") if "data" in one]
        assert answer["data"]["text/plain"] == "'arms'"
    finally:
        client.stop_channels()
        manager.shutdown_kernel(now=True)


def test_a_mistake_is_shown_in_a_line_without_a_traceback(tmp_path):
    manager, client = start_new_kernel(cwd=str(tmp_path))
    try:
        (error,) = [one for one in outputs_of(client, "import bnreg\nbnreg.train('no.yaml')") if "ename" in one]
    finally:
        client.stop_channels()
        manager.shutdown_kernel(now=True)
    assert error["traceback"] == ["UserError: no.yaml: no such file"]
