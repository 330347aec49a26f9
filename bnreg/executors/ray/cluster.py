"""Ray's cluster: one that starts and stops with a run, or one that is there."""

import ctypes
import os
import secrets
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

# Ray calls no home, and does not change which GPUs a process without any of them sees.
_ALWAYS = {"RAY_USAGE_STATS_ENABLED": "0", "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0"}
_OWN = {
    "RAY_AUTH_MODE": "token",
    # Ray's name for the habit of its clusters on these systems, to use the loopback address alone.
    "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0",
    # Local processes are not ended either when others use up the memory.
    "RAY_memory_monitor_refresh_ms": "0",
}
AWAIT_SECONDS = 5.0
_TOKENS = ("RAY_AUTH_TOKEN", "RAY_AUTH_TOKEN_PATH")


class ClusterError(Exception):
    """There is no cluster."""


@contextmanager
def connected(address: str | None, folder: Path, *, num_workers: int, with_gpus: bool) -> Iterator[None]:
    """Within this block, this process is the driver of a cluster.

    A cluster of its own listens on the loopback address alone, knows only drivers that have its token, and serves no
    page; it ends with the block, or with this process. The environment is changed for good.

    Args:
        address: See ``bnreg.config``; None to start a cluster on this machine.
        folder: The folder for the files of Ray on this machine; its path must be short.
        num_workers: The number of workers that a cluster of its own is for.
        with_gpus: Whether they need GPUs.

    Raises:
        ClusterError: If there is no such cluster, in one line.
    """
    _adopt_orphans()
    os.chdir(folder)  # the workers look for modules in the driver's current folder, too
    os.environ.update(_ALWAYS)
    options: dict[str, Any] = {"logging_level": "CRITICAL", "log_to_driver": False, "configure_logging": True}
    if address is None:
        for name in _TOKENS:
            os.environ.pop(name, None)
        token = folder / "token"
        token.touch(mode=0o600)
        token.write_text(secrets.token_hex(32))
        os.environ.update(_OWN, RAY_AUTH_TOKEN_PATH=str(token))
        gpus = {} if with_gpus else {"num_gpus": 0}
        options |= {"num_cpus": num_workers, **gpus, "include_dashboard": False, "_temp_dir": str(folder)}
    else:
        os.environ.setdefault("RAY_AUTH_MODE", "token")
        _require_token()
    import ray

    try:
        ray.init(address or "local", **options)
    except Exception as error:  # of many kinds
        raise ClusterError(_in_a_line(error)) from error
    try:
        yield
    finally:
        ray.shutdown()
        _await_children()


def _adopt_orphans() -> None:
    """Become the parent of the workers once Ray, which started them, has ended."""
    pr_set_child_subreaper = 36
    with suppress(OSError, AttributeError, TypeError):  # another system
        ctypes.CDLL(None).prctl(pr_set_child_subreaper, 1, 0, 0, 0)


def _await_children() -> None:
    """Wait a moment for the workers, which notice that Ray has ended."""
    if sys.platform == "win32":
        return
    deadline = time.monotonic() + AWAIT_SECONDS
    with suppress(ChildProcessError):  # there are none
        while time.monotonic() < deadline:
            if os.waitpid(-1, os.WNOHANG) == (0, 0):
                time.sleep(0.02)


def _require_token() -> None:
    given = [os.environ.get(name) for name in _TOKENS]
    if os.environ["RAY_AUTH_MODE"] == "token" and not any(given) and not (Path.home() / ".ray" / "auth_token").exists():
        remedy = "set RAY_AUTH_TOKEN_PATH to the file with the cluster's, or RAY_AUTH_MODE=disabled if it has none"
        raise ClusterError(f"there is no token; {remedy}")


def _in_a_line(error: Exception) -> str:
    """The first sentence of an error, which Ray spreads over many lines."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[0].rstrip(".") if lines else type(error).__name__
