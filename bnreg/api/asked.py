"""The keywords of a comparison, which are the options of ``bnreg compare``."""

from collections.abc import Mapping, Sequence
from typing import Any, TypedDict

from bnreg.analysis.question import Question
from bnreg.api.kinds import of_kind
from bnreg.wording import unknown


class Asked(TypedDict, total=False):
    """What may be asked of runs; a text stands for a list of one.

    Attributes:
        metric: The metrics to compare by, such as ``test_loss``; usually the accuracy on the test set.
        baseline: The arm to compare with, or ``KEY=VALUE`` to compare along another key.
        smallest_effect: The smallest difference that matters, such as ``"0.2pp"``, or a mapping from metrics to these.
        at: When to measure: ``last``, ``best``, ``last=N``, ``epoch=N`` or ``step=N``.
        where: Only networks that match, such as ``"optimizer.lr<0.1"``.
        group_by: Pool all runs by these keys, such as ``optimizer.lr``.
        sort: Order by a setting or metric, with ``-`` before it for descending.
        columns: Further settings to show.
        only_changed: Whether to show only settings that differ.
        tests: Whether to add further tests.
        seeds: Whether to list each seed.
    """

    metric: str | Sequence[str]
    baseline: str
    smallest_effect: float | str | Mapping[str, float | str]
    at: str
    where: str
    group_by: str | Sequence[str]
    sort: str
    columns: str | Sequence[str]
    only_changed: bool
    tests: bool
    seeds: bool


_LISTS = ("metric", "group_by", "columns")
_TEXTS = ("baseline", "at", "where", "sort")


def question_of(asked: Asked) -> Question:
    """The question.

    Raises:
        TypeError: If a keyword is not one of those.
        UserError: If a value is of no kind that it can be.
    """
    given: dict[str, Any] = dict(asked)
    for name in given.keys() - Asked.__annotations__.keys():
        raise TypeError(f"compare: {unknown('keyword', name, [*Asked.__annotations__])}")
    for name, value in given.items():
        if name in _LISTS:
            of_kind(value, (str, Sequence), name, "a text or a list of texts")
            given[name] = tuple(of_kind(one, str, name, "a text or a list of texts") for one in _list_of(value))
        elif name in _TEXTS:
            of_kind(value, str, name, "a text")
    effect = given.pop("smallest_effect", {})
    effects = effect if isinstance(effect, Mapping) else {"": effect}
    return Question(metrics=given.pop("metric", ()), smallest_effects=effects, **given)


def _list_of(value: str | Sequence[str]) -> Sequence[str]:
    return (value,) if isinstance(value, str) else value
