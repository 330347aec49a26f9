"""The page about one run, and the proof that its pairs are pairs."""

import pytest
from rich.console import Console
from support.made_runs import CONFIG, flip, made_name, make_run

from bnreg.analysis.about import about_run
from bnreg.analysis.pairing import prove_pairing
from bnreg.names import ReplicaId
from bnreg.report.listing import size
from bnreg.report.show import pairing_lines, run_page, run_record
from bnreg.runs import read_run
from bnreg.training.messages import Proof


def proof(num_seeds=3, points=(0,), arms=("bn", "plain"), **changes):
    """Equal hashes in all arms, except for ``changes``: key → {(point, arm, seed): value}."""
    rows = []
    for point in points:
        for arm in arms:
            for seed in range(num_seeds):
                row = {"initial_weights": f"w{seed}", "batch_order": f"b{seed}", "epochs": 2}
                row |= {
                    key: values[point, arm, seed] for key, values in changes.items() if (point, arm, seed) in values
                }
                rows.append(Proof(ReplicaId(point, arm, seed), **row))
    return rows


def lines_of(proofs):
    return pairing_lines(prove_pairing(proofs))


@pytest.mark.parametrize(
    ("rows", "lines"),
    [
        (proof(), ["initial weights and batch order equal in all arms for each of 3 seeds"]),
        (proof(1), ["initial weights and batch order equal in all arms for each of 1 seed"]),
        (
            proof(points=(0, 1)),
            ["initial weights and batch order equal in all arms for each of 3 seeds at each of 2 points"],
        ),
        (
            proof(initial_weights={(0, "bn", 1): "x"}),
            [
                "batch order equal in all arms for each of 3 seeds",
                "initial weights not equal in all arms: seed 1",
            ],
        ),
        (
            proof(12, initial_weights={(0, "bn", s): "x" for s in range(12)}, batch_order={(0, "plain", 3): "x"}),
            [
                "initial weights not equal in all arms: seeds 0, 1, 2, 3, 4, 5, 6, 7, 8, 9 and 2 more",
                "batch order not equal in all arms: seed 3",
            ],
        ),
        (proof(arms=("base",)), ["one arm: nothing to pair"]),
        ([], ["not recorded: what the arms had in common"]),
    ],
)
def test_the_proof_of_pairing_is_summarised(rows, lines):
    assert lines_of(rows) == lines


def test_the_order_of_batches_is_compared_among_equally_long_trainings():
    """The hash covers all batches seen, so a replica that stops earlier has a different one."""
    changes = {"epochs": {(0, "bn", 1): 1}, "batch_order": {(0, "bn", 1): "of one epoch"}}
    assert lines_of(proof(**changes)) == ["initial weights and batch order equal in all arms for each of 3 seeds"]


def test_points_are_not_paired_with_each_other():
    """Each point may have its own data."""
    rows = proof(points=(0, 1), batch_order={(1, arm, 0): "other" for arm in ("bn", "plain")})
    assert len(lines_of(rows)) == 1


def page(path, width=80):
    console = Console(width=width, highlight=False)
    with console.capture() as capture:
        console.print(run_page(run_record(about_run(read_run(path, only_results=True)))), crop=False)
    return [line.rstrip() for line in capture.get().splitlines()]


def test_the_page_shows_everything_in_80_columns(tmp_path, monkeypatch):
    import time

    points = [{"optimizer.lr": 0.001, "model.hidden": [8, 6]}, {"optimizer.lr": 0.01, "model.hidden": [8, 6]}]
    files = {"curves.svg": b"<svg/>", "weights/a": b"12", "weights/b/c": b"34"}
    path = make_run(tmp_path, made_name(), points=points, files=files, num_seeds=3, diverged=[("bn", 2)])
    monkeypatch.setenv("TZ", "UTC")
    time.tzset()
    lines = page(path)
    monkeypatch.undo()
    time.tzset()
    sizes = {name: size((path / name).stat().st_size) for name in ("run.json", "metrics.csv", "summary.csv")}
    assert lines == [
        "lift-20261101T120000Z-000000",
        "",
        "state     complete",
        "started   2026-11-23 03:45, took 16.1 s",
        "command   bnreg train lift.yaml seeds=10",
        "device    cpu, 2 workers, torch engine",
        "versions  bnreg 0.1.0, torch 2.15.0",
        "platform  Linux",
        "commit    01234567",
        "data      mnist: 60,000 + 10,000 examples, sha256:39275f10",
        "seeds     3: 0 to 2",
        "arms      bn: model.norm=batch; 26,570 parameters",
        "          plain (baseline): no changes; 26,506 parameters",
        "sweep     2 points",
        "          optimizer.lr: 0.001, 0.01",
        "          model.hidden: [8, 6]",
        "pairing   initial weights and batch order equal in all arms for each of 3 seeds",
        "          at each of 2 points",
        "diverged  bn, seed 2 at lr=0.001, hidden=[8, 6]",
        "          bn, seed 2 at lr=0.01, hidden=[8, 6]",
        "audit     the best learning rate of bn by test accuracy, 0.001, is the lowest of",
        "          2 tried (0.001 to 0.01): a better one may be outside this range",
        "          the best learning rate of plain by test accuracy, 0.001, is the lowest",
        "          of 2 tried (0.001 to 0.01): a better one may be outside this range",
        "          no validation split: choosing among the 2 points (optimizer.lr,",
        "          model.hidden) by test accuracy is choosing by the test split; set",
        "          data.validation_size to choose by validation accuracy",
        "          too few seeds: with 3, the smallest possible p is 0.25; p < 0.05 needs",
        "          at least 6",
        "files     run.json  " + sizes["run.json"],
        "          metrics.csv  " + sizes["metrics.csv"],
        "          summary.csv  " + sizes["summary.csv"],
        "          curves.svg  6 B",
        "          weights/  4 B in 2 files",
    ]


def test_a_damaged_file_that_no_table_needs_damages_the_run_too(tmp_path):
    path = make_run(tmp_path, made_name(), files={"curves.svg": b"<svg/>", "other": b"1"})
    flip(path / "curves.svg")
    (path / "other").unlink()
    assert "state     damaged: curves.svg is changed, other is missing" in page(path)


def test_a_fallback_and_chosen_seeds_are_shown(tmp_path):
    data = {"mnist": {"name": "mnist_5k", "fingerprint": "sha256:" + "a" * 64, "num_train": 4000, "num_test": 1000}}
    lines = page(make_run(tmp_path, made_name(), data=data, seeds=[3, 5]))
    assert "data      mnist_5k (requested mnist): 4,000 + 1,000 examples, sha256:aaaaaaaa" in lines
    assert "seeds     2: 3, 5" in lines


def test_an_older_run_is_shown_with_what_it_recorded(tmp_path):
    path = make_run(
        tmp_path, made_name(), config=False, num_workers=None, platform=None, git_commit=None, versions=None
    )
    lines = page(path)
    assert "arms      bn: no changes; 26,570 parameters" in lines
    assert "device    cpu, torch engine" in lines
    assert not [line for line in lines if line.startswith(("platform", "versions", "packages", "commit"))]


def test_the_command_is_shown_as_it_is_typed(tmp_path):
    """Without quotes, a shell would read other words."""
    words = ("bnreg", "train", "x.yaml", "model={hidden: [8]}")
    assert "command   bnreg train x.yaml 'model={hidden: [8]}'" in page(make_run(tmp_path, made_name(), command=words))


@pytest.mark.parametrize(
    ("is_dirty", "text"), [(True, ", with uncommitted changes"), (False, ", without uncommitted changes"), (None, "")]
)
def test_what_reproduces_a_run_is_shown(tmp_path, is_dirty, text):
    """The versions of all packages are folded; a run of an older bnreg does not say what was not committed."""
    packages = {"rich": "15.0", "torch": "2.15.0"}
    lines = page(make_run(tmp_path, made_name(), cpu="AMD EPYC 7B13", git_dirty=is_dirty, packages=packages))
    assert "packages  2, with their versions in run.json" in lines
    assert "platform  Linux, AMD EPYC 7B13" in lines
    assert f"commit    01234567{text}" in lines


def test_the_record_lists_the_changes_of_each_arm_by_dotted_key(tmp_path):
    record = run_record(about_run(read_run(make_run(tmp_path, made_name(), config=CONFIG))))
    assert record["arms"][0] == {"name": "bn", "changes": {"model.norm": "batch"}, "num_parameters": [26570]}
    assert record["audit"] == []
