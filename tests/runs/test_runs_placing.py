"""Output for the user appears complete and in its own place, and never replaces other files."""

import pytest

from bnreg.errors import UserError
from bnreg.runs.folder import new_folder, write_file


def make_folder(path):
    with new_folder(path, what="folder", option="--output") as draft:
        draft.write("a", b"ours")


def make_file(path):
    write_file(path, b"ours", option="--output")


@pytest.mark.parametrize("make", [make_folder, make_file])
@pytest.mark.parametrize("kind", ["file", "folder", "broken link"])
def test_what_exists_is_not_overwritten(tmp_path, make, kind):
    place = tmp_path / "taken"
    if kind == "file":
        place.write_text("theirs")
    elif kind == "folder":
        place.mkdir()
    else:
        place.symlink_to("nowhere")
    with pytest.raises(UserError, match=r"taken: already exists and will not be overwritten; .* --output"):
        make(place)
    assert [path.name for path in tmp_path.iterdir()] == ["taken"]
    assert place.is_symlink() or place.is_dir() or place.read_text() == "theirs"


def test_a_folder_that_another_process_creates_meanwhile_is_kept(tmp_path):
    def make_both():
        with new_folder(tmp_path / "mine", what="folder", option="--output"):
            make_folder(tmp_path / "mine")
            (tmp_path / "mine" / "theirs").touch()

    with pytest.raises(UserError, match="cannot write a folder here"):
        make_both()
    assert [path.name for path in tmp_path.iterdir()] == ["mine"]
    assert (tmp_path / "mine" / "theirs").exists()


@pytest.mark.parametrize("make", [make_folder, make_file])
def test_folders_above_are_made_and_nothing_else_is_left(tmp_path, make):
    make(tmp_path / "a" / "b")
    assert [path.name for path in (tmp_path / "a").iterdir()] == ["b"]


@pytest.mark.parametrize("make", [make_folder, make_file])
def test_a_place_below_a_file_is_the_users_mistake(tmp_path, make):
    (tmp_path / "a").write_text("")
    with pytest.raises(UserError, match=r"cannot write a (file|folder) here .* choose a folder with --output"):
        make(tmp_path / "a" / "b")
