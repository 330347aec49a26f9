"""The limits of a container, from made files below a temporary root."""

import os
from types import SimpleNamespace

import pytest

from bnreg.executors import machine

GB = 1_000_000_000


@pytest.fixture(autouse=True)
def large_machine(monkeypatch):
    """A machine with 16 cores and 64 GB of memory."""
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(16)), raising=False)
    monkeypatch.setattr(os, "sysconf", {"SC_PAGE_SIZE": 1000, "SC_PHYS_PAGES": 64_000_000}.__getitem__, raising=False)


@pytest.fixture
def root(tmp_path):
    """A function that makes a root folder from the control groups of a process and the files of these groups."""

    def make(groups, files):
        for name, content in {"proc/self/cgroup": groups, **files}.items():
            path = tmp_path / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(f"{content}\n")
        return tmp_path

    return make


V1 = "7:memory:/docker/abc\n4:cpu,cpuacct:/docker/abc\n1:name=systemd:/docker/abc\n0::/"


@pytest.mark.parametrize(
    ("groups", "files", "cores"),
    [
        ("0::/", {"cpu.max": "400000 100000"}, 4),
        ("0::/", {"cpu.max": "250000 100000"}, 2),
        ("0::/", {"cpu.max": "50000 100000"}, 1),
        ("0::/", {"cpu.max": "max 100000"}, 16),
        ("0::/", {"cpu.max": "6400000 100000"}, 16),
        ("0::/job/step", {"job/step/cpu.max": "max 100000", "job/cpu.max": "300000 100000"}, 3),
        (V1, {"cpu/docker/abc/cpu.cfs_quota_us": "200000", "cpu/docker/abc/cpu.cfs_period_us": "100000"}, 2),
        (V1, {"cpu/cpu.cfs_quota_us": "500000", "cpu/cpu.cfs_period_us": "100000"}, 5),
        (V1, {"cpu/cpu.cfs_quota_us": "-1", "cpu/cpu.cfs_period_us": "100000"}, 16),
        (V1, {}, 16),
    ],
)
def test_a_share_of_the_cpus_counts_in_whole_cores(root, groups, files, cores):
    """In a container, its own group is often at the top, below a path that does not exist there."""
    files = {f"sys/fs/cgroup/{name}": content for name, content in files.items()}
    assert machine.num_cores(root(groups, files)) == cores


@pytest.mark.parametrize(
    ("groups", "files", "num_bytes"),
    [
        ("0::/", {"memory.max": "4000000000"}, 4 * GB),
        ("0::/", {"memory.max": "max"}, 64 * GB),
        ("0::/job/step", {"job/step/memory.max": "8000000000", "job/memory.max": "2000000000"}, 2 * GB),
        (V1, {"memory/docker/abc/memory.limit_in_bytes": "3000000000"}, 3 * GB),
        (V1, {"memory/memory.limit_in_bytes": "9223372036854771712"}, 64 * GB),
    ],
)
def test_the_memory_is_the_smallest_limit(root, groups, files, num_bytes):
    files = {f"sys/fs/cgroup/{name}": content for name, content in files.items()}
    assert machine.memory_bytes(root(groups, files)) == num_bytes


def test_without_control_groups_the_machine_is_the_limit(tmp_path):
    assert machine.num_cores(tmp_path) == 16
    assert machine.memory_bytes(tmp_path) == 64 * GB


@pytest.mark.parametrize(
    ("lines", "model"),
    [
        (
            "processor\t: 0\nmodel name\t: AMD  EPYC 7B13\n\nprocessor\t: 1\nmodel name\t: AMD  EPYC 7B13",
            "AMD EPYC 7B13",
        ),
        ("processor\t: 0\nBogoMIPS\t: 50.00\n\nHardware\t: BCM2835\nModel\t\t: Raspberry Pi 4", "Raspberry Pi 4"),
        ("cpu\t\t: POWER9\nclock\t\t: 3800MHz", "POWER9"),
        ("processor\t: 0\nmodel name\t: \nBogoMIPS\t: 50.00", None),
        ("model name\t: \x1b[2J" + "x" * 200, "\\x1b[2J" + "x" * 96),
        ("no colon at all", None),
    ],
)
def test_the_processor_is_named_if_linux_does(root, monkeypatch, lines, model):
    monkeypatch.setattr("sys.platform", "linux")
    assert machine.cpu_model(root("", {"proc/cpuinfo": lines})) == model


def test_without_proc_the_processor_has_no_name(tmp_path, monkeypatch):
    monkeypatch.setattr("sys.platform", "linux")
    assert machine.cpu_model(tmp_path) is None


def test_other_systems_are_asked_in_their_own_way(monkeypatch):
    asked = []

    def run(command, **_):
        asked.append(command)
        return SimpleNamespace(stdout="Apple M3 Pro\n")

    monkeypatch.setattr("bnreg.executors.machine.subprocess.run", run)
    monkeypatch.setattr("sys.platform", "darwin")
    assert machine.cpu_model() == "Apple M3 Pro"
    assert asked == [("/usr/sbin/sysctl", "-n", "machdep.cpu.brand_string")]
    monkeypatch.setattr("bnreg.executors.machine.subprocess.run", refusing)
    assert machine.cpu_model() is None
    monkeypatch.setattr("sys.platform", "win32")
    monkeypatch.setattr("platform.processor", lambda: "Intel64 Family 6")
    assert machine.cpu_model() == "Intel64 Family 6"


def refusing(*_, **__):
    raise FileNotFoundError(2, "No such file or directory")
