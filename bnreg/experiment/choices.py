"""The names that a config may use, from all tables, read without importing torch."""

from bnreg.config.schema import Choices
from bnreg.data import DATASETS
from bnreg.diagnostics.table import DIAGNOSTICS
from bnreg.executors.table import EXECUTORS
from bnreg.nn.activations import ACTIVATIONS
from bnreg.nn.architecture import MODELS
from bnreg.nn.init import INITS
from bnreg.nn.norms import NORMS
from bnreg.nn.penalties import PENALTIES
from bnreg.sinks.table import SINKS
from bnreg.training.engines import ENGINES
from bnreg.training.schedules import SCHEDULES
from bnreg.training.stacked.optimizers import OPTIMIZERS


def all_choices() -> Choices:
    """The current entries of all tables."""
    return Choices(
        engines=tuple(ENGINES),
        executors={name: kind.settings for name, kind in EXECUTORS.items()},
        datasets=tuple(DATASETS),
        activations=tuple(name for name, activation in ACTIVATIONS.items() if activation.trainable),
        norms={name: norm.settings if norm else () for name, norm in NORMS.items()},
        inits={name: scheme.settings for name, scheme in INITS.items()},
        diagnostics=tuple(DIAGNOSTICS),
        models=MODELS,
        optimizers={name: kind.settings for name, kind in OPTIMIZERS.items()},
        schedules={name: kind.settings for name, kind in SCHEDULES.items()},
        penalties={name: kind.settings for name, kind in PENALTIES.items()},
        sinks=tuple(SINKS),
    )
