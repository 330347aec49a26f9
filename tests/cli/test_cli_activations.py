"""``bnreg activations``: the chart, the table and the JSON."""

import json
import re
from pathlib import Path

import pytest

from bnreg.nn.activations import ACTIVATIONS


def drawing(path):
    """A drawing's text without the numbers of its clipping paths, which keep counting from drawing to drawing."""
    return re.sub(r"clip\d+", "clip", Path(path).read_text(encoding="utf-8"))


def test_it_prints_a_table_and_the_path_of_the_drawing(bnreg):
    done = bnreg("activations")
    assert (done.code, done.err) == (0, "")
    assert done.out.endswith("\nactivations.svg\n")
    rows = {line.split()[0]: line for line in done.out.splitlines() if line}
    assert set(ACTIVATIONS) <= set(rows)
    assert "|z| > 4.36" in rows["sigmoid"]
    assert "|z| > 2.18" in rows["tanh"]
    assert "drawn only: no gradient to train with" in rows["step"]
    assert "α learnt, starts at 0.25" in rows["prelu"]
    assert max(map(len, done.out.splitlines())) <= 80


def test_the_drawing_shows_every_activation_and_is_the_same_each_time(bnreg):
    bnreg("activations", "-o", "first.svg")
    bnreg("activations", "-o", "second.svg")
    assert drawing("first.svg") == drawing("second.svg")
    assert Path("first.svg").stat().st_size < 250_000
    for name in ACTIVATIONS:
        assert f">{name}<" in drawing("first.svg")


@pytest.mark.parametrize(
    ("name", "start"), [("a.png", b"\x89PNG\r\n"), ("a.html", b"<!DOCTYPE html>")], ids=["png", "html"]
)
def test_the_extension_chooses_the_format(bnreg, name, start):
    assert bnreg("activations", "-o", name).code == 0
    assert Path(name).read_bytes().lstrip().startswith(start)


def test_json_is_plain_data_and_the_drawing_is_there_too(bnreg):
    done = bnreg("activations", "--json", "-o", "a.svg")
    described = json.loads(done.out)
    assert (done.code, done.err, described["chart"]) == (0, "", "a.svg")
    saturated = {entry["name"]: entry["saturated"] for entry in described["activations"]}
    assert list(saturated) == list(ACTIVATIONS)
    assert saturated["step"] == [[None, None]]
    assert saturated["relu"] == [[None, 0]]
    assert saturated["identity"] == saturated["leaky_relu"] == saturated["prelu"] == []
    assert Path("a.svg").exists()


@pytest.mark.parametrize(
    ("path", "complaint"),
    [
        ("a.pdf", "a.pdf: unknown chart format '.pdf' (choices: .html, .png, .svg)\n"),
        ("nowhere/a.svg", "nowhere/a.svg: folder nowhere does not exist; create it first\n"),
    ],
)
def test_a_path_that_cannot_be_drawn_to_is_the_users_mistake(bnreg, path, complaint):
    done = bnreg("activations", "-o", path)
    assert (done.code, done.out, done.err) == (2, "", complaint)
    assert not list(Path().iterdir())
