"""What ``run.json`` must be like before anything is made of it: a checksum does not prove who wrote it.

Whoever can write a folder can write a manifest to it, too. So what other rooms rely on is looked at once, here, and no
text that comes from a run can move a cursor, name a folder or pass for another run's.
"""

from collections.abc import Callable, Iterator
from typing import Any

from bnreg.config.experiment_file import NAME
from bnreg.errors import printable

MAX_DEPTH = 20

Check = Callable[[Any], bool]


def _list_of(check: Check) -> Check:
    return lambda value: isinstance(value, list) and all(map(check, value))


def _is_name(value: Any) -> bool:
    return isinstance(value, str) and NAME.fullmatch(value) is not None


def _is_text(value: Any) -> bool:
    return isinstance(value, str)


def _is_whole(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _is_mapping(value: Any) -> bool:
    return isinstance(value, dict)


def _is_data(value: Any) -> bool:
    return _is_mapping(value) and all(
        _is_name(requested)
        and _is_mapping(used)
        and _is_name(used.get("name"))
        and _is_text(used.get("fingerprint"))
        and all(_is_whole(used.get(key)) for key in ("num_train", "num_test"))
        for requested, used in value.items()
    )


# What readers rely on, by field.
FIELDS: dict[str, Check] = {
    "name": _is_name,
    "id": _is_text,
    "arms": lambda value: _list_of(_is_name)(value) and len(value) > 0,
    "baseline": lambda value: value is None or _is_name(value),
    "seeds": lambda value: _list_of(_is_whole)(value) and len(value) > 0,
    "point_keys": _list_of(_is_text),
    "points": lambda value: _list_of(_is_mapping)(value) and len(value) > 0,
    "data": _is_data,
    "device": _is_text,
    "seconds": _is_number,
    "command": _list_of(_is_text),
    "pairing": _list_of(_is_mapping),
}


def what_is_wrong(info: Any) -> str | None:
    """The first thing that is wrong with the contents of ``run.json``, in words; None if nothing is."""
    if not isinstance(info, dict):
        return "it is no mapping"
    for key, check in FIELDS.items():
        if key not in info:
            return f"it has no {key}"
        if not check(info[key]):
            return f"its {key} is not what bnreg writes"
    if not _is_mapping(info.get("config", {})):
        return "its config is not what bnreg writes"
    if info["baseline"] not in (None, *info["arms"]):
        return "its baseline is none of its arms"
    for text in _texts(info):
        if text is None:
            return f"it is nested deeper than {MAX_DEPTH} levels"
        if not text.isprintable():
            return f"it holds control characters: {printable(text[:40])}"
    return _wrong_pairing(info)


def _wrong_pairing(info: dict[str, Any]) -> str | None:
    """There is one row per replica, in the order of points, arms and seeds, or none at all."""
    replicas = [
        (index, arm, seed) for index in range(len(info["points"])) for arm in info["arms"] for seed in info["seeds"]
    ]
    found = [(row.get("point_index"), row.get("arm"), row.get("seed")) for row in info["pairing"]]
    if found and found != replicas:
        return "its pairing is not that of its points, arms and seeds"
    proofs = ("initial_weights", "batch_order")
    if not all(_is_text(row.get(proof)) for row in info["pairing"] for proof in proofs):
        return "its pairing lacks hashes"
    return None


def _texts(value: Any) -> Iterator[str | None]:
    """Every text in it, keys among them; None where it is nested too deep."""
    pending = [(value, 0)]
    while pending:
        item, depth = pending.pop()
        if depth > MAX_DEPTH:
            yield None
            return
        if isinstance(item, str):
            yield item
        elif isinstance(item, dict):
            yield from item
            pending += [(inner, depth + 1) for inner in item.values()]
        elif isinstance(item, list):
            pending += [(inner, depth + 1) for inner in item]
