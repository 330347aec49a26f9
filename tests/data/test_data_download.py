import gzip
import socket
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import SimpleNamespace

import pytest
from filelock import FileLock, Timeout
from support.tiny_digits import SOURCE, tiny_archives, tiny_resources, to_idx, write_tiny

from bnreg.data import DATASETS, DownloadError, download, fetch, load_dataset
from bnreg.errors import UserError

FIRST = "train-images-idx3-ubyte.gz"
LOCK = ".download.lock"


class Mirror(ThreadingHTTPServer):
    """A web server on the loopback device that serves the given files, some damaged on purpose."""

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Handler)
        self.files = tiny_archives()
        self.truncated = set()
        self.requested = []
        self.url = f"http://127.0.0.1:{self.server_address[1]}/"

    def handle_error(self, request, client_address):
        """Ignore a client that hangs up early."""


class Handler(BaseHTTPRequestHandler):
    """Serves the mirror's files by name."""

    def do_GET(self):
        name = self.path.lstrip("/")
        self.server.requested.append(name)
        if name not in self.server.files:
            self.send_error(404)
            return
        content = self.server.files[name]
        self.send_response(200)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content[: len(content) // 2] if name in self.server.truncated else content)

    def log_message(self, *args):
        """Keep quiet."""


@pytest.fixture
def mirror():
    with Mirror() as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@pytest.fixture
def table(monkeypatch, mirror):
    """The data set ``tiny`` with an entry here and a class in torchvision."""
    from torchvision import datasets

    table = SimpleNamespace(mirrors=[mirror.url], resources=tiny_resources())
    monkeypatch.setattr(datasets, "Tiny", table, raising=False)
    monkeypatch.setitem(DATASETS, "tiny", SOURCE)
    monkeypatch.setattr(download, "TIMEOUT_SECONDS", 0.3)
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    monkeypatch.delenv("BNREG_MIRROR", raising=False)
    return table


@pytest.fixture
def closed_port():
    """The URL of a server that does not exist."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        return f"http://127.0.0.1:{server.getsockname()[1]}/"


@pytest.fixture
def hanging():
    """The URL of a server that accepts connections and never answers."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield f"http://127.0.0.1:{server.getsockname()[1]}/"


def host(url):
    """The server's name and port."""
    return url.removeprefix("http://").rstrip("/")


def names_in(folder):
    return sorted(path.name for path in folder.iterdir())


def test_a_fetched_data_set_is_complete_in_torchvisions_layout(tmp_path, table, capsys):
    """Nothing goes to stdout, which is for results, and no progress bar to a stderr that is not a terminal."""
    lines = []
    paths = fetch("tiny", tmp_path / "new" / "root", log=lines.append)
    folder = tmp_path / "new" / "root" / "Tiny" / "raw"
    assert {path.name: path.read_bytes() for path in paths} == tiny_archives()
    assert names_in(folder) == sorted([*tiny_archives(), LOCK])
    assert lines == [f"downloading {table.mirrors[0]}{name}" for name in tiny_archives()]
    assert capsys.readouterr() == ("", "")


@pytest.mark.usefixtures("table")
def test_intact_files_are_not_downloaded_again(tmp_path, mirror):
    """Neither all of them nor some of them."""
    folder = write_tiny(tmp_path)
    fetch("tiny", tmp_path, log=print)
    assert mirror.requested == []
    assert LOCK not in names_in(folder), "existing files may be in a folder that is not writable"
    (folder / FIRST).unlink()
    fetch("tiny", tmp_path, log=print)
    assert set(mirror.requested) == {FIRST}


@pytest.mark.usefixtures("table")
def test_extracted_files_are_not_downloaded_again(tmp_path, mirror):
    folder = write_tiny(tmp_path)
    (folder / FIRST.removesuffix(".gz")).write_bytes(gzip.decompress(tiny_archives()[FIRST]))
    (folder / FIRST).unlink()
    (folder / "t10k-labels-idx1-ubyte.gz").unlink()
    fetch("tiny", tmp_path, log=print)
    assert set(mirror.requested) == {"t10k-labels-idx1-ubyte.gz"}


@pytest.mark.usefixtures("table")
def test_a_damaged_archive_is_replaced(tmp_path):
    folder = write_tiny(tmp_path)
    (folder / FIRST).write_bytes(b"damaged")
    fetch("tiny", tmp_path, log=print)
    assert (folder / FIRST).read_bytes() == tiny_archives()[FIRST]


@pytest.mark.usefixtures("table")
def test_a_damaged_extracted_file_is_reported_and_not_touched(tmp_path):
    """Only its owner may delete it."""
    folder = write_tiny(tmp_path)
    extracted = folder / FIRST.removesuffix(".gz")
    extracted.write_bytes(b"mine")
    with pytest.raises(UserError) as caught:
        fetch("tiny", tmp_path, log=print)
    assert str(extracted) in str(caught.value)
    assert str(caught.value).endswith("; delete it and run `bnreg data fetch tiny`")
    assert extracted.read_bytes() == b"mine"


def _truncate(mirror):
    mirror.truncated.add(FIRST)


def _flip_a_bit(mirror):
    content = bytearray(mirror.files[FIRST])
    content[len(content) // 2] ^= 1
    mirror.files[FIRST] = bytes(content)


def _remove(mirror):
    del mirror.files[FIRST]


@pytest.mark.parametrize(
    ("damage", "reason"),
    [(_truncate, "corrupted"), (_flip_a_bit, "corrupted"), (_remove, "HTTP Error 404")],
    ids=["truncated", "bit flipped", "not found"],
)
@pytest.mark.usefixtures("table")
def test_a_failed_download_leaves_nothing_and_says_why_in_one_line(tmp_path, mirror, damage, reason):
    damage(mirror)
    with pytest.raises(DownloadError) as caught:
        fetch("tiny", tmp_path, log=print)
    message = str(caught.value)
    assert message == f"cannot download {FIRST} from {caught.value.reason}"
    assert message.startswith(f"cannot download {FIRST} from {host(mirror.url)}: ")
    assert reason in message
    assert "\n" not in message
    assert names_in(tmp_path) == []


@pytest.mark.usefixtures("table")
def test_a_failed_download_removes_the_empty_folders_that_it_made_and_no_others(tmp_path, mirror):
    """A folder that contains a foreign file stays, too."""
    _remove(mirror)
    with pytest.raises(DownloadError):
        fetch("tiny", tmp_path / "new" / "root", log=print)
    assert names_in(tmp_path) == []
    (tmp_path / "Tiny").mkdir()
    with pytest.raises(DownloadError):
        fetch("tiny", tmp_path, log=print)
    assert names_in(tmp_path) == ["Tiny"]
    assert names_in(tmp_path / "Tiny") == []
    folder = tmp_path / "Tiny" / "raw"
    folder.mkdir()
    with pytest.raises(DownloadError):
        fetch("tiny", tmp_path, log=print)
    assert names_in(folder) == []
    (folder / "notes.txt").touch()
    with pytest.raises(DownloadError):
        fetch("tiny", tmp_path, log=print)
    assert names_in(folder) == [LOCK, "notes.txt"]


@pytest.mark.usefixtures("table")
def test_a_process_that_waits_for_one_that_fails_starts_again(tmp_path):
    """The lock that it waited for is gone, with its folder; the next lock keeps a third process out."""
    folder = tmp_path / "Tiny" / "raw"
    waiting = threading.Event()

    def log(line):
        waiting.set()
        if line.startswith("downloading"):
            with pytest.raises(Timeout):
                FileLock(folder / LOCK).acquire(timeout=0)

    thread = threading.Thread(target=fetch, args=("tiny", tmp_path), kwargs={"log": log})
    with download._locked(folder, log=print):
        thread.start()
        assert waiting.wait(timeout=60)
        time.sleep(0.3)  # a few polls of the lock
    thread.join(timeout=60)
    assert not thread.is_alive()
    assert names_in(folder) == sorted([*tiny_archives(), LOCK])


@pytest.mark.usefixtures("table")
def test_a_file_that_fails_late_leaves_only_complete_files(tmp_path, mirror):
    mirror.truncated.add("t10k-labels-idx1-ubyte.gz")
    with pytest.raises(DownloadError, match="cannot download t10k-labels-idx1-ubyte"):
        fetch("tiny", tmp_path, log=print)
    folder = tmp_path / "Tiny" / "raw"
    whole = {name: content for name, content in tiny_archives().items() if name != "t10k-labels-idx1-ubyte.gz"}
    assert {path.name: path.read_bytes() for path in folder.iterdir() if path.name != LOCK} == whole


@pytest.mark.usefixtures("table")
def test_an_interrupted_download_leaves_nothing(tmp_path, monkeypatch):
    """The leftovers of a killed process do not disturb the next download."""
    from torchvision.datasets import utils

    def interrupted(_url, folder, filename, **_):
        folder.mkdir(exist_ok=True)
        (folder / filename).write_bytes(b"half")
        raise KeyboardInterrupt

    folder = tmp_path / "Tiny" / "raw"
    with monkeypatch.context() as patch:
        patch.setattr(utils, "download_url", interrupted)
        with pytest.raises(KeyboardInterrupt):
            fetch("tiny", tmp_path, log=print)
    assert names_in(tmp_path) == []
    assert socket.getdefaulttimeout() is None
    (folder / ".download").mkdir(parents=True)
    (folder / ".download" / FIRST).write_bytes(b"half")
    fetch("tiny", tmp_path, log=print)
    assert names_in(folder) == sorted([*tiny_archives(), LOCK])


def test_the_next_mirror_is_tried_when_one_fails(tmp_path, table, mirror, closed_port, hanging):
    """It may refuse the connection or never answer."""
    table.mirrors = [closed_port, hanging, mirror.url]
    table.resources = table.resources[:1]
    write_tiny(tmp_path).joinpath(FIRST).unlink()
    fetch("tiny", tmp_path, log=print)
    assert set(mirror.requested) == {FIRST}


def test_all_mirrors_and_their_failures_are_named(tmp_path, table, closed_port, hanging):
    table.mirrors = [closed_port, hanging, "nonsense/"]
    with pytest.raises(DownloadError) as caught:
        fetch("tiny", tmp_path, log=print)
    refused, timed_out, nonsense = str(caught.value).split("; ")
    assert refused.startswith(f"cannot download {FIRST} from {host(closed_port)}: ")
    assert "refused" in refused
    assert timed_out == f"{host(hanging)}: timed out"
    assert nonsense.startswith("nonsense/: unknown url type")
    assert socket.getdefaulttimeout() is None


@pytest.mark.parametrize("how", ["argument", "environment", "argument before environment"])
def test_a_given_mirror_is_used_instead_of_the_table(tmp_path, table, mirror, closed_port, monkeypatch, how):
    """With or without a slash at the end."""
    table.mirrors = [closed_port]
    if how != "argument":
        monkeypatch.setenv("BNREG_MIRROR", mirror.url if how == "environment" else closed_port)
    given = None if how == "environment" else mirror.url.rstrip("/")
    fetch("tiny", tmp_path, mirror=given, log=print)
    with pytest.raises(DownloadError) as caught:
        fetch("tiny", tmp_path / "other", mirror=closed_port, log=print)
    assert host(mirror.url) not in str(caught.value)


@pytest.mark.usefixtures("table")
def test_a_process_waits_for_another_and_then_has_nothing_to_do(tmp_path, mirror):
    folder = tmp_path / "Tiny" / "raw"
    folder.mkdir(parents=True)
    waiting = threading.Event()
    lines = []

    def log(line):
        lines.append(line)
        waiting.set()

    other = FileLock(folder / LOCK)
    with other:
        thread = threading.Thread(target=fetch, args=("tiny", tmp_path), kwargs={"log": log})
        thread.start()
        assert waiting.wait(timeout=60)
        for name, content in tiny_archives().items():
            (folder / name).write_bytes(content)
    thread.join(timeout=60)
    assert not thread.is_alive()
    assert lines == [f"waiting for another process that is downloading into {folder}"]
    assert mirror.requested == []


@pytest.mark.usefixtures("table")
def test_a_root_that_cannot_be_written_is_a_failed_download(tmp_path):
    (tmp_path / "file").write_text("not a folder")
    with pytest.raises(DownloadError, match=r"cannot download tiny: .*file.*cannot be written: Not a directory"):
        fetch("tiny", tmp_path / "file", log=print)


def test_embedded_data_needs_no_download(tmp_path):
    lines = []
    (path,) = fetch("mnist_5k", tmp_path, log=lines.append)
    assert path.name == "mnist_5k.csv.gz"
    assert lines == [f"mnist_5k is already in {path.parent}"]


@pytest.mark.usefixtures("table")
def test_loading_downloads_missing_data(tmp_path):
    dataset = load_dataset("tiny", tmp_path, log=print)
    assert (dataset.name, dataset.source) == ("tiny", str(tmp_path / "Tiny" / "raw"))
    assert to_idx(dataset.train_images) == to_idx(load_dataset("tiny", tmp_path, log=pytest.fail).train_images)


def test_loading_uses_the_stand_in_when_the_download_fails(tmp_path, table, closed_port):
    """One warning gives the reason, the stand-in and the remedies."""
    table.mirrors = [closed_port, f"{closed_port}other/"]
    lines = []
    dataset = load_dataset("tiny", tmp_path, log=lines.append)
    assert dataset.name == "mnist_5k"
    (warning,) = [line for line in lines if line.startswith("warning: ")]
    refused = f"({host(closed_port)}, {host(closed_port)}: Connection refused)"
    assert refused in warning
    assert "\n" not in warning
    assert len(warning) - len(refused) - len(str(tmp_path)) < 200


@pytest.mark.parametrize("name", ["mnist", "fashion_mnist", "kmnist"])
def test_torchvisions_tables_have_everything_that_the_download_needs(name):
    """An independent oracle: the class, its mirrors, and the names of the four files."""
    from torchvision import datasets

    from bnreg.data.files import STEMS

    table = getattr(datasets, DATASETS[name].torchvision_class)
    assert tuple(filename.removesuffix(".gz") for filename, _ in table.resources) == STEMS
    assert all(mirror.endswith("/") for mirror in table.mirrors)
