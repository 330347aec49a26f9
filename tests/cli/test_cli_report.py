"""``bnreg report`` and the page that every run gets: where it is written, and what may stop it."""

import json
import webbrowser
from pathlib import Path

import pytest
from support.command_line import EXPERIMENT
from support.made_runs import flip

from bnreg.report.page import page

FIRST = "<!DOCTYPE html>"


@pytest.fixture
def opened(monkeypatch):
    """The addresses that a browser was asked to open."""
    addresses = []
    monkeypatch.setattr(webbrowser, "open", lambda address: addresses.append(address) or True)
    return addresses


def test_it_writes_one_page_and_says_where(bnreg, make_run):
    make_run("lift")
    done = bnreg("report", "lift")
    assert (done.code, done.out, done.err) == (0, "report.html\n", "")
    assert Path("report.html").read_text().startswith(FIRST)


def test_a_damaged_run_is_left_out_and_named_in_the_page(bnreg, make_run):
    make_run("lift")
    broken = make_run("broken")
    flip(broken / "summary.csv")
    assert bnreg("report", "lift", "broken").code == 0
    assert f"left out: {broken}/summary.csv: damaged" in Path("report.html").read_text()


def test_a_report_is_replaced_by_the_next(bnreg, make_run):
    make_run("lift")
    make_run("other")
    assert [bnreg("report", name).code for name in ("lift", "other")] == [0, 0]
    assert "other-2026" in Path("report.html").read_text()


def test_a_file_that_is_no_report_stays_unless_forced(bnreg, make_run):
    make_run("lift")
    Path("mine.html").write_text("<p>mine</p>")
    done = bnreg("report", "lift", "-o", "mine.html")
    assert (done.code, done.out) == (2, "")
    assert done.err == (
        "mine.html: already exists and will not be overwritten; choose another path with --output, or replace it with "
        "--force\n"
    )
    assert Path("mine.html").read_text() == "<p>mine</p>"
    assert bnreg("report", "lift", "-o", "mine.html", "--force").code == 0
    assert Path("mine.html").read_text().startswith(FIRST)


@pytest.mark.parametrize("force", [(), ("--force",)])
def test_a_page_in_a_run_folder_is_never_replaced(bnreg, make_run, force):
    """The run's manifest would no longer be true."""
    folder = make_run("lift")
    assert bnreg("report", "lift", "-o", "a.html").code == 0
    (folder / "report.html").write_bytes(Path("a.html").read_bytes())
    done = bnreg("report", "lift", "-o", folder / "report.html", *force)
    assert done.code == 2
    assert "replace it with --force" not in done.err


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        ([], "report: give runs, such as runs/*, or --claims"),
        (["lift", "--claims"], "report: give runs, such as runs/*, or --claims, not both"),
        (["lift", "-o", "a.pdf"], "a.pdf: a report is HTML; give a name that ends in .html"),
        (["lift", "-o", "no/a.html"], "no/a.html: folder no does not exist; create it first"),
        (["nothing"], "nothing: no such run; `bnreg runs` lists the runs"),
        (
            ["--claims", "--runs", "runs"],
            "runs/lecture: no run that was trained for a claim; train them with `bnreg claims`",
        ),
        (
            ["--claims", "--runs", "other"],
            "other: no run that was trained for a claim; train them with `bnreg claims`",
        ),
    ],
)
def test_a_mistake_is_told_in_a_line_and_nothing_is_written(bnreg, make_run, arguments, line):
    make_run("lift")
    make_run("x", root=Path("other"))
    make_run("x", root=Path("runs/lecture"))
    done = bnreg("report", *arguments)
    assert (done.code, done.out, done.err) == (2, "", f"{line}\n")
    assert not [*Path().glob("*.html"), *Path().glob("*.pdf")]


def test_it_is_opened_in_a_browser_if_asked(bnreg, make_run, opened):
    make_run("lift")
    assert bnreg("report", "lift", "--open").code == 0
    assert opened == [Path("report.html").resolve().as_uri()]


def test_without_a_browser_it_says_what_to_open(bnreg, make_run, monkeypatch):
    make_run("lift")
    monkeypatch.setattr(webbrowser, "open", lambda _: False)
    assert bnreg("report", "lift", "--open").err == "note: no browser was found; open report.html\n"


@pytest.fixture
def small(bnreg):  # noqa: ARG001 # which makes the test's folder the current one
    Path("small.yaml").write_text(EXPERIMENT.replace("report: false\n", ""))


def trained(done):
    assert done.code == 0, done.err
    return Path(done.out.splitlines()[-1])


@pytest.mark.usefixtures("without_workers", "small")
def test_every_run_gets_its_page_with_the_digits(bnreg, opened):
    run = trained(bnreg("train", "small.yaml", "--open"))
    text = (run / "report.html").read_text()
    assert "Did bn change test accuracy, compared with plain?" in text
    assert "data:image/png" in text
    assert "report.html" in json.loads((run / "manifest.json").read_text())["sha256"]
    assert opened == [(run / "report.html").resolve().as_uri()]


@pytest.mark.usefixtures("without_workers", "small")
def test_a_run_without_a_page_says_how_to_write_one(bnreg, opened):
    done = bnreg("train", "small.yaml", "report=false", "--open")
    run = trained(done)
    assert not (run / "report.html").exists()
    assert f"note: {run} has no report.html; write one with `bnreg report {run}`" in done.err
    assert not opened


@pytest.mark.usefixtures("without_workers", "small")
def test_a_page_that_cannot_be_written_costs_nothing_else(bnreg, monkeypatch):
    def fail(*_):
        raise MemoryError("no room")

    monkeypatch.setattr(page, "runs_page", fail)
    done = bnreg("train", "small.yaml")
    assert "warning: no report was written: no room" in done.err
    assert {path.name for path in trained(done).iterdir()} >= {"curves.svg", "summary.csv", "manifest.json"}


@pytest.mark.usefixtures("without_workers", "small")
def test_a_run_whose_networks_all_diverge_has_a_page_but_no_curves(bnreg):
    rate = ("optimizer.name=sgd", "optimizer.lr=1e30")
    done = bnreg("train", "small.yaml", *rate)
    run = trained(done)
    assert "warning" not in done.err
    assert (run / "report.html").exists()
    assert not (run / "curves.svg").exists()


@pytest.mark.usefixtures("without_workers", "small")
def test_whether_a_run_has_a_page_changes_nothing_else(bnreg):
    """Such runs repeat each other, and one may be resumed as the other."""
    for setting in ("report=true", "report=false"):
        trained(bnreg("train", "small.yaml", setting))
    done = bnreg("compare", "runs/*", "--group-by", "arm")
    assert "a repeat of" in done.out + done.err
