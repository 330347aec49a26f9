"""Everything about one run: as plain data, and as a page for the terminal."""

import shlex
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from pathlib import PurePosixPath
from typing import Any

from rich.console import Group
from rich.table import Table
from rich.text import Text

from bnreg.analysis.pairing import PairingProof
from bnreg.report.comparison.findings import finding_text
from bnreg.report.comparison.numbers import seeds_text
from bnreg.report.listing import minutes, size
from bnreg.report.speed import speed
from bnreg.report.tuning import tuning_text
from bnreg.runs.in_training.progress import Progress
from bnreg.wording import as_written, counted, point_label

SHORT_HASH = 8
PROVEN = {"initial_weights": "initial weights", "batch_order": "batch order"}


def run_record(about: Mapping[str, Any]) -> dict[str, Any]:
    """The facts about a run, with its pairing and the audit's findings in words.

    Args:
        about: The return value of ``about_run`` or ``about_view``.
    """
    return {
        **about,
        "pairing": pairing_lines(about["pairing"]),
        "audit": [finding_text(finding) for finding in about["audit"]],
    }


def run_page(record: Mapping[str, Any]) -> Group:
    """The same facts as a page of 80 columns.

    Args:
        record: The return value of ``run_record``, or of ``about_unfinished``.
    """
    table = Table.grid(padding=(0, 2, 0, 0))
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    for label, lines in facts(record):
        for index, line in enumerate(lines):
            table.add_row(Text("" if index else label, "dim"), Text(line))
    return Group(Text(record["name"], "bold", overflow="fold"), "", table)


def facts(record: Mapping[str, Any]) -> Iterator[tuple[str, list[str]]]:
    """A label and some lines for each fact; those about its folder are missing if the record has none.

    Args:
        record: The return value of ``run_record``.
    """
    is_unfinished = "progress" in record
    if "state" in record:
        yield "state", [f"{record['state']}: {record['reason']}" if is_unfinished else _state(record)]
    if record.get("tags"):
        yield "tags", [", ".join(record["tags"])]
    if record.get("note"):
        yield "note", [record["note"]]
    if is_unfinished and (known := speed(Progress(**record["progress"]))):
        yield "speed", [", ".join(known)]
    yield "started", [_when(record) + (" so far" if is_unfinished else "")]
    yield "command", [shlex.join(record["command"])]
    workers = f", {counted(record['num_workers'], 'worker')}" if record["num_workers"] else ""
    yield "device", [f"{record['device']}{workers}, {record['engine']} engine"]
    if record["versions"]:
        yield "versions", [", ".join(f"{name} {number}" for name, number in record["versions"].items())]
    if record["packages"]:
        yield "packages", [f"{len(record['packages'])}, with their versions in run.json"]
    about = [record["platform"], record["cpu"]]
    if any(about):
        yield "platform", [", ".join(filter(None, about))]
    if record["git_commit"]:
        yield "commit", [_commit(record["git_commit"], record["git_dirty"])]
    yield "data", [_data(requested, used) for requested, used in record["data"].items()]
    yield "seeds", [_seeds(record["seeds"]), *_additions(record)]
    yield "arms", [_arm(arm, record["baseline"]) for arm in record["arms"]]
    if record["sweep"]:
        swept = [f"{key}: {', '.join(map(as_written, values))}" for key, values in record["sweep"].items()]
        yield "sweep", [counted(record["num_points"], "point"), *swept]
    if record["tuned"]:
        yield "tuned", [tuning_text(record["tuned"])]
    if is_unfinished:
        return
    yield "pairing", record["pairing"]
    yield "diverged", [_replica(one) for one in record["diverged"]] or ["none"]
    yield "audit", record["audit"] or ["nothing found"]
    if "files" in record:
        yield "files", _files(record["files"])


def _state(record: Mapping[str, Any]) -> str:
    harmed = [f"{file['name']} is {file['state']}" for file in record["files"] if file["state"] != "whole"]
    return f"{record['state']}: {', '.join(harmed)}" if harmed else record["state"]


def _commit(commit: str, is_dirty: bool | None) -> str:
    """The commit of the config; an older run does not say whether anything differed from it."""
    state = {True: ", with uncommitted changes", False: ", without uncommitted changes", None: ""}[is_dirty]
    return f"{commit[:SHORT_HASH]}{state}"


def _when(record: Mapping[str, Any]) -> str:
    started = record["started"]
    return f"{minutes(datetime.fromisoformat(started) if started else None)}, took {record['seconds']:.1f} s"


def _data(requested: str, used: Mapping[str, Any]) -> str:
    name = used["name"] if used["name"] == requested else f"{used['name']} (requested {requested})"
    if "fingerprint" not in used:
        return name
    algorithm, _, digest = used["fingerprint"].partition(":")
    return f"{name}: {used['num_train']:,} + {used['num_test']:,} examples, {algorithm}:{digest[:SHORT_HASH]}"


def _additions(record: Mapping[str, Any]) -> Iterator[str]:
    """How seeds were added, if not all of them were trained at once."""
    if record["looks"]:
        yield f"looked at with {', '.join(map(str, record['looks']))}"
    if record["extends"]:
        yield f"extends {record['extends']}"


def _seeds(seeds: Sequence[int]) -> str:
    is_range = len(seeds) > 2 and list(seeds) == list(range(seeds[0], seeds[0] + len(seeds)))
    names = f"{seeds[0]} to {seeds[-1]}" if is_range else ", ".join(map(str, seeds))
    return f"{len(seeds)}: {names}"


def _arm(arm: Mapping[str, Any], baseline: str | None) -> str:
    changes = ", ".join(f"{key}={as_written(value)}" for key, value in arm["changes"].items())
    ends = dict.fromkeys([*arm["num_parameters"][:1], *arm["num_parameters"][-1:]])
    numbers = " to ".join(f"{number:,}" for number in ends)
    role = " (baseline)" if arm["name"] == baseline else ""
    size_of = f"; {numbers} parameters" if arm["num_parameters"] else ""
    return f"{arm['name']}{role}: {changes or 'no changes'}{size_of}"


def _replica(one: Mapping[str, Any]) -> str:
    at_point = f" at {point_label(one['point'])}" if one["point"] else ""
    return f"{one['arm']}, seed {one['seed']}{at_point}"


def _files(files: Sequence[Mapping[str, Any]]) -> list[str]:
    """Each file with its size; the files of a folder are added up."""
    groups: dict[str, list[int]] = {}
    for file in files:
        parent = str(PurePosixPath(file["name"]).parts[0])
        groups.setdefault(parent if "/" not in file["name"] else f"{parent}/", []).append(file["num_bytes"])
    return [
        f"{name}  {size(sum(sizes))}" + (f" in {counted(len(sizes), 'file')}" if name.endswith("/") else "")
        for name, sizes in groups.items()
    ]


def pairing_lines(proof: PairingProof) -> list[str]:
    """The seeds for which the arms began with equal weights and saw the same examples in the same order, in words."""
    if proof.num_arms == 0:
        return ["not recorded: what the arms had in common"]
    if proof.num_arms == 1:
        return ["one arm: nothing to pair"]
    where = f"for each of {counted(proof.num_seeds, 'seed')}"
    where += f" at each of {proof.num_points} points" if proof.num_points > 1 else ""
    equal = [PROVEN[name] for name, seeds in proof.unequal_seeds.items() if not seeds]
    lines = [f"{' and '.join(equal)} equal in all arms {where}"] if equal else []
    return lines + [
        f"{PROVEN[name]} not equal in all arms: {seeds_text(seeds)}"
        for name, seeds in proof.unequal_seeds.items()
        if seeds
    ]
