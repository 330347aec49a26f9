"""The origin of a cell's setting: its arm, the sweep or the base."""

from bnreg.config.document import Document
from bnreg.config.key_paths import KeyPath, Point
from bnreg.config.sweep import Sweep, touches


def written(document: Document, sweep: Sweep, point: Point, arm: str | None, setting: KeyPath) -> KeyPath | None:
    """The path in the document that decides a setting of a cell, or None if it was never written."""
    candidates = [setting] if arm is None else [("arms", arm, *setting), setting]
    for candidate in candidates:
        swept = next((s for s in sweep.keys if s.key in point and touches(s.target, candidate)), None)
        if swept is not None and len(swept.target) <= len(candidate):
            source = swept.source_of(point, candidate)
            if document.has(source):
                return source
        elif document.has(candidate):
            return candidate
        elif swept is not None:
            return swept.source
    return None


def nearest_written(document: Document, sweep: Sweep, point: Point, arm: str | None, setting: KeyPath) -> KeyPath:
    """The same for a setting that may be absent: it counts as missing from the innermost key that was written."""
    for length in range(len(setting), 0, -1):
        found = written(document, sweep, point, arm, setting[:length])
        if found is not None:
            return (*found, *setting[length:])
    return setting
