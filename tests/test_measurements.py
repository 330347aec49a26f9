"""Smoke tests of the tools that measure bnreg, ``make calibrate`` and ``make bench``, so that they keep working."""

import json
import os
import time
from pathlib import Path

import numpy as np
import pytest
from support.small_runs import training_here
from tools.benchmark import tables as speed
from tools.benchmark.commands import peak_bytes, workers_of
from tools.benchmark.limit import necessary
from tools.benchmark.ours import keeping, measure
from tools.benchmark.peers import write_start
from tools.benchmark.scaling import cost_of_a_network, scale_table
from tools.benchmark_compare import seconds_of, write_runs
from tools.calibration import tables
from tools.calibration.looks import check_shortcut, differs_anytime
from tools.calibration.parts import PARTS
from tools.calibration.real import trained_correct
from tools.calibration.tables import Table, at_most, coverage, results_markdown, write_results

from bnreg.executors.processes import CONTEXT

FEW = 10
FEW_EXAMPLES = {"data.train_size": 300}


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


def test_the_benchmark_times_epochs_evaluation_and_result():
    measured = measure(engine="torch", epochs=2, settings={"data.dataset": "mnist_5k", "seeds": 1, **FEW_EXAMPLES})
    assert len(measured["seconds"]) == 2
    assert measured["result"] > 0


def test_the_benchmark_keeps_what_a_worker_keeps(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    settings = {"data.dataset": "mnist_5k", "training.epochs": 1, **FEW_EXAMPLES}
    assert min(keeping(engine="torch", settings=settings).values()) > 0


def test_the_peers_start_where_the_engine_starts(tmp_path):
    """Their networks, and the order of their examples; ``make bench`` compares the losses after some steps."""
    write_start(tmp_path / "start.npz", num_seeds=2, epochs=1, num_examples=300)
    with np.load(tmp_path / "start.npz") as start:
        assert start["bn/linear0.weight"].shape == (2, 32, 784)
        assert start["plain/linear2.bias"].shape == (2, 1, 10)
        assert start["order"].shape == (1, 2, 300)
        np.testing.assert_array_equal(start["bn/linear1.weight"], start["plain/linear1.weight"])


def test_a_step_needs_three_products_of_each_layer_but_of_the_first_two():
    assert necessary((784, 32, 32, 10), 100) == 200 * (2 * 784 * 32 + 3 * 32 * 32 + 3 * 32 * 10)


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="read from /proc, which this system lacks")
def test_the_memory_of_workers_is_found():
    waits = CONTEXT.Process(target=time.sleep, args=(60,))
    waits.start()
    try:
        assert waits.pid in {int(worker.name) for worker in workers_of(os.getpid())}
        assert peak_bytes(Path(f"/proc/{waits.pid}")) > 1e6
    finally:
        waits.kill()
        waits.join()


def rates_of(**seconds):
    """The result of the part ``train``: 2 networks for an epoch, once, in so many seconds."""
    answers = {
        name.replace("_", " ") + " 2": [{"seconds": [s], "evaluation": 1.0, "result": 1.0}]
        for name, s in seconds.items()
    }
    limit = {"limit 2": [{"rate": necessary((784, 32, 32, 10), 100) * 600 * 4}]}
    sizes = {"rounds": 1, "examples": 60_000, "epochs": {"2": 1}, "many": [1, 2]}
    facts = {"date": "2026-11-01", "machine": "a machine", "versions": {"torch": "2"}}
    return facts | {"sizes": sizes, "answers": answers | limit}


def test_rates_are_shown_against_the_best_peer_the_limit_and_the_targets():
    result = rates_of(torch=2.0, compiled=0.4, dense=1.0, jax_stacked=4.0, jax_pair=0.8, textbook=8.0)
    rates, targets, _ = speed.tables({"train": result})
    assert dict(rates.rows) == {
        "the textbook's loop": "0.25",
        "JAX: jit, scan, vmap": "0.5",
        "JAX: a pair, tuned by hand": "2.5",
        "bnreg, torch engine": "1",
        "bnreg, compiled engine": "5",
        "bnreg, compiled engine, standardised pixels, none of which is 0": "2",
        "limit of dense products": "4",
    }
    assert [row[1] for row in targets.rows[:3]] == ["5.00 !", "2.00", "50 % !"]


def test_a_peer_that_is_missing_is_shown_with_the_reason():
    result = rates_of(torch=20.0, compiled=1.0, dense=1.0)
    result["answers"] |= {f"jax {peer} 2": "skipped: no network" for peer in ("stacked", "pair")}
    rates, targets, _ = speed.tables({"train": result})
    assert ["JAX: jit, scan, vmap", "skipped: no network"] in rates.rows
    assert [row[1] for row in targets.rows[:3]] == ["20.0", "skipped: no network", "50 % !"]


def test_the_cost_of_many_networks_is_continued_to_a_million():
    sizes = {"sweeps": [[10, 5, 4000], [100, 5, 100]]}
    answers = {
        str(networks): [
            {
                "training": {"seconds": networks / 100, "own_bytes": 5e7 + 2e3 * networks, "worker_bytes": 2e8},
                "comparing": {"seconds": 1 + networks / 1000, "own_bytes": 1e8},
                "folder_bytes": 1e3 * networks,
            }
        ]
        for networks in (100, 1000)
    }
    result = {"sizes": sizes, "answers": answers}
    few, many, far = scale_table(result).rows
    assert few == ["100", "1.0 s", "50 MB", "200 MB", "0 MB", "1.1 s", "100 MB"]
    assert many[0] == "1,000, 100 images each"
    assert far == ["1,000,000, by these slopes", "2.8 h", "2.0 GB", "200 MB", "1000 MB", "16.7 min", "100 MB"]
    assert "10.0 ms around its training at the most, 2.0 kB of the coordinator's memory" in cost_of_a_network(result)
    assert "8 GB of memory are full at 4,000,000 networks" in cost_of_a_network(result)


def test_what_was_timed_becomes_tables_of_the_page(tmp_path, monkeypatch):
    monkeypatch.setattr(speed, "RESULTS", tmp_path / "results.json")
    assert speed.results_markdown() == "Not measured in full yet.\n"
    speed.write_result("train", rates_of(torch=2.0, compiled=1.0))
    page = speed.results_markdown()
    assert "| bnreg, compiled engine | 2 |" in page
    assert page.endswith("\nMeasured once on a machine, 2026-11-01: torch 2.\n")
