"""What tells the runs in a list apart, and those of them that have certain settings or tags."""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from itertools import product
from typing import Any

from bnreg.analysis import query
from bnreg.analysis.query import Condition, check_keys, parse_filter
from bnreg.config.cell_settings import cell_settings, flat_config
from bnreg.errors import UserError
from bnreg.names import CLAIM, INDIFFERENT, SWEEP, TUNE, TUNED
from bnreg.runs.finding.listing import ListedRun
from bnreg.runs.finding.marks import is_tag
from bnreg.runs.info import RunInfo
from bnreg.wording import as_written, show, unknown

# Sections that a config lacks if it does not use them; any other setting is missing if the run is older than it.
_OPTIONAL = ("arms", SWEEP, TUNE)
_SHOWN_ELSEWHERE = ("name", "baseline", TUNED, CLAIM, *INDIFFERENT)
_UNKNOWN = object()


def told_apart(listed: Sequence[ListedRun]) -> list[dict[str, Any]]:
    """The settings that tell each run apart from the listed runs of its experiment: dotted key → value.

    These are the settings in which the runs differ, and those that were typed when one of them began: otherwise, a run
    that extends it would look as if it had been trained with others.
    """
    flat = [_flat(one.info) if one.info else {} for one in listed]
    by_experiment: dict[str, list[dict[str, Any]]] = {}
    shown: dict[str, set[str]] = {}
    for one, settings in zip(listed, flat, strict=True):
        if one.info:
            by_experiment.setdefault(one.info.name, []).append(settings)
            shown.setdefault(one.info.name, set()).update(_typed(settings, one.info))
    for name, of_runs in by_experiment.items():
        shown[name] |= _varied(of_runs)
    return [
        {key: value for key, value in settings.items() if one.info and value != {} and key in shown[one.info.name]}
        for one, settings in zip(listed, flat, strict=True)
    ]


def _flat(info: RunInfo) -> dict[str, Any]:
    """The settings of a run, with the device and the engine that trained it."""
    used = {"device": info.device, "engine": info.engine}
    settings = flat_config(info.config or {}) | used
    return {key: value for key, value in settings.items() if key.partition(".")[0] not in _SHOWN_ELSEWHERE}


def _varied(of_runs: Sequence[Mapping[str, Any]]) -> set[str]:
    """The keys whose values are not the same in all runs."""
    varied = set()
    for key in dict.fromkeys(key for settings in of_runs for key in settings):
        missing = _UNKNOWN if key.partition(".")[0] in _OPTIONAL else None
        values = [as_written(settings[key]) if key in settings else missing for settings in of_runs]
        if len({value for value in values if value is not None}) > 1:
            varied.add(key)
    return varied


def _typed(keys: Iterable[str], info: RunInfo) -> set[str]:
    """The keys of which the command that began the run has an override."""
    words = (word.partition("=") for word in info.command if not word.startswith("-"))
    typed = {name.strip() for name, equals, _ in words if equals}
    return {key for key in keys if any(key == name or key.startswith(f"{name}.") for name in typed)}


def with_settings(listed: Sequence[ListedRun], filters: Sequence[str], known: Sequence[ListedRun]) -> list[ListedRun]:
    """The runs of which at least one cell, an arm at a point of the sweep, matches all conditions.

    Args:
        listed: The runs.
        filters: Texts in the language of ``parse_filter``.
        known: The runs whose settings may be asked for.

    Raises:
        UserError: If a text is no condition, or no run has such a setting.
    """
    conditions = [condition for text in filters for condition in parse_filter(text)]
    if not conditions:
        return [*listed]
    infos = [one.info for one in known if one.info]
    keys = dict.fromkeys(key for info in infos for cell in _cells(info, each_point=False) for key in cell)
    if keys:
        check_keys([condition.key for condition in conditions], keys, "--where")
    return [one for one in listed if one.info and _matches(one.info, conditions)]


def why_none(filters: Sequence[str], words: Collection[str], known: Sequence[ListedRun]) -> list[str]:
    """The reasons why no run matches, a line each: values of settings, and tags, that no run has.

    Args:
        filters: See ``with_settings``.
        words: See ``with_tags``.
        known: All runs.
    """
    conditions = [condition for text in filters for condition in parse_filter(text)]
    cells = [cell for one in known if one.info for cell in _cells(one.info)] if conditions else []
    is_none = [condition for condition in conditions if not any(map(condition.holds, cells))]
    tags = [*dict.fromkeys(tag for one in known for tag in one.marks.tags)]
    wanted = [word.removeprefix("+") for word in words if not word.startswith("-")]
    return [
        *(f"--where: {query.why_none([condition], cells)}" for condition in is_none),
        *(f"--tag: {unknown('tag', tag, tags)}" for tag in wanted if tag not in tags),
    ]


def _matches(info: RunInfo, conditions: Sequence[Condition]) -> bool:
    return any(all(condition.holds(cell) for condition in conditions) for cell in _cells(info))


def _cells(info: RunInfo, *, each_point: bool = True) -> Iterator[dict[str, Any]]:
    """The settings of each arm at each point, or only at the first, and what else can be asked about a run.

    A plan whose config does not have its points yields none: unlike a complete run's, nobody has checked that.
    """
    about = {
        "run": info.id,
        "name": info.name,
        "device": info.device,
        "engine": info.engine,
        "arms": len(info.arms),
        "seeds": len(info.seeds),
    }
    for point, arm in product(info.points if each_point else info.points[:1], info.arms):
        try:
            settings = cell_settings(info.config or {}, arm, point)
        except (ValueError, TypeError, LookupError, AttributeError):
            return
        yield settings | about | {"arm": arm}


def with_tags(listed: Sequence[ListedRun], words: Collection[str]) -> list[ListedRun]:
    """The runs that have all of these tags, and none of those with a minus before them.

    Raises:
        UserError: If a word cannot be a tag.
    """
    wanted = {word.removeprefix("+") for word in words if not word.startswith("-")}
    unwanted = {word[1:] for word in words if word.startswith("-")}
    if mistakes := [f"--tag: {show(word)} is not a tag" for word in wanted | unwanted if not is_tag(word)]:
        raise UserError(*mistakes)
    return [one for one in listed if wanted <= {*one.marks.tags} and not unwanted & {*one.marks.tags}]
