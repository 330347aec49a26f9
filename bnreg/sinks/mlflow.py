"""MLflow: a run for each run of bnreg, with its files; below it a run for each arm, and below that, its networks.

MLflow has no transactions, so a run is only marked as finished when everything below it is there. What an interrupted
attempt left behind is deleted before the next one.
"""

import getpass
import os
import shlex
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from importlib.metadata import PackageNotFoundError, version
from itertools import zip_longest
from pathlib import Path, PurePosixPath
from typing import Any, TypeVar
from urllib.parse import urlsplit

from mlflow import MlflowClient
from mlflow.entities import Metric, Param, Run

from bnreg.sinks.content import SentArm, SentNetwork, SentRun
from bnreg.wording import as_written

DATABASE, ARTIFACTS = "mlflow.db", "mlruns"  # as MLflow itself calls them
RUN_TAG, LEVEL_TAG = "bnreg.run", "bnreg.level"
FINISHED, FAILED = "FINISHED", "FAILED"
KIND = {"mlflow.experimentKind": "custom_model_development"}  # so that its page shows runs, not conversations
# Within MLflow's limits for a request, of 1,000 items in all, and for the text of a tag.
MAX_METRICS, MAX_PARAMS, MAX_TAG = 900, 100, 8000

Item = TypeVar("Item")


def send(run: SentRun, folder: Path) -> str:
    """Log a run; see ``Sink.send``."""
    given = os.environ.get("MLFLOW_TRACKING_URI")
    try:
        return _send(run, folder, given)
    except Exception as error:
        if given:
            error.add_note(f"at {_server(given)}")
        raise


def _send(run: SentRun, folder: Path, given: str | None) -> str:
    client = MlflowClient(given or f"sqlite:///{(folder / DATABASE).absolute().as_posix()}")
    experiment = _experiment(client, run, None if given else folder / ARTIFACTS)
    earlier = _earlier(client, experiment, run)
    done = [one for one in earlier if one.data.tags.get(LEVEL_TAG) == "run" and one.info.status == FINISHED]
    if done:
        return f"already there: {_where(done[0], given, folder)}"
    for one in earlier:
        client.delete_run(one.info.run_id)
    return _where(_send_run(client, experiment, run), given, folder)


def _experiment(client: MlflowClient, run: SentRun, artifacts: Path | None) -> str:
    """The id of the experiment with the run's name; of a new one, files are kept in the given folder, if any."""
    name = os.environ.get("MLFLOW_EXPERIMENT_NAME") or run.experiment
    found = client.get_experiment_by_name(name)
    if found:
        return str(found.experiment_id)
    place = (artifacts / name).absolute().as_uri() if artifacts else None
    return str(client.create_experiment(name, place, KIND))


def _earlier(client: MlflowClient, experiment: str, run: SentRun) -> list[Run]:
    """What MLflow has of this run."""
    found: list[Run] = []
    token: str | None = ""
    while token is not None:
        page = client.search_runs(
            [experiment], f"tags.`{RUN_TAG}` = '{run.id}'", max_results=MAX_METRICS, page_token=token or None
        )
        found += page
        token = page.token or None
    return found


def _where(logged: Run, given: str | None, folder: Path) -> str:
    """Where a run is and how to look at it."""
    name = f"run {logged.info.run_name}"
    if given is None:
        store = shlex.quote(f"sqlite:///{(folder / DATABASE).as_posix()}")
        return f"{name} in {folder / DATABASE}; see it with `mlflow ui --backend-store-uri {store}`{_remedy()}"
    if not given.startswith(("http://", "https://")):
        return f"{name} in {_server(given)}"
    return f"{name}: {_server(given)}/#/experiments/{logged.info.experiment_id}/runs/{logged.info.run_id}"


def _server(uri: str) -> str:
    """The address of a store, without a password."""
    parts = urlsplit(uri)
    if not parts.netloc:
        return uri
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path.rstrip('/')}"


def _remedy() -> str:
    try:
        version("mlflow")
    except PackageNotFoundError:
        return " (needs: pip install mlflow)"
    return ""


def _send_run(client: MlflowClient, experiment: str, run: SentRun) -> Run:
    about = {f"bnreg.{name}": value for name, value in run.facts.items()} | {"bnreg.finding": run.finding}
    parent = _begin(client, experiment, run, run.id, about | _source(run) | {LEVEL_TAG: "run"})
    parent_id = parent.info.run_id
    numbers = {f"{arm.arm}/{name}": value for arm in run.arms if not arm.point for name, value in _numbers(arm).items()}
    _log(client, parent_id, _once(numbers), run.settings, run.started)
    for name in run.files:
        below = PurePosixPath(name).parent.as_posix()
        client.log_artifact(parent_id, str(run.folder / name), below if below != "." else None)
    for arm in run.arms:
        _send_arm(client, experiment, run, parent_id, arm)
    client.set_terminated(parent_id, FINISHED, _milliseconds(run.started + run.seconds))
    return parent


def _send_arm(client: MlflowClient, experiment: str, run: SentRun, parent_id: str, arm: SentArm) -> None:
    words = {f"bnreg.verdict.{one.metric}": one.word for one in arm.verdicts}
    tags = {LEVEL_TAG: "arm", "mlflow.parentRunId": parent_id, **words}
    logged = _begin(client, experiment, run, arm.label, tags)
    curves = {
        f"{metric}{suffix}": [(one.step, getattr(one, name)) for one in spreads]
        for metric, spreads in arm.series.items()
        for suffix, name in (("", "mean"), ("_low", "low"), ("_high", "high"))
    }
    params = {"arm": arm.arm, **arm.settings}
    _log(client, logged.info.run_id, curves | _once(_numbers(arm)), params, run.started)
    for network in arm.networks:
        _send_network(client, experiment, run, logged.info.run_id, arm, network)
    client.set_terminated(logged.info.run_id, FINISHED, _milliseconds(run.started + run.seconds))


def _numbers(arm: SentArm) -> dict[str, float]:
    """What is known of an arm at the end of its training."""
    numbers = {"num_diverged": float(arm.num_diverged)}
    for one in arm.verdicts:
        numbers |= {f"verdict/{one.metric}/{name}": value for name, value in one.numbers.items()}
    for metric, (mean, std) in arm.finals.items():
        numbers |= {f"final_{metric}": mean, f"final_{metric}_std": std}
    return numbers


def _send_network(
    client: MlflowClient, experiment: str, run: SentRun, parent_id: str, arm: SentArm, network: SentNetwork
) -> None:
    tags = {LEVEL_TAG: "network", "mlflow.parentRunId": parent_id}
    logged = _begin(client, experiment, run, f"{arm.label}, seed {network.seed}", tags)
    params = {"arm": arm.arm, "seed": network.seed, **arm.settings}
    _log(client, logged.info.run_id, {**network.series, **_once(network.finals)}, params, run.started)
    state = FAILED if network.diverged else FINISHED
    client.set_terminated(logged.info.run_id, state, _milliseconds(run.started + run.seconds))


def _begin(client: MlflowClient, experiment: str, run: SentRun, name: str, tags: Mapping[str, str]) -> Run:
    tags = {name: text[:MAX_TAG] for name, text in tags.items()} | {RUN_TAG: run.id}
    return client.create_run(experiment, _milliseconds(run.started), tags, name)


def _source(run: SentRun) -> dict[str, str]:
    """The tags in which MLflow itself notes who made a run and how, and its description."""
    tables = f"\n\n{run.tables}" if len(run.tables) + len(run.finding) < MAX_TAG - 2 else ""
    tags = {
        "mlflow.note.content": f"{run.finding}{tables}",
        "mlflow.source.name": run.command,
        "mlflow.source.type": "LOCAL",
    }
    with suppress(OSError, KeyError, ImportError):  # a container may know no user
        tags["mlflow.user"] = getpass.getuser()
    return tags


def _once(numbers: Mapping[str, float]) -> dict[str, list[tuple[int, float]]]:
    return {name: [(0, value)] for name, value in numbers.items()}


def _log(
    client: MlflowClient,
    run_id: str,
    curves: Mapping[str, Iterable[tuple[int, float]]],
    params: Mapping[str, Any],
    started: float,
) -> None:
    """Log numbers and settings in as few requests as MLflow allows."""
    metrics = [
        Metric(name, value, _milliseconds(started), step) for name, values in curves.items() for step, value in values
    ]
    settings = [Param(key, as_written(value)) for key, value in params.items()]
    for some, part in zip_longest(_parts(settings, MAX_PARAMS), _parts(metrics, MAX_METRICS), fillvalue=()):
        client.log_batch(run_id, metrics=part, params=some)


def _parts(items: Sequence[Item], most: int) -> list[Sequence[Item]]:
    return [items[start : start + most] for start in range(0, len(items), most)]


def _milliseconds(seconds: float) -> int:
    return round(1000 * seconds)
