"""The run that an unfinished run extends, copied into its folder."""

from collections.abc import Iterator

from bnreg.runs import disk
from bnreg.runs.folder import MANIFEST, MAX_MANIFEST_BYTES, DamagedError
from bnreg.runs.in_training.unfinished import UnfinishedRun
from bnreg.runs.read import Run, read_run

BASE = "base"


def base_files(run: Run) -> Iterator[tuple[str, bytes]]:
    """Each file of a run, with its name in the folder of the run that extends it.

    Raises:
        DamagedError: If a file does not match its checksum.
    """
    for name in run.checksums:
        yield f"{BASE}/{name}", run.verified([name])[name]
    yield f"{BASE}/{MANIFEST}", disk.read(run.path / MANIFEST, MAX_MANIFEST_BYTES)


def base_of(run: UnfinishedRun) -> Run | None:
    """The copy of the run that is extended; None if none is.

    Raises:
        DamagedError: If the copy is damaged, or is another run.
    """
    extends = run.beginning().info.extends
    if extends is None:
        return None
    base = read_run(run.folder / BASE)
    if base.info.id != extends:
        raise DamagedError(f"{base.path}: damaged: it is {base.info.id} instead of {extends}")
    return base
