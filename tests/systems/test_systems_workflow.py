"""The workflow tries every system, and the Pythons that the package says it runs on."""

import re
import tomllib
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parent.parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
(WORKFLOW,) = (ROOT / ".github" / "workflows").glob("*.yml")
JOBS = yaml.safe_load(WORKFLOW.read_text(encoding="utf-8"))["jobs"]
STEPS = [step for job in JOBS.values() for step in job["steps"]]


def test_the_suite_is_run_on_three_systems_with_the_oldest_and_the_newest_python():
    matrix = JOBS["test"]["strategy"]["matrix"]
    prefix = "Programming Language :: Python :: 3."
    named = sorted(
        int(one.removeprefix(prefix)) for one in PROJECT["classifiers"] if re.fullmatch(rf"{prefix}\d+", one)
    )
    assert matrix["python"] == [f"3.{named[0]}", f"3.{named[-1]}"]
    assert PROJECT["requires-python"] == f">=3.{named[0]}"
    assert {one.partition("-")[0] for one in matrix["os"]} == {"ubuntu", "macos", "windows"}


def test_every_target_that_it_makes_is_in_the_makefile():
    targets = set(re.findall(r"^([\w./$()]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    made = [word for step in STEPS for word in re.findall(r"^make (\S+)$", step.get("run", ""))]
    assert {"static", "test"} <= {*made}
    assert {word.replace(".venv", "$(VENV)") for word in made} <= targets


@pytest.mark.parametrize("step", [step for step in STEPS if "uses" in step], ids=lambda step: step["uses"])
def test_every_action_has_a_major_version(step):
    assert re.fullmatch(r"[\w-]+/[\w-]+@v\d+", step["uses"])
