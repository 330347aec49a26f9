"""From a data set's name to its arrays: found, downloaded, or replaced by the digits that need no download."""

import os
from collections.abc import Callable, Collection
from pathlib import Path
from typing import Any, Literal

from bnreg.config.own_data import is_data_path
from bnreg.config.paths import expanded
from bnreg.data.dataset import Dataset
from bnreg.data.datasets import DATASETS, read_dataset, remedy, source_of
from bnreg.data.download import DownloadError, fetch
from bnreg.data.files import DamagedFileError, describe_file
from bnreg.data.own import load_own
from bnreg.errors import UserError


def data_root(option: Path | None, configured: str | None, place: str = "data.root") -> Path:
    """The folder that contains the data sets.

    The first of these that is given: the option ``--data-root``, the environment variable ``BNREG_DATA``, the
    config's ``data.root``, and ``data`` in the user's cache folder for bnreg; ``data`` in the current folder for a
    user without a home folder.

    Args:
        option: The value of the option.
        configured: The value in the config.
        place: Where the config has it, to start a line about it.

    Raises:
        UserError: See ``expanded``.
    """
    given = {"--data-root": option, "BNREG_DATA": os.environ.get("BNREG_DATA"), place: configured}
    for origin, path in given.items():
        if path:
            return expanded(str(path), origin)
    import platformdirs

    try:
        return platformdirs.user_cache_path("bnreg", appauthor=False) / "data"
    except RuntimeError:
        return Path("data").absolute()


def locate_dataset(name: str, root: Path) -> bool:
    """Whether a data set's files exist, in a package or in the data root; files in torchvision's layout are not read.

    Raises:
        UserError: If there is no such data set.
    """
    return source_of(name).is_complete(root)


def load_dataset(
    name: str,
    root: Path,
    *,
    fallback: Literal["mnist_5k", "none"] = "mnist_5k",
    log: Callable[[str], None],
    place: str = "data.dataset",
    beside: Path | None = None,
    known: Collection[str] = (),
) -> Dataset:
    """Load a data set and verify it; download it first if it is missing. Nothing replaces data of one's own.

    Args:
        name: The data set, or the path of one's own.
        root: The data root; only a download writes to it.
        fallback: The data set that may replace ``mnist``, after a warning, if it can be neither found nor downloaded;
            ``none`` makes that an error.
        log: Takes the warning, the progress of the download and notes, a line each.
        place: Where the config has the path, to start a line about it.
        beside: See ``load_own``.
        known: See ``load_own``.

    Returns:
        The data set; its ``name`` is that of the data that was actually loaded.

    Raises:
        UserError: If there is no such data set, if it is damaged, or if it is unavailable and nothing may replace it.
    """
    if is_data_path(name):
        return load_own(name, root, place, beside=beside, known=known, log=log)
    source = source_of(name)
    if not locate_dataset(name, root):
        hint = source.hint(root)
        problem = f"{name!r} is not in {source.folder(root)}{f' ({hint})' if hint else ''}"
        try:
            fetch(name, root, log=log)
        except DownloadError as error:
            ways = f"--data-root, BNREG_DATA, `bnreg data fetch {name}`"
            if source.stand_in is None or fallback != source.stand_in:
                raise UserError(f"{problem}: {error}; remedies: {ways}") from error
            stand_in = source_of(fallback)
            log(
                f"warning: {problem} ({error.reason}); using {fallback!r} instead ({stand_in.num_train:,} + "
                f"{stand_in.num_test:,} images); see {ways}, data.fallback: none"
            )
            name = fallback
    try:
        return read_dataset(name, root)
    except DamagedFileError as damage:
        raise remedy(name, damage) from damage


def describe_datasets(root: Path) -> list[dict[str, Any]]:
    """Describe the content of a data root, one entry per data set; all existing files are read and verified.

    Returns:
        For each: name, description, num_train, num_test; state, one of ``here``, ``embedded``, ``not here`` and
        ``damaged: …``; where, the folder of its files, existing or not; fingerprint, None unless it could be read;
        files, each with path, size_bytes and sha256; and hint, on a file in another layout if the data set is not here.
    """
    entries = []
    for name, source in DATASETS.items():
        fingerprint = None
        files = source.files(root)
        try:
            fingerprint = read_dataset(name, root).fingerprint
            state = "here" if source.torchvision_class else "embedded"
        except FileNotFoundError:
            state = "not here"
        except DamagedFileError as damage:
            state = f"damaged: {damage}"
        entries.append(
            {
                "name": name,
                "description": source.description,
                "num_train": source.num_train,
                "num_test": source.num_test,
                "state": state,
                "where": str(files[0].parent if files else source.folder(root)),
                "fingerprint": fingerprint,
                "files": [describe_file(path) for path in files],
                "hint": source.hint(root) if state == "not here" else "",
            }
        )
    return entries
