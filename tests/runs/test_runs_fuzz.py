"""Whatever a run's records contain, each command answers or says in plain lines what is wrong."""

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from support import run_fuzz


@pytest.fixture(scope="module")
def victims(tmp_path_factory):
    root = tmp_path_factory.mktemp("victims") / "runs"
    run_fuzz.make_victims(root)
    return root


@pytest.mark.parametrize("record", run_fuzz.RECORDS)
@settings(max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_any_content_of_a_record_is_survived(record, victims, data):
    run_fuzz.is_survived(victims, record, data.draw(run_fuzz.changes((victims / record).read_bytes())))
