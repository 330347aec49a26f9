"""Shared by the tests of the sinks: runs to send, which are trained once, and where they are sent."""

import pytest
from support.made_runs import made_name, write_run
from support.small_runs import sending_here, train_here

from bnreg.api.sending import content_of
from bnreg.runs import read_run
from bnreg.sinks.table import SINKS, Sink

# At the second rate all networks diverge.
SWEEP = """\
name: rates
data: {dataset: mnist_5k, batch_size: 50, train_size: 100}
model: {hidden: [4]}
optimizer: {name: sgd}
training: {epochs: 2}
sweep: {optimizer.lr: [0.1, 1e30]}
arms: {bn: {model: {norm: batch}}, plain: {}}
baseline: plain
seeds: 2
"""


@pytest.fixture(scope="session")
def swept(tmp_path_factory):
    """A trained run with a sweep and networks that diverged."""
    return read_run(train_here(tmp_path_factory.mktemp("swept"), SWEEP))


@pytest.fixture(scope="session")
def lifted(tmp_path_factory):
    """A run in which ``bn`` helped, in a folder with its own name."""
    folder = write_run("lift", root=tmp_path_factory.mktemp("lifted"), num_seeds=6, noise=0.0002)
    return read_run(folder.rename(folder.with_name(made_name("lift"))))


@pytest.fixture(scope="session", params=["swept", "lifted"])
def run(request):
    """Each of them."""
    return request.getfixturevalue(request.param)


@pytest.fixture
def content(run):
    """What is sent of it."""
    return content_of(run)


@pytest.fixture
def sent_here():
    """Within the test, runs are sent in this process."""
    with sending_here():
        yield


@pytest.fixture
def told(monkeypatch, sent_here):  # noqa: ARG001 # it has no process
    """What a sink of the name ``added`` was told: a run and a folder each time."""
    got = []

    def send(run, folder):
        got.append((run, folder))
        return f"got {run.id}"

    monkeypatch.setitem(SINKS, "added", Sink("keeps it", ("json",), send))
    return got
