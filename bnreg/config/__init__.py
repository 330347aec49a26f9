"""What a user asks for: experiments as YAML, read strictly and resolved into cells. Knows nothing of torch."""

from bnreg.config.check import check_against_data
from bnreg.config.experiment import Cell, Experiment
from bnreg.config.load import load_experiment
from bnreg.config.schema import (
    Choices,
    Data,
    EarlyStopping,
    Init,
    Model,
    Optimizer,
    Schedule,
    Settings,
    Training,
)

__all__ = [
    "Cell",
    "Choices",
    "Data",
    "EarlyStopping",
    "Experiment",
    "Init",
    "Model",
    "Optimizer",
    "Schedule",
    "Settings",
    "Training",
    "check_against_data",
    "load_experiment",
]
