"""The speed of a training and the time left, in words."""

from bnreg.runs.in_training.progress import Progress


def speed(progress: Progress) -> list[str]:
    """The speed and the time left, as far as they are known."""
    rate, left = progress.epochs_per_second, progress.seconds_left
    return [
        *([f"{rate:.3g} networks × epochs per second"] if rate is not None else []),
        *([f"{_clock(left)} left"] if left is not None else []),
    ]


def _clock(seconds: float) -> str:
    """``1:05``, or ``2:01:05`` with hours."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes}:{rest:02d}"
