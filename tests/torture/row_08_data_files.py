"""Faulty data files: each fault, in extracted and in compressed files, is reported with its remedy."""

import functools
import gzip
import hashlib
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

from torture import Case

from bnreg.data.dataset import fingerprint_of
from bnreg.data.datasets import DATASETS
from bnreg.data.files import STEMS
from bnreg.data.loading import load_dataset
from bnreg.errors import UserError

sys.path.append(str(Path(__file__).parent.parent))
from support.tiny_digits import SOURCE, tiny_archives, tiny_arrays, write_tiny

TITLE = "data files truncated, flipped, swapped, with label 10 or a wrong count, gz and extracted"
PROMISE = "Each faulty data file is reported with the remedy, and bnreg never trains on it."

LABELS = 8  # bytes of the header of a label file


def _cut(content: bytes) -> bytes:
    return content[: len(content) * 2 // 3]


def _flipped(content: bytes) -> bytes:
    changed = bytearray(content)
    changed[-3] ^= 4
    return bytes(changed)


def _one_more(content: bytes) -> bytes:
    return content + b"\0"


def _wrong_count(content: bytes) -> bytes:
    return content[:7] + bytes([content[7] + 1]) + content[8:]


def _wrong_magic(content: bytes) -> bytes:
    return b"\0\0\x0d" + content[3:]


def _label_10(content: bytes) -> bytes:
    return content[:LABELS] + b"\x0a" + content[LABELS + 1 :]


def _empty(_content: bytes) -> bytes:
    return b""


FAULTS: dict[str, Callable[[bytes], bytes]] = {
    "cut off": _cut,
    "a bit flipped": _flipped,
    "longer": _one_more,
    "a wrong count": _wrong_count,
    "a wrong type": _wrong_magic,
    "empty": _empty,
}


def cases(full: bool) -> Iterator[Case]:
    """Each fault in each file, for both kinds of files; and swapped files."""
    for compressed in (False, True):
        kind = "gz" if compressed else "extracted"
        for stem in STEMS if full else STEMS[1:2]:
            faults = FAULTS | ({"label 10": _label_10} if "labels" in stem else {})
            for name, fault in faults.items():
                yield f"{stem}, {kind}: {name}", functools.partial(_try, {stem: fault}, stem, compressed)
            if compressed:
                for name in ("cut off", "a bit flipped", "empty"):
                    label = f"{stem}: archive {name}"
                    yield label, functools.partial(_try, {stem: FAULTS[name]}, stem, compressed, archive=True)
        for what in ("images-idx3", "labels-idx1"):
            pair = [f"{split}-{what}-ubyte" for split in ("train", "t10k")]
            yield f"{what}, {kind}: training and test swapped", functools.partial(_exchanged, pair, compressed)


def _try(
    faults: dict[str, Callable[[bytes], bytes]], to_blame: str, compressed: bool, *, archive: bool = False
) -> None:
    contents = {name.removesuffix(".gz"): gzip.decompress(content) for name, content in tiny_archives().items()}
    changed = contents if archive else {s: faults.get(s, bytes)(content) for s, content in contents.items()}
    packed = {s: gzip.compress(content, mtime=0) if compressed else content for s, content in changed.items()}
    if archive:
        packed = {s: faults.get(s, bytes)(content) for s, content in packed.items()}
    _assert_refused(packed, to_blame, compressed)


def _exchanged(pair: list[str], compressed: bool) -> None:
    contents = {name.removesuffix(".gz"): gzip.decompress(content) for name, content in tiny_archives().items()}
    contents[pair[0]], contents[pair[1]] = contents[pair[1]], contents[pair[0]]
    packed = {s: gzip.compress(content, mtime=0) if compressed else content for s, content in contents.items()}
    line = _assert_refused(packed, pair[0], compressed)
    assert "that is the size of the other split" in line, line


def _assert_refused(packed: dict[str, bytes], to_blame: str, compressed: bool) -> str:
    """Check that one line names the file and the remedy."""
    digests = [hashlib.sha256(gzip.decompress(content)).hexdigest() for content in tiny_archives().values()]
    source = replace(SOURCE, fingerprint=fingerprint_of(tiny_arrays()), sha256=tuple(digests))
    suffix = ".gz" if compressed else ""
    with tempfile.TemporaryDirectory() as root:
        folder = write_tiny(Path(root))
        for path in folder.iterdir():
            path.unlink()
        for stem, content in packed.items():
            (folder / f"{stem}{suffix}").write_bytes(content)
        DATASETS["tiny"] = source
        try:
            load_dataset("tiny", Path(root), log=print)
        except UserError as error:
            (line,) = error.lines
        else:
            raise AssertionError("the faulty data was accepted")
        finally:
            del DATASETS["tiny"]
        assert line.startswith(f"{folder / to_blame}{suffix}: "), line
        assert line.endswith("; delete it and run `bnreg data fetch tiny`"), line
        return line
