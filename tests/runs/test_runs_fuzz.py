"""Whatever a run's records contain, each command answers or says in plain lines what is wrong."""

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from support import run_fuzz


@pytest.fixture(scope="module")
def originals(tmp_path_factory):
    root = tmp_path_factory.mktemp("victims")
    run_fuzz.make_victims(root)
    return {path.name: path.read_bytes() for path in root.glob("*/*.json")} | {
        "manifest.json": next(root.glob("lift*/manifest.json")).read_bytes()
    }


@pytest.mark.parametrize("name", ["run.json", "plan.json", "attempt.json", "manifest.json"])
@settings(max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_any_content_of_a_record_is_survived(name, originals, data):
    run_fuzz.is_survived(name, data.draw(run_fuzz.changes(originals[name])))
