"""TensorBoard's own reader finds in the event files what the run's tables say."""

from dataclasses import replace

import numpy as np
import pytest
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tensorboard.plugins.custom_scalar.layout_pb2 import Layout
from tensorboard.plugins.hparams.plugin_data_pb2 import HParamsPluginData

from bnreg.analysis.charts.clocks import by_clock
from bnreg.analysis.charts.curves import learning_curves
from bnreg.analysis.run_view import view_of_run
from bnreg.api.sending import content_of
from bnreg.runs import read_run
from bnreg.sinks.tensorboard import send

METRICS = ["train_loss", "train_accuracy", "test_loss", "test_accuracy"]


@pytest.fixture(scope="module")
def logdir(tmp_path_factory):
    """The folder of all tests."""
    return tmp_path_factory.mktemp("logs")


@pytest.fixture
def written(content, logdir):
    """The folder of the run's event files."""
    send(content, logdir)
    return logdir / "tensorboard" / content.id


def read(folder):
    everything = {"scalars": 0, "tensors": 0}
    return EventAccumulator(str(folder), size_guidance=everything).Reload()


def scalars(reader, tag):
    return [(one.step, one.value) for one in reader.Scalars(tag)]


def folder_of(written, arm):
    """The folder of an arm, at its point if there are several."""
    if not arm.point:
        return written / arm.arm
    (place,) = written.glob(f"{arm.point_index:03} *")
    assert place.name == f"{arm.point_index:03} lr={'0.1' if arm.point_index == 0 else '1e+30'}"
    return place / arm.arm


def same(found, expected):
    """Equal as 32-bit floats, which is what TensorBoard stores; NaN equals NaN."""
    steps, values = zip(*expected, strict=True)
    assert [step for step, _ in found] == [*steps]
    np.testing.assert_array_equal(np.float32([value for _, value in found]), np.float32(values))
    return True


def test_every_network_has_the_values_of_its_table(run, content, written):
    """NaN included, which TensorBoard marks in its charts."""
    metrics = view_of_run(run).metrics
    clock = "step" if "step" in metrics else "epoch"
    for arm in content.arms:
        at_point = np.logical_and.reduce([metrics[key] == value for key, value in arm.point.items()] or [True])
        for network in arm.networks:
            rows = metrics[at_point & (metrics["arm"] == arm.arm) & (metrics["seed"] == network.seed)]
            reader = read(folder_of(written, arm) / f"seed_{network.seed}")
            for metric in METRICS:
                assert same(scalars(reader, metric), [*zip(rows[clock], rows[metric], strict=True)])
    assert (run.info.name == "rates") == metrics["test_loss"].isna().any()


def test_an_arm_has_the_mean_and_range_over_its_seeds_that_the_curves_show(run, content, written):
    """Networks that diverged are left out; an arm of which nothing is left has no curve."""
    view = view_of_run(run)
    curves = dict(
        enumerate(rows for _, rows in learning_curves(by_clock(view, "step") if run.info.points[0] else view))
    )
    for arm in content.arms:
        reader = read(folder_of(written, arm))
        if arm.point_index not in curves:
            assert reader.Tags()["scalars"] == []
            continue
        for metric in METRICS:
            rows = curves[arm.point_index]
            rows = rows[(rows["arm"] == arm.arm) & (rows["split"] + "_" + rows["measure"] == metric)]
            for tag, column in (
                (metric, "mean"),
                (f"variation/{metric}_low", "low"),
                (f"variation/{metric}_high", "high"),
            ):
                assert same(scalars(reader, tag), [*zip(rows["time"], rows[column], strict=True)])


def text(reader, tag):
    (event,) = reader.Tensors(tag)
    return event.tensor_proto.string_val[0].decode()


def test_the_verdict_the_settings_and_the_report_are_texts(run, content, written):
    reader = read(written)
    finding = text(reader, f"{run.info.name}/finding")
    assert finding.startswith(f"**{content.finding}**")
    assert "| against plain | verdict |" in finding
    assert "    optimizer.name: " in text(reader, f"{run.info.name}/settings")
    assert f"- {run.path / 'run.json'}" in text(reader, f"{run.info.name}/files").splitlines()


def test_a_chart_for_each_metric_has_its_mean_between_its_range(written):
    (event,) = read(written).Tensors("custom_scalars__config__")
    (category,) = Layout.FromString(event.tensor_proto.string_val[0]).category
    drawn = [(one.value, one.lower, one.upper) for chart in category.chart for one in chart.margin.series]
    assert drawn == [(name, f"variation/{name}_low", f"variation/{name}_high") for name in METRICS]


def test_the_seeds_of_an_arm_are_one_group_of_the_table_of_settings(content, written):
    """Its columns are the settings that differ."""
    for arm in content.arms:
        for network in arm.networks:
            reader = read(folder_of(written, arm) / f"seed_{network.seed}")
            plugin = reader.SummaryMetadata("_hparams_/session_start_info").plugin_data.content
            session = HParamsPluginData.FromString(plugin).session_start_info
            assert session.group_name == arm.label
            assert {*session.hparams} == {"arm", *content.changing}
            assert session.hparams["model.norm"].string_value == ("batch" if arm.arm == "bn" else "none")


def test_a_run_is_written_once_and_stays_sealed(lifted, tmp_path):
    before = {path: path.stat().st_mtime_ns for path in lifted.path.iterdir()}
    first, second = (send(content_of(lifted), tmp_path) for _ in range(2))
    assert second == f"already there: {first}"
    assert first.endswith(f"see it with `tensorboard --logdir {tmp_path / 'tensorboard'}`")
    assert {path: path.stat().st_mtime_ns for path in lifted.path.iterdir()} == before
    assert read_run(lifted.path).checksums == lifted.checksums


def test_what_a_killed_process_left_behind_is_replaced(lifted, tmp_path):
    content = content_of(lifted)
    left = tmp_path / "tensorboard" / f".{content.id}.partial" / "bn"
    left.mkdir(parents=True)
    (left / "events.out.tfevents.1.bnreg").write_bytes(b"half")
    send(content, tmp_path)
    assert [path.name for path in (tmp_path / "tensorboard").iterdir()] == [content.id]


def test_a_write_that_fails_leaves_nothing_behind(lifted, tmp_path, monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("bnreg.sinks.tensorboard.RecordWriter.write", full)
    with pytest.raises(OSError, match="No space left"):
        send(content_of(lifted), tmp_path)
    assert [*(tmp_path / "tensorboard").iterdir()] == []


def test_a_point_with_any_name_is_a_folder(swept, tmp_path):
    """Its number keeps two points apart whose names look alike once they are safe."""
    content = content_of(swept)
    point = {"model.hidden": "a/../../b:*" + "x" * 100}
    odd = replace(content, arms=[replace(arm, point=point) for arm in content.arms])
    send(odd, tmp_path)
    folders = sorted(path.name for path in (tmp_path / "tensorboard" / content.id).iterdir() if path.is_dir())
    assert [name[:14] for name in folders] == ["000 hidden=a_.", "001 hidden=a_."]
    assert len(folders[0]) == 80
