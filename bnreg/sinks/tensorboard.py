"""TensorBoard: the curves of a run's arms and networks as event files, beside what it found and its settings.

Each arm is a run of TensorBoard, and so is each of its networks. Its own writer would start a thread for each of them,
so records are written here; it reads whatever folder it is shown, so one appears there when it is complete.
"""

import re
import shlex
import shutil
from collections.abc import Iterable, Iterator, Mapping
from itertools import chain
from pathlib import Path
from typing import Any

from tensorboard.compat.proto.event_pb2 import Event
from tensorboard.compat.proto.summary_pb2 import Summary
from tensorboard.compat.proto.tensor_pb2 import TensorProto
from tensorboard.plugins.custom_scalar import layout_pb2 as layout
from tensorboard.plugins.custom_scalar import metadata
from tensorboard.plugins.hparams.summary_v2 import hparams_pb as hparams_summary
from tensorboard.plugins.text.summary_v2 import text_pb as text_summary
from tensorboard.summary.writer.record_writer import RecordWriter

from bnreg.metrics import label_of
from bnreg.sinks.content import SentArm, SentNetwork, SentRun
from bnreg.wording import as_written, brief_label

FOLDER = "tensorboard"
VERSION = "brain.Event:2"  # of the format, which begins each file
MAX_NAME = 80
_UNSAFE = re.compile(r"[^\w.=, +-]+")  # in the name of a folder, on some system

Summaries = Iterable[tuple[int, Summary]]  # each at a step


def send(run: SentRun, folder: Path) -> str:
    """Write a run's event files; see ``Sink.send``."""
    logdir = folder / FOLDER
    place = logdir / run.id
    look = f"see it with `tensorboard --logdir {shlex.quote(str(logdir))}`"
    if place.exists():
        return f"already there: {place}; {look}"
    draft = logdir / f".{run.id}.partial"
    shutil.rmtree(draft, ignore_errors=True)  # of a process that was killed
    try:
        _write_run(draft, run)
        draft.rename(place)
    finally:
        shutil.rmtree(draft, ignore_errors=True)
    return f"{place}; {look}"


def _write_run(folder: Path, run: SentRun) -> None:
    metrics = dict.fromkeys(metric for arm in run.arms for metric in arm.series)
    _write(folder, run, chain(_texts(run), [(0, _bands(metrics))] if metrics else []))
    for arm in run.arms:
        place = (folder / _file_name(arm) if arm.point else folder) / arm.arm
        given = {key: _hparam(arm.settings.get(key)) for key in run.changing} | {"arm": arm.arm}
        trial = [(0, hparams_summary(given, trial_id=arm.label, start_time_secs=run.started))]
        _write(place, run, chain(_spreads(arm), [] if arm.networks else trial))
        for network in arm.networks:
            _write(place / f"seed_{network.seed}", run, chain(trial, _values(network)))


def _write(folder: Path, run: SentRun, summaries: Summaries) -> None:
    folder.mkdir(parents=True)
    with (folder / f"events.out.tfevents.{run.started:.0f}.bnreg").open("xb") as file:
        writer = RecordWriter(file)
        writer.write(Event(wall_time=run.started, file_version=VERSION).SerializeToString())
        for step, summary in summaries:
            writer.write(Event(wall_time=run.started, step=step, summary=summary).SerializeToString())


def _texts(run: SentRun) -> Iterator[tuple[int, Summary]]:
    settings = "\n".join(f"    {key}: {as_written(value)}" for key, value in run.settings.items())
    about = "\n".join(f"- {name}: {value}" for name, value in run.facts.items())
    files = "\n".join(f"- {run.folder / name}" for name in run.files)
    for tag, text in (
        ("finding", f"**{run.finding}**\n\n{run.tables}"),
        ("settings", settings),
        ("about", f"- command: `{run.command}`\n{about}"),
        ("files", files),
    ):
        yield 0, text_summary(f"{run.experiment}/{tag}", text)


def _bands(metrics: Iterable[str]) -> Summary:
    """A chart for each metric, in the tab of custom scalars: the mean of each arm, and the range over its seeds."""
    charts = [
        layout.Chart(
            title=f"{label_of(metric)}: mean and range over the seeds",
            margin=layout.MarginChartContent(
                series=[layout.MarginChartContent.Series(value=metric, lower=_low(metric), upper=_high(metric))]
            ),
        )
        for metric in metrics
    ]
    category = layout.Category(title="arms", chart=charts)
    content = TensorProto(dtype="DT_STRING", string_val=[layout.Layout(category=[category]).SerializeToString()])
    kind = metadata.create_summary_metadata()
    return Summary(value=[Summary.Value(tag=metadata.CONFIG_SUMMARY_TAG, tensor=content, metadata=kind)])


def _spreads(arm: SentArm) -> Iterator[tuple[int, Summary]]:
    for metric, spreads in arm.series.items():
        for one in spreads:
            values = {metric: one.mean, _low(metric): one.low, _high(metric): one.high}
            yield one.step, _scalars(values)


def _values(network: SentNetwork) -> Iterator[tuple[int, Summary]]:
    for metric, values in network.series.items():
        for step, value in values:
            yield step, _scalars({metric: value})


def _scalars(values: Mapping[str, float]) -> Summary:
    return Summary(value=[Summary.Value(tag=tag, simple_value=value) for tag, value in values.items()])


def _low(metric: str) -> str:
    return f"variation/{metric}_low"  # listed after train, test and validation


def _high(metric: str) -> str:
    return f"variation/{metric}_high"


def _hparam(value: Any) -> bool | int | float | str:
    return value if isinstance(value, bool | int | float | str) else as_written(value)


def _file_name(arm: SentArm) -> str:
    """The name of the folder for a point; its number keeps the points apart, and in their order."""
    return f"{arm.point_index:03} {_UNSAFE.sub('_', brief_label(arm.point))}"[:MAX_NAME].rstrip(". ")
