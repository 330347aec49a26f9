"""The content that the user wrote, in the file and then on the command line, with the place of each key."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from bnreg.config.source.key_paths import KeyPath, assign, has, split_key
from bnreg.config.source.mistakes import Mistake, Place


@dataclass(frozen=True)
class Document:
    """The raw content of an experiment and the place of each key."""

    file: str
    content: Mapping[str, Any]
    places: Mapping[KeyPath, Place]

    def place(self, path: KeyPath) -> Place:
        """The place of a path, or else of the nearest key around it, or else the file."""
        for length in range(len(path), 0, -1):
            if found := self.places.get(path[:length]):
                return found
        return Place(0, self.file)

    def has(self, path: KeyPath) -> bool:
        """Whether the content has a value at this path."""
        return has(self.content, path)

    def is_mapping(self, path: KeyPath) -> bool:
        """Whether the content has a mapping at this path."""
        value: Any = self.content
        for part in path:
            value = value.get(part) if isinstance(value, Mapping) else None
        return isinstance(value, Mapping)

    def overridden(self) -> list[KeyPath]:
        """The paths that overrides set."""
        return [path for path, place in self.places.items() if place.override == path]

    def mistake(self, path: KeyPath, sentence: str, label: KeyPath | None = None) -> Mistake:
        """The mistake at a path as one line, with another label than the path if one is given."""
        place = self.place(path)
        return Mistake(place.order, f"{place.with_key(path if label is None else label)}: {sentence}")

    def with_value(self, path: KeyPath, value: Any, place: Place) -> "Document":
        """The document after an override.

        Raises:
            ValueError: If the path leads through something that is not a mapping; the message names it.
        """
        content = assign(self.content, path, value)
        places = {key: old for key, old in self.places.items() if key[: len(path)] != path}
        for length in range(1, len(path)):
            if not self.has(path[:length]):
                places[path[:length]] = place
        places[path] = place
        return replace(self, content=content, places=places)

    def without(self, path: KeyPath) -> "Document":
        """The document without the value at a path of mappings, if it has one."""
        if not self.has(path):
            return self
        *outer, name = path
        inner: Any = self.content
        for key in outer:
            inner = inner[key]
        rest = {key: value for key, value in inner.items() if key != name}
        return replace(self, content=assign(self.content, tuple(outer), rest) if outer else rest)

    def split_key(self, key: str) -> KeyPath:
        """The path of a dotted key, see ``key_paths.split_key``."""
        return split_key(self.content, key)
