"""Learning-rate schedules: factors that scale the optimiser's learning rate, step by step."""

import math
from collections.abc import Callable
from dataclasses import dataclass

from bnreg.budget import Budget
from bnreg.config.schema import Optimizer, Schedule


@dataclass(frozen=True)
class ScheduleKind:
    """One kind of schedule.

    Attributes:
        factor: (progress, epoch, settings) → factor, where progress in [0, 1) is the share of the steps after the
            warm-up that are done, and epoch is the number of completed epochs.
        settings: The settings that this kind takes in addition to those that all kinds take.
    """

    factor: Callable[[float, int, Schedule], float]
    settings: tuple[str, ...] = ()


def _constant(_progress: float, _epoch: int, _schedule: Schedule) -> float:
    return 1.0


def _cosine(progress: float, _epoch: int, schedule: Schedule) -> float:
    """Half a cosine from 1 to the final factor (Loshchilov & Hutter, arXiv:1608.03983)."""
    return schedule.final_factor + (1 - schedule.final_factor) * (1 + math.cos(math.pi * progress)) / 2


def _step(_progress: float, epoch: int, schedule: Schedule) -> float:
    """Multiply by ``step_factor`` after every ``step_epochs`` epochs."""
    assert schedule.step_epochs is not None
    return float(schedule.step_factor ** (epoch // schedule.step_epochs))


SCHEDULES: dict[str, ScheduleKind] = {
    "constant": ScheduleKind(_constant),
    "cosine": ScheduleKind(_cosine, ("final_factor",)),
    "step": ScheduleKind(_step, ("step_epochs", "step_factor")),
}


def lr_at(settings: Optimizer, step: int, budget: Budget) -> float:
    """The learning rate at a step; steps count from 0."""
    return settings.lr * lr_factor(settings.schedule, step, budget)


def lr_factor(schedule: Schedule, step: int, budget: Budget) -> float:
    """The factor on the learning rate at a step; steps count from 0.

    During the warm-up it rises linearly and reaches 1 at the last warm-up step.
    """
    warmup_steps = schedule.warmup_epochs * budget.steps_per_epoch
    if step + 1 < warmup_steps:
        return (step + 1) / warmup_steps
    progress = max(0.0, step - warmup_steps) / max(1.0, budget.num_steps - warmup_steps)
    return SCHEDULES[schedule.name].factor(progress, step // budget.steps_per_epoch, schedule)
