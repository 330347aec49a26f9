import gzip
import hashlib
import io
import socket
import sys
import threading
import time
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import SimpleNamespace
from urllib.request import proxy_bypass

import pytest
from filelock import FileLock, Timeout
from support.tiny_digits import SOURCE, tiny_archives, tiny_arrays, tiny_resources, to_idx, write_tiny

from bnreg.data import DATASETS, DownloadError, download, fetch, fingerprint_of, load_dataset, transfer
from bnreg.errors import UserError

FIRST = "train-images-idx3-ubyte.gz"
SIZE = len(tiny_archives()[FIRST])
LOCK = ".download.lock"


class Mirror(ThreadingHTTPServer):
    """A web server on the loopback device that serves the given files, some damaged on purpose."""

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Handler)
        self.files = tiny_archives()
        self.truncated = set()
        self.trickling = None  # headers or content
        self.trickle = b"x"
        self.resume = threading.Event()
        self.resume.set()
        self.closing = threading.Event()
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
        if self.server.trickling == "headers":
            self.wfile.write(b"HTTP/1.0 200 OK\r\nX: ")
            self.trickle()
        self.send_response(200)
        if self.server.trickling == "content":
            self.end_headers()
            self.trickle()
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        half = len(content) // 2
        self.wfile.write(content[:half])
        self.server.resume.wait(60)
        if name not in self.server.truncated:
            self.wfile.write(content[half:])

    def trickle(self):
        while not self.server.closing.wait(0.02):
            self.wfile.write(self.server.trickle)

    def log_message(self, *args):
        """Keep quiet."""


@pytest.fixture
def mirror():
    with Mirror() as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield server
        server.closing.set()
        server.shutdown()
        thread.join()


@pytest.fixture
def table(monkeypatch, mirror):
    """The data set ``tiny`` with an entry here and a class in torchvision."""
    from torchvision import datasets

    table = SimpleNamespace(mirrors=[mirror.url], resources=tiny_resources())
    monkeypatch.setattr(datasets, "Tiny", table, raising=False)
    monkeypatch.setitem(DATASETS, "tiny", SOURCE)
    monkeypatch.setattr(transfer, "TIMEOUT_SECONDS", 0.3)
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


def _sends(content):
    return lambda mirror: mirror.files.update({FIRST: content})


@pytest.mark.parametrize(
    ("damage", "reason"),
    [
        (_truncate, f"sent only {SIZE // 2:,} of {SIZE:,} bytes"),
        (_flip_a_bit, "sent a damaged or different archive"),
        (_remove, "HTTP Error 404"),
        (_sends(b""), "sent an empty file"),
        (
            _sends(b"<!doctype html><title>\n Hotel \x1b[2J Login</title>"),
            r"sent a web page 'Hotel \x1b[2J Login', perhaps",
        ),
        (_sends(b"<html><p>Sign in"), "sent a web page, perhaps a login"),
        (_sends(b"quota exceeded\n"), r"sent 'quota exceeded\n'"),
        (_sends(bytes(20_000)), "offers 20,000 bytes, expected at most 16,852"),
        (_sends(gzip.decompress(tiny_archives()[FIRST])), "sent an uncompressed file of unknown content"),
    ],
    ids=[
        "truncated",
        "bit flipped",
        "not found",
        "empty",
        "login page",
        "page without a title",
        "text",
        "too large",
        "unknown",
    ],
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

    def interrupted(*_):
        raise KeyboardInterrupt

    folder = tmp_path / "Tiny" / "raw"
    with monkeypatch.context() as patch:
        patch.setattr(download, "receive", interrupted)
        with pytest.raises(KeyboardInterrupt):
            fetch("tiny", tmp_path, log=print)
    assert names_in(tmp_path) == []
    folder.mkdir(parents=True)
    (folder / f".{FIRST}.download").write_bytes(b"half")
    fetch("tiny", tmp_path, log=print)
    assert names_in(folder) == sorted([*tiny_archives(), LOCK])


@pytest.mark.usefixtures("table")
def test_a_download_never_follows_a_link_out_of_the_data_root(tmp_path):
    """Nothing outside changes, whichever of the names that are written is a link."""
    root, outside = tmp_path / "root", tmp_path / "outside"
    folder = root / "Tiny" / "raw"
    folder.mkdir(parents=True)
    outside.mkdir()
    (outside / "file").write_text("mine")
    (folder / ".download").symlink_to(outside)
    (folder / FIRST).symlink_to(outside / "new")
    for name in tiny_archives():
        (folder / f".{name}.download").symlink_to(outside / "file")
    fetch("tiny", root, log=print)
    assert names_in(outside) == ["file"]
    assert (outside / "file").read_text() == "mine"
    assert {name: (folder / name).read_bytes() for name in tiny_archives()} == tiny_archives()


@pytest.mark.usefixtures("table")
@pytest.mark.parametrize("what", ["headers", "content"])
def test_a_mirror_that_trickles_is_given_up(tmp_path, mirror, monkeypatch, what):
    """Each read is quick, so that only a limit on the time in all can end it."""
    mirror.trickling = what
    monkeypatch.setattr(transfer, "TOTAL_SECONDS", 0.2)
    with pytest.raises(DownloadError, match=r"not complete after 0\.2 seconds"):
        fetch("tiny", tmp_path, log=print)
    assert names_in(tmp_path) == []


@pytest.mark.usefixtures("table")
def test_a_mirror_that_never_ends_is_given_up(tmp_path, mirror):
    """The known size of the data bounds what is read."""
    mirror.trickling, mirror.trickle = "content", b"x" * 1000
    with pytest.raises(DownloadError, match="sent more than 16,852 bytes"):
        fetch("tiny", tmp_path, log=print)
    (tmp_path / FIRST).symlink_to("/dev/zero")
    with pytest.raises(DownloadError, match="sent more than 16,852 bytes"):
        fetch("tiny", tmp_path / "root", mirror=tmp_path.as_uri(), log=print)
    assert names_in(tmp_path) == [FIRST]


@pytest.mark.usefixtures("table")
def test_a_folder_can_be_a_mirror(tmp_path):
    (tmp_path / "a mirror").mkdir()
    for name, content in tiny_archives().items():
        (tmp_path / "a mirror" / name).write_bytes(content)
    paths = fetch("tiny", tmp_path / "root", mirror=(tmp_path / "a mirror").as_uri(), log=print)
    assert {path.name: path.read_bytes() for path in paths} == tiny_archives()
    with pytest.raises(DownloadError, match=f"{FIRST} from file://.*/: No such file or directory$"):
        fetch("tiny", tmp_path / "other", mirror="file:///no/such", log=print)


@pytest.mark.parametrize(
    "url",
    [
        "ftp://a/b",
        "data:,x",
        "nonsense",
        "",
        "/a/b",
        "http://",
        "http://[::1",
        "http://a:b/",
        "http://a b/",
        "http:///x",
    ],
)
@pytest.mark.usefixtures("table")
def test_a_url_that_cannot_be_a_mirror_is_one_line_and_training_goes_on(tmp_path, monkeypatch, url):
    monkeypatch.setenv("BNREG_MIRROR", url or " ")
    with pytest.raises(DownloadError) as caught:
        fetch("tiny", tmp_path, log=print)
    (line,) = caught.value.lines
    assert line.startswith(f"cannot download {FIRST} from ")
    assert "\n" not in line
    assert load_dataset("tiny", tmp_path, log=print).name == "mnist_5k"
    assert names_in(tmp_path) == []


@pytest.fixture
def known(monkeypatch, table):  # noqa: ARG001 # it names the mirror
    """The data set ``tiny`` with known contents of its files."""
    digests = tuple(hashlib.sha256(gzip.decompress(content)).hexdigest() for content in tiny_archives().values())
    monkeypatch.setitem(DATASETS, "tiny", replace(SOURCE, sha256=digests, fingerprint=fingerprint_of(tiny_arrays())))


@pytest.mark.usefixtures("known")
def test_known_content_is_accepted_however_a_mirror_or_proxy_packs_it(tmp_path, mirror):
    """A file that arrives unpacked gets the name of the extracted file, which other programs read, too."""
    unpacked = gzip.decompress(mirror.files[FIRST])
    mirror.files[FIRST] = unpacked
    second = list(tiny_archives())[1]
    mirror.files[second] = gzip.compress(gzip.decompress(mirror.files[second]), compresslevel=0)
    paths = fetch("tiny", tmp_path, log=print)
    assert [path.name for path in paths] == [FIRST.removesuffix(".gz"), *list(tiny_archives())[1:]]
    assert paths[0].read_bytes() == unpacked
    mirror.requested.clear()
    paths[2].unlink()
    fetch("tiny", tmp_path, log=print)
    assert mirror.requested == [paths[2].name], "neither of the two is downloaded again"


@pytest.mark.usefixtures("table")
def test_a_slow_download_says_how_far_it_is_where_no_terminal_is(tmp_path, mirror, monkeypatch):
    monkeypatch.setattr(transfer, "LINE_SECONDS", 0)
    mirror.resume.clear()
    lines = []

    def log(line):
        lines.append(line)
        if "MB" in line:
            mirror.resume.set()

    fetch("tiny", tmp_path, log=log)
    assert f"{FIRST}: 0.0 of 0.0 MB" in lines


@pytest.mark.usefixtures("table")
def test_a_slow_download_draws_a_bar_on_a_terminal(tmp_path, mirror, monkeypatch):
    class Terminal(io.StringIO):
        def isatty(self):
            return True

        def write(self, text):
            if "15.7 kB" in text:
                mirror.resume.set()
            return super().write(text)

    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setattr(sys, "stderr", Terminal())
    mirror.resume.clear()
    lines = []
    fetch("tiny", tmp_path, log=lines.append)
    assert FIRST in sys.stderr.getvalue()
    assert "━" in sys.stderr.getvalue()
    assert all(line.startswith("downloading ") for line in lines)


def test_a_proxy_of_this_machine_does_not_stand_between_tests_and_their_mirrors():
    """In any test, also in those that start the command line."""
    assert proxy_bypass("127.0.0.1")


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
    assert nonsense == "nonsense/: expected a URL that begins with http://, https://, file://"


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
