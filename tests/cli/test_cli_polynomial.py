"""``bnreg polynomial``: the chart, the table, the JSON and the mistakes."""

import json
import re
from pathlib import Path

import pytest


def drawing(path):
    """A drawing's text without the numbers of its clipping paths, which keep counting from drawing to drawing."""
    return re.sub(r"clip\d+", "clip", Path(path).read_text(encoding="utf-8"))


def test_it_prints_a_row_per_degree_and_the_path_of_the_drawing(bnreg):
    done = bnreg("polynomial")
    assert (done.code, done.err) == (0, "")
    assert done.out.endswith("\npolynomial.svg\n")
    rows = [line.split() for line in done.out.splitlines() if line.strip()[:1].isdigit()]
    assert [row[0] for row in rows] == [str(degree) for degree in range(1, 13)]
    best = min(rows, key=lambda row: float(row[2]))
    assert [row[0] for row in rows if "best" in row] == [best[0]]
    assert max(map(len, done.out.splitlines())) <= 80


def test_json_holds_the_settings_and_the_errors(bnreg):
    done = bnreg("polynomial", "--json", "--seed", 3, "--num-train", 15, "--noise", 0.1, "-o", "p.svg")
    described = json.loads(done.out)
    assert {key: described[key] for key in ("chart", "seed", "num_train", "noise")} == {
        "chart": "p.svg",
        "seed": 3,
        "num_train": 15,
        "noise": 0.1,
    }
    errors = {entry["degree"]: entry["test_error"] for entry in described["degrees"]}
    assert described["best_degree"] == min(errors, key=errors.get)
    assert Path("p.svg").exists()


def test_equal_settings_give_the_same_drawing(bnreg):
    for name, options in {"a": [], "b": [], "c": ["--seed", 1], "d": ["--noise", 0.2]}.items():
        assert bnreg("polynomial", *options, "-o", f"{name}.svg").code == 0
    first, again, *others = (drawing(f"{name}.svg") for name in "abcd")
    assert first == again
    assert first not in others


@pytest.mark.parametrize(
    ("name", "start"), [("a.png", b"\x89PNG\r\n"), ("a.html", b"<!DOCTYPE html>")], ids=["png", "html"]
)
def test_the_extension_chooses_the_format(bnreg, name, start):
    assert bnreg("polynomial", "-o", name).code == 0
    assert Path(name).read_bytes().lstrip().startswith(start)


@pytest.mark.parametrize(
    "options",
    [
        ["--num-train", 13],
        ["--num-train", 1000],
        ["--noise", 0],
        ["--noise", 1e-300],
        ["--noise", 1000, "--num-train", 13],
        ["--seed", 2**32 - 1],
    ],
    ids=lambda options: " ".join(map(str, options)),
)
def test_the_extremes_can_be_drawn(bnreg, options):
    done = bnreg("polynomial", "--json", *options)
    assert (done.code, done.err) == (0, "")
    assert len(json.loads(done.out)["degrees"]) == 12
    assert Path("polynomial.svg").stat().st_size < 400_000


SAMPLES = "samples do not determine a polynomial of degree 12, which has 13 coefficients (choose at least 13)"


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        (["--num-train", 12], f"--num-train: 12 {SAMPLES}"),
        (["--num-train", -5], f"--num-train: -5 {SAMPLES}"),
        (["--num-train", 1001], "--num-train: 1001 samples are more than the chart can show (at most 1000)"),
        (["--noise", -0.1], "--noise: -0.1 is not a standard deviation (choose from 0 to 1000)"),
        (["--noise", "nan"], "--noise: nan is not a standard deviation (choose from 0 to 1000)"),
        (["--noise", "inf"], "--noise: inf is not a standard deviation (choose from 0 to 1000)"),
        (["--seed", -1], "--seed: -1 is not a seed (choose from 0 to 4294967295)"),
        (["--seed", 2**32], "--seed: 4294967296 is not a seed (choose from 0 to 4294967295)"),
        (["-o", "a.pdf"], "a.pdf: unknown chart format '.pdf' (choices: .html, .png, .svg)"),
        (["-o", "nowhere/a.svg"], "nowhere/a.svg: folder nowhere does not exist; create it first"),
    ],
)
def test_a_mistake_is_named_in_one_line_and_nothing_is_written(bnreg, options, complaint):
    done = bnreg("polynomial", *options)
    assert (done.code, done.out, done.err) == (2, "", f"{complaint}\n")
    assert not list(Path().iterdir())


def test_all_mistakes_are_named_at_once(bnreg):
    done = bnreg("polynomial", "--seed", -1, "--num-train", 3, "--noise", -1)
    assert done.code == 2
    assert [line.partition(":")[0] for line in done.err.splitlines()] == ["--seed", "--num-train", "--noise"]
