"""Finished runs, sent to other tools: what is sent of one, and what is said about it."""

import os
import shlex
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

from bnreg.analysis.comparison import Block, block_of
from bnreg.analysis.groups import ReplicaGroup, changed_keys, run_groups
from bnreg.analysis.judged import Judged
from bnreg.analysis.replicas import metric_names, replicas_of
from bnreg.analysis.run_view import RunView, view_of_run
from bnreg.analysis.series import Series, network_series, spread_series
from bnreg.config.cell_settings import cell_settings, flat_config
from bnreg.errors import RunError, UserError
from bnreg.names import ReplicaId
from bnreg.report.comparison.records import comparison_record
from bnreg.report.comparison.tables import block_markdown
from bnreg.report.finding import finding
from bnreg.runs import Run
from bnreg.runs.folder import MANIFEST
from bnreg.runs.names import num_runs_in, started_of
from bnreg.sinks import process
from bnreg.sinks.content import MAX_LISTED, SentArm, SentNetwork, SentRun, SentVerdict
from bnreg.sinks.table import SINKS, lacking
from bnreg.wording import unknown


def check_sinks(names: Sequence[str], option: str) -> None:
    """Refuse sinks that do not exist, or whose packages are not installed.

    Raises:
        UserError: A line for each.
    """
    mistakes = [unknown("sink", name, sorted(SINKS)) if name not in SINKS else lacking(name) for name in names]
    if found := [f"{option}: {mistake}" for mistake in mistakes if mistake]:
        raise UserError(*found)


def send_run(run: Run, names: Sequence[str], folder: Path) -> Iterator[tuple[str, str, bool]]:
    """Send a run to sinks, one after the other.

    Args:
        run: The run.
        names: Sinks of the table.
        folder: Where they keep what they keep on this machine.

    Yields:
        For each sink its name, a line about the run, and whether that says why it failed.
    """
    content = content_of(run)
    for name in names:
        try:
            line = process.send_in_a_process(name, content, folder)
            yield name, f"{line}; {content.left_out}" if content.left_out else line, False
        except (OSError, RunError) as error:
            yield name, str(error), True


def beside(root: Path) -> Path:
    """The folder beside that of the runs: the nearest above it that holds no runs, so that no pattern mixes the two."""
    above = _parent(root)
    while num_runs_in(above) and above.resolve() != above.resolve().parent:
        above = _parent(above)
    return above


def _parent(folder: Path) -> Path:
    return folder.parent if folder.name not in ("", os.pardir) else folder / os.pardir


def content_of(run: Run) -> SentRun:
    """What is sent of a run."""
    view = view_of_run(run)
    block = block_of(view)
    info = view.info
    facts = {
        "baseline": view.baseline,
        "data": view.dataset_label,
        "device": info.device,
        "engine": info.engine,
        "git_commit": info.git_commit,
        "version": info.versions.get("bnreg"),
    }
    started = datetime.fromisoformat(info.started) if info.started else started_of(view.id)
    arms = _arms(view, block)
    content = SentRun(
        id=view.id,
        experiment=view.name,
        started=started.timestamp() if started else 0.0,
        seconds=info.seconds,
        command=shlex.join(info.command),
        facts={name: value for name, value in facts.items() if value},
        settings=flat_config(view.config),
        changing=changed_keys([arm.settings for arm in arms]),
        finding=finding(block),
        tables=block_markdown([block]),
        folder=run.path.absolute(),
        files=(*run.checksums, MANIFEST),
        arms=arms,
    )
    return _limited(content)


def _limited(content: SentRun) -> SentRun:
    """The same without its networks, and if need be without its arms, if there are too many."""
    num_networks = sum(len(arm.networks) for arm in content.arms)
    if num_networks <= MAX_LISTED:
        return content
    if len(content.arms) <= MAX_LISTED:
        left_out = f"without its {num_networks:,} networks, which are more than {MAX_LISTED}"
        return replace(content, arms=[replace(arm, networks=()) for arm in content.arms], left_out=left_out)
    left_out = f"without its {len(content.arms):,} arms at all points, which are more than {MAX_LISTED}"
    return replace(content, arms=(), left_out=left_out)


def _arms(view: RunView, block: Block) -> list[SentArm]:
    series = {proof.replica: one for proof, one in zip(view.pairing, network_series(view), strict=True)}
    rows = {proof.replica: row for row, proof in enumerate(view.pairing)}
    groups = run_groups(view, replicas_of(view, metric_names(view)))
    verdicts: dict[tuple[str, int], list[SentVerdict]] = {}
    for one in block.judged:
        verdicts.setdefault(_place(one.arm), []).append(_verdict(one))
    return [_arm(view, group, series, rows, verdicts.get(_place(group), [])) for group in groups]


def _place(group: ReplicaGroup) -> tuple[str, int]:
    return group.side, group.replicas[0].id.point_index


def _arm(
    view: RunView,
    group: ReplicaGroup,
    series: dict[ReplicaId, Series],
    rows: dict[ReplicaId, int],
    verdicts: Sequence[SentVerdict],
) -> SentArm:
    arm, index = _place(group)
    return SentArm(
        arm=arm,
        point_index=index,
        point=group.point,
        settings=cell_settings(view.config, arm, group.point),
        series=spread_series([series[one.id] for one in group.replicas]),
        finals={metric: group.moments(metric) for metric in metric_names(view)},
        num_diverged=len(group.diverged_seeds),
        verdicts=verdicts,
        networks=[
            SentNetwork(one.seed, one.diverged, series[one.id], _finals(view, rows[one.id])) for one in group.replicas
        ],
    )


def _finals(view: RunView, row: int) -> dict[str, float]:
    """The numbers in a row of the summary."""
    values = {name: column[row] for name, column in view.summary.items() if name not in ("seed", *view.point_keys)}
    return {name: float(value) for name, value in values.items() if isinstance(value, int | float)}


def _verdict(one: Judged) -> SentVerdict:
    record: dict[str, Any] = comparison_record(one)
    low, high = record["interval"] or (None, None)
    numbers = {"difference": record["difference"], "low": low, "high": high, "p": record["corrected_p"]}
    known = {name: value for name, value in numbers.items() if value is not None and record["verdict"]}
    return SentVerdict(one.metric, record["verdict"] or "untested", known)
