"""The choice of the engine that trains an experiment."""

from bnreg.config.experiment import Experiment
from bnreg.errors import UserError
from bnreg.training.engines import ENGINES


def choose_engine(experiment: Experiment, device: str, *, begun_with: str | None = None) -> tuple[str, str | None]:
    """The engine to train with, in ``ENGINES``, and a notice if ``auto`` could not take the first one.

    Args:
        experiment: The experiment.
        device: ``cpu`` or ``cuda:N``.
        begun_with: The engine of a run that goes on, which is kept.

    Raises:
        UserError: If the engine that is asked for cannot train it here.
    """
    asked = begun_with or experiment.engine
    if asked == "auto":
        reasons = {name: _why_not(name, experiment, device) for name in ENGINES}
        chosen = next(name for name, reason in reasons.items() if reason is None)
        reason = next(iter(reasons.values()))
        return chosen, reason and f"{reason}, so the {chosen} engine trains"
    if asked not in ENGINES:
        raise UserError(f"the run began with the {asked} engine, which this version does not have")
    if reason := _why_not(asked, experiment, device):
        begun = "; the run began with this engine" if begun_with else f"; use engine={_others(asked)} or auto"
        raise UserError(f"{reason}{begun}")
    return asked, None


def _why_not(name: str, experiment: Experiment, device: str) -> str | None:
    """Why an engine cannot train an experiment, in words, or None."""
    engine = ENGINES[name]
    if reason := engine.unavailable():
        return f"{experiment.locate(None, 'engine')}: {reason}"
    for cell in experiment.cells:
        if found := engine.uncovered(cell.settings, device):
            key, value = found
            return f"{experiment.locate(cell, key)}: the {name} engine does not cover {value}"
    return None


def _others(asked: str) -> str:
    return " or ".join(name for name in ENGINES if name != asked)
