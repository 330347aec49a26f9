"""Files with our names but other content: pickles, tags, bombs, links, pipes, with the right checksums."""

import functools
import hashlib
import io
import json
import os
import pickle
import resource
import shutil
import struct
import time
import zipfile
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import torch
from lab import Lab
from torture import Case

from bnreg.runs.folder import MANIFEST

TITLE = "malicious pickles, YAML tags, bombs, links and pipes with the names of our files: none executed"
PROMISE = "No file in a run folder can run code, lead outside the folder, or exhaust the memory."

SECONDS = 10.0
MAX_BYTES = 4 << 30  # of writable memory
CANARY = "owned"


class Malicious:
    """Creates the canary file when it is unpickled."""

    def __reduce__(self) -> tuple[Callable[[str], int], tuple[str]]:
        return os.system, (f"touch {CANARY}",)


def _torch_checkpoint() -> bytes:
    content = io.BytesIO()
    torch.save({"linear0.weight": Malicious()}, content)
    return content.getvalue()


def _npy() -> bytes:
    content = io.BytesIO()
    np.save(content, np.array([Malicious()], dtype=object), allow_pickle=True)
    return content.getvalue()


def _zip_bomb() -> bytes:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("metrics.csv", bytes(200 << 20))
    return content.getvalue()


def _safetensors(header: bytes, length: int | None = None) -> bytes:
    return struct.pack("<Q", len(header) if length is None else length) + header


def _bomb_of_aliases() -> bytes:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 9)}]" for i in range(1, 12)]
    return "\n".join(lines).encode()


def _png_bomb() -> bytes:
    """An image of 60,000 × 60,000 pixels in a few kilobytes."""

    def chunk(kind: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))

    pixels = zlib.compress(bytes(10_000_000), 9)
    header = struct.pack(">IIBBBBB", 60_000, 60_000, 8, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", pixels) + chunk(b"IEND", b"")


PICKLE = pickle.dumps(Malicious())
DEEP = b"[" * 100_000
DEEP_HEADER = b'{"a":' * 50_000
OUTSIDE = json.dumps({"x": {"dtype": "F32", "shape": [4], "data_offsets": [0, 1 << 40]}}).encode()
TAG = b'data: !!python/object/apply:os.system ["touch owned"]\n'
WEIGHTS, CORRECT = "weights/bn-0.safetensors", "correct.safetensors"
READERS = ("compare", "show", "runs", "diff", "plot")
USERS = ("predict", "modes", "fold", "export")

# The file that is replaced, its new content, and the commands that read it.
CONTENTS: dict[str, tuple[str, Callable[[], bytes], tuple[str, ...]]] = {
    "a pickle as weights": (WEIGHTS, lambda: PICKLE, USERS),
    "a torch checkpoint as weights": (WEIGHTS, _torch_checkpoint, USERS),
    "an array of objects as weights": (WEIGHTS, _npy, USERS),
    "weights with a header of 2⁶⁰ bytes": (WEIGHTS, lambda: _safetensors(b"{}", 1 << 60), USERS),
    "weights with a deep header": (WEIGHTS, lambda: _safetensors(DEEP_HEADER), USERS),
    "weights outside their file": (WEIGHTS, lambda: _safetensors(OUTSIDE), USERS),
    "a pickle as flags": (CORRECT, lambda: PICKLE, READERS),
    "flags of another shape": (CORRECT, lambda: _safetensors(b"{}"), READERS),
    "a tag in the config": ("config.yaml", lambda: TAG, READERS + USERS),
    "an alias bomb as config": ("config.yaml", _bomb_of_aliases, READERS + USERS),
    "a deep config": ("config.yaml", lambda: b"a: " + DEEP, READERS + USERS),
    "a deep run.json": ("run.json", lambda: DEEP, READERS + USERS),
    "an empty run.json": ("run.json", lambda: b"", READERS),
    "numbers that are not finite": ("run.json", lambda: b'{"seconds": 1e999, "seeds": [NaN]}', READERS),
    "a table of zeros": ("metrics.csv", lambda: bytes(50 << 20), READERS),
    "a zip bomb as table": ("metrics.csv", _zip_bomb, READERS),
    "a table of a million columns": ("summary.csv", lambda: b"a," * 1_000_000 + b"a\n" + b"1," * 1_000_000, READERS),
    "a table with words instead of numbers": ("summary.csv", lambda: b"arm,seed,status\nbn,x,ok\n", READERS),
    "a deep manifest": (MANIFEST, lambda: DEEP, READERS + USERS),
    "a number as manifest": (MANIFEST, lambda: b"1", READERS),
}
PLACES = ("a file outside, by its name", "a file outside, by a link", "a folder outside, by a link", "a pipe")
UNFINISHED: dict[str, tuple[str, bytes]] = {
    "a pickle as plan": ("plan.json", PICKLE),
    "a tag in the config of an unfinished run": ("config.yaml", TAG),
    "a deep attempt.json": ("attempt.json", DEEP),
    "a pickle as snapshot": ("arrays.safetensors", PICKLE),
    "a deep record in a snapshot": ("rows.json", DEEP),
}


def cases(full: bool) -> Iterator[Case]:
    """Each file, with every command that reads it."""
    with Lab(share=1 / 6, is_timed=full) as lab:
        few = ("a torch checkpoint as weights", "a tag in the config")
        for name in CONTENTS if full else few:
            yield name, functools.partial(_content, lab, *CONTENTS[name])
        for place in PLACES if full else PLACES[1:2]:
            yield place, functools.partial(_place, lab, place)
        for name, (file, content) in UNFINISHED.items() if full else ():
            yield name, functools.partial(_unfinished, lab, file, content)
        yield "an image of 3.6 billion pixels", functools.partial(_picture, lab)


def _content(lab: Lab, file: str, content: Callable[[], bytes], commands: tuple[str, ...]) -> None:
    run = _copy(lab)
    if file == MANIFEST:
        (run / MANIFEST).write_bytes(content())
    else:
        _put(run, file, content())
    _assert_harmless(lab, run, commands)


def _place(lab: Lab, place: str) -> None:
    run = _copy(lab)
    outside = lab.new_root()
    shutil.copytree(lab.run, outside)
    if place == PLACES[0]:
        for file in ("metrics.csv", WEIGHTS):
            _put(run, f"../../{outside.name}/{file}", (outside / file).read_bytes())
            _rename(run, file, f"../../{outside.name}/{file}")
    elif place == PLACES[1]:
        for file in ("metrics.csv", "run.json", CORRECT):
            (run / file).unlink()
            (run / file).symlink_to(outside / file)
    elif place == PLACES[2]:
        shutil.rmtree(run / "weights")
        (run / "weights").symlink_to(outside / "weights")
    else:
        for file in ("metrics.csv", CORRECT):
            (run / file).unlink()
            os.mkfifo(run / file)
    refused = _assert_harmless(lab, run, ("compare", "fold", "predict"))
    assert refused, "a file outside the folder was read"


def _unfinished(lab: Lab, file: str, content: bytes) -> None:
    run = lab.stopped()
    if file in ("arrays.safetensors", "rows.json"):
        for snapshot in run.folder.glob("shard-*-step-*"):
            _put(snapshot, file, content)
    elif file == "attempt.json":
        (run.folder / file).write_bytes(content)
    else:
        _put(run.folder, file, content)
    setup = functools.partial(_in, run.folder.parent)
    ended = lab.call("runs", "--runs", run.folder.parent, setup=setup).wait(lab.within(SECONDS))
    assert ended.code == 0, ended.err
    ended = lab.resume(run, setup=setup).wait(lab.within(SECONDS))
    assert ended.code in (0, 1, 2), ended.err
    _assert_no_canary(run.folder.parent)


def _picture(lab: Lab) -> None:
    run = _copy(lab)
    (run.parent / "bomb.png").write_bytes(_png_bomb())
    bomb = lab.call("predict", run, run.parent / "bomb.png", setup=functools.partial(_in, run.parent))
    ended = bomb.wait(lab.within(SECONDS))
    assert ended.code == 2, ended
    assert ended.err.count("\n") == 1, ended.err


def _copy(lab: Lab) -> Path:
    run = lab.new_root() / lab.run.name
    shutil.copytree(lab.run, run)
    return run


def _put(folder: Path, file: str, content: bytes) -> None:
    """Write a file with a valid checksum, as any process with write permission can."""
    if ".." not in file:
        (folder / file).write_bytes(content)
    manifest = json.loads((folder / MANIFEST).read_text())
    manifest["sha256"][file] = hashlib.sha256(content).hexdigest()
    (folder / MANIFEST).write_text(json.dumps(manifest))


def _rename(folder: Path, file: str, other: str) -> None:
    manifest = json.loads((folder / MANIFEST).read_text())
    manifest["sha256"][file] = manifest["sha256"].pop(other)
    (folder / file).unlink()
    (folder / file).symlink_to(folder / other)
    (folder / MANIFEST).write_text(json.dumps(manifest))


def _assert_harmless(lab: Lab, run: Path, commands: tuple[str, ...]) -> bool:
    """Check that each command ends soon, cleanly and without the canary; return whether any refused the run."""
    image = run.parent / "image.png"
    _write_image(image)
    options = {
        "compare": (run, lab.run),
        "show": (run,),
        "runs": ("--runs", run.parent),
        "diff": (run, lab.run),
        "plot": (run, "-o", run.parent / "x.svg"),
        "predict": (run, image),
        "modes": (run, "-o", run.parent / "y.svg"),
        "fold": (run, "-o", run.parent / "folded"),
        "export": (run, "--format", "safetensors", "--arm", "bn", "-o", run.parent / "z.safetensors"),
    }
    refused = False
    limit = lab.within(SECONDS)
    for command in commands:
        start = time.monotonic()
        ended = lab.call(command, *options[command], setup=functools.partial(_in, run.parent)).wait(2 * limit)
        assert time.monotonic() - start < limit, command
        assert ended.code in (0, 1, 2), (command, ended)
        refused |= ended.code == 2 or "left out" in ended.out
        _assert_no_canary(run.parent)
    return refused


def _write_image(path: Path) -> None:
    """A grey image of 28 × 28 pixels."""
    from PIL import Image

    Image.new("L", (28, 28), 100).save(path)


def _in(folder: Path) -> None:
    """A setup: run in this folder, with limited memory."""
    os.chdir(folder)
    resource.setrlimit(resource.RLIMIT_DATA, (MAX_BYTES, MAX_BYTES))


def _assert_no_canary(folder: Path) -> None:
    assert not list(folder.rglob(CANARY)), "foreign code was run"
    assert not Path(CANARY).exists(), "foreign code was run"
