"""MLflow's own client finds in its store what the run's tables and its comparison say."""

import math
import warnings

import pytest

from bnreg.analysis.run_view import view_of_run
from bnreg.api.comparison import compare
from bnreg.api.sending import content_of, send_run
from bnreg.runs import read_run
from bnreg.sinks.process import send_in_a_process
from bnreg.wording import as_written

pytestmark = pytest.mark.usefixtures("sent_here")


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """The folder of one store for all tests: to make its tables takes seconds, even if no disk is waited for."""
    from sqlalchemy import event
    from sqlalchemy.engine import Engine

    def hurry(connection, _):
        connection.execute("PRAGMA synchronous=OFF")

    event.listen(Engine, "connect", hurry)
    yield tmp_path_factory.mktemp("store")
    event.remove(Engine, "connect", hurry)


@pytest.fixture
def client(place):
    """MLflow's client of this store."""
    from mlflow import MlflowClient

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield MlflowClient(f"sqlite:///{place / 'mlflow.db'}")


@pytest.fixture(autouse=True)
def _its_own_store(monkeypatch):
    for name in ("MLFLOW_TRACKING_URI", "MLFLOW_EXPERIMENT_NAME"):
        monkeypatch.delenv(name, raising=False)


def send(run, place):
    ((name, line, failed),) = send_run(run, ["mlflow"], place)
    assert (name, failed) == ("mlflow", False), line
    return line


@pytest.fixture
def sent(run, place):
    """The run, which has been sent."""
    send(run, place)
    return run


def logged(client, run, level):
    """What MLflow has of a run, at a level, by name."""
    experiment = client.get_experiment_by_name(run.info.name)
    found = client.search_runs([experiment.experiment_id], f"tags.`bnreg.run` = '{run.info.id}'")
    return {one.info.run_name: one for one in found if one.data.tags["bnreg.level"] == level}


def below(client, parent, run, level):
    """The runs of a level that are nested below another one."""
    found = logged(client, run, level).items()
    return {name: one for name, one in found if one.data.tags["mlflow.parentRunId"] == parent.info.run_id}


def test_a_run_has_its_arms_below_it_and_these_their_networks(client, sent):
    (parent,) = logged(client, sent, "run").values()
    assert (parent.info.run_name, parent.info.status) == (sent.info.id, "FINISHED")
    assert parent.info.end_time - parent.info.start_time == round(1000 * sent.info.seconds)
    content = content_of(sent)
    arms = below(client, parent, sent, "arm")
    assert {*arms} == {arm.label for arm in content.arms}
    for arm in content.arms:
        networks = below(client, arms[arm.label], sent, "network")
        assert {*networks} == {f"{arm.label}, seed {seed}" for seed in sent.info.seeds}
        diverged = {f"{arm.label}, seed {one.seed}" for one in arm.networks if one.diverged}
        assert {name for name, one in networks.items() if one.info.status == "FAILED"} == diverged


def test_every_network_has_the_values_of_its_tables(client, sent):
    """A network that diverged has no number from then on, as in the table."""
    metrics = view_of_run(sent).metrics
    clock = "step" if "step" in metrics else "epoch"
    summary = sent.summary
    for row, proof in enumerate(sent.info.pairing):
        index, arm, seed = proof.replica
        point = sent.info.points[index]
        label = f"{arm} at lr={as_written(point['optimizer.lr'])}" if point else arm
        one = logged(client, sent, "network")[f"{label}, seed {seed}"]
        is_own = (metrics["arm"] == arm) & (metrics["seed"] == seed)
        for key, value in point.items():
            is_own &= metrics[key] == value
        for metric in ("train_loss", "test_accuracy"):
            found = {entry.step: entry.value for entry in client.get_metric_history(one.info.run_id, metric)}
            expected = dict(zip(metrics[is_own][clock], metrics[is_own][metric], strict=True))
            assert found == pytest.approx(expected, rel=0, abs=0, nan_ok=True)
        assert one.data.metrics["final_test_accuracy"] == summary["final_test_accuracy"][row]
        assert one.data.metrics["seconds"] == summary["seconds"][row]


def test_the_verdict_is_that_of_the_comparison(client, sent, monkeypatch):
    monkeypatch.chdir(sent.path.parent)
    for one in compare(sent.path).verdicts:
        label = f"{one.arm} at lr={as_written(one.point['optimizer.lr'])}" if one.point else one.arm
        arm = logged(client, sent, "arm")[label]
        assert arm.data.tags["bnreg.verdict.test_accuracy"] == one.word or (one.word is None and "untested")
        low, high = one.interval or (None, None)
        expected = {"difference": one.difference, "low": low, "high": high, "p": one.p_value}
        known = {f"verdict/test_accuracy/{name}": value for name, value in expected.items() if value is not None}
        found = {name: value for name, value in arm.data.metrics.items() if name.startswith("verdict/")}
        assert found == (known if one.word else {})
    (parent,) = logged(client, sent, "run").values()
    assert parent.data.tags["bnreg.finding"] in parent.data.tags["mlflow.note.content"]
    if sent.info.name == "lift":
        assert parent.data.metrics["bn/verdict/test_accuracy/difference"] == pytest.approx(0.01, abs=0.001)


def test_an_arm_has_the_mean_of_its_seeds_that_trained(client, sent):
    for arm in content_of(sent).arms:
        found = logged(client, sent, "arm")[arm.label].data.metrics
        values = [one.finals["final_test_accuracy"] for one in arm.networks if not one.diverged]
        assert found["num_diverged"] == len(arm.networks) - len(values)
        if values:
            assert found["final_test_accuracy"] == pytest.approx(sum(values) / len(values))
        else:
            assert math.isnan(found["final_test_accuracy"])
        steps = client.get_metric_history(logged(client, sent, "arm")[arm.label].info.run_id, "test_loss")
        assert [(one.step, one.value) for one in steps] == [
            (one.step, one.mean) for one in arm.series.get("test_loss", ())
        ]


def test_settings_are_parameters(client, sent):
    (parent,) = logged(client, sent, "run").values()
    assert parent.data.params["data.batch_size"] == str(sent.config["data"]["batch_size"])
    for label, arm in logged(client, sent, "arm").items():
        assert arm.data.params["model.norm"] == ("batch" if label.startswith("bn") else "none")
        for network in below(client, arm, sent, "network").values():
            assert network.data.params.items() >= arm.data.params.items()
            assert network.data.params["seed"] in map(str, sent.info.seeds)


def test_the_files_are_the_run(client, sent, tmp_path):
    """What is downloaded is a run folder, whole and sealed."""
    (parent,) = logged(client, sent, "run").values()
    client.download_artifacts(parent.info.run_id, "", str(tmp_path))
    again = read_run(tmp_path)
    assert (again.info, again.checksums) == (sent.info, sent.checksums)


def test_a_run_is_sent_once(client, sent, place):
    before = [*logged(client, sent, "network")]
    assert send(sent, place).startswith("already there: run ")
    assert [*logged(client, sent, "network")] == before
    assert len(logged(client, sent, "run")) == 1


def test_another_process_finds_it(lifted, place):
    line = send(lifted, place).removeprefix("already there: ")
    assert send_in_a_process("mlflow", content_of(lifted), place) == f"already there: {line}"


def test_an_interrupted_attempt_is_replaced(client, swept, place):
    send(swept, place)
    (half,) = logged(client, swept, "run").values()
    client.update_run(half.info.run_id, status="RUNNING")
    assert not send(swept, place).startswith("already")
    (whole,) = logged(client, swept, "run").values()
    assert whole.info.run_id != half.info.run_id
    assert len(below(client, whole, swept, "arm")) == len(logged(client, swept, "arm")) == 4


def test_it_says_how_to_look_at_the_store(lifted, place):
    line = send(lifted, place)
    assert f"{place / 'mlflow.db'}; see it with `mlflow ui --backend-store-uri sqlite:///{place / 'mlflow.db'}`" in line


def test_the_store_may_be_the_users_own(client, lifted, place, monkeypatch, tmp_path):
    """``MLFLOW_TRACKING_URI`` and ``MLFLOW_EXPERIMENT_NAME``, as everywhere in MLflow."""
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{place / 'mlflow.db'}")
    monkeypatch.setenv("MLFLOW_EXPERIMENT_NAME", "ours")
    client.create_experiment("ours", tmp_path.as_uri())
    send(lifted, tmp_path)
    assert not (tmp_path / "mlflow.db").exists()
    assert client.search_runs([client.get_experiment_by_name("ours").experiment_id])
