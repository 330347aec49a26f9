"""The experiments that ship with bnreg, and which file a typed word means."""

import os
from pathlib import Path

import bnreg

SUFFIXES = (".yaml", ".yml")


def examples_folder() -> Path:
    """The folder of the shipped experiments: in an installed package inside it, in a checkout beside it."""
    package = Path(bnreg.__file__).parent
    installed = package / "examples"
    return installed if installed.is_dir() else package.parent / "configs"


def examples() -> dict[str, Path]:
    """The name of each shipped experiment → its file; those of the lecture are ``lecture/…`` and come last."""
    folder = examples_folder()
    files = sorted(folder.rglob("*.yaml"), key=lambda file: (len(file.parts), file.name))
    return {file.relative_to(folder).with_suffix("").as_posix(): file for file in files}


def meant(path: Path) -> Path:
    """The file that a typed word means.

    An existing file is meant as it is. A word without the suffix of a YAML file means such a file, here or in
    ``configs/``; without one, the example of that name. A word that means nothing is returned as it is.
    """
    if path.suffix in SUFFIXES or not path.name or os.path.isfile(path):  # noqa: PTH113 # false where it may not look
        return path
    own = (folder / path.with_name(f"{path.name}.yaml") for folder in (Path(), Path("configs")))
    found = next((file for file in own if os.path.isfile(file)), None)  # noqa: PTH113
    return found or examples().get(path.as_posix(), path)
