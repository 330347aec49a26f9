"""Data in another layout than torchvision's: recognised by content, or named in the message."""

import errno
import gzip
import hashlib
import os
from dataclasses import replace

import numpy as np
import pytest
from support.tiny_digits import SOURCE, tiny_archives, tiny_arrays, tiny_resources, to_idx

from bnreg.data import DATASETS, DownloadError, describe_datasets, fetch, fingerprint_of, load_dataset, loading
from bnreg.data.datasets import read_dataset
from bnreg.data.files import STEMS, DamagedFileError, extracted_sha256
from bnreg.errors import UserError
from bnreg.report.datasets import dataset_notes

CONTENTS = {stem: to_idx(array) for stem, array in zip(STEMS, tiny_arrays(), strict=True)}
KNOWN = replace(
    SOURCE,
    sha256=tuple(hashlib.sha256(content).hexdigest() for content in CONTENTS.values()),
    fingerprint=fingerprint_of(tiny_arrays()),
    stand_in=None,
)


@pytest.fixture(autouse=True)
def offline(monkeypatch):
    """Downloads that fail at once."""

    def fail(*_, **__):
        raise DownloadError("cannot download", "no network")

    monkeypatch.setattr(loading, "fetch", fail)


@pytest.fixture
def known(monkeypatch):
    """The data set ``tiny`` with known contents of its files."""
    monkeypatch.setitem(DATASETS, "tiny", KNOWN)


def write(root, name_of, pack=bytes):
    """Write the four files under other names."""
    for stem, content in CONTENTS.items():
        path = root / name_of(stem)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(pack(content))


def dotted(stem):
    """The name in many copies."""
    return stem.replace("-idx", ".idx")


@pytest.mark.parametrize("pack", [bytes, gzip.compress], ids=["extracted", "compressed"])
@pytest.mark.parametrize(
    "name_of",
    {
        "in the root": lambda stem: stem,
        "with a dot": dotted,
        "with a dot, in torchvision's folder": lambda stem: f"Tiny/raw/{dotted(stem)}",
        "without raw": lambda stem: f"Tiny/{stem}",
        "in small letters": lambda stem: f"tiny/raw/{stem}",
        "in raw": lambda stem: f"raw/{stem}",
        "in data": lambda stem: f"data/tiny/{dotted(stem)}",
        "in capitals": str.upper,
        "the test set by its name": lambda stem: stem.replace("t10k", "test"),
        "each file in a folder of its name": lambda stem: f"{dotted(stem)}/{dotted(stem)}",
        "an extracted file in a folder": lambda stem: f"Tiny/{stem}/{stem}",
        "with underscores": lambda stem: stem.replace("-", "_"),
    }.items(),
    ids=lambda pair: pair[0],
)
@pytest.mark.usefixtures("known")
def test_intact_data_are_recognised_by_content_in_any_layout(tmp_path, name_of, pack):
    """Compressed or not, whatever the ending of the name says; nothing is moved or written."""
    _, name_of = name_of
    write(tmp_path, lambda stem: f"{name_of(stem)}.gz", pack)
    before = sorted(tmp_path.rglob("*"))
    dataset = load_dataset("tiny", tmp_path, log=pytest.fail)
    np.testing.assert_array_equal(dataset.train_images, tiny_arrays().train_images)
    assert dataset.fingerprint == KNOWN.fingerprint
    lines = []
    assert fetch("tiny", tmp_path, log=lines.append) == [tmp_path / f"{name_of(stem)}.gz" for stem in STEMS]
    assert lines == [f"tiny is already in {(tmp_path / name_of(STEMS[0])).parent}"]
    entry = describe_datasets(tmp_path)[-1]
    assert (entry["state"], entry["where"]) == ("here", str((tmp_path / name_of(STEMS[0])).parent))
    assert sorted(tmp_path.rglob("*")) == before


@pytest.mark.usefixtures("known")
def test_the_root_may_be_the_folder_of_the_files_or_the_one_above(tmp_path):
    write(tmp_path, lambda stem: f"Tiny/raw/{stem}")
    for root in (tmp_path, tmp_path / "Tiny", tmp_path / "Tiny" / "raw"):
        assert read_dataset("tiny", root).fingerprint == KNOWN.fingerprint


@pytest.mark.usefixtures("known")
def test_exchanged_names_do_not_matter_outside_torchvisions_layout(tmp_path):
    """The content says which file is which."""
    order = dict(zip(STEMS, reversed(STEMS), strict=True))
    write(tmp_path, lambda stem: order[stem])
    assert load_dataset("tiny", tmp_path, log=pytest.fail).fingerprint == KNOWN.fingerprint


@pytest.mark.usefixtures("known")
def test_the_archives_beside_extracted_files_are_not_taken_for_what_is_missing(tmp_path):
    """Torchvision leaves both in its folder."""
    write(tmp_path, lambda stem: f"Tiny/raw/{stem}")
    write(tmp_path, lambda stem: f"Tiny/raw/{stem}.gz", gzip.compress)
    for path in tmp_path.rglob(f"{STEMS[3]}*"):
        path.unlink()
    assert DATASETS["tiny"].hint(tmp_path) == (
        f"found {STEMS[0]} in {tmp_path}/Tiny/raw, expected {STEMS[3]} or {STEMS[3]}.gz"
    )


@pytest.mark.parametrize(
    ("name", "content", "found"),
    [
        ("train-images.idx3-ubyte", b"other", "train-images.idx3-ubyte in {root} with other content"),
        ("Tiny/train-images-idx3-ubyte", b"other", "train-images-idx3-ubyte in {root}/Tiny with other content"),
        ("tiny.npz", b"", "tiny.npz in {root}"),
        ("Tiny/raw/t10k-labels-idx1-ubyte", b"", "t10k-labels-idx1-ubyte in {root}/Tiny/raw"),
    ],
)
@pytest.mark.usefixtures("known")
def test_a_file_that_was_perhaps_meant_is_named_with_what_was_expected(tmp_path, name, content, found):
    (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
    (tmp_path / name).write_bytes(content)
    with pytest.raises(UserError) as caught:
        load_dataset("tiny", tmp_path, log=pytest.fail)
    (line,) = caught.value.lines
    expected = f"expected {STEMS[0]} or {STEMS[0]}.gz"
    place = found.format(root=tmp_path)
    assert line.startswith(f"'tiny' is not in {tmp_path}/Tiny/raw (found {place}, {expected}): cannot download")
    (note,) = [note for note in dataset_notes(tmp_path, describe_datasets(tmp_path)) if note.startswith("tiny: ")]
    assert note == f"tiny: found {place}, {expected}; `bnreg data fetch tiny` downloads it"


def test_without_known_content_only_an_archive_or_the_folders_name_proves_what_a_file_is(tmp_path, monkeypatch):
    """Four data sets have files of the same names and sizes."""
    md5 = tuple(digest for _, digest in tiny_resources())
    monkeypatch.setitem(DATASETS, "tiny", replace(SOURCE, archive_md5=md5, stand_in=None))
    write(tmp_path / "a", lambda stem: stem)
    with pytest.raises(FileNotFoundError):
        read_dataset("tiny", tmp_path / "a")
    write(tmp_path / "b", lambda stem: f"tiny/{dotted(stem)}")
    assert read_dataset("tiny", tmp_path / "b").fingerprint == KNOWN.fingerprint
    (tmp_path / "c").mkdir()
    for name, content in tiny_archives().items():
        (tmp_path / "c" / name).write_bytes(content)
    assert read_dataset("tiny", tmp_path / "c").fingerprint == KNOWN.fingerprint


def test_a_bomb_among_the_candidates_is_not_unpacked(tmp_path):
    """Of a file that is too long, only as much is read as a file of the data set can have: not its damaged end."""
    bomb = tmp_path / "test-images-idx3-ubyte.gz"
    bomb.write_bytes(gzip.compress(bytes(50_000_000), compresslevel=1)[:-10])
    assert extracted_sha256(bomb, 1000) not in KNOWN.sha256
    with pytest.raises(DamagedFileError):
        extracted_sha256(bomb, 60_000_000)


@pytest.mark.usefixtures("known")
def test_a_folder_that_cannot_be_searched_has_no_data(tmp_path, monkeypatch):
    """As with a folder that a user may list but not enter."""
    write(tmp_path, lambda stem: f"{stem}/{stem}")
    stat = os.stat

    def refused(path, *arguments, **options):
        if str(path).count(STEMS[0]) == 2:
            raise PermissionError(errno.EACCES, "Permission denied", str(path))
        return stat(path, *arguments, **options)

    monkeypatch.setattr(os, "stat", refused)
    with pytest.raises(UserError, match="'tiny' is not in "):
        load_dataset("tiny", tmp_path, log=pytest.fail)
