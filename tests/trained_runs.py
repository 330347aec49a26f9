"""A run that is trained without the command line, from its plan to its folder."""

from bnreg.beginning import describe_beginning
from bnreg.experiment import begin_experiment, run_experiment


def train_plan(plan, root, *, watch=lambda _: None, log=print):
    """Begin a run below a folder and train it, without charts; its folder."""
    beginning = describe_beginning(plan, command=["bnreg", "train"], data_folder=None)
    return run_experiment(plan, begin_experiment(plan, beginning, root), watch=watch, draw=lambda _: {}, log=log)
