"""``compare`` and ``plot`` on the command line: with intact and damaged run folders, and with other folders."""

import json
import math
import re
import shutil
from pathlib import Path

import pytest
from support.made_runs import made_name, new_run

from bnreg.report.charts.table import CHARTS
from bnreg.runs import expand_runs, read_run


def test_compare_prints_the_paired_difference(bnreg, make_run):
    done = bnreg("compare", make_run("lift"))
    assert done.code == 0
    assert done.err == ""
    assert re.search(r"bn +helped +\+1\.00 +\[\+1\.00, \+1\.00\] +0\.031 +6/6 \[54–100 %\]", done.out)
    assert "mnist_5k (requested mnist)" in done.out


def test_compare_reads_any_number_of_runs_and_patterns_that_the_shell_left(bnreg, make_run):
    for name in ("one", "two", "three"):
        make_run(name)
    done = bnreg("compare", "runs/t*", "runs/*")
    assert [done.out.count(f"{made_name(name)}: mnist_5k") for name in ("one", "two", "three")] == [1, 1, 1]


def test_a_stray_file_beside_runs_is_skipped_whichever_side_expands_the_pattern(bnreg, make_run):
    """The shell also expands ``runs/*`` to files; a file on its own is a mistake."""
    run = make_run("lift")
    stray = Path("runs/stray.txt")
    stray.touch()
    for arguments in (["runs/*"], [run, stray], [stray, run]):
        done = bnreg("compare", *arguments)
        assert (done.code, done.err, done.out.count(f"{made_name('lift')}: mnist_5k")) == (0, "", 1)
    for arguments in ([stray], [stray, "runs"]):
        done = bnreg("compare", *arguments)
        assert (done.code, done.err) == (2, "runs/stray.txt: not a run folder (it has no manifest.json)\n")


def test_a_run_that_cannot_be_read_is_named_and_left_out(bnreg, make_run):
    """It is listed below the others, and ``--fail-if`` refuses it: a program must know that a run is missing."""
    run, damaged = make_run("lift"), make_run("other")
    (damaged / "manifest.json").unlink()
    reason = f"{damaged}: not a run folder (it has no manifest.json)\n"
    for arguments in (["runs/*"], [run, damaged]):
        done = bnreg("compare", *arguments)
        assert (done.code, done.err) == (0, "")
        assert done.out.startswith(f"{made_name('lift')}: mnist_5k")
        assert done.out.endswith(f"left out: {reason}")
    done = bnreg("compare", "runs/*", "--json")
    assert (done.err, len(json.loads(done.out))) == (f"left out: {reason}", 1)
    done = bnreg("compare", "runs/*", "--fail-if", "bn < plain")
    assert (done.code, done.out, done.err) == (2, "", reason)
    (run / "summary.csv").unlink()
    assert bnreg("compare", "runs/*").code == 2


def test_a_folder_of_runs_is_skipped_and_the_line_says_how_to_compare_them(bnreg, make_run):
    """It is not a run that a program would miss; on its own, it is a mistake."""
    make_run("lift")
    for name in ("old", "older"):
        make_run(name, root=Path("runs/archive"))
    line = "runs/archive: a folder of 2 runs, not a run; did you mean 'runs/archive/*'?\n"
    done = bnreg("compare", "runs/*")
    assert (done.code, done.err) == (0, "")
    assert done.out.endswith(f"left out: {line}")
    assert bnreg("compare", "runs/*", "--fail-if", "bn < plain").code == 0
    done = bnreg("compare", "runs/archive")
    assert (done.code, done.out, done.err) == (2, "", line)
    assert bnreg("compare", "runs/archive/*").code == 0


def test_hidden_folders_are_matched_by_no_pattern(make_run):
    """An unfinished run is written into a hidden folder."""
    run = make_run("lift")
    (run.parent / f".{run.name}.partial").mkdir()
    assert expand_runs(["runs/*"]) == [run]


def test_a_run_is_read_once_even_if_several_paths_lead_to_it(make_run):
    """Under its first name, in the order of the arguments."""
    one, two = make_run("one"), make_run("two")
    Path("link").symlink_to(two)
    assert expand_runs(["link", str(one), str(two), f"./runs/../{one}", "runs/*"]) == [Path("link"), one]


def test_odd_arguments_match_no_runs(bnreg):
    """An empty argument does not mean the current folder."""
    done = bnreg("compare", "", "x" * 300, f"{'y' * 300}/z")
    assert done.code == 2
    assert done.err.splitlines() == [
        "'': an empty argument; give a run folder",
        f"{'x' * 300}: no such run; `bnreg runs` lists the runs",
        f"{'y' * 300}/z: no such run; `bnreg runs` lists the runs",
    ]


def test_compare_as_json_holds_fractions(bnreg, make_run):
    records = json.loads(bnreg("compare", "--json", make_run("lift")).out)
    assert "bn" in json.dumps(records)
    assert "NaN" not in json.dumps(records)


def test_compare_of_one_seed_gives_no_interval_and_says_so(bnreg, make_run):
    done = bnreg("compare", make_run("single", num_seeds=1))
    assert done.code == 0
    assert "1 pair is too few for an interval" in done.out


@pytest.mark.parametrize("condition", ["bn < plain", "bn <= plain", "plain > bn"])
def test_a_script_does_not_rely_on_the_verdict_on_one_seed(bnreg, make_run, condition):
    """There is no verdict, which is neither good nor bad."""
    make_run("lift")
    make_run("single", num_seeds=1)
    done = bnreg("compare", "runs/*", "--fail-if", condition)
    reason = "test accuracy of bn against plain: too few seeds for a verdict: 1 of at least 6"
    assert (done.code, done.out, done.err) == (2, "", f"--fail-if: {made_name('single')}: {reason}\n")


def test_every_argument_without_a_run_gets_its_own_line(bnreg, make_run):
    run = make_run("lift")
    (Path("runs") / "notes").mkdir()
    done = bnreg("compare", "runs/zzz*", f"runs/{run.name[:-1]}", "nowhere/x")
    assert done.code == 2
    assert done.err.splitlines() == [
        "runs/zzz*: no run matches this pattern; create one with `bnreg train bn_vs_plain`",
        f"runs/{run.name[:-1]}: no such run; did you mean '{run}'?",
        "nowhere/x: no such run; `bnreg runs` lists the runs",
    ]
    done = bnreg("compare", "runs/notes")
    assert (done.code, done.err) == (2, "runs/notes: not a run folder (it has no manifest.json)\n")
    assert bnreg("compare").code == 2


@pytest.mark.parametrize("name", ["metrics.csv", "summary.csv", "run.json", "correct.safetensors"])
@pytest.mark.parametrize("harm", ["flip", "truncate", "remove"])
def test_a_damaged_run_is_named_and_never_averaged(bnreg, make_run, name, harm):
    """A single flipped bit is enough."""
    run = make_run("lift", correct=True)
    content = bytearray((run / name).read_bytes())
    content[len(content) // 2] ^= 1
    if harm == "remove":
        (run / name).unlink()
    else:
        (run / name).write_bytes(content if harm == "flip" else content[:-20])
    done = bnreg("compare", run)
    assert done.code == 2
    assert done.out == ""
    assert done.err.startswith(f"{run}/{name}: damaged run: ")


@pytest.mark.parametrize(
    ("manifest", "message"),
    [
        ("{", "damaged run: not a manifest that bnreg wrote"),
        ("[" * 100_000, "damaged run: not a manifest that bnreg wrote"),
        (
            '{"schema": 1, "sha256": {"certificate.json": ""}}',
            "not a run folder (its manifest.json does not list run.json)",
        ),
        ('{"schema": 99, "sha256": {}}', "written by a newer bnreg (folder schema 99, here 1); upgrade"),
    ],
    ids=["cut", "nested", "no run", "newer"],
)
def test_a_manifest_that_cannot_be_read_is_named(bnreg, make_run, manifest, message):
    run = make_run("lift")
    (run / "manifest.json").write_text(manifest)
    done = bnreg("compare", run)
    assert done.code == 2
    assert message in done.err


def test_the_tables_of_a_run_are_read_back_bit_for_bit(make_run, tmp_path):
    run = read_run(make_run("lift", root=tmp_path))
    assert run.summary["final_test_accuracy"][1] == 0.95 + 0.001 * math.sin(1) + 0.01
    assert list(run.metrics.epoch[:2]) == [1, 2]


def test_a_run_that_fails_while_it_is_written_leaves_nothing(tmp_path):
    def fail():
        with new_run(tmp_path, "broken") as (_, draft):
            draft.write("metrics.csv", b"arm\n")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fail()
    assert not list(tmp_path.iterdir())


def test_a_run_cannot_be_written_twice_into_one_file(tmp_path):
    """No file is overwritten, and JSON holds no NaN."""
    with new_run(tmp_path, "once") as (_, draft):
        draft.write("a", b"1")
        with pytest.raises(FileExistsError):
            draft.write("a", b"2")
        with pytest.raises(ValueError, match="JSON"):
            draft.write_json("b", {"x": math.nan})


@pytest.mark.parametrize(("suffix", "start"), [("svg", b"<svg"), ("png", b"\x89PNG"), ("html", b"<!DOCTYPE html>")])
def test_plot_draws_by_extension(bnreg, make_run, suffix, start):
    done = bnreg("plot", make_run("lift"), "-o", f"curves.{suffix}")
    assert (done.code, done.out) == (0, f"curves.{suffix}\n")
    assert Path(f"curves.{suffix}").read_bytes().startswith(start)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["-o", "curves.pdf"], "unknown chart format '.pdf'"),
        (["-o", "nowhere/curves.svg"], "folder nowhere does not exist"),
    ],
    ids=["format", "folder"],
)
def test_a_mistake_in_plot_is_one_line_and_draws_nothing(bnreg, make_run, arguments, message):
    run = make_run("lift")
    done = bnreg("plot", run, *arguments)
    assert done.code == 2
    assert message in done.err
    assert len(done.err.splitlines()) == 1
    assert {path.name for path in Path.cwd().iterdir()} == {"runs"}


@pytest.mark.parametrize("command", [("plot", "lift"), ("activations",), ("polynomial",)])
def test_a_chart_is_replaced_only_with_force(bnreg, make_run, command):
    make_run("lift")
    assert bnreg(*command, "-o", "drawn.svg").code == 0
    Path("drawn.svg").write_text("mine")
    remedy = "choose another path with --output, or replace it with --force"
    line = f"drawn.svg: already exists and will not be overwritten; {remedy}"
    assert bnreg(*command, "-o", "drawn.svg").err == f"{line}\n"
    assert Path("drawn.svg").read_text() == "mine"
    assert bnreg(*command, "-o", "drawn.svg", "--force").code == 0
    assert Path("drawn.svg").read_text().startswith("<svg")


def test_without_a_name_the_chart_that_fits_is_drawn_into_a_file_of_its_name(bnreg, make_run):
    run = make_run("lift")
    assert (bnreg("plot", run).out, Path("curves.svg").exists()) == ("curves.svg\n", True)


def test_an_unknown_chart_is_answered_with_all_charts(bnreg, make_run):
    done = bnreg("plot", make_run("lift"), "--chart", "curvs")
    first, *lines = done.err.splitlines()
    assert (done.code, first) == (2, "--chart: unknown chart 'curvs'; did you mean 'curves'?")
    assert lines == [f"  {name}: {chart.help}" for name, chart in CHARTS.items()]


def test_a_chart_that_a_run_cannot_have_is_refused_with_those_that_it_can_have(bnreg, make_run):
    run = make_run("lift")
    done = bnreg("plot", run, "--chart", "response")
    assert ": no response to draw: no setting is swept over distinct numbers; it can have --chart curves" in done.err
    assert (done.code, "distributions" in done.err) == (2, False)


def test_plot_of_no_run_says_so(bnreg):
    done = bnreg("plot", "nowhere")
    assert (done.code, done.err) == (2, "nowhere: no such run; `bnreg runs` lists the runs\n")


def test_plot_of_several_runs_says_so(bnreg, make_run):
    make_run("one")
    make_run("two")
    done = bnreg("plot", "runs/*")
    assert done.err.startswith("runs/*: matches 2 runs, newest first: ")
    assert done.err.endswith("; give one to draw\n")


def test_a_copied_run_is_still_a_run(bnreg, make_run):
    """Run folders are plain files: they can be renamed and moved."""
    shutil.copytree(make_run("lift"), "elsewhere")
    assert bnreg("compare", "elsewhere").code == 0


@pytest.mark.parametrize("num_seeds", [5, 6])
def test_a_script_does_not_rely_on_too_few_seeds(bnreg, make_run, num_seeds):
    """With five pairs no p can be small enough, however much worse an arm is; with six it can."""
    run = make_run("lift", num_seeds=num_seeds, lift=-0.5)
    done = bnreg("compare", run, "--fail-if", "bn < plain")
    assert done.code == (3 if num_seeds == 6 else 2)
    if num_seeds == 5:
        assert done.err.endswith("too few seeds for a verdict: 5 of at least 6\n")


def test_every_condition_counts(bnreg, make_run):
    """The first, the last, and both."""
    worse = make_run("lift", lift=-0.01)
    for conditions, code in (
        (["bn < plain", "bn > plain"], 3),
        (["bn > plain", "bn < plain"], 3),
        (["bn > plain", "plain < bn"], 0),
    ):
        words = [word for condition in conditions for word in ("--fail-if", condition)]
        done = bnreg("compare", worse, *words)
        assert done.code == code
        assert done.err.count("--fail-if bn < plain: ") == (code == 3)


def test_a_loss_without_a_smallest_effect_fails_no_script_by_accident(bnreg, make_run):
    run = make_run("lift")
    done = bnreg("compare", run, "--metric", "test_loss", "--fail-if", "bn < plain")
    assert (done.code, done.out) == (2, "")
    assert done.err.endswith("has no smallest effect, so no difference helps or hurts; give --smallest-effect\n")
    assert (
        bnreg("compare", run, "--metric", "test_loss", "--smallest-effect", "0.01", "--fail-if", "bn < plain").code == 0
    )


def test_another_smallest_effect_than_the_declared_one_is_marked(bnreg, make_run):
    run = make_run("lift")
    declared, other = (
        bnreg("compare", run, "--width", "200", *words).out for words in ([], ["--smallest-effect", "3pp"])
    )
    assert "smallest effect" not in declared.splitlines()[0]
    assert "smallest effect 3.00 pp instead of 0.20 pp" in other.splitlines()[0]
    refused = bnreg("compare", run, "--smallest-effect", "0.3")
    assert (refused.code, refused.out) == (2, "")
    assert "as a share that is 30 percentage points; write 0.3pp or 30pp" in refused.err
