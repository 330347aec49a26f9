"""The table of sinks: tools that a finished run can be sent to."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path

from bnreg.sinks.content import SentRun


@dataclass(frozen=True)
class Sink:
    """A tool that takes finished runs.

    Attributes:
        help: What it makes of a run, in a line.
        packages: The packages that it imports; the extra of bnreg that installs them has the sink's name.
        send: (run, folder) → where the run is now and how to look at it, in a line. What it keeps on this machine is in
            the folder. A run that is already there is not sent again. It runs in its own process, and may raise
            anything.
        environment: The variables of that process.
        defaults: Further ones, unless the user has set them.
    """

    help: str
    packages: tuple[str, ...]
    send: Callable[[SentRun, Path], str]
    environment: Mapping[str, str] = field(default_factory=dict)
    defaults: Mapping[str, str] = field(default_factory=dict)


def lacking(name: str) -> str | None:
    """What installs a sink of the table, in words, if a package that it needs is not installed; else None."""
    if all(map(find_spec, SINKS[name].packages)):
        return None
    return f"{name} is not installed: pip install 'bnreg[{name}]'"


def _to_tensorboard(run: SentRun, folder: Path) -> str:
    from bnreg.sinks.tensorboard import send

    return send(run, folder)


def _to_mlflow(run: SentRun, folder: Path) -> str:
    from bnreg.sinks.mlflow import send

    return send(run, folder)


SINKS: dict[str, Sink] = {
    "mlflow": Sink(
        "a run with its arms and networks nested in it, in the store of MLFLOW_TRACKING_URI or else in mlflow.db",
        ("mlflow", "sqlalchemy", "alembic"),
        _to_mlflow,
        environment={
            "DO_NOT_TRACK": "true",
            "MLFLOW_DISABLE_TELEMETRY": "true",
            "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
            "GIT_PYTHON_REFRESH": "quiet",
        },
        # Its own would wait for a server that does not answer for a quarter of an hour.
        defaults={"MLFLOW_HTTP_REQUEST_TIMEOUT": "15", "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "1"},
    ),
    "tensorboard": Sink(
        "event files in tensorboard/, with the curves of arms and networks, the finding and the settings",
        ("tensorboard",),
        _to_tensorboard,
    ),
}
