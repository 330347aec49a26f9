"""``bnreg judge``: the verdicts on a table that another tool wrote, in the words of ``compare``."""

import json
import re
from pathlib import Path

import pytest
from support.made_runs import write_run
from support.pages import JUDGED, PASTED
from support.tables import ARMS, tidy, wide

DATA_SETS = "method,dataset,accuracy\n" + "".join(
    f"{arm},set{number},{0.7 + number / 50 + shift:.3f}\n"
    for number in range(8)
    for arm, shift in (("bn", 0.03 + number / 500), ("elu", 0.01 * (-1) ** number), ("plain", 0.0))
)


@pytest.fixture
def judge(bnreg):
    """Judge a file with this content."""

    def call(content, *options):
        Path("results.csv").write_text(content)
        return bnreg("judge", "results.csv", *options)

    return call


def test_the_tables_notes_and_guesses(judge):
    done = judge(tidy(), "--width", 120)
    assert done.code == 0
    assert done.err == (
        "note: guessed --seed seed --arm method --metric accuracy --baseline plain\n"
        "note: --higher-is-better, by the name accuracy\n"
        "note: --smallest-effect 0.002, the usual one of an accuracy\n"
    )
    assert re.search(r"results.csv: accuracy, 8 seeds", done.out)
    assert re.search(r"method +accuracy, % +n\n", done.out)
    assert re.search(r"plain \(baseline\) +94.89 ± 0.26  8\n", done.out)
    assert re.search(r"against plain  verdict  difference \[95 %\], pp +p +won \[95 %\]\n", done.out)
    assert re.search(r"bn +helped +\+1\.16 \[\+1\.12, \+1\.21\] +0\.016 +8/8 \[63–100 %\]\n", done.out)
    assert re.search(r"elu +~ ", done.out)
    assert "p of sign flips, after Holm for 2 comparisons; ~ inconclusive" in " ".join(done.out.split())


def test_the_record_has_the_fields_of_compare(judge, bnreg):
    """A script that reads one can read the other."""
    write_run("lift")
    (block,) = json.loads(bnreg("compare", "runs/*", "--json").out)
    done = json.loads(judge(tidy(), "--json").out)
    assert done["comparisons"][0].keys() == block["comparisons"][0].keys()
    assert {"along", "baseline", "arms", "comparisons", "notes"} <= done.keys() & block.keys()
    assert {"point", "arm", "num_seeds", "num_diverged"} <= done["arms"][0].keys() & block["arms"][0].keys()
    assert (done["file"], done["metric"], done["comparisons"][0]["verdict"]) == ("results.csv", "accuracy", "helped")
    assert done["assumed"][0].startswith("guessed --seed seed")


@pytest.mark.parametrize(
    ("condition", "code"), [("bn > plain", 3), ("plain < bn", 3), ("bn < plain", 0), ("elu <= plain", 3)]
)
def test_fail_if_means_what_it_does_in_compare(judge, condition, code):
    done = judge(tidy(), "--fail-if", condition)
    assert done.code == code
    arm = condition.replace("plain", "").strip(" <>=")
    verdict = {"bn": "helped", "elu": "inconclusive"}[arm]
    said = f"--fail-if {condition}: results.csv: accuracy of {arm} against plain: {verdict}\n"
    assert (said in done.err) == (code == 3)


def test_fail_if_refuses_what_cannot_have_a_verdict(judge):
    few = tidy({arm: values[:3] for arm, values in ARMS.items()})
    for content, condition, said in (
        (
            few,
            "bn < plain",
            "--fail-if: results.csv: accuracy of bn against plain: too few seeds for a verdict: 3 of at",
        ),
        (tidy(), "bm < plain", "--fail-if: bm and plain were not compared (compared: bn with plain, elu with plain)"),
        (tidy(), "bn ~ plain", "--fail-if 'bn ~ plain': expected ARM < ARM"),
        (tidy(header="method,seed,x"), "bn < plain", "neither direction of this metric is better"),
    ):
        done = judge(content, "--fail-if", condition)
        assert (done.code, done.out) == (2, "")
        assert said in done.err


def test_options_name_the_columns(judge):
    content = tidy(header="Kind,No,Held Out")
    done = judge(content, "--arm", "kind", "--seed", "no", "--metric", "held-out", "--baseline", "plain")
    assert (done.code, "Held Out, 8 Nos" in done.out) == (0, True)
    assert "the name Held Out does not tell which direction is better" in done.err
    done = judge(content, "--arm", "kind", "--seed", "nr", "--metric", "held-out")
    assert (done.code, done.out) == (2, "")
    assert done.err == "--seed: results.csv: unknown column 'nr' (choices: Kind, No, Held Out)\n"


def test_a_wide_table(judge):
    options = ["--wide", "--metric", "test_loss", "--lower-is-better", "--smallest-effect", "0"]
    done = judge(wide(), *options)
    assert re.search(r"bn +hurt ", done.out)
    assert "note: guessed --seed seed --arm bn,elu,plain --baseline plain\n" in done.err


def test_several_data_sets_with_ranks_and_a_diagram(judge):
    done = judge(DATA_SETS, "--friedman", "--diagram", "ranks.svg", "--width", 120)
    assert done.code == 0
    assert "over 8 data sets, by the mean difference on each:" in done.out
    assert re.search(r"bn +helped +\+3\.70 .+ 8/8 ", done.out)
    assert re.search(
        r"method  rank +not told apart\n.+\n +bn +1\.00 +\n +elu +2\.50 +\| *\n +plain +2\.50 +\|", done.out
    )
    drawn = Path("ranks.svg").read_text()
    assert all(f">{name}<" in drawn for name in ("bn 1.00", "elu 2.50", "plain 2.50", "critical difference 1.17"))
    again = judge(DATA_SETS, "--friedman", "--diagram", "ranks.svg")
    assert (again.code, again.out) == (2, "")
    assert "ranks.svg: already exists" in again.err
    assert judge(DATA_SETS, "--diagram", "other.svg").err == (
        "--diagram draws the ranks of Friedman's test; add --friedman\n"
    )


def test_with_several_data_sets_fail_if_is_about_all_of_them(judge):
    """A single value per data set could never have a verdict of its own."""
    assert judge(DATA_SETS, "--fail-if", "bn < plain").code == 0
    assert judge(DATA_SETS, "--fail-if", "bn > plain").code == 3
    few = "".join(f"{line}\n" for line in DATA_SETS.splitlines()[:13])
    done = judge(few, "--fail-if", "bn < plain")
    assert (done.code, "too few data sets for a verdict: 4 of at least 7" in done.err) == (2, True)


def test_names_cannot_move_the_cursor(judge):
    done = judge(tidy().replace("bn,", "b\x1b[2Jn,"))
    assert done.code == 0
    assert "\x1b" not in done.out + done.err


def test_the_table_of_the_first_page_gives_what_is_shown_there(judge):
    done = judge(PASTED, "--baseline", "plain", "--smallest-effect", "0.2pp", "--width", 80)
    assert done.out.strip("\n") == JUDGED.strip("\n")
