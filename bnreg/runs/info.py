"""``run.json`` as a typed model, checked before it is used: a checksum does not prove who wrote it.

A person who can write to a folder can write a manifest there too. So everything that other rooms rely on is checked
once, here, and no text from a run can move a cursor, name a folder or pass as another run's text.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass, field, fields
from typing import Any

from bnreg.names import NAME, ReplicaId
from bnreg.training.messages import Proof
from bnreg.wording import printable

MAX_DEPTH = 20

Check = Callable[[Any], bool]


@dataclass(frozen=True)
class UsedData:
    """The data set that was actually used for one that the config names.

    Attributes:
        name: Its name in ``DATASETS``.
        fingerprint: See ``data.fingerprint_of``.
        num_train: Its training examples, before a validation split is taken from them.
        num_test: Its test examples.
    """

    name: str
    fingerprint: str
    num_train: int
    num_test: int


@dataclass(frozen=True)
class RunInfo:
    """The contents of ``run.json``. A run that is older than a field gets the field's default.

    Attributes:
        schema: Version of the folder's layout.
        id: The name of the run's folder, which distinguishes runs of one experiment.
        name: The experiment's name.
        command: The command line, word by word.
        arms: In the config's order.
        baseline: The arm that the others are compared with, if any.
        seeds: In the config's order.
        point_keys: Dotted keys of the swept settings; empty without a sweep.
        points: The points of the sweep; without a sweep, one point without keys.
        data: Name in the config → the data set that was used.
        device: The device that trained it: ``cpu`` or ``cuda:N``.
        started: Start time, as ISO 8601 in UTC.
        config: The resolved config.
        num_workers: Number of worker processes at a time.
        threads_per_worker: Number of threads of each worker.
        shards: Seeds and number of replicas of each shard.
        versions: Package → version.
        platform: The operating system.
        git_commit: The commit that was checked out in the current folder.
        attempts: How often the training was started or resumed.
        pairing: What each replica was trained from, by point, arm and seed.
        seconds: Wall-clock time of all attempts.
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
    started: str | None = None
    config: Mapping[str, Any] | None = None
    num_workers: int | None = None
    threads_per_worker: int | None = None
    shards: tuple[Mapping[str, Any], ...] = ()
    versions: Mapping[str, str] = field(default_factory=dict)
    platform: str | None = None
    git_commit: str | None = None
    attempts: int = 1
    pairing: tuple[Proof, ...] = ()
    seconds: float = 0.0

    @classmethod
    def parse(cls, content: Any) -> "RunInfo":
        """Parse the content of ``run.json``.

        Raises:
            ValueError: With the first mistake, in words.
        """
        if wrong := _what_is_wrong(content):
            raise ValueError(wrong)
        known = {one.name: content[one.name] for one in fields(cls) if content.get(one.name) is not None}
        lists = ("command", "arms", "seeds", "point_keys", "points", "shards")
        tuples = {name: tuple(known[name]) for name in lists if name in known}
        data = {requested: UsedData(**_only_fields(UsedData, used)) for requested, used in known["data"].items()}
        pairing = tuple(Proof.from_row(row) for row in known["pairing"])
        return cls(**{"baseline": None} | known | tuples | {"data": data, "pairing": pairing})

    def to_json(self) -> dict[str, Any]:
        """Its contents as plain data."""
        content = {one.name: getattr(self, one.name) for one in fields(self)}
        data = {requested: asdict(used) for requested, used in self.data.items()}
        return content | {"data": data, "pairing": [proof.row() for proof in self.pairing]}


@dataclass(frozen=True)
class Beginning:
    """The record that is written when a run begins.

    Attributes:
        info: The contents of its later ``run.json``, as far as they are known.
        data_folder: The data root that the user chose, if any.
        cut_for: The number of parallel processes that the shards were cut for.
    """

    info: RunInfo
    data_folder: str | None
    cut_for: int

    @classmethod
    def parse(cls, content: Any) -> "Beginning":
        """Parse the content of ``plan.json``.

        Raises:
            ValueError: With the first mistake, in words.
        """
        if not isinstance(content, dict):
            raise ValueError("it is not a mapping")
        info = RunInfo.parse({"seconds": 0, "pairing": []} | content)
        resume = content.get("resume")
        if not (isinstance(resume, dict) and _is_whole(resume.get("cut_for")) and info.config is not None):
            raise ValueError("it lacks what is needed to resume")
        return cls(info, resume.get("data_folder"), resume["cut_for"])

    def to_json(self) -> dict[str, Any]:
        """Its contents as plain data."""
        info = self.info.to_json()
        for later in ("attempts", "pairing", "seconds"):
            del info[later]
        return info | {"resume": {"data_folder": self.data_folder, "cut_for": self.cut_for}}


def _only_fields(model: type[Any], content: Mapping[str, Any]) -> dict[str, Any]:
    return {one.name: content[one.name] for one in fields(model)}


def _list_of(check: Check) -> Check:
    return lambda value: isinstance(value, (list, tuple)) and all(map(check, value))


def _is_name(value: Any) -> bool:
    return isinstance(value, str) and NAME.fullmatch(value) is not None


def _is_text(value: Any) -> bool:
    return isinstance(value, str)


def _is_whole(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _is_mapping(value: Any) -> bool:
    return isinstance(value, Mapping)


def _is_data(value: Any) -> bool:
    return _is_mapping(value) and all(
        _is_name(requested)
        and _is_mapping(used)
        and _is_name(used.get("name"))
        and _is_text(used.get("fingerprint"))
        and all(_is_whole(used.get(key)) for key in ("num_train", "num_test"))
        for requested, used in value.items()
    )


# The checks that readers rely on, by field.
_FIELDS: dict[str, Check] = {
    "schema": _is_whole,
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


def _what_is_wrong(info: Any) -> str | None:
    """The first mistake in the contents of ``run.json``, in words, or None."""
    if not isinstance(info, dict):
        return "it is not a mapping"
    for key, check in _FIELDS.items():
        if key not in info:
            return f"the key {key} is missing"
        if not check(info[key]):
            return f"the value of {key} is not what bnreg writes"
    if info.get("config") is not None and not _is_mapping(info["config"]):
        return "its config is not what bnreg writes"
    if info["baseline"] not in (None, *info["arms"]):
        return "its baseline is not one of its arms"
    for text in _texts(info):
        if text is None:
            return f"it is nested deeper than {MAX_DEPTH} levels"
        if not text.isprintable():
            return f"it contains control characters: {printable(text[:40])}"
    return _wrong_pairing(info)


def _wrong_pairing(info: dict[str, Any]) -> str | None:
    """Check that there is one row per replica, in the order of points, arms and seeds, or no row at all."""
    replicas = [
        ReplicaId(index, arm, seed)
        for index in range(len(info["points"]))
        for arm in info["arms"]
        for seed in info["seeds"]
    ]
    found = [tuple(map(row.get, ReplicaId._fields)) for row in info["pairing"]]
    if found and found != replicas:
        return "its pairing does not match its points, arms and seeds"
    hashes = ("initial_weights", "batch_order")
    if not all(_is_text(row.get(key)) for row in info["pairing"] for key in hashes):
        return "its pairing lacks hashes"
    if not all(_is_whole(row.get("epochs")) for row in info["pairing"]):
        return "its pairing lacks epochs"
    return None


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
