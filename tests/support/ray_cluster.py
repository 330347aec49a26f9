"""A Ray cluster of several nodes on this machine, and what its processes are."""

import secrets
import tempfile
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest

DEADLINE = 120.0  # seconds; only a guard
# Ray's processes on this machine listen on the loopback address, and a node that dies is noticed within seconds.
ENVIRONMENT = {
    "RAY_AUTH_MODE": "token",
    "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0",
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_health_check_initial_delay_ms": "500",
    "RAY_health_check_period_ms": "300",
    "RAY_health_check_timeout_ms": "2000",
    "RAY_health_check_failure_threshold": "3",
}


@contextmanager
def cluster_of(*num_cpus):
    """A cluster with a head that trains nothing, and a node for each number of CPUs; yields it and its nodes."""
    here = {"include_dashboard": False, "node_ip_address": "127.0.0.1"}
    # The folder's path must be short, because Ray's sockets lie below it.
    with (
        tempfile.TemporaryDirectory(prefix="bnreg-test-", dir="/tmp", ignore_cleanup_errors=True) as folder,
        pytest.MonkeyPatch.context() as patch,
    ):
        (Path(folder) / "ray").mkdir()
        token = Path(folder) / "token"
        token.write_text(secrets.token_hex(32))
        for name, value in {**ENVIRONMENT, "RAY_TMPDIR": folder, "RAY_AUTH_TOKEN_PATH": str(token)}.items():
            patch.setenv(name, value)
        patch.delenv("RAY_AUTH_TOKEN", raising=False)
        from ray.cluster_utils import Cluster

        cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 0, **here}, shutdown_at_exit=False)
        try:
            yield cluster, [cluster.add_node(num_cpus=number, node_ip_address="127.0.0.1") for number in num_cpus]
        finally:
            cluster.shutdown()


def workers_of(node):
    """The processes of bnreg's workers on a node of a cluster."""
    (raylet,) = node.all_processes["raylet"]
    return [one for one in psutil.Process(raylet.process.pid).children(recursive=True) if is_worker(one)]


def is_worker(process):
    """Whether a process is one of bnreg's workers; Ray calls it by its actor."""
    try:
        return process.name().startswith("ray::Worker")
    except psutil.NoSuchProcess:
        return False


def loads(process, library):
    """Whether a process has loaded a library."""
    return library in Path(f"/proc/{process.pid}/maps").read_text()


def family(number):
    """A process and all processes below it."""
    process = psutil.Process(number)
    return [process, *process.children(recursive=True)]


def listening(processes):
    """The addresses on which processes listen."""
    found = set()
    for process in processes:
        try:
            connections = process.net_connections("inet")
        except psutil.NoSuchProcess:
            continue
        found |= {one.laddr.ip.removeprefix("::ffff:") for one in connections if one.status == psutil.CONN_LISTEN}
    return found


def folders():
    """The folders of bnreg for Ray's files."""
    return {path for root in ("/tmp", tempfile.gettempdir()) for path in Path(root).glob("bnreg-ray-*")}


def killed(process):
    """Kill a process, unless it has ended."""
    try:
        process.kill()
    except psutil.NoSuchProcess:
        return
    process.wait(DEADLINE)


def are_gone(processes):
    """Whether processes end before the deadline."""
    _, alive = psutil.wait_procs(processes, DEADLINE)
    return not [one for one in alive if one.is_running() and one.status() != psutil.STATUS_ZOMBIE]
