"""The weights in a run folder are those of the network that their file is named after."""

import hashlib
import json
import shutil
from pathlib import Path

import pytest
from safetensors import numpy
from support.forgeries import in_json
from support.made_runs import reseal

from bnreg.config.cell_settings import cell_settings
from bnreg.errors import UserError
from bnreg.names import ReplicaId
from bnreg.runs import about_weights, read_run, read_weights, weights_bytes

GOLDEN = Path(__file__).parent.parent / "golden" / "golden-20261125T083013Z-c26cb2"
NAME = "weights/point-1/bn-1.safetensors"


@pytest.fixture
def run(tmp_path):
    """A copy of a run with two points, two arms and two seeds."""
    return Path(shutil.copytree(GOLDEN, tmp_path / GOLDEN.name))


@pytest.mark.parametrize("other", ["point-1/bn-0", "point-0/bn-1", "point-1/plain-1"])
def test_the_weights_of_another_network_are_damage(run, bnreg, other):
    """Whatever its checksum."""
    reseal(run, NAME, (run / f"weights/{other}.safetensors").read_bytes())
    line = f"{run / NAME}: damaged run: the weights of another network"
    with pytest.raises(UserError) as refusal:
        read_weights(read_run(run), [NAME])
    assert refusal.value.lines == (line,)
    done = bnreg("fold", run, "--arm", "bn", "--output", run.parent / "folded")
    assert (done.code, done.out, done.err) == (2, "", f"{line}\n")


@pytest.mark.parametrize("about", [{}, {"point_index": [], "arm": {}, "seed": None}])
def test_weights_without_a_network_are_damage(run, about):
    reseal(run, NAME, weights_bytes(numpy.load((run / NAME).read_bytes()), about))
    with pytest.raises(UserError, match="the weights of another network"):
        read_weights(read_run(run), [NAME])


@pytest.mark.parametrize(
    "change",
    [
        {"data": lambda data: {"mnist_5k": data["mnist_5k"] | {"fingerprint": "sha256:0"}}},
        {"device": lambda _: "cuda:0"},
        {"platform": lambda _: "Darwin"},
        {"versions": lambda versions: versions | {"torch": "2.11.0"}},
    ],
    ids=lambda change: next(iter(change)),
)
def test_weights_that_were_trained_under_other_conditions_are_damage(run, change):
    """``tests/trained`` has the settings."""
    about = about_weights(read_run(run).info, ReplicaId(1, "bn", 1))
    reseal(run, NAME, weights_bytes(numpy.load((run / NAME).read_bytes()), about))
    read_weights(read_run(run), [NAME])
    in_json(**change)(run)
    with pytest.raises(UserError) as refusal:
        read_weights(read_run(run), [NAME])
    assert refusal.value.lines == (f"{run / NAME}: damaged run: the weights of another run",)


def test_the_hash_of_the_conditions_is_that_of_older_runs(run):
    """Data sets have got more properties since then, none of which the fingerprint does not decide."""
    info = read_run(run).info
    replica = ReplicaId(1, "bn", 1)
    data = [*json.loads((GOLDEN / "run.json").read_text())["data"].values()]
    settings = cell_settings(info.config, "bn", info.points[1])
    conditions = json.dumps([settings, data, info.device, info.platform, info.versions], sort_keys=True)
    assert about_weights(info, replica)["conditions"] == hashlib.sha256(conditions.encode()).hexdigest()
