"""A run of the same experiment that is there already: with the same config, data, device, engine and versions."""

from pathlib import Path

from bnreg.errors import UserError
from bnreg.experiment.beginning import require_conditions, require_versions
from bnreg.experiment.plan import Plan
from bnreg.runs import Run, RunInfo, UnfinishedRun, read_run, runs_named, unfinished_runs


def finished_run(plan: Plan, root: Path) -> Run | None:
    """The newest complete run of a plan in a folder, if there is one."""
    found = []
    for path in runs_named(f"{plan.experiment.name}-*", root):
        try:
            run = read_run(path)
            _require_same(run.info, plan)
        except UserError:
            continue
        found.append(run)
    return max(found, key=lambda run: run.path.name, default=None)


def stopped_run(plan: Plan, root: Path) -> UnfinishedRun | None:
    """The newest unfinished run of a plan in a folder that no process trains, if there is one."""
    found = []
    for run in unfinished_runs(root):
        try:
            state, _ = run.state()
            _require_same(run.beginning().info, plan)
        except UserError:
            continue
        found += [run] if state != "running" else []
    return max(found, key=lambda run: run.folder.name, default=None)


def _require_same(info: RunInfo, plan: Plan) -> None:
    """Raise unless a run was made under the same conditions as a plan would be."""
    require_versions(info, "")
    require_conditions(info, plan, "", same_seeds=False, load_data=True, log=lambda _: None)
    if info.engine != plan.engine or (info.config or {}).get("seeds") != plan.experiment.resolved["seeds"]:
        raise UserError("other seeds or another engine")
