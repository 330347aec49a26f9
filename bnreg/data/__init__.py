"""Data sets by name, their splits, and the order of their examples. Loading data does not import torch."""

from bnreg.data.dataset import Arrays, Dataset, Size, fingerprint_of
from bnreg.data.datasets import DATASETS, DatasetSource
from bnreg.data.download import DownloadError, fetch
from bnreg.data.label_noise import noisy_labels
from bnreg.data.loading import data_root, describe_datasets, load_dataset, locate_dataset
from bnreg.data.order import epoch_order, num_batches
from bnreg.data.sharing import attach, share, sharing_folder
from bnreg.data.splits import Split, split
from bnreg.data.standardisation import Standardisation, standardisation_of

__all__ = [
    "DATASETS",
    "Arrays",
    "Dataset",
    "DatasetSource",
    "DownloadError",
    "Size",
    "Split",
    "Standardisation",
    "attach",
    "data_root",
    "describe_datasets",
    "epoch_order",
    "fetch",
    "fingerprint_of",
    "load_dataset",
    "locate_dataset",
    "noisy_labels",
    "num_batches",
    "share",
    "sharing_folder",
    "split",
    "standardisation_of",
]
