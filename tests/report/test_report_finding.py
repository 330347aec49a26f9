"""The headline of a run: what it found, in a sentence."""

import re

import pytest
from support.made_runs import CONFIG, make_view

from bnreg.analysis.comparison import block_of
from bnreg.report.finding import finding

LRS = {"optimizer.lr": [0.1, 1.0, 2.0]}
MANY = tuple(f"arm{number}" for number in range(7))
DIVERGED = tuple(("plain", seed) for seed in (1, 4, 5))


def by_loss(**compare):
    """A run whose verdict is on the loss."""
    return make_view(lift=0.01, config={**CONFIG, "compare": {"metric": "test_loss", **compare}})


CASES = {
    "helped": (make_view(lift=0.01), r"bn helped: \+1\.\d\d pp \[\+1\.\d\d, \+1\.\d\d\], 10 of 10 seeds"),
    "hurt": (make_view(lift=-0.02), r"bn hurt: −1\.\d\d pp \[−1\.\d\d, −1\.\d\d\], 10 of 10 seeds"),
    "no difference": (
        make_view(lift=-0.006),
        r"bn is (equivalent|inconclusive): [+−]0\.\d\d pp \[−0\.\d\d, \+0\.\d\d\], better in \d of 10 seeds",
    ),
    "one seed": (make_view(num_seeds=1, lift=0.01), r"bn is inconclusive: \+1\.\d\d pp, better in 1 of 1 seed"),
    "no baseline": (make_view(baseline=None), "bn_vs_plain: mnist"),
    "another metric": (
        by_loss(smallest_effect={"test_loss": 0.01}),
        r"bn helped: test loss −0\.05\d\d \[−0\.\d{4}, −0\.\d{4}\], 10 of 10 seeds",
    ),
    "a metric without a smallest effect": (
        by_loss(),
        r"bn is lower: test loss −0\.05\d\d \[−0\.\d{4}, −0\.\d{4}\], lower in 10 of 10 seeds",
    ),
    "several arms": (
        make_view(arms=("bn", "elu", "plain"), lift=0.01),
        r"bn helped \(\+2\.\d\d pp\) and elu helped \(\+0\.\d\d pp\)",
    ),
    "many arms": (
        make_view(arms=MANY, baseline="arm0"),
        r"of 6 comparisons with arm0, 6 hurt; most: arm6, −3\.\d\d pp",
    ),
    "many arms without a difference": (
        make_view(arms=MANY, baseline="arm0", num_seeds=2),
        r"of 6 comparisons with arm0, 6 inconclusive",
    ),
    "a sweep": (
        make_view(sweep=LRS, lift=0.01),
        r"bn helped at all 3 points; most at lr=(0\.1|1|2): \+1\.\d\d pp",
    ),
    "diverged": (
        make_view(lift=0.01, diverged=DIVERGED),
        r"bn helped: .*, 7 of 7 seeds; plain diverged in 3 of 10 seeds",
    ),
    "diverged in a sweep": (
        make_view(sweep=LRS, diverged=(("plain", 1),)),
        r"bn .*; plain diverged in 3 of 30 networks, at 3 of 3 points",
    ),
    "nothing left": (
        make_view(num_seeds=1, diverged=(("plain", 0),)),
        "bn is untested; plain diverged in 1 of 1 seed",
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_the_finding_is_the_verdict_in_words(name):
    view, pattern = CASES[name]
    assert re.fullmatch(pattern, finding(block_of(view))), finding(block_of(view))
