"""The data sets of an experiment: found or loaded, with every mistake in those of one's own."""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from bnreg.config.experiment import Cell, Experiment
from bnreg.config.own_data import data_name, is_data_path
from bnreg.data import DATASETS, Dataset, Size, data_root, load_dataset, locate_dataset
from bnreg.errors import UserError
from bnreg.wording import show


@dataclass(frozen=True)
class ExperimentData:
    """The data of an experiment, by their name in the config.

    Attributes:
        requested: A cell that names each.
        datasets: What was loaded.
        sizes: The size of each; data of one's own that cannot be read have none.
        absent: Notices, a line for each data set that is not here.
        mistakes: A line for each mistake.
    """

    requested: Mapping[str, Cell]
    datasets: dict[str, Dataset] = field(default_factory=dict)
    sizes: dict[str, Size] = field(default_factory=dict)
    absent: list[str] = field(default_factory=list)
    mistakes: list[str] = field(default_factory=list)

    @property
    def is_known(self) -> bool:
        """Whether the size of each is known."""
        return {*self.sizes} == {*self.requested}


def data_of(
    experiment: Experiment,
    data_folder: Path | None,
    *,
    beside: Path | None,
    known: Collection[str],
    load_data: bool,
    log: Callable[[str], None],
) -> ExperimentData:
    """Find the data of an experiment.

    Args:
        experiment: The experiment.
        data_folder: The data root, if the user chose one.
        beside: The folder of the config, if it has one.
        known: The recorded fingerprints of the data, of a run that goes on.
        load_data: Whether to load those of the table and download missing ones; those of one's own are always loaded,
            because only they know their sizes.
        log: Takes warnings and notes, a line each.
    """
    found = ExperimentData({cell.settings.data.dataset: cell for cell in experiment.cells})
    for name, cell in found.requested.items():
        data, place = cell.settings.data, experiment.locate(cell, "data.dataset")
        try:
            root = data_root(data_folder, data.root, experiment.locate(cell, "data.root"))
            if is_data_path(name):
                found.datasets[name] = load_dataset(name, root, log=log, place=place, beside=beside, known=known)
            elif load_data and not found.mistakes:
                found.datasets[name] = load_dataset(name, root, fallback=data.fallback, log=log)
            elif not locate_dataset(name, root):
                found.absent.append(f"{name} is not in {root}: training will download it")
        except UserError as error:
            found.mistakes.extend(error.lines)
        if name in found.datasets:
            found.sizes[name] = found.datasets[name].size
        elif not is_data_path(name):
            found.sizes[name] = DATASETS[name].size
    found.mistakes.extend(_equal_names(experiment, found.requested))
    return found


def _equal_names(experiment: Experiment, requested: Mapping[str, Cell]) -> list[str]:
    """A line for each data set that the run would call by the same name as an earlier one."""
    first: dict[str, str] = {}
    mistakes = []
    for path, cell in requested.items():
        earlier = first.setdefault(data_name(path), path)
        if earlier != path:
            both = f"{show(earlier)} and {show(path)} would both be called {data_name(path)} in the run"
            mistakes.append(f"{experiment.locate(cell, 'data.dataset')}: {both}; rename one")
    return mistakes
