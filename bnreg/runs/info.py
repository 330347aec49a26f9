"""``run.json`` as a typed model, checked before it is used: a checksum does not prove who wrote it.

A person who can write to a folder can write a manifest there too. So everything that other rooms rely on is checked
once, here, and no text from a run can move a cursor, name a folder or pass as another run's text.
"""

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields, replace
from datetime import datetime
from itertools import product, starmap
from typing import Any

from bnreg.config.own_data import MAX_CLASSES, MAX_SIDE
from bnreg.names import NAME, SECTIONS, SEED_LIMIT, ReplicaId
from bnreg.runs.names import YEARS, experiment_of
from bnreg.runs.strict_json import parse_json
from bnreg.training.messages import Proof
from bnreg.wording import printable

MAX_DEPTH = 20
MAX_COUNT = 10_000_000  # of examples, epochs and everything else that is counted; so many could still be read

Check = Callable[[Any], bool]


@dataclass(frozen=True)
class UsedData:
    """The data set that was actually used for one that the config names.

    Attributes:
        name: Its name in ``DATASETS``; for data of one's own see ``data_name``.
        fingerprint: See ``data.fingerprint_of``.
        num_train: Its training examples, before a validation split is taken from them.
        num_test: Its test examples.
        image_shape: Height and width of its images; all were alike before there was data of one's own.
        num_classes: Number of its classes; likewise.
    """

    name: str
    fingerprint: str
    num_train: int
    num_test: int
    image_shape: tuple[int, int] = (28, 28)
    num_classes: int = 10

    @classmethod
    def of(cls, content: Mapping[str, Any]) -> "UsedData":
        """From plain data that was checked."""
        known = {one.name: content[one.name] for one in fields(cls) if one.name in content}
        height, width = known.get("image_shape", cls.image_shape)
        return cls(**known | {"image_shape": (height, width)})


@dataclass(frozen=True)
class RunInfo:
    """The contents of ``run.json``. A run that is older than a field gets the field's default.

    Attributes:
        schema: Version of the folder's layout.
        id: The name of the run's folder, which distinguishes runs of one experiment.
        name: The experiment's name.
        command: The command line, word by word, without the folders of the machine.
        arms: In the config's order.
        baseline: The arm that the others are compared with, if any.
        seeds: In the order in which they were added; without later ones, the config's order.
        point_keys: Dotted keys of the swept settings; empty without a sweep.
        points: The points of the sweep; without a sweep, one point without keys.
        data: Name in the config (of a path, its ``data_name``) → the data set that was used.
        device: The device that trained it: ``cpu`` or ``cuda:N``.
        engine: The engine that trained it.
        started: Start time, as ISO 8601 in UTC.
        config: The resolved config.
        num_workers: Number of worker processes at a time.
        threads_per_worker: Number of threads of each worker.
        shards: Seeds and number of replicas of each shard.
        versions: Package → version, of those that may decide results.
        packages: Package → version, of everything that bnreg needs.
        platform: The operating system.
        cpu: The model of the processor.
        git_commit: The commit that was checked out in the repository of its config.
        git_dirty: Whether something differed from it: a tracked file, or the config because it was not tracked.
        attempts: How often the training was started or resumed.
        pairing: What each replica was trained from, by point, arm and seed.
        seconds: Wall-clock time of all attempts.
        looks: Number of seeds at each look at the results: a run whose seeds were not all planned has several.
        extends: Id of the run whose seeds it has, too.
    """

    schema: int
    id: str
    name: str
    command: tuple[str, ...]
    arms: tuple[str, ...]
    baseline: str | None
    seeds: tuple[int, ...]
    point_keys: tuple[str, ...]
    points: tuple[Mapping[str, Any], ...]
    data: Mapping[str, UsedData]
    device: str
    engine: str = "torch"
    started: str | None = None
    config: Mapping[str, Any] | None = None
    num_workers: int | None = None
    threads_per_worker: int | None = None
    shards: tuple[Mapping[str, Any], ...] = ()
    versions: Mapping[str, str] = field(default_factory=dict)
    packages: Mapping[str, str] = field(default_factory=dict)
    platform: str | None = None
    cpu: str | None = None
    git_commit: str | None = None
    git_dirty: bool | None = None
    attempts: int = 1
    pairing: tuple[Proof, ...] = ()
    seconds: float = 0.0
    looks: tuple[int, ...] = ()
    extends: str | None = None

    @property
    def looks_so_far(self) -> tuple[int, ...]:
        """Number of seeds at each look, including the one look at a run that was trained at once."""
        return self.looks or (len(self.seeds),)

    @classmethod
    def parse(cls, content: bytes) -> "RunInfo":
        """Parse the content of ``run.json``.

        Raises:
            ValueError: With the first mistake, in words.
        """
        info = cls._of(_mapping(content))
        if not info.pairing:
            raise ValueError("its pairing is missing")
        return info

    @classmethod
    def _of(cls, content: dict[str, Any]) -> "RunInfo":
        if wrong := _what_is_wrong(content):
            raise ValueError(wrong)
        known = {one.name: content[one.name] for one in fields(cls) if content.get(one.name) is not None}
        lists = ("command", "arms", "seeds", "point_keys", "points", "shards", "looks")
        tuples = {name: tuple(known[name]) for name in lists if name in known}
        data = {requested: UsedData.of(used) for requested, used in known["data"].items()}
        pairing = tuple(Proof.from_row(row) for row in known["pairing"])
        return cls(**{"baseline": None} | known | tuples | {"data": data, "pairing": pairing})

    def with_config(self, config: Any) -> "RunInfo":
        """The same with this resolved config.

        Raises:
            ValueError: If it is not what bnreg writes.
        """
        if not _is_config(config):
            raise ValueError("it is not what bnreg writes")
        return replace(self, config=config)

    def to_json(self) -> dict[str, Any]:
        """Its contents as plain data."""
        content = {one.name: getattr(self, one.name) for one in fields(self)}
        data = {requested: asdict(used) for requested, used in self.data.items()}
        return content | {"data": data, "pairing": [proof.row() for proof in self.pairing]}


def _mapping(content: bytes) -> dict[str, Any]:
    try:
        found = parse_json(content)
    except ValueError:
        raise ValueError("its content is not what bnreg writes") from None
    if not isinstance(found, dict):
        raise ValueError("it is not a mapping")
    return found


@dataclass(frozen=True)
class Beginning:
    """The record that is written when a run begins.

    Attributes:
        info: The contents of its later ``run.json``, as far as they are known.
        data_folder: The data root that the user chose, if any.
        cut_for: The number of parallel processes that the shards were cut for.
        num_steps: Optimiser steps of each shard, if nothing stops early; empty in an older run.
    """

    info: RunInfo
    data_folder: str | None
    cut_for: int
    num_steps: tuple[int, ...] = ()

    @classmethod
    def parse(cls, content: bytes) -> "Beginning":
        """Parse the content of ``plan.json``.

        Raises:
            ValueError: With the first mistake, in words.
        """
        found = _mapping(content)
        info = RunInfo._of({"seconds": 0, "pairing": []} | found)
        resume = found.get("resume")
        if not (
            info.config is not None
            and isinstance(resume, dict)
            and is_count(resume.get("cut_for"))
            and or_none(is_text)(resume.get("data_folder"))
            and list_of(is_count)(resume.get("num_steps", []))
            and len(resume.get("num_steps", [])) in (0, len(info.shards))
        ):
            raise ValueError("it lacks what is needed to resume")
        return cls(info, resume.get("data_folder"), resume["cut_for"], tuple(resume.get("num_steps", [])))

    def to_json(self) -> dict[str, Any]:
        """Its contents as plain data."""
        info = self.info.to_json()
        for later in ("attempts", "pairing", "seconds"):
            del info[later]
        resume = {"data_folder": self.data_folder, "cut_for": self.cut_for, "num_steps": list(self.num_steps)}
        return info | {"resume": resume}


def is_text(value: Any) -> bool:
    """Whether a value is text that stays on its line and cannot move a cursor."""
    return isinstance(value, str) and value.isprintable()


def is_whole(value: Any, least: int, below: int) -> bool:
    """Whether a value is a whole number in a range."""
    return type(value) is int and least <= value < below


def is_number(value: Any) -> bool:
    """Whether a value is a finite number that is not negative."""
    return type(value) in (int, float) and 0 <= value < math.inf


def _is_name(value: Any) -> bool:
    return isinstance(value, str) and NAME.fullmatch(value) is not None


def is_seed(value: Any) -> bool:
    """Whether a value may be a seed."""
    return is_whole(value, 0, SEED_LIMIT)


def is_count(value: Any) -> bool:
    """Whether a value may be a number of things, at least one."""
    return is_whole(value, 1, MAX_COUNT)


def _is_mapping(value: Any) -> bool:
    return isinstance(value, Mapping)


def _is_mappingor_none(value: Any) -> bool:
    return value is None or _is_mapping(value)


def _is_texts(value: Any) -> bool:
    """Whether a value is a mapping to texts; all keys of a record are checked to be text that stays on its line."""
    return _is_mapping(value) and all(map(is_text, value.values()))


def list_of(check: Check, *, least: int = 0) -> Check:
    """A check for lists of at least so many values that pass a check."""
    return lambda value: isinstance(value, (list, tuple)) and len(value) >= least and all(map(check, value))


def _set_of(check: Check, *, least: int = 0) -> Check:
    return lambda value: list_of(check, least=least)(value) and len({*value}) == len(value)


def or_none(check: Check) -> Check:
    """A check for values that pass a check or are missing."""
    return lambda value: value is None or check(value)


def _is_shape(value: Any) -> bool:
    return list_of(lambda side: is_whole(side, 1, MAX_SIDE + 1), least=2)(value) and len(value) == 2


def _is_data(value: Any) -> bool:
    return (
        _is_mapping(value)
        and len(value) > 0
        and all(
            _is_name(requested)
            and _is_mapping(used)
            and _is_name(used.get("name"))
            and is_text(used.get("fingerprint"))
            and all(is_count(used.get(key)) for key in ("num_train", "num_test"))
            and _is_shape(used.get("image_shape", UsedData.image_shape))
            and is_whole(used.get("num_classes", UsedData.num_classes), 2, MAX_CLASSES + 1)
            for requested, used in value.items()
        )
    )


def _is_start(value: Any) -> bool:
    try:
        moment = datetime.fromisoformat(value) if isinstance(value, str) else None
    except ValueError:
        return False
    return moment is not None and moment.tzinfo is not None and moment.year in YEARS


def _is_shard(value: Any) -> bool:
    return _is_mapping(value) and _set_of(is_seed, least=1)(value.get("seeds")) and is_count(value.get("replicas"))


def _is_config(value: Any) -> bool:
    """Whether the parts of a config that its readers look into have the shapes that bnreg writes."""
    if not _is_mapping(value):
        return False
    arms, compare = value.get("arms"), value.get("compare")
    effect = compare.get("smallest_effect") if _is_mapping(compare) else None
    return (
        all(_is_mapping(value.get(section, {})) for section in SECTIONS)
        and (arms is None or (_is_mapping(arms) and all(map(_is_mappingor_none, arms.values()))))
        and _is_mappingor_none(compare)
        and (effect is None or is_number(effect) or (_is_mapping(effect) and all(map(is_number, effect.values()))))
    )


# What readers rely on, by field.
_REQUIRED: dict[str, Check] = {
    "schema": is_count,
    "name": _is_name,
    "id": is_text,
    "arms": _set_of(_is_name, least=1),
    "baseline": or_none(_is_name),
    "seeds": _set_of(is_seed, least=1),
    "point_keys": _set_of(is_text),
    "points": list_of(_is_mapping, least=1),
    "data": _is_data,
    "device": is_text,
    "seconds": is_number,
    "command": list_of(is_text),
    "pairing": list_of(_is_mapping),
}
# A run that is older than such a field does not have it.
_OPTIONAL: dict[str, Check] = {
    "engine": is_text,
    "started": _is_start,
    "config": _is_config,
    "num_workers": is_count,
    "threads_per_worker": is_count,
    "shards": list_of(_is_shard),
    "versions": _is_texts,
    "packages": _is_texts,
    "platform": is_text,
    "cpu": is_text,
    "git_commit": is_text,
    "git_dirty": lambda value: isinstance(value, bool),
    "attempts": is_count,
    "looks": _set_of(is_count),
    "extends": is_text,
}


def _what_is_wrong(info: dict[str, Any]) -> str | None:
    """The first mistake in the contents of ``run.json``, in words, or None."""
    for key, check in _REQUIRED.items():
        if key not in info:
            return f"the key {key} is missing"
        if not check(info[key]):
            return f"the value of {key} is not what bnreg writes"
    for key, check in _OPTIONAL.items():
        if info.get(key) is not None and not check(info[key]):
            return f"the value of {key} is not what bnreg writes"
    if experiment_of(info["id"]) != info["name"]:
        return "its id is not that of a run of its name"
    if info["baseline"] not in (None, *info["arms"]):
        return "its baseline is not one of its arms"
    if any({*point} != {*info["point_keys"]} for point in info["points"]):
        return "its points do not have its point_keys"
    for text in _texts(info):
        if text is None:
            return f"it is nested deeper than {MAX_DEPTH} levels"
        if not text.isprintable():
            return f"it contains control characters: {printable(text[:40])}"
    return _wrong_pairing(info)


def _wrong_pairing(info: dict[str, Any]) -> str | None:
    """Check that there is one row per replica, in the order of points, arms and seeds, or no row at all."""
    if not info["pairing"]:
        return None
    if len(info["pairing"]) != len(info["points"]) * len(info["arms"]) * len(info["seeds"]):
        return "its pairing does not match its points, arms and seeds"
    replicas = replicas_of(len(info["points"]), info["arms"], info["seeds"])
    for replica, row in zip(replicas, info["pairing"], strict=True):
        if tuple(map(row.get, ReplicaId._fields)) != replica:
            return "its pairing does not match its points, arms and seeds"
        if not (is_text(row.get("initial_weights")) and is_text(row.get("batch_order"))):
            return "its pairing lacks hashes"
        if not is_count(row.get("epochs")):
            return "its pairing lacks epochs"
    return None


def replicas_of(num_points: int, arms: Sequence[str], seeds: Sequence[int]) -> Iterator[ReplicaId]:
    """All replicas in the order of a run's tables, pairing and answers."""
    return starmap(ReplicaId, product(range(num_points), arms, seeds))


def _texts(value: Any) -> Iterator[str | None]:
    """Every text in a value, including keys; None where it is nested too deeply."""
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
