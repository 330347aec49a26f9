"""Writing pages, and what they need beside the runs."""

import webbrowser
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from bnreg.errors import UserError

if TYPE_CHECKING:
    from collections.abc import Callable

    from bnreg.analysis.run_view import RunView
    from bnreg.report.page.digits import Images

OURS = b'<meta name="generator" content="bnreg '
HEAD_BYTES = 1000


def check_page_path(path: Path, *, force: bool) -> bool:
    """Check that a page can be written there, before computing anything for it; return whether it replaces a file.

    Raises:
        UserError: If its folder does not exist, or something is there that is no page of bnreg, unless ``force``.
    """
    from bnreg.runs.folder import refuse_existing

    if path.suffix.lower() not in (".html", ".htm"):
        raise UserError(f"{path}: a report is HTML; give a name that ends in .html")
    if not path.parent.is_dir():
        raise UserError(f"{path}: folder {path.parent} does not exist; create it first")
    may_replace = force or _is_page(path)
    refuse_existing(path, "--output" if may_replace else "--output, or replace it with --force", force=may_replace)
    return may_replace


def _is_page(path: Path) -> bool:
    try:
        with path.open("rb") as file:
            return OURS in file.read(HEAD_BYTES)
    except OSError:
        return False


def open_page(path: Path) -> None:
    """Open a page in the user's browser, if there is one."""
    if not webbrowser.open(path.resolve().as_uri()):
        typer.echo(f"note: no browser was found; open {path}", err=True)


def find_images(data_folder: Path | None) -> "Callable[[RunView], Images | None]":
    """How to find the test images of a run: only in what is on this machine, and only the very data it was tested on.

    Args:
        data_folder: The data root, if the user chose one.
    """
    from bnreg.config.own_data import is_data_path
    from bnreg.data import data_root, load_dataset, locate_dataset
    from bnreg.report.page.digits import Images

    def find(view: "RunView") -> "Images | None":
        (used, *others) = view.info.data.values()
        try:
            root = data_root(data_folder, (view.config.get("data") or {}).get("root"))
            written = view.dataset_as_written
            name = written if is_data_path(written) else used.name
            if others or not (is_data_path(name) or locate_dataset(name, root)):
                return None
            dataset = load_dataset(name, root, log=lambda _: None, known=(used.fingerprint,))
        except UserError:
            return None
        is_same = dataset.fingerprint == used.fingerprint
        return Images(dataset.test_images, dataset.test_labels) if is_same else None

    return find
