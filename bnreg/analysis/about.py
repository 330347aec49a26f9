"""Everything about one run: how it was made, what was trained, whether the comparison is fair, and its files."""

from collections.abc import Mapping
from dataclasses import asdict, replace
from typing import Any

from bnreg.analysis.audit import audit
from bnreg.analysis.groups import distinct_values
from bnreg.analysis.pairing import prove_pairing
from bnreg.analysis.run_view import RunView, view_of, view_of_run
from bnreg.analysis.tuned import tuned_record
from bnreg.config.cell_settings import flat_config
from bnreg.runs import Run, UnfinishedRun
from bnreg.runs.folder import checked_files


def about_run(run: Run) -> dict[str, Any]:
    """Everything about one run as plain data; each file is checked against its checksum."""
    files = checked_files(run.path)
    return {
        "name": run.path.absolute().name,  # the name of the current folder, too
        "path": str(run.path),
        "state": "complete" if all(file["state"] == "whole" for file in files) else "damaged",
        **about_view(view_of_run(run)),
        "files": files,
    }


def about_view(view: RunView) -> dict[str, Any]:
    """The same without its folder and files."""
    summary = view.summary
    sizes = {*zip(summary["arm"], summary["num_parameters"], strict=True)}
    return {
        **_settings(view, {arm: sorted({number for name, number in sizes if name == arm}) for arm in view.arms}),
        "pairing": prove_pairing(view.pairing),
        "diverged": [
            {"arm": proof.replica.arm, "seed": proof.replica.seed, "point": view.points[proof.replica.point_index]}
            for proof, status in zip(view.pairing, summary["status"], strict=True)
            if status == "diverged"
        ],
        "audit": audit(view),
    }


def about_unfinished(run: UnfinishedRun) -> dict[str, Any]:
    """What is known of a run that is not complete, as plain data: its state, its progress and its settings.

    Raises:
        DamagedError: If its plan is damaged.
    """
    standing, attempt = run.standing(), run.attempt()
    info = replace(run.beginning().info, seconds=attempt.seconds if attempt else 0.0)
    return {
        "name": run.final.absolute().name,
        "path": str(run.folder),
        "state": standing.state,
        "reason": standing.reason,
        "progress": asdict(standing.progress),
        **_settings(view_of(info, {}, {}), {}),
    }


def _settings(view: RunView, num_parameters: Mapping[str, list[int]]) -> dict[str, Any]:
    """How a run was made, and what it trains.

    Args:
        view: The run.
        num_parameters: Arm → the numbers of parameters of its networks, as far as they are known.
    """
    info = view.info
    return {
        "started": info.started,
        "seconds": info.seconds,
        "command": list(info.command),
        "device": info.device,
        "engine": info.engine,
        "num_workers": info.num_workers,
        "versions": dict(info.versions),
        "packages": dict(info.packages),
        "platform": info.platform,
        "cpu": info.cpu,
        "git_commit": info.git_commit,
        "git_dirty": info.git_dirty,
        "data": {requested: asdict(used) for requested, used in info.data.items()},
        "baseline": view.baseline,
        "arms": [
            {
                "name": arm,
                "changes": flat_config((view.config.get("arms") or {}).get(arm) or {}),
                "num_parameters": num_parameters.get(arm, []),
            }
            for arm in view.arms
        ],
        "sweep": {key: distinct_values([point[key] for point in view.points]) for key in view.point_keys},
        "num_points": len(view.points),
        "tuned": tuned_record(view),
        "seeds": list(view.seeds),
        "looks": list(view.info.looks),
        "extends": view.info.extends,
    }
