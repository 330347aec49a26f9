"""Smoke tests of the tools that measure bnreg, ``make calibrate`` and ``make bench``, so that they keep working."""

import json

import numpy as np
import pytest
from support.small_runs import training_here
from tools.benchmark import keeping, stacked
from tools.benchmark_compare import seconds_of, write_runs
from tools.calibration import tables
from tools.calibration.looks import check_shortcut, differs_anytime
from tools.calibration.parts import PARTS
from tools.calibration.real import trained_correct
from tools.calibration.tables import Table, at_most, coverage, results_markdown, write_results

FEW = 10


@pytest.mark.parametrize("part", PARTS)
def test_each_part_of_the_calibration_gives_tables(part, monkeypatch):
    """With few experiments its figures say nothing, but each row has one for each column."""
    made = np.random.default_rng(0).integers(0, 2, (4 * FEW, 50), np.int8)
    monkeypatch.setattr("tools.calibration.real.trained_correct", lambda number: made[:number])
    for table in PARTS[part](FEW):
        assert table.rows
        assert {len(row) for row in table.rows} == {len(table.columns)}
        assert all(isinstance(text, str) for row in table.rows for text in row)


def test_the_calibration_trains_real_networks():
    with training_here():
        correct = trained_correct(3)
    assert correct.shape == (3, 1000)
    assert 0.5 < correct.mean() < 1


def test_a_figure_outside_its_band_is_marked_and_counted_unless_it_is_known():
    wrong = [at_most(share, 0.05, 2000, known=known) for share, known in ((0.06, 0.08), (0.08, 0.08), (0.08, None))]
    assert wrong == ["6.0", "8.0 (known)", "8.0 !"]
    covered = [coverage(share, 2000, known=known) for share, known in ((0.94, 0.9), (0.9, 0.9), (0.9, None))]
    assert covered == ["94.0", "90.0 (known)", "90.0 !"]
    assert Table("", ["a", "b", "c"], [wrong, covered]).num_misses == 2


def test_a_known_miss_is_a_miss_if_it_has_grown():
    assert (at_most(0.12, 0.05, 2000, known=0.08), coverage(0.8, 2000, known=0.9)) == ("12.0 !", "80.0 !")


def test_the_shortcut_is_held_to_the_package(monkeypatch):
    """If it called arms different where ``compare_pairs`` does not, the calibration would stop."""
    differences = np.random.default_rng(0).normal(0.5, 1, (5, 60))
    check_shortcut(differences)
    monkeypatch.setattr("tools.calibration.looks.differs_anytime", lambda values: ~differs_anytime(values))
    with pytest.raises(AssertionError, match="differs from compare_pairs"):
        check_shortcut(differences)


def test_what_was_measured_becomes_tables_of_the_page(tmp_path, monkeypatch):
    monkeypatch.setattr(tables, "RESULTS", tmp_path / "results.json")
    assert results_markdown() == "Not measured in full yet.\n"
    write_results("looks", [Table("Ever wrong", ["looks", "wrong"], [["at each seed", "4.0"]])])
    (result,) = json.loads((tmp_path / "results.json").read_text()).values()
    assert results_markdown() == (
        f"**Ever wrong** ({result['date']})\n\n| looks | wrong |\n|---|--:|\n| at each seed | 4.0 |\n"
    )


def test_the_benchmarks_runs_can_be_compared(tmp_path):
    write_runs(tmp_path, 2)
    assert seconds_of(tmp_path, "--at", "epoch=7") > 0


@pytest.mark.mnist
def test_the_benchmark_trains_and_keeps():
    assert stacked(1, 1)["rate"] > 0
    assert min(keeping().values()) > 0
