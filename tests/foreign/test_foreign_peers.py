"""Where autorank and baycomp answer the same question as a judgement, their answers are ours."""

import numpy as np
import pandas as pd
import pytest
from autorank import autorank
from autorank._util import get_sorted_rank_groups
from baycomp import CorrelatedTTest, SignTest
from scipy import stats
from support.tables import judged
from tools.calibration.peers import RULES, two_arms

from bnreg.statistics.intervals import over_redrawn_splits
from bnreg.statistics.secondary import paired_t_p_value, wilcoxon_p_value
from bnreg.statistics.shares import share_of


def scores(seed, *, arms=5, data_sets=12, decimals=3):
    """Accuracies by data set and arm; the arms get better from the first to the last."""
    generator = np.random.default_rng(seed)
    values = generator.uniform(0.5, 0.8, (data_sets, 1)) + generator.normal(0, 0.03, (data_sets, arms))
    return pd.DataFrame(values + 0.02 * np.arange(arms), columns=[f"arm{n}" for n in range(arms)]).round(decimals)


def ranking_of(folder, frame, *, higher_is_better):
    """Friedman's test as ``bnreg judge`` makes it on a file with these values."""
    rows = frame.rename_axis("dataset").reset_index().melt("dataset", var_name="method", value_name="accuracy")
    content = rows.to_csv(index=False)
    return judged(folder, content, baseline="arm0", friedman=True, higher_is_better=higher_is_better).ranking


@pytest.mark.parametrize("order", ["descending", "ascending"])
@pytest.mark.parametrize("options", [{}, {"decimals": 2}, {"arms": 3, "data_sets": 6}, {"arms": 9, "data_sets": 25}])
@pytest.mark.parametrize("seed", range(3))
def test_ranks_and_their_critical_difference_are_autoranks(tmp_path, seed, options, order):
    """Also with ties. Its p is of Friedman's chi-square, ours of the F that Iman and Davenport made of it."""
    frame = scores(seed, **options)
    ours = ranking_of(tmp_path, frame, higher_is_better=order == "descending")
    theirs = autorank(frame, order=order, force_mode="nonparametric")
    assert ours.ranks == pytest.approx(theirs.rankdf["meanrank"].reindex(frame.columns).tolist())
    assert ours.critical_difference == pytest.approx(theirs.cd, rel=1e-3)  # it interpolates a table
    assert stats.chi2.sf(ours.chi_square, len(frame.columns) - 1) == pytest.approx(theirs.pvalue)
    _, names, groups = get_sorted_rank_groups(theirs, reverse=order == "descending")
    cliques = [{*names[start : end + 1]} for start, end in groups]
    assert [{frame.columns[arm] for arm in clique} for clique in ours.cliques] == cliques


@pytest.mark.parametrize("seed", range(5))
def test_the_secondary_tests_over_data_sets_are_autoranks(seed):
    """Its Wilcoxon test is one-sided, towards the arm with the larger median, so its p is half of ours."""
    frame = scores(seed, arms=2, decimals=9)
    differences = frame["arm1"] - frame["arm0"]
    of_t, of_ranks = (autorank(frame, force_mode=mode).pvalue for mode in ("parametric", "nonparametric"))
    assert paired_t_p_value(differences) == pytest.approx(of_t)
    assert wilcoxon_p_value(differences) == pytest.approx(2 * of_ranks)


@pytest.mark.parametrize("runs", [1, 10])
@pytest.mark.parametrize("seed", range(5))
def test_the_corrected_interval_is_the_posterior_of_baycomps_correlated_t_test(seed, runs):
    """Ten folds hold one test example for nine training examples."""
    values, baseline_values = np.random.default_rng(seed).normal([[0.92], [0.90]], 0.02, (2, 10 * runs))
    ours = over_redrawn_splits(values - baseline_values, 1 / 9)
    theirs = CorrelatedTTest(baseline_values, values, rope=0.01, runs=runs)
    posterior = stats.t(theirs.df, theirs.mean, np.sqrt(theirs.var))
    assert ours.interval() == pytest.approx(posterior.interval(0.95))
    worse, _, better = theirs.probs()
    assert (ours.p_value_above(-0.01), ours.p_value_below(0.01)) == pytest.approx((worse, better))
    assert ours.p_value() == pytest.approx(2 * min(CorrelatedTTest(baseline_values, values, runs=runs).probs()))


@pytest.mark.parametrize(("wins", "losses"), [(6, 0), (7, 3), (2, 9), (19, 11)])
def test_the_share_of_seeds_that_are_better_is_bounded_by_baycomps_sign_test(wins, losses):
    """Its posterior, from the prior that is worst for the bound: one seed more on the other side."""
    arm = np.repeat([1.0, -1.0], [wins, losses])
    low, high = (
        np.quantile(SignTest.sample(0 * arm, arm, prior=(1, side), random_state=0)[:, 2], tail)
        for side, tail in ((SignTest.LEFT, 0.025), (SignTest.RIGHT, 0.975))
    )
    ours = share_of(wins, wins + losses)
    assert (ours.low, ours.high) == pytest.approx((low, high), abs=5e-3)


@pytest.mark.parametrize("skew", [0, 3])
def test_the_calibration_judges_equal_arms_as_they_do(skew):
    differences = np.random.default_rng(skew).normal(0.3, 1, (40, 8))
    differences += skew * np.maximum(differences, 0)
    arms = [pd.DataFrame(dict(zip("ab", values, strict=True))) for values in zip(*two_arms(differences), strict=True)]
    of_ranks = [autorank(one, force_mode="nonparametric").pvalue < 0.05 for one in arms]
    assert RULES["Wilcoxon (autorank, if not normal)"](differences).tolist() == of_ranks
    probable = [max(CorrelatedTTest(0 * one, one).probs()) > 0.95 for one in differences]
    assert RULES["Bayesian correlated t > 95 % (baycomp)"](differences).tolist() == probable
    assert 0 < sum(of_ranks) < 40
    assert 0 < sum(probable) < 40
