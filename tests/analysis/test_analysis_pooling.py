"""Replicas of several runs are averaged and compared only where they saw the same data."""

from dataclasses import replace

import pytest
from support.made_runs import make_view

from bnreg.analysis.comparison import compare_views
from bnreg.analysis.question import Question
from bnreg.errors import UserError


def run_with(dataset, lr):
    """A run on this data set with this learning rate."""
    config = make_view().config
    settings = config | {"optimizer": {**config["optimizer"], "lr": lr}}
    return make_view(name=f"{dataset}-{lr}", id=f"{dataset}-{lr}", dataset=dataset, config=settings)


def test_settings_are_compared_only_on_one_data_set():
    views = [run_with(dataset, lr) for dataset in ("mnist", "mnist_5k") for lr in (0.1, 0.2)]
    (block,) = compare_views(views, Question(baseline="optimizer.lr=0.1"))
    for judged in block.judged:
        assert judged.arm.point == judged.baseline.point
    assert {group.point["dataset"] for group in block.groups} == {"mnist", "mnist_5k"}


@pytest.mark.parametrize("baseline", ["optimizer.lr=0.1", "run=mnist-0.1"])
def test_networks_tested_on_other_data_get_no_verdict(baseline):
    views = [run_with("mnist", 0.1), run_with("mnist_5k", 0.2)]
    with pytest.raises(UserError, match=r"has no replica at arm=bn, dataset=mnist_5k; .*choose another --baseline"):
        compare_views(views, Question(baseline=baseline))


def test_arms_of_different_runs_are_compared_only_on_the_same_data():
    views = [make_view(arms=("bn",), baseline=None), make_view(arms=("plain",), id="other", dataset="mnist_5k")]
    with pytest.raises(UserError, match="the baseline plain has no replica at dataset=mnist"):
        compare_views(views, Question(group_by=("arm",), baseline="plain"))


@pytest.mark.parametrize("key", ["dataset", "data.dataset"])
def test_data_sets_themselves_may_be_compared(key):
    other = make_view(id="other", dataset="mnist_5k", requested_dataset="mnist_5k")
    config = other.config | {"data": {**other.config["data"], "dataset": "mnist_5k"}}
    views = [make_view(), replace(other, config=config)]
    (block,) = compare_views(views, Question(baseline=f"{key}=mnist"))
    assert {judged.unpaired for judged in block.judged} == {"data"}


def test_different_data_under_one_name_are_neither_averaged_nor_compared():
    one = make_view()
    used = replace(one.info.data["mnist"], fingerprint="sha256:another")
    other = replace(one, info=replace(one.info, id="other", data={"mnist": used}))
    line = "the data differ under one name and can be neither averaged nor compared; add --group-by run"
    for question in (Question(group_by=("arm",)), Question(baseline=f"run={one.id}")):
        with pytest.raises(UserError, match=line):
            compare_views([one, other], question)
    assert compare_views([one, other], Question(group_by=("run",)))
