"""What belongs to another run, plan or shard in the folder of an unfinished run, with the right checksums."""

import functools
import itertools
import re
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
from commands import Done
from here import CONFIG, Here, Watch, everything_of, is_one_line
from lab import EPOCHS
from support.made_runs import shard_of
from support.states import REFUSED
from torture import Case

from bnreg.runs import UnfinishedRun
from bnreg.training.messages import EngineState

TITLE = "states, results and plans of other runs and shards; states with changed arrays and facts"
PROMISE = (
    "Nothing that belongs to another run, plan or shard, and no state that does not fit, is trained on; numbers "
    "forged in the right form, with checksums and origin, are not noticed."
)

RECORDS = ("plan.json", "config.yaml", "manifest.json")
# Their networks began with the same weights and saw the same batches as those of the run.
OTHERS = {
    "with another learning rate": CONFIG.replace("lr: 0.01", "lr: 1.0"),
    "with another plan": CONFIG.replace("epochs: 3", "epochs: 4"),
    "of the same experiment": CONFIG,
}
STATES, RESULTS = "states", "results"
UNWRITABLE = "an infinite metric"  # JSON has no such number
OF_TORCH = "another generator"  # the compiled engine has none

Change = Callable[[EngineState], object]


class HereWith(Here):
    """The lab with an engine."""

    def __init__(self, engine: str) -> None:
        super().__init__()
        self.engine = engine

    def train(self, root: Path, text: str = CONFIG, *, watch: Watch | None = None) -> Done:
        """Train the experiment, or another one, with the engine."""
        return super().train(root, f"{text}engine: {self.engine}\n", watch=watch)


def cases(full: bool) -> Iterator[Case]:
    """Each thing that is kept, from each stranger, for each shard; each array and each kind of fact of a state."""
    for engine in EPOCHS:
        for label, case in _cases(engine, full):
            yield f"{engine}: {label}", case


def _cases(engine: str, full: bool) -> Iterator[Case]:
    with HereWith(engine) as here:
        made = functools.cache(functools.partial(_made, here))
        for other, index in itertools.product(OTHERS if full else ["with another learning rate"], (0, 1)):
            for what, is_newest in ((STATES, False), (STATES, True), (RESULTS, False)):
                if full or (what, is_newest, index) == (STATES, False, 0):
                    label = f"{what} of a run {other}, shard {index}{', beside its own' if is_newest else ''}"
                    yield label, functools.partial(_foreign, here, made, what, other, index, is_newest)
        for what in (STATES, RESULTS) if full else (STATES,):
            yield f"{what} of shards 0 and 1 exchanged", functools.partial(_exchanged, here, made, what)
        for other in OTHERS if full else ():
            for number in (1, 2, 3):
                for names in itertools.combinations(RECORDS, number):
                    yield f"{', '.join(names)} of a run {other}", functools.partial(_records, here, made, other, names)
        for name, index in itertools.product(REFUSED if full else ["other weights"], (0, 1) if full else (0,)):
            if name != UNWRITABLE and (name, engine) != (OF_TORCH, "compiled"):
                yield f"{name}, shard {index}", functools.partial(_changed, here, made, REFUSED[name], index)
        for number, name in enumerate(sorted(_newest(made("", STATES), 0).arrays) if full else ()):
            for kind, change in (("without", _removed), ("another shape of", _reshaped), ("another type of", _retyped)):
                changed = functools.partial(change, name)
                yield (
                    f"{kind} {name}",
                    functools.partial(_changed, here, made, changed, number % 2, is_said=change is not _retyped),
                )


def _made(here: Here, other: str, what: str) -> UnfinishedRun:
    """A run with states of both shards, or with their results."""
    return here.stopped(OTHERS.get(other, CONFIG), shards_done=None if what == STATES else 2)


def _foreign(here: Here, made: Callable[..., UnfinishedRun], what: str, other: str, index: int, beside: bool) -> None:
    run = here.copy(made("", what))
    if not beside:
        _remove(run, index)
    for path in _kept(made(other, what), index):
        name = re.sub(r"\d+$", lambda steps: f"{int(steps[0]) + 2:09}", path.name) if beside else path.name
        shutil.copytree(path, run.folder / name)
    _assert_undisturbed(here, run)


def _exchanged(here: Here, made: Callable[..., UnfinishedRun], what: str) -> None:
    run = here.copy(made("", what))
    moved = {path: _as_of(1 - index, path) for index in (0, 1) for path in _kept(run, index)}
    for path in moved:
        path.rename(path.with_name(f"{path.name}.aside"))
    for path, place in moved.items():
        path.with_name(f"{path.name}.aside").rename(place)
    _assert_undisturbed(here, run)


def _records(here: Here, made: Callable[..., UnfinishedRun], other: str, names: tuple[str, ...]) -> None:
    run = here.copy(made("", STATES))
    for name in names:
        shutil.copy(made(other, STATES).folder / name, run.folder / name)
    ended = here.resume(run)
    if ended.code == 0:  # a config of the same content
        assert everything_of(run.final) == here.results
    else:
        assert is_one_line(ended), ended
        assert "damaged" in ended.err
        assert not run.final.exists()


def _changed(here: Here, made: Callable[..., UnfinishedRun], change: Change, index: int, is_said: bool = True) -> None:
    run = here.copy(made("", STATES))
    state = _newest(run, index)
    change(state)
    _remove(run, index)
    shard_of(run, index).save(5, state)
    _assert_undisturbed(here, run, is_said=is_said)


def _removed(name: str, state: EngineState) -> None:
    del state.arrays[name]


def _reshaped(name: str, state: EngineState) -> None:
    state.arrays[name] = np.stack([state.arrays[name]] * 2)


def _retyped(name: str, state: EngineState) -> None:
    """Without a change of the values where a wider type has them too, which may be accepted."""
    values = state.arrays[name]
    state.arrays[name] = values.astype(np.float64 if values.dtype != np.float64 else np.int32)


def _assert_undisturbed(here: Here, run: UnfinishedRun, *, is_said: bool = True) -> None:
    """Check that a run says what it does not train on, and completes with the results of undisturbed training."""
    ended = here.resume(run)
    assert ended.code == 0, ended
    assert not is_said or "\nwarning: " in ended.err, ended
    assert everything_of(run.final) == here.results


def _kept(run: UnfinishedRun, index: int) -> list[Path]:
    """The states or the results of a shard."""
    found = sorted(path for path in run.folder.glob(f"shard-{index:04}*") if path.is_dir())
    assert found
    return found


def _remove(run: UnfinishedRun, index: int) -> None:
    for path in _kept(run, index):
        shutil.rmtree(path)


def _as_of(index: int, path: Path) -> Path:
    return path.with_name(re.sub(r"^shard-\d+", f"shard-{index:04}", path.name))


def _newest(run: UnfinishedRun, index: int) -> EngineState:
    return next(shard_of(run, index).states(print))
