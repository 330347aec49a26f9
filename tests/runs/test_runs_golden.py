"""Old run folders are still read correctly, whatever bnreg writes today.

Each folder in ``tests/golden`` is kept as it was written: one for each schema, and one from before a schema had all of
its files. A new schema adds its own folder.
"""

import json
from pathlib import Path

import pandas as pd
import pytest

from bnreg.runs import read_correct, read_run, read_weights
from bnreg.runs.folder import SCHEMA_VERSION, checked_files

GOLDEN = Path(__file__).parent.parent / "golden"
FIRST = "bn_vs_plain-20261123T034529Z-6ce292"  # schema 1, without the config in run.json, flags and weights
WEIGHTS = "weights/point-1/bn-1.safetensors"


def one(beginning):
    (path,) = GOLDEN.glob(f"{beginning}*")
    return path


def test_every_schema_has_a_folder():
    schemas = {json.loads((path / "manifest.json").read_text())["schema"] for path in GOLDEN.iterdir()}
    assert schemas == set(range(1, SCHEMA_VERSION + 1))


@pytest.mark.parametrize("path", sorted(GOLDEN.iterdir()), ids=lambda path: path.name)
def test_every_file_is_unchanged(path):
    assert all(file["state"] == "whole" for file in checked_files(path))


def test_the_first_run_is_reported_as_before(bnreg):
    run = read_run(one(FIRST))
    assert run.config["training"]["epochs"] == 5
    assert read_correct(run) == {}
    assert pd.DataFrame(run.summary).groupby("arm").final_test_accuracy.mean().to_dict() == pytest.approx(
        {"bn": 0.96936, "plain": 0.95571}, abs=1e-12
    )
    assert (
        "bn             helped    +1.36 [+1.26, +1.47]  0.002  10/10 [69–100 %]"
        in bnreg("compare", run.path, "--width", "80").out
    )
    assert "state     complete" in bnreg("show", run.path).out


def test_a_run_of_schema_1_is_reported_as_before(bnreg):
    run = read_run(one("golden-"))
    flags = read_correct(run)
    assert {index: found.shape for index, found in flags.items()} == {0: (2, 2, 1000), 1: (2, 2, 1000)}
    accuracy = pd.DataFrame(run.summary).set_index(["model.hidden", "arm", "seed"]).final_test_accuracy
    assert accuracy["[6]", "bn", 1] == flags[1][0, 1].mean()
    (weights,) = read_weights(run, [WEIGHTS])
    assert {name: values.shape for name, values in weights.items()} == {
        "linear0.weight": (6, 784),
        "norm0.gamma": (6,),
        "norm0.beta": (6,),
        "norm0.running_mean": (6,),
        "norm0.running_variance": (6,),
        "linear1.weight": (10, 6),
        "linear1.bias": (10,),
    }
    assert bnreg("fold", run.path, "--arm", "bn", "--output", "folded").code == 0
    assert "sweep     2 points" in bnreg("show", run.path).out
