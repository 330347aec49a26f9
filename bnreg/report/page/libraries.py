"""The JavaScript that draws charts in a page, Vega and what belongs to it: one copy, compressed, for all its charts."""

import base64
import gzip
import zlib
from contextlib import suppress
from importlib.metadata import version
from pathlib import Path

from bnreg.report.charts import process
from bnreg.runs import disk


def libraries() -> str:
    """The libraries as a page holds them: gzip in Base64, two fifths of their size. Every run keeps such a page.

    They are part of the package that draws pictures, and to put them together takes two seconds, so they are kept in
    the user's cache folder; where that cannot be written they are put together each time.

    Raises:
        RunError: If they cannot be put together.
    """
    place = _place()
    packed = _intact(place) if place else None
    if packed is None:
        packed = gzip.compress(process.draw_in_a_process("", "libraries"), mtime=0)
        if place:
            with suppress(OSError):
                place.parent.mkdir(parents=True, exist_ok=True)
                disk.replace(place, packed)
    return base64.b64encode(packed).decode()


def _place() -> Path | None:
    """The file that keeps them, which belongs to one version of them; None for a user without a home folder."""
    from platformdirs import user_cache_path

    with suppress(RuntimeError):
        name = f"vega_lite-{process.VEGA_LITE}-{version('vl-convert-python')}.js.gz"
        return user_cache_path("bnreg", appauthor=False) / name
    return None


def _intact(place: Path) -> bytes | None:
    """The file's content, None if it is missing or damaged, which the checksum that gzip keeps shows."""
    with suppress(OSError, EOFError, zlib.error):
        packed = place.read_bytes()
        return packed if gzip.decompress(packed) else None
    return None
