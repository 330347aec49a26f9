"""Data of one's own: how their path is recognised, what a run calls them, and how large they may be."""

import re

# A value of ``data.dataset`` in which this is found is the path of a file or folder; any other is a data set's name.
DATA_PATH = re.compile(r"[/\\]|\.npz$")
MAX_SIDE = 1024  # pixels
MAX_CLASSES = 1000
MAX_EXAMPLES = 5_000_000  # a run that counts more than 10,000,000 of anything is not read

_NO_NAMES = ("", ".", "..", "~", "raw")  # torchvision's folders are called MNIST/raw
_MAX_LETTERS = 60


def is_data_path(text: str) -> bool:
    """Whether a value of ``data.dataset`` is the path of a file or folder rather than a name in the table."""
    return DATA_PATH.search(text) is not None


def data_name(text: str) -> str:
    """What a run calls the data of a value of ``data.dataset``.

    A name in the table stays as it is. For a path it is the file's name, or the folder's with ``.idx``: so what is said
    about a run does not name the folders of a machine, which only its config does. No such name is one of the table.
    """
    if not is_data_path(text):
        return text
    last = next((part for part in reversed(re.split(r"[/\\]", text)) if part not in _NO_NAMES), "data")
    stem = re.sub(r"[^A-Za-z0-9_.-]", "_", last.removesuffix(".npz")).lstrip("_.-")[:_MAX_LETTERS] or "data"
    return f"{stem}.npz" if last.endswith(".npz") else f"{stem}.idx"
