"""The job of a worker: train one shard from its last state, and keep its snapshots and results."""

import time
from collections.abc import Callable, Generator

from bnreg import stopping
from bnreg.data import Dataset
from bnreg.errors import RunError
from bnreg.training.engines import ENGINES, Engine
from bnreg.training.messages import EngineState, Progressed, ShardDone, Store
from bnreg.training.noting import Noting
from bnreg.training.shards import Shard

Job = tuple[Shard, Store]


def train_and_keep(
    shard: Shard,
    store: Store,
    dataset: Dataset,
    *,
    engine: str,
    device: str,
    snapshot_seconds: float,
    log: Callable[[str], None],
) -> Generator[Progressed, None, None]:
    """Train a shard from its last state, keep snapshots of it while it trains, and keep its results at the end.

    The state is also kept when a stop is requested, and when the caller closes the generator.

    Args:
        shard: The shard to train.
        store: The place where its state and results are kept.
        dataset: The data.
        engine: A name in ``ENGINES``.
        device: ``cpu`` or ``cuda:N``.
        snapshot_seconds: The time between two snapshots.
        log: Called with each warning, one line each.

    Raises:
        StoppedError: If a stop was requested.
        RunError: If the results cannot be kept.
    """
    with store.locked():
        if store.is_done(log):  # by a worker that outlived its coordinator
            yield ShardDone(shard.index)
            return
        trainer = _newest(shard, store, dataset, engine=engine, device=device, log=log)
        noting = Noting(store, shard, len(dataset.train_labels), trainer.num_steps)
        try:
            last_saved = time.monotonic()
            for message in trainer.train():
                noting.take(message)
                yield message
                stopping.raise_if_stopped()
                if time.monotonic() - last_saved > snapshot_seconds:
                    keep_state(store, trainer.num_steps, trainer.state(), log)
                    noting.leave()
                    last_saved = time.monotonic()
            result = trainer.result()
            noting.leave()
        except (stopping.StoppedError, GeneratorExit):
            keep_state(store, trainer.num_steps, trainer.state(), log)
            noting.leave()
            raise
        store.commit(result)
    yield ShardDone(shard.index)


def keep_state(store: Store, steps: int, state: EngineState, log: Callable[[str], None]) -> None:
    """Keep a shard's state; that it cannot be kept is a warning."""
    try:
        store.save(steps, state)
    except RunError as error:  # this state is not needed to go on, nor to stop
        log(f"warning: {error}; nothing is lost but the training since the last snapshot")


def _newest(
    shard: Shard, store: Store, dataset: Dataset, *, engine: str, device: str, log: Callable[[str], None]
) -> Engine:
    """The shard's engine at the newest state that it can continue from, else at the beginning."""
    make = ENGINES[engine].make
    for state in store.states(log):
        try:
            return make(shard, dataset, device, state)
        except ValueError as error:
            log(
                f"warning: shard {shard.index}: a kept state cannot be continued: {error}; training from an earlier one"
            )
    return make(shard, dataset, device, None)
