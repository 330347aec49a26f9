"""The list of runs: it fits in 80 columns and shows the result of each run.

``BNREG_UPDATE_GOLDEN=1`` rewrites the golden lists.
"""

import os
from datetime import UTC, datetime
from pathlib import Path

import pytest
from rich.console import Console
from support.made_runs import made_name

from bnreg.report.listing import headline, listing_lines, listing_records, minutes, removal_lines, size
from bnreg.runs.finding.listing import ListedRun
from bnreg.runs.finding.marks import Marks
from bnreg.runs.finding.removal import Removable

GOLDEN = Path(__file__).parent / "golden"
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


def printed(*rows, told=None, num_all=None, width=80):
    console = Console(width=width, highlight=False)
    with console.capture() as capture:
        num_all = len(rows) if num_all is None else num_all
        console.print(listing_lines(rows, told or [{} for _ in rows], num_all, Path("runs"), width), crop=False)
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


TOLD = [{"model.hidden": [32, 32], "optimizer.lr": 0.01, "seeds": 10}, {"optimizer.lr": 0.1}, {}]
STOPPED = ListedRun(
    Path("runs") / f"{made_name('x', 2)}.unfinished",
    "failed",
    "0 of 2 shards trained; MemoryError: " + "a " * 40,
    STARTED,
)
MARKED = Marks(("keep", "v1"), "why this one is worth keeping, in more words than fit on a line of eighty columns")


@pytest.mark.parametrize("width", [80, 120, 160])
def test_the_width_of_the_terminal_is_used(width):
    """What tells runs apart is below the facts, beside them, or all of it is beside the names."""
    rows = [listed(marks=MARKED), listed("rates", 1, num_seeds=1), STOPPED]
    *lines, _, _, _ = printed(*rows, told=TOLD, width=width)
    golden = GOLDEN / f"listing_{width}.txt"
    if os.environ.get("BNREG_UPDATE_GOLDEN"):
        golden.write_text("\n".join([*lines, ""]), encoding="utf-8")
    assert lines == golden.read_text(encoding="utf-8").splitlines()
    assert max(map(len, lines)) <= width


def test_a_column_of_settings_continues_below_itself():
    told = {f"model.setting_{number}": 0.5 for number in range(5)}
    lines = printed(listed(), told=[told], width=120)
    facts = "  complete  2026-11-23 09:15  10 seeds  bn, plain  bn 96.94, plain 95.57  "
    assert lines[1:4] == [
        f"{facts}model.setting_0=0.5, model.setting_1=0.5,",
        f"{' ' * len(facts)}model.setting_2=0.5, model.setting_3=0.5,",
        f"{' ' * len(facts)}model.setting_4=0.5",
    ]


def test_no_setting_moves_a_cursor():
    """The config of an old run is checked only for its shape."""
    (line,) = [line for line in printed(listed(), told=[{"model.\x1b[2J": "\x1b]0;title\x07"}]) if "model" in line]
    assert line == r"  model.\x1b[2J=\x1b]0;title\x07"


def test_a_narrow_terminal_loses_nothing():
    text = "".join("".join(printed(listed(marks=MARKED), told=[{"optimizer.lr": 0.01}], width=24)).split())
    for part in (made_name(), "+keep+v1", "bn96.94,plain95.57", "optimizer.lr=0.01", "eightycolumns"):
        assert part in text


def test_it_fits_in_80_columns_even_with_long_names():
    long = listed("n" * 64, arms=("a" * 90, "plain"), accuracy={"a" * 90: (0.5,), "plain": (0.5,)})
    assert max(map(len, printed(long, listed()))) <= 80
    assert "".join(printed(long)).count("n" * 64) == 1


def test_an_empty_folder_says_what_to_do():
    assert printed() == ["runs: no runs yet; create one with `bnreg train bn_vs_plain`"]
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
    marked = listed(marks=Marks(("keep",), "a line"))
    complete, damaged = listing_records(
        [marked, ListedRun(Path("runs/x"), "damaged", "why")], [{"optimizer.lr": 0.1}, {}]
    )
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
        "experiment": None,
        "told_apart_by": {"optimizer.lr": 0.1},
        "command": [],
        "tags": ["keep"],
        "note": "a line",
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
