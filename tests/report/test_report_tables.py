"""The comparison as a reader sees it: golden tables, and properties of every table.

``BNREG_UPDATE_GOLDEN=1 pytest tests/report`` rewrites the golden tables; read the diff before you commit it.
"""

import io
import json
import os
import re
import subprocess
import sys
from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from rich.console import Console
from support.made_runs import make_view

from bnreg.analysis.comparison import compare_views
from bnreg.analysis.interactions import interactions_of
from bnreg.analysis.question import Question
from bnreg.analysis.run_view import view_of
from bnreg.report.comparison.records import block_record
from bnreg.report.comparison.tables import block_markdown, block_tables
from bnreg.report.grid import GAP, INDENT, Grid
from bnreg.statistics.intervals import example_error
from bnreg.wording import short_names

GOLDEN = Path(__file__).parent / "golden"
RUN = "bn_vs_plain-20261123T025048Z-ba735d"

VIEWS = {
    "pair": lambda: [make_view()],
    "fallback": lambda: [
        make_view(
            name="three_arms",
            arms=("bn", "plain", "dropout"),
            dataset="mnist_5k",
            requested_dataset="mnist",
            diverged=(("dropout", 2),),
            missing=(("bn", 3),),
        )
    ],
    "sweep": lambda: [
        make_view(sweep={"optimizer.lr": [0.001, 0.01, 0.1], "model.norm": ["batch", None]}, num_seeds=5)
    ],
    "diverged_sweep": lambda: [
        make_view(sweep={"optimizer.lr": [0.001, 0.01], "model.norm": ["batch", None]}, diverged=(("plain", 1),))
    ],
    "many_keys": lambda: [make_view(sweep={"optimizer.lr": [0.1], "model.norm": ["batch"], "model.width": [32, 64]})],
    "statistics": lambda: [make_view(running={"bn": 0.9512}, inference_statistics="population")],
    "runs": lambda: [make_view(num_seeds=1, num_epochs=1), make_view(name="alone", arms=("bn",), baseline=None)],
}


def records_of(views):
    return [block_record(block) for block in compare_views(views)]


def markdown_of(view):
    return block_markdown(compare_views([view]))


def render(views, width):
    console = Console(file=io.StringIO(), width=width, highlight=False)
    console.print(block_tables(compare_views(views)), crop=False)
    return "".join(f"{line.rstrip()}\n" for line in console.file.getvalue().splitlines())


@pytest.mark.parametrize("width", [80, 120])
@pytest.mark.parametrize("name", VIEWS)
def test_the_table_is_the_golden_one(name, width):
    text = render(VIEWS[name](), width)
    golden = GOLDEN / f"{name}_{width}.txt"
    if os.environ.get("BNREG_UPDATE_GOLDEN"):
        golden.write_text(text, encoding="utf-8")
    assert text == golden.read_text(encoding="utf-8")


@pytest.mark.parametrize("name", VIEWS)
def test_no_number_is_cut_or_wrapped_at_80_columns(name):
    """The table has the same numbers as one with unlimited width."""
    figures = r"[+-]?\d[\d.]* ± +[\d.]+|\[[^]]+\]|< 0\.001|\b\d+ of +\d+|\b\d+/\d+|[+-]\d+\.\d\d\b"
    narrow, wide = (re.findall(figures, render(VIEWS[name](), width)) for width in (80, 1000))
    assert sorted(narrow) == sorted(wide)
    assert "…" not in render(VIEWS[name](), 80)


def test_accuracy_by_running_statistics_is_added_only_to_accuracy_by_population_statistics():
    """If the main accuracy used running statistics too, the same column would be there twice."""
    assert "by running" in render(VIEWS["statistics"](), 80)
    assert render([make_view(running={"bn": 0.9512})], 80) == render([make_view()], 80)


def test_no_line_is_longer_than_80_columns():
    for views in VIEWS.values():
        assert max(map(len, render(views(), 80).splitlines())) <= 80


@pytest.mark.parametrize("width", [40, 60])
@pytest.mark.parametrize("name", VIEWS)
def test_no_name_or_number_vanishes_on_a_narrow_terminal(name, width):
    """The table overflows the terminal; names wrap only between words."""
    narrow, wide = (Counter(re.findall(r"[\w.=]+", render(VIEWS[name](), columns))) for columns in (width, 1000))
    assert narrow == wide


def test_only_very_long_names_are_split():
    """Otherwise they would leave no room for numbers."""
    view = make_view(arms=("a" * 20, "plain"), sweep={"model.norm": ["b" * 30]})
    lines = [line.split() for line in render([view], 60).splitlines() if "aaa" in line]
    assert [line[:2] for line in lines[:2]] == [["b" * 12, "a" * 12], ["b" * 12, "a" * 8]]
    assert "b" * 30 in render([view], 200)


@pytest.mark.parametrize(
    ("name", "width", "lines"),
    [
        (RUN, 40, [RUN]),
        (RUN, 30, ["bn_vs_plain-20261123T025048Z-", "ba735d"]),
        (RUN, 28, ["bn_vs_plain-", "20261123T025048Z-ba735d"]),
        (RUN, 18, ["bn_vs_plain-", "20261123T025048Z-", "ba735d"]),
        (RUN, 12, ["bn_vs_plain-", "20261123", "T025048Z-", "ba735d"]),
        (f"{RUN} (baseline)", 28, ["bn_vs_plain-", "20261123T025048Z-ba735d", "(baseline)"]),
        ("deep and wide-bn", 12, ["deep and", "wide-bn"]),
        ("decay_1e-05", 10, ["decay_1e-05"]),
        ("run-of-a-kind", 8, ["run-of-", "a-kind"]),
    ],
)
def test_names_are_broken_between_words_then_after_hyphens_and_an_ids_date(name, width, lines):
    """No part is left out, and a column is no narrower than what must not be broken."""
    console = Console(file=io.StringIO(), width=INDENT + width + GAP + 1, highlight=False)
    console.print(Grid(["run", "n"], [[name, "1"]], num_names=1), crop=False)
    _, _, first, *others = (line.rstrip() for line in console.file.getvalue().splitlines())
    assert [line.strip() for line in (first.removesuffix("1"), *others)] == lines


@pytest.mark.parametrize("question", [{"group_by": ("run",)}, {"baseline": f"run={RUN}"}])
def test_tables_of_runs_fit_80_columns_with_readable_ids(question):
    views = [make_view(id=run) for run in (RUN, RUN.replace("ba735d", "0c0ffe"))]
    console = Console(file=io.StringIO(), width=80, highlight=False)
    console.print(block_tables(compare_views(views, Question(**question))), crop=False)
    lines = console.file.getvalue().splitlines()
    assert max(map(len, lines)) <= 80
    shown = re.findall(r"[\w-]*(?:bn_vs|20261123|T025048Z|ba735d|0c0ffe)[\w-]*", "\n".join(lines))
    whole_parts = r"(bn_vs_plain-)?(20261123)?(T025048Z-)?(ba735d|0c0ffe)?"
    assert shown
    assert all(re.fullmatch(whole_parts, part) for part in shown)


def test_runs_of_one_experiment_are_identified_by_their_folders():
    ids = ["bn_vs_plain-20261123T025048Z-ba735d", "bn_vs_plain-20261124T025048Z-0c0ffe"]
    views = [make_view(id=run) for run in ids]
    assert [line.partition(":")[0] for line in render(views, 80).splitlines() if "mnist" in line] == ids
    assert [(record["run"], record["name"]) for record in records_of(views)] == [(run, "bn_vs_plain") for run in ids]
    assert markdown_of(views[0]).startswith("**bn_vs_plain**: mnist, 5 epochs")


def test_the_title_breaks_between_facts():
    lines = render([make_view(overrides=("optimizer.lr=0.01", "seeds=[1, 2]"))], 48).splitlines()
    assert lines[:3] == [
        "bn_vs_plain-20261123T025048Z-ba735d: mnist,",
        "5 epochs, 10 seeds, cpu, 41 s,",
        "optimizer.lr=0.01, seeds=[1, 2]",
    ]


def test_settings_that_override_the_config_are_shown():
    command = ["bnreg", "train", "configs/x.yaml", "--runs=a=b", "optimizer.lr=0.01", "arms.bn.model.norm=null"]
    plain = make_view()
    info = replace(plain.info, name="x", id="x-1", command=tuple(command))
    view = view_of(info, {"metrics": plain.metrics}, plain.summary)
    title = "mnist, 5 epochs, 10 seeds, cpu, 41 s, optimizer.lr=0.01, arms.bn.model.norm=null\n"
    assert render([view], 1000).startswith(f"x-1: {title}")
    assert markdown_of(view).startswith(f"**x**: {title}")
    assert records_of([view])[0]["overrides"] == ["optimizer.lr=0.01", "arms.bn.model.norm=null"]


def test_a_swept_setting_of_one_arm_names_the_arm():
    """Its values do not apply to the other arms in the table."""
    assert short_names(["optimizer.lr", "arms.bn.optimizer.lr"]) == ["lr", "bn lr"]
    assert short_names(["arms.a.optimizer.lr", "arms.b.optimizer.lr"]) == ["a lr", "b lr"]
    assert short_names(["model.name", "optimizer.name"]) == ["model.name", "optimizer.name"]
    assert "  bn lr  arm  " in render([make_view(sweep={"arms.bn.optimizer.lr": [0.1, 0.01]})], 80)


def test_a_hundred_points_have_one_line_per_point_and_arm():
    view = make_view(sweep={"optimizer.lr": [k / 1000 for k in range(1, 101)]}, num_seeds=3)
    lines = render([view], 80).splitlines()
    assert sum(" ± " in line for line in lines) == 200
    assert sum("/3 [" in line for line in lines) == 100


def test_the_title_names_the_data_set_that_was_really_used():
    fallback = make_view(dataset="mnist_5k", requested_dataset="mnist")
    assert "mnist_5k (requested mnist)" in render([fallback], 80)
    assert "mnist_5k (requested mnist)" in markdown_of(fallback)
    assert "requested" not in render([make_view()], 80)


def test_names_are_shown_as_they_are():
    """Neither rich nor Markdown interprets a name as markup."""
    view = make_view(name="[bold]x_y", arms=("*c* _d_", "[red]a|b"), baseline="[red]a|b", missing=(("[red]a|b", 0),))
    text, markdown = render([view], 80), markdown_of(view)
    assert text.startswith("[bold]x_y-20261123T025048Z-ba735d: mnist")
    assert "  [red]a|b (baseline)  " in text
    assert "  against [red]a|b  " in text
    assert "*c* _d_ against [red]a|b: seed 0" in text
    assert markdown.startswith("**[bold]x_y**: mnist")
    assert "| [red]a\\|b (baseline) |" in markdown
    assert "| against [red]a\\|b |" in markdown
    assert "\\*c\\* \\_d\\_ against [red]a\\|b: seed 0" in markdown


@pytest.mark.parametrize(
    ("num_seeds", "note"),
    [
        (1, "1 pair is too few for an interval or a p below 1.000: use at least 6 seeds"),
        (2, "a p below 0.500: use at least 6 seeds"),
        (5, "a p below 0.062: use at least 6 seeds"),
        (6, None),
    ],
)
def test_the_table_says_when_seeds_are_too_few_for_a_claim(num_seeds, note):
    text = render([make_view(num_seeds=num_seeds)], 80)
    assert note in text if note else "too few" not in text


def test_a_missing_interval_is_a_dash():
    """If one arm has only a single pair, the other arms keep their intervals."""
    view = make_view(arms=("bn", "wide", "plain"), num_seeds=6, missing=tuple(("bn", seed) for seed in range(1, 6)))
    text = render([view], 80)
    assert re.search(r"^  bn +~ +[+-]\d\.\d\d +–  1\.000 +1/1 +\[3–100 %\]$", text, re.M)
    assert re.search(r"^  wide +(~|helped) +[+-]\d\.\d\d \[", text, re.M)
    holm = "after Holm for 2 comparisons: use at least 7 seeds"
    unbroken = text.replace("\n", " ")
    assert f" 1 pair is too few for an interval or a p below 1.000 {holm} " in unbroken
    assert f" 6 pairs are too few for a p below 0.062 {holm} " in unbroken


def test_a_small_p_is_never_shown_as_zero():
    """Twelve wins in twelve seeds: p = 2 / 2^12 = 0.0005."""
    text = render([make_view(num_seeds=12)], 80)
    assert "< 0.001" in text
    assert "0.000" not in text


def test_without_a_baseline_nothing_is_compared():
    text = render([make_view(baseline=None)], 80)
    assert "±" in text
    assert "difference" not in text
    assert records_of([make_view(baseline=None)])[0]["comparisons"] == []


def test_arms_without_a_common_seed_are_not_compared():
    view = make_view(num_seeds=2, missing=(("bn", 0), ("plain", 1)))
    assert re.search(r"bn +– +– +– +0/0", render([view], 80))
    assert "seeds 0, 1 have no partner and are left out" in render([view], 80)
    assert records_of([view])[0]["comparisons"][0]["difference"] is None


def test_diverged_replicas_are_counted_if_there_are_any():
    assert "1 of 10" in render([make_view(diverged=(("plain", 4),))], 80)
    assert "diverged" not in render([make_view()], 80)


@pytest.mark.parametrize("name", VIEWS)
def test_records_are_plain_data(name):
    """JSON has neither NaN nor numpy numbers."""
    records = records_of(VIEWS[name]())
    assert json.loads(json.dumps(records, allow_nan=False)) == records


def test_records_hold_fractions_computed_from_the_summary():
    view = make_view(sweep={"optimizer.lr": [0.1, 0.01]})
    record = records_of([view])[0]
    summary = pd.DataFrame(view.summary)
    rows = summary[summary["optimizer.lr"] == 0.01].set_index("seed")
    bn, plain = (rows[rows["arm"] == arm]["final_test_accuracy"] for arm in ("bn", "plain"))
    of_bn = next(one for one in record["arms"] if one["point"] == {"optimizer.lr": 0.01} and one["arm"] == "bn")
    assert of_bn["test_accuracy"] == pytest.approx({"mean": np.mean(bn), "std": np.std(bn, ddof=1)})
    comparison = next(one for one in record["comparisons"] if one["point"] == {"optimizer.lr": 0.01})
    assert comparison["difference"] == pytest.approx(np.mean(bn - plain))
    assert comparison["wins"] == sum(bn > plain)


@pytest.mark.parametrize("name", VIEWS)
def test_markdown_has_the_same_cells_and_notes_as_the_table(name):
    for view in VIEWS[name]():
        markdown, table = markdown_of(view), render([view], 1000)
        cells = {cell.strip() for row in re.findall(r"^\|(.*)\|$", markdown, re.M) for cell in row.split(" | ")}
        cells = {cell.replace("\\~", "~") for cell in cells}
        assert all(cell in table for cell in cells if not cell.startswith(":") and not cell.endswith(":"))
        rows = [line for line in table.splitlines() if line.startswith("  ") and "──" not in line]
        assert len(re.findall(r"^\|(?! :)", markdown, re.M)) == len(rows)
        notes = [line for line in table.splitlines()[1:] if line and not line.startswith(" ")]
        assert all(note in markdown.replace("\\~", "~") for note in notes)


def test_tables_need_no_chart_library():
    """``bnreg compare`` draws nothing, so it does not wait for altair."""
    code = "import sys, bnreg.report.comparison.tables; print({'altair', 'scipy', 'torch'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"


def test_a_sweep_of_two_settings_shows_whether_they_change_the_advantage():
    """The difference of differences, seed by seed."""
    view = make_view(sweep={"optimizer.lr": [0.1, 0.01], "model.width": [32, 64]})
    (record,) = records_of([view])
    differences = {
        (one["factor"], one["level"], *one["at"].values()): one["difference"] for one in record["interactions"]
    }
    advantage = {tuple(one["point"].values()): one["difference"] for one in record["comparisons"]}
    assert differences == {
        ("optimizer.lr", "0.01", "32"): pytest.approx(advantage[0.01, 32] - advantage[0.1, 32]),
        ("optimizer.lr", "0.01", "64"): pytest.approx(advantage[0.01, 64] - advantage[0.1, 64]),
        ("model.width", "64", "0.1"): pytest.approx(advantage[0.1, 64] - advantage[0.1, 32]),
        ("model.width", "64", "0.01"): pytest.approx(advantage[0.01, 64] - advantage[0.01, 32]),
    }
    assert re.search(r"^  bn +lr 0\.01 vs 0\.1 +width=32 +(~|equivalent) ", render([view], 120), re.M)
    (record,) = records_of([make_view(sweep={"optimizer.lr": [0.1, 0.01]})])
    assert [(one["factor"], one["level"], one["at"]) for one in record["interactions"]] == [
        ("optimizer.lr", "0.01", {})
    ]
    assert records_of([make_view()])[0]["interactions"] == []


def test_with_saved_answers_the_interval_of_a_change_is_over_seeds_and_examples():
    """The same as for the advantage itself; diverged seeds, other metrics and other epochs have no answers."""
    random = np.random.default_rng(0)
    flags = {point: random.random((2, 10, 300)) < random.random((2, 1, 300)) for point in range(4)}
    sweep = {"optimizer.lr": [0.1, 0.01], "model.dropout": [None, 0.5]}
    view = replace(make_view(sweep=sweep, diverged=(("bn", 3),)), load_correct=lambda: flags)
    metrics = ("test_accuracy", "test_loss")
    (block,) = compare_views([view], Question(metrics=metrics))
    signed = np.array([1, -1])[:, None, None] * np.delete(flags[2] * 1 - flags[0], 3, axis=1)
    found = interactions_of(block, "test_accuracy")[0].evidence
    assert (found.interval_over, found.num_pairs) == ("seeds and examples", 9)
    assert found.floor_error > 0
    assert found.floor_error == pytest.approx(example_error(signed.sum(axis=0).astype(np.int8)))
    assert {one.evidence.interval_over for one in interactions_of(block, "test_loss")} == {"seeds"}
    (at_an_epoch,) = compare_views([view], Question(metrics=metrics, at="epoch=2"))
    assert {one.evidence.interval_over for one in interactions_of(at_an_epoch, "test_accuracy")} == {"seeds"}


@pytest.mark.parametrize("order", ["order", "another"])
def test_an_advantage_without_pairs_takes_part_in_no_interaction(order):
    """Also if the arms are paired at the other points: a change between the two kinds would mean nothing."""
    widths = {"model.width": [32, 64]}
    views = [
        make_view(sweep={"optimizer.lr": [0.1]} | widths),
        make_view(id="bn", arms=("bn",), baseline=None, sweep={"optimizer.lr": [0.01]} | widths),
        make_view(id="plain", arms=("plain",), sweep={"optimizer.lr": [0.01]} | widths, batch_order=order),
    ]
    (block,) = compare_views(views, Question(group_by=("optimizer.lr", "model.width")))
    unpaired = "batch orders" if order == "another" else None
    assert [one.unpaired for one in block.judged] == [unpaired, unpaired, None, None]
    assert len(interactions_of(block, "test_accuracy")) == (0 if unpaired else 4)


def test_two_data_sets_share_no_examples():
    random = np.random.default_rng(0)
    flags = {point: random.random((2, 10, 300 - 100 * (point % 2))) < 0.9 for point in range(4)}
    view = make_view(sweep={"optimizer.lr": [0.1, 0.01], "data.dataset": ["mnist", "kmnist"]})
    used = view.info.data["mnist"]
    data = {name: replace(used, name=name, fingerprint=name) for name in ("mnist", "kmnist")}
    (block,) = compare_views([replace(view, info=replace(view.info, data=data), load_correct=lambda: flags)])
    assert {one.evidence.interval_over for one in interactions_of(block, "test_accuracy")} == {"seeds"}
