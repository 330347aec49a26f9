"""The list of runs: it fits in 80 columns and shows the result of each run."""

from datetime import UTC, datetime
from pathlib import Path

import pytest
from rich.console import Console
from support.made_runs import made_name

from bnreg.report.listing import headline, listing_lines, listing_records, minutes, removal_lines, size
from bnreg.runs.finding.listing import ListedRun
from bnreg.runs.finding.removal import Removable

STARTED = datetime(2026, 11, 23, 3, 45, 29, tzinfo=UTC)


@pytest.fixture(autouse=True)
def in_kolkata(monkeypatch):
    """Use a time zone that is five and a half hours ahead of UTC."""
    import time

    monkeypatch.setenv("TZ", "Asia/Kolkata")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


def listed(name="lift", number=0, **fields):
    accuracy = fields.pop("accuracy", {"bn": (0.9694,), "plain": (0.9557,)})
    known = {"started": STARTED, "arms": tuple(accuracy), "baseline": "plain", "num_seeds": 10, "accuracy": accuracy}
    return ListedRun(Path("runs") / made_name(name, number), "complete", **known | fields)


def printed(*rows, num_all=None, width=80):
    console = Console(width=width, highlight=False)
    with console.capture() as capture:
        console.print(listing_lines(rows, len(rows) if num_all is None else num_all, Path("runs")), crop=False)
    return [line.rstrip() for line in capture.get().splitlines()]


def test_each_run_has_its_name_and_aligned_columns():
    sweep = {"bn": (0.9, 0.97), "plain": (0.8, 0.95), "dropout_and_bn": (0.5, 0.6)}
    damaged = ListedRun(Path("runs") / made_name("x", 2), "damaged", "run.json: No such file or directory", STARTED)
    assert printed(listed(), listed("rates", 1, accuracy=sweep, num_seeds=1), damaged, num_all=5) == [
        "lift-20261101T120000Z-000000",
        "  complete  2026-11-23 09:15  10 seeds  bn, plain  bn 96.94, plain 95.57",
        "rates-20261101T120000Z-000001",
        "  complete  2026-11-23 09:15  1 seed    3 arms     bn 90.00–97.00, plain",
        "  80.00–95.00",
        "x-20261101T120000Z-000002",
        "  damaged   2026-11-23 09:15  run.json: No such file or directory",
        "",
        "3 of 5 in runs: 2 complete, 1 damaged; test accuracy in %",
    ]


def test_it_fits_in_80_columns_even_with_long_names():
    long = listed("n" * 64, arms=("a" * 90, "plain"), accuracy={"a" * 90: (0.5,), "plain": (0.5,)})
    assert max(map(len, printed(long, listed()))) <= 80
    assert "".join(printed(long)).count("n" * 64) == 1


def test_an_empty_folder_says_what_to_do():
    assert printed() == ["runs: no runs yet; create one with `bnreg train configs/bn_vs_plain.yaml`"]
    assert printed(num_all=3) == ["runs: none of 3 runs matches"]


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({}, "bn 96.94, plain 95.57"),
        ({"accuracy": {"a": (0.1,), "b": (0.3,), "plain": (0.9,)}}, "b 30.00, plain 90.00"),
        ({"accuracy": {"base": (0.5,)}, "baseline": None}, "base 50.00"),
        ({"accuracy": {"plain": (0.5,)}}, "plain 50.00"),
    ],
)
def test_the_headline_names_the_best_arm_and_the_baseline(fields, expected):
    assert headline(listed(**fields)) == expected


def test_times_are_local_and_to_the_minute():
    assert minutes(STARTED) == "2026-11-23 09:15"
    assert minutes(None) == "–"


def test_records_hold_fractions_and_universal_time():
    complete, damaged = listing_records([listed(), ListedRun(Path("runs/x"), "damaged", "why")])
    assert complete == {
        "name": made_name(),
        "path": f"runs/{made_name()}",
        "state": "complete",
        "reason": None,
        "started": "2026-11-23T03:45:29+00:00",
        "arms": ["bn", "plain"],
        "baseline": "plain",
        "num_seeds": 10,
        "num_diverged": 0,
        "progress": None,
        "test_accuracy": {"bn": [0.9694], "plain": [0.9557]},
    }
    assert (damaged["state"], damaged["reason"], damaged["started"], damaged["test_accuracy"]) == (
        "damaged",
        "why",
        None,
        {},
    )


@pytest.mark.parametrize(
    ("num_bytes", "expected"),
    [(0, "0 B"), (999, "999 B"), (1000, "1.0 kB"), (999_949, "999.9 kB"), (999_950, "1.0 MB"), (25_310_000, "25.3 MB")],
)
def test_sizes_have_about_three_digits(num_bytes, expected):
    assert size(num_bytes) == expected


def test_runs_to_be_removed_are_listed_with_sizes():
    one = Removable(Path("runs/a"), is_unfinished=False, num_files=1, num_bytes=512)
    other = Removable(Path("runs/b.unfinished"), is_unfinished=True, num_files=2, num_bytes=1500)
    assert removal_lines([one]) == ["runs/a  1 file, 512 B"]
    assert removal_lines([one, other]) == [
        "runs/a  1 file, 512 B",
        "runs/b.unfinished  2 files, 1.5 kB  unfinished: it can be resumed",
        "2 runs, 3 files, 2.0 kB",
    ]
