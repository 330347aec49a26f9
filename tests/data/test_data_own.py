"""Data of one's own: archives and folders are read as they were meant, or refused with every mistake on a line."""

import functools
import os
import re
import zipfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.own_data import KEYS, npy, npy_header, own_arrays, write_idx, write_members, write_npz
from support.tiny_digits import to_idx

import bnreg.data
from bnreg.config.own_data import data_name, is_data_path
from bnreg.data import DATASETS, Arrays, fingerprint_of, load_dataset, npz, own, stored
from bnreg.errors import UserError
from bnreg.names import NAME

SAVE = "np.savez_compressed('digits.npz', x_train=…, y_train=…, x_test=…, y_test=…)"
ARRAYS = own_arrays()
X, Y = ARRAYS["x_train"], ARRAYS["y_train"]
FINGERPRINT = fingerprint_of(
    Arrays(*(array.astype(np.int64) if array.ndim == 1 else array for array in ARRAYS.values()))
)


def load(path, log=pytest.fail, **options):
    return load_dataset(str(path), Path("/nowhere"), log=log, **options)


def mistakes(path):
    """The lines about an archive or folder, without its own path at the start."""
    with pytest.raises(UserError) as caught:
        load(path)
    return [line.removeprefix(f"{path}: ") for line in caught.value.lines]


WRITTEN = {
    "as uint8": {},
    "as another whole type": {"x_train": X.astype(np.int64), "y_train": Y.astype(np.uint8)},
    "as whole floats": {"x_train": X.astype(np.float16), "y_train": Y.astype(float)},
    "as quotients of 32 bits": {"x_train": X.astype(np.float32) / np.float32(255)},
    "as quotients of 64 bits": {"x_train": X * (1 / 255)},
    "with a last axis": {"x_train": X[..., None]},
    "big-endian": {"x_train": X.astype(">u2"), "y_train": Y.astype(">i8")},
    "column by column": {"x_train": np.asfortranarray(X)},
}


@pytest.mark.parametrize("how", WRITTEN)
def test_equal_images_have_one_fingerprint_however_they_are_written(tmp_path, how):
    dataset = load(write_npz(tmp_path / "digits.npz", **WRITTEN[how]))
    assert (dataset.fingerprint, dataset.name, dataset.size) == (FINGERPRINT, "digits.npz", (60, (8, 8), 3))
    np.testing.assert_array_equal(dataset.train_images, X)
    assert not any(getattr(dataset, name).flags.writeable for name in Arrays._fields)


@pytest.mark.parametrize("below", ["", "raw", "MNIST/raw"])
def test_a_folder_of_idx_files_is_the_same_data(tmp_path, below):
    """Also in the folders that torchvision makes."""
    write_idx(tmp_path / "mine" / below)
    dataset = load(tmp_path / "mine")
    assert (dataset.fingerprint, dataset.name) == (FINGERPRINT, "mine.idx")


@pytest.mark.mnist
def test_torchvisions_folder_is_the_data_set_of_the_table():
    dataset = load(os.environ["BNREG_DATA"] + "/")
    assert dataset.fingerprint == DATASETS["mnist"].fingerprint


def test_data_without_a_test_set_get_a_fifth_of_each_class_and_say_so(tmp_path):
    """The same examples every time; the rest is trained on, in its order."""
    heights = np.arange(53).reshape(-1, 1, 1).astype(np.uint8) + 200
    path = write_members(tmp_path / "all.npz", [("x", heights), ("y", np.arange(53) % 2)])
    notes = []
    dataset = load(path, log=notes.append)
    assert np.bincount(dataset.test_labels).tolist() == [5, 5]
    assert dataset.train_images.ravel().tolist() == sorted({*range(200, 253)} - {*dataset.test_images.ravel()})
    assert dataset.fingerprint == load(path, log=notes.append).fingerprint
    assert notes[0] == (
        f"note: {path}: has no test set: 43 of its 53 examples are trained on, and 10, a fifth of each class, are its "
        "test set in every run; x_train, y_train, x_test and y_test give your own"
    )


def test_dark_images_are_noted(tmp_path):
    notes = []
    path = write_npz(tmp_path / "dark.npz", x_train=X // 16)
    load(path, log=notes.append)
    assert notes == [
        f"note: {path}: the lightest pixel is 15 of 255: if white is 15, multiply by 255 / 15, or set data.standardise"
    ]


WRONG = {
    "x_train: has shape (60, 64); expected (examples, height, width): x.reshape(-1, 8, 8)": {
        "x_train": X.reshape(60, -1)
    },
    "x_train: has shape (60, 63); expected (examples, height, width): x.reshape(-1, height, width)": {
        "x_train": X.reshape(60, -1)[:, 1:]
    },
    "x_train: has shape (60, 8, 8, 3); expected (examples, height, width), in grey: "
    "np.rint(x[..., :3].mean(-1)).astype(np.uint8)": {"x_train": np.stack([X] * 3, -1)},
    "x_train: has shape (60, 3, 8, 8); expected (examples, height, width), in grey: "
    "np.rint(x.mean(1)).astype(np.uint8)": {"x_train": np.stack([X] * 3, 1)},
    "x_train: has shape (60, 1, 8, 8); expected (examples, height, width): x[:, 0]": {"x_train": X[:, None]},
    "x_train: has shape (); expected (examples, height, width)": {"x_train": np.array(1)},
    "x_test: has images of 8 × 4 pixels; those to train on have 8 × 8": {"x_test": ARRAYS["x_test"][:, :, :4]},
    "x_test: has images of 1025 × 1 pixels; expected at most 1024 a side": {"x_test": np.ones((30, 1025, 1))},
    "x_train: has the value 0.996094, which is none of 256 shades of grey; expected whole numbers from 0 to 255: "
    "np.rint(255 * x).astype(np.uint8)": {"x_train": np.full(X.shape, 255 / 256)},
    "x_train: has the value 1.5, which is none of 256 shades of grey; expected whole numbers from 0 to 255: "
    "np.rint(x).astype(np.uint8)": {"x_train": np.full(X.shape, 1.5)},
    "x_train: contains NaN or infinity; expected whole numbers from 0 to 255": {"x_train": np.where(X > 9, np.nan, X)},
    "x_test: has values from -1 to 255; expected whole numbers from 0 to 255": {
        "x_test": np.resize([-1, 255], (30, 8, 8))
    },
    "x_train: has only zeros and ones; expected whole numbers from 0 to 255: 255 * x makes 1 white": {
        "x_train": (X > 99).astype(np.uint8)
    },
    "x_train: has no pixel but 0; expected whole numbers from 0 to 255": {"x_train": X * 0},
    "x_train: has values of type bool; expected whole numbers: np.rint(x).astype(np.uint8)": {"x_train": X > 99},
    "x_train: holds Python objects, perhaps rows of different lengths; give numbers in one shape": {
        "x_train": np.array([None, 1], dtype=object)
    },
    "y_train: has shape (60, 3); expected (examples,) of class numbers; if it is one-hot: y.argmax(1)": {
        "y_train": np.eye(3)[Y]
    },
    "y_train: has shape (60, 1); expected (examples,); np.ravel(y)": {"y_train": Y[:, None]},
    "y_train: has values of type text; expected whole numbers: np.unique(y, return_inverse=True)[1] numbers them, if y "
    "has all labels": {"y_train": Y.astype(str)},
    "y_train: has labels that are not whole; expected classes numbered from 0: np.unique(y, return_inverse=True)[1] "
    "numbers them, if y has all labels": {"y_train": Y + 0.5},
    "y_train: has labels from -1 to 1; expected classes numbered from 0, at most 1,000: "
    "np.unique(y, return_inverse=True)[1] numbers them, if y has all labels": {"y_train": Y - 1},
    "y_train: has labels up to 3 but none of 0; every class needs an example to train on: y - 1 starts at 0": {
        "y_train": Y + 1
    },
    "y_train: has labels up to 4 but none of 1, 3; every class needs an example to train on: "
    "np.unique(y, return_inverse=True)[1] numbers them, if y has all labels": {"y_train": Y * 2},
    "y_train: has a single class; expected at least 2": {"y_train": Y * 0, "y_test": ARRAYS["y_test"] * 0},
    "y_test: has the label 9; the training labels are 0 to 2": {"y_test": ARRAYS["y_test"] + 7},
    "y_train: has 59 labels for 60 images; expected one each, in the same order": {"y_train": Y[1:]},
    "y_test: is empty": {"x_test": ARRAYS["x_test"], "y_test": Y[:0]},
}


@pytest.mark.parametrize("line", WRONG)
def test_a_mistake_is_one_line_with_the_array_what_was_given_and_the_remedy(tmp_path, line):
    assert line in mistakes(write_npz(tmp_path / "digits.npz", **WRONG[line]))


def test_all_mistakes_are_told_at_once(tmp_path):
    path = write_npz(
        tmp_path / "digits.npz",
        x_train=X.reshape(60, -1),
        y_train=np.eye(3)[Y],
        x_test=ARRAYS["x_test"] / 3,
        y_test=ARRAYS["y_test"].astype(str),
    )
    assert [line.partition(":")[0] for line in mistakes(path)] == [*KEYS]
    path = write_npz(tmp_path / "more.npz", x_train=X.reshape(60, -1), y_test=None, z=X, y_train=np.array([None]))
    assert [re.split("[:;(]", line)[0].strip() for line in mistakes(path)] == [
        "unknown array 'z'",
        "no array y_test",
        "y_train",
        "x_train",
    ]


NAMED = {
    "unknown array 'y_tset'; did you mean 'y_test'? (choices: x_train, y_train, x_test, y_test); save only these": [
        *KEYS[:3],
        "y_tset",
    ],
    "unknown array 'x_val' (choices: x_train, y_train, x_test, y_test); save only these": [*KEYS, "x_val"],
    "array 'x' beside others; call it x_train": ["x", *KEYS[1:]],
    "contains 'x_train' twice": [*KEYS, "x_train"],
    f"no array y; {SAVE}": ["x"],
    f"no arrays x_test and y_test; {SAVE}": KEYS[:2],
    "contains 101 arrays; expected x_train, y_train, x_test and y_test, or x and y": map(str, range(101)),
}


@pytest.mark.parametrize("line", NAMED)
def test_the_names_of_the_arrays_must_be_those_of_a_layout(tmp_path, line):
    path = write_members(tmp_path / "digits.npz", [(name, ARRAYS.get(name, X)) for name in NAMED[line]])
    assert line in mistakes(path)


def with_first(content):
    return [("x_train", content), *((name, ARRAYS[name]) for name in KEYS[1:])]


HOSTILE = {
    "x_train: is damaged: its shape does not fit its size": npy_header((10**6, 1000, 1000)),
    "x_train: is damaged: its shape does not fit its  size": npy_header((-1, 8, 8)),
    "x_train: damaged: descr is not a valid dtype descriptor: 'zzz'": npy_header((1,), "zzz"),
    "x_train: damaged: Header info length (65535) is large": b"\x93NUMPY\x01\x00\xff\xff" + b"(" * 70_000,
    "x_train: is in a version of the .npy format that is not read here": b"\x93NUMPY\x03\x00" + npy(X)[8:],
    "x_train: damaged: the magic string is not correct": b"hello, world",
    "x_train: damaged: EOF: reading magic string": b"",
}


@pytest.mark.parametrize("line", HOSTILE)
def test_a_hostile_array_is_refused_before_it_is_read(tmp_path, line, monkeypatch):
    read = npz._read
    monkeypatch.setattr(npz, "_read", lambda path, name, *header: name != "x_train" and read(path, name, *header))
    (found,) = mistakes(write_members(tmp_path / "digits.npz", with_first(HOSTILE[line])))
    assert found.startswith(line.replace("  ", " "))


def test_no_object_is_ever_unpickled(tmp_path, monkeypatch):
    monkeypatch.setattr("pickle.load", pytest.fail)
    monkeypatch.setattr("pickle.loads", pytest.fail)
    assert "Python objects" in mistakes(write_npz(tmp_path / "a.npz", y_test=np.array([{}, []], dtype=object)))[0]


def test_an_archive_that_unpacks_to_too_much_is_not_read(tmp_path, monkeypatch):
    """What its headers declare counts, before anything is unpacked."""
    monkeypatch.setattr(own, "MAX_BYTES", 60 * 64 + 30 * 64 + 90 * 8 - 1)
    monkeypatch.setattr(np.lib.format, "read_array", pytest.fail)
    assert mistakes(write_npz(tmp_path / "digits.npz")) == ["takes 0.0 GB; expected at most 0.0 GB"]
    assert stored.MAX_BYTES == 2**31


@pytest.mark.parametrize(
    ("content", "line"),
    {
        b"": "is empty",
        b"hello, world": f"is no .npz archive; {SAVE}",
        npy(X): f"is a single array; save all together: {SAVE}",
        b"PK\x03\x04 and so on": "is a damaged archive: File is not a zip file",
    }.items(),
)
def test_a_file_that_is_no_archive_is_named_for_what_it_is(tmp_path, content, line):
    path = tmp_path / "digits.npz"
    path.write_bytes(content)
    assert mistakes(path) == [line]


def test_only_numpys_compression_is_read(tmp_path):
    path = write_members(tmp_path / "a.npz", ARRAYS.items(), zipfile.ZIP_LZMA)
    assert mistakes(path) == [f"{name}: is compressed by another method than NumPy's" for name in KEYS]


@given(data=st.data())
def test_damage_anywhere_in_an_archive_is_told_on_lines_or_has_no_effect(data, tmp_path_factory):
    """The data are those that were written, or they are refused."""
    path = tmp_path_factory.mktemp("flipped") / "digits.npz"
    content = bytearray(write_members(path, ARRAYS.items()).read_bytes())
    for _ in range(data.draw(st.integers(1, 3))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    path.write_bytes(content[: data.draw(st.integers(len(content) // 2, len(content) * 2))])
    found, lines = FINGERPRINT, ()
    try:
        found = load(path).fingerprint
    except UserError as error:
        lines = error.lines
    assert found == FINGERPRINT
    assert all(str(path) in line and "\n" not in line for line in lines)


IDX_WRONG = {
    "t10k-labels-idx1-ubyte": (None, "no t10k-labels-idx1-ubyte or t10k-labels-idx1-ubyte.gz"),
    "train-images-idx3-ubyte": (to_idx(X[0]), "begins with 00 00 08 02 instead of 00 00 08 03"),
    "train-labels-idx1-ubyte": (to_idx(Y)[:6], "ends too early"),
    "t10k-images-idx3-ubyte": (to_idx(ARRAYS["x_test"])[:-1], "ends too early"),
}


@pytest.mark.parametrize("stem", IDX_WRONG)
def test_a_wrong_file_of_a_folder_is_named(tmp_path, stem):
    folder = write_idx(tmp_path / "mine")
    content, reason = IDX_WRONG[stem]
    (folder / stem).unlink()
    if content is not None:
        (folder / stem).write_bytes(content)
    (line,) = mistakes(folder)
    assert line == (reason if content is None else f"{folder / stem}: {reason}")


def test_a_folder_without_idx_files_says_what_was_expected(tmp_path):
    (line,) = mistakes(f"{tmp_path}/")
    assert line.endswith(
        "no IDX files; expected train-images-idx3-ubyte, train-labels-idx1-ubyte, t10k-images-idx3-ubyte, "
        "t10k-labels-idx1-ubyte, each perhaps with .gz"
    )


def test_mistakes_between_the_files_of_a_folder_name_them(tmp_path):
    folder = write_idx(tmp_path / "mine", y_train=Y[1:], y_test=ARRAYS["y_test"] + 5)
    assert mistakes(folder) == [
        f"{folder}/t10k-labels-idx1-ubyte: has the label 7; the training labels are 0 to 2",
        f"{folder}/train-labels-idx1-ubyte: has 59 labels for 60 images; expected one each, in the same order",
    ]


@pytest.fixture
def places(tmp_path, monkeypatch):
    """Archives in the current folder, in the data root and beside a config."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HERE", str(tmp_path))
    for path in ("sub/a.npz", "root/sub/a.npz", "root/sub/b.npz", "root/c.npz", "configs/d.npz"):
        Path(path).parent.mkdir(parents=True, exist_ok=True)
        write_npz(Path(path))
    return tmp_path


def find(text, **options):
    return own.find_own(text, Path("root").absolute(), "here", **options)


def test_a_path_starts_from_the_current_folder_and_then_from_the_data_root(places):
    """Only data that a fingerprint will prove may lie there without their folders."""
    assert find("sub/a.npz") == [Path("sub/a.npz"), places / "root/sub/a.npz"]
    assert find("sub/b.npz") == [places / "root/sub/b.npz"]
    assert find("$HERE/sub/a.npz") == [places / "sub/a.npz"]
    assert find("/elsewhere/c.npz", is_known=True) == [places / "root/c.npz"]


@pytest.mark.usefixtures("places")
def test_of_several_places_the_one_with_the_known_data_is_taken():
    """Another file may have taken the place of one that was moved."""
    right, other = Path("root/sub/a.npz"), Path("sub/a.npz")
    write_npz(other, x_train=X[::-1], y_train=Y[::-1])
    known = own.read_own("a.npz", right, print).fingerprint
    load = functools.partial(own.load_own, "sub/a.npz", Path("root").absolute(), "here", log=print)
    assert load().source == str(other)
    assert load(known=[known]).source == str(right.absolute())
    assert load(known=["sha256:other"]).source == str(other)


@pytest.mark.parametrize(
    ("text", "options", "problem"),
    [
        ("/elsewhere/c.npz", {}, "'/elsewhere/c.npz'"),
        ("sub/aa.npz", {}, "'sub/aa.npz' {searched}; did you mean 'sub/a.npz'?"),
        ("d.npz", {"beside": Path("configs")}, "'d.npz' {searched}; did you mean 'configs/d.npz'? {rule}"),
        ("x.npz", {"is_known": True}, "'x.npz' {searched}; name the folder that has it now with --data-root"),
    ],
)
def test_a_path_with_nothing_at_it_is_told_with_what_was_probably_meant(places, text, options, problem):
    with pytest.raises(UserError) as caught:
        find(text, **options)
    searched = f"in the current folder or the data root {places}/root"
    expected = problem.format(searched=searched, rule="a path starts from the current folder")
    assert str(caught.value) == f"here: no file or folder {expected}"


@pytest.mark.parametrize(
    ("path", "name"),
    {
        "digits.npz": "digits.npz",
        "/home/me/my digits.npz": "my_digits.npz",
        "~/data/MNIST/raw/": "MNIST.idx",
        "./mnist": "mnist.idx",
        "../": "data.idx",
        "C:\\data\\mnist.npz": "mnist.npz",
        "a/.npz": "data.npz",
        f"{'a' * 99}.npz": f"{'a' * 60}.npz",
        "数字.npz": "data.npz",
    }.items(),
)
def test_a_run_names_a_path_without_its_folders(path, name):
    assert is_data_path(path)
    assert data_name(path) == name
    assert NAME.fullmatch(name)


def test_no_name_of_the_table_can_be_that_of_a_path():
    for name in DATASETS:
        assert not is_data_path(name)
        assert data_name(name) == name
        assert not name.endswith((".npz", ".idx"))


def test_the_example_of_the_readme_works(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    text = (Path(bnreg.data.__file__).parent / "README.md").read_text(encoding="utf-8")
    (example,) = re.findall(r"```python\n(.*?)```", text, re.DOTALL)
    exec(compile(example, "README.md", "exec"), {})
    assert load("digits.npz").size == (800, (8, 8), 10)
