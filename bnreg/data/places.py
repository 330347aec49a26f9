"""Files of a data set in another layout than torchvision's: other names, other folders, other formats."""

import re
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from bnreg.data.files import is_file

# Many copies have a dot where the original has a hyphen, or call the test set by its name.
_PART = re.compile(r"(train|t10k|test)[-_.](images|labels)[-_.]idx([13])[-_.]ubyte(\.gz)?", re.IGNORECASE)
_OTHER_FORMAT = re.compile(r"\.(npz|npy|pkl|mat|csv|parquet|arrow|zip|tar|tgz|gz)$", re.IGNORECASE)


def stem_of(name: str) -> str | None:
    """The stem that a file name stands for: ``train-images-idx3-ubyte`` for ``train-images.idx3-ubyte.gz``."""
    part = _PART.fullmatch(name)
    if part is None:
        return None
    split, kind, rank = (text.lower() for text in part.groups()[:3])
    return f"{'train' if split == 'train' else 't10k'}-{kind}-idx{rank}-ubyte"


def own_folders(root: Path, name: str) -> list[Path]:
    """The folders named like a data set: in a root, in its folder ``data``, or the root itself; and ``raw`` in each."""
    inside = [folder for base in (root, root / "data") for folder in _entries(base) if _plain(folder.name) == name]
    return _with_raw([*inside, *([root] if _plain(root.absolute().name) == name else [])])


def shared_folders(root: Path) -> list[Path]:
    """The folders in which only its content says which data set a file belongs to."""
    return _with_raw([root, root / "data"])


def parts_in(folders: list[Path]) -> Iterator[Path]:
    """The files in some folders that are named like a part of a data set."""
    for folder in folders:
        for entry in _entries(folder):
            if stem_of(entry.name):  # a zip archive of one part is often unpacked into a folder of the part's name
                inside = [file for file in _entries(entry) if stem_of(file.name)]
                yield from (path for path in (entry, *inside) if is_file(path))


def other_formats_in(folders: list[Path], name: str) -> Iterator[Path]:
    """The files in some folders that seem to hold a data set in a format that is not read here."""
    for folder in folders:
        for entry in _entries(folder):
            if _plain(entry.name).startswith(name) and _OTHER_FORMAT.search(entry.name) and is_file(entry):
                yield entry


def _with_raw(folders: list[Path]) -> list[Path]:
    return [place for folder in folders for place in (folder / "raw", folder)]


def _entries(folder: Path) -> list[Path]:
    with suppress(OSError):
        return sorted(folder.iterdir())
    return []


def _plain(name: str) -> str:
    """A name without case and separators: ``fashionmnist`` for ``Fashion-MNIST``."""
    return re.sub(r"[-_. ]", "", name).lower()
