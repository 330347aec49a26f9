"""A strict YAML reader that remembers the line of each key.

It accepts only what a config needs: one document, mappings with text keys, lists and scalars. It refuses anchors,
aliases, merge keys, tags and directives on sight, before anything can expand. Depth and size are bounded, and nothing
here recurses, so no file can exhaust memory or the stack.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import yaml

from bnreg.config.source.key_paths import KeyPath
from bnreg.config.source.scalars import plain_scalar
from bnreg.config.source.yaml_mistakes import StrictYamlError, decimal_comma, glued_colon, in_plain_words, missing_colon
from bnreg.wording import show

MAX_BYTES = 2**20
MAX_DEPTH = 20
MAX_VALUES = 20_000  # twice the largest number of seeds

# libyaml reads the largest file in a tenth of a second; without it the rules are the same, at a fiftieth of the speed.
LOADER: type[Any] = getattr(yaml, "CSafeLoader", yaml.SafeLoader)

_CONTROL = re.compile(r"[^\t\n\r\x20-\x7e\xa0-\u2027\u202a-\ud7ff\ue000-\ufefe\uff00-\ufffd\U00010000-\U0010ffff]")
_TAB_INDENT = re.compile(r"^ *\t[ \t]*[^\s#]", re.MULTILINE)
_DIRECTIVE = re.compile(r"^%", re.MULTILINE)


@dataclass(frozen=True)
class Parsed:
    """A document's value, lists as tuples, and the line (from 1) of every key and list item."""

    value: Any
    lines: dict[KeyPath, int]


def parse(source: bytes) -> Parsed:
    """Parse a file with one YAML document.

    Raises:
        StrictYamlError: At the first thing that is not allowed.
    """
    if len(source) > MAX_BYTES:
        raise StrictYamlError(1, f"larger than {MAX_BYTES // 1024} KiB: not an experiment")
    try:
        text = source.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = source.count(b"\n", 0, error.start) + 1
        raise StrictYamlError(line, f"not UTF-8 (byte 0x{source[error.start]:02x}); save the file as UTF-8") from None
    parsed = _build(text)
    if parsed is None or parsed.value is None:
        raise StrictYamlError(1, "the file is empty; write at least a name and arms")
    if not isinstance(parsed.value, dict):
        remedy = missing_colon(parsed.value) if isinstance(parsed.value, str) else None
        sentence = f"expected keys such as 'name: …' at the top level, got {show(parsed.value)}"
        raise StrictYamlError(1, f"{sentence}; {remedy}" if remedy else sentence)
    return parsed


def parse_value(text: str) -> Any:
    """Parse the value in an override, one line of YAML: a scalar, ``[…]`` or ``{…}``.

    Raises:
        StrictYamlError: At the first thing that is not allowed.
    """
    if "\n" in text or "\r" in text:
        raise StrictYamlError(1, "expected a value on one line")
    parsed = _build(text, flow_only=True)
    return None if parsed is None else parsed.value


def _build(text: str, flow_only: bool = False) -> Parsed | None:
    """Parse a text; None if it has no value."""
    _refuse_characters(text)
    builder = _Builder(flow_only=flow_only)
    for event in _events(text):
        builder.take(event)
    return Parsed(builder.result[0], builder.lines) if builder.result else None


def _refuse_characters(text: str) -> None:
    for pattern, sentence in (
        (_CONTROL, "control character {character}; remove it"),
        (_TAB_INDENT, "tab in the indentation; indent with spaces"),
        (_DIRECTIVE, "directives ('%…') are not supported; remove the line"),
    ):
        if found := pattern.search(text):
            line = text.count("\n", 0, found.start()) + 1
            raise StrictYamlError(line, sentence.format(character=ascii(found.group())))


def _events(text: str) -> Iterator[yaml.Event]:
    try:
        yield from yaml.parse(text, Loader=LOADER)
    except yaml.MarkedYAMLError as error:
        raise in_plain_words(error, text) from None
    except yaml.YAMLError:
        raise StrictYamlError(1, "not valid YAML") from None


@dataclass
class _Frame:
    """A mapping or list that is still open."""

    items: dict[str, Any] | list[Any]
    path: KeyPath
    block: bool
    key: str | None = None
    key_line: int = 0
    last: str = ""  # the plain scalar that was added last, as written


@dataclass
class _Builder:
    """Builds values from events, with its own stack."""

    flow_only: bool
    frames: list[_Frame] = field(default_factory=list)
    lines: dict[KeyPath, int] = field(default_factory=dict)
    result: list[Any] = field(default_factory=list)
    num_values: int = 0
    num_documents: int = 0
    doubt: tuple[StrictYamlError, StrictYamlError] | None = None

    def take(self, event: yaml.Event) -> None:
        if self.doubt is not None:
            with_value, without_value = self.doubt
            empty = isinstance(event, yaml.ScalarEvent) and event.implicit[0] and not event.value
            raise without_value if empty else with_value
        match event:
            case yaml.DocumentStartEvent():
                self.num_documents += 1
                if self.num_documents > 1:
                    raise StrictYamlError(_line(event), "a second document ('---'); one file holds one experiment")
            case yaml.AliasEvent():
                raise StrictYamlError(
                    _line(event), f"the alias '*{event.anchor}' is not supported; write the value out"
                )
            case yaml.ScalarEvent():
                self._scalar(event)
            case yaml.CollectionStartEvent():
                self._open(event)
            case yaml.CollectionEndEvent():
                frame = self.frames.pop()
                self._put(tuple(frame.items) if isinstance(frame.items, list) else frame.items)

    def _scalar(self, event: yaml.ScalarEvent) -> None:
        line = _line(event)
        self._admit(event, line)
        frame = self.frames[-1] if self.frames else None
        is_key = frame is not None and isinstance(frame.items, dict) and frame.key is None
        plain = event.implicit[0]
        # A value that starts below its key was meant as a mapping; one beside its key may be 'cuda:0' or a path.
        below = frame is None or (frame.block and frame.key is not None and line > frame.key_line)
        if plain and (is_key or below) and not self.flow_only and (glued := glued_colon(event.value)):
            raise StrictYamlError(line, glued)
        try:
            value = plain_scalar(event.value) if plain else event.value
        except ValueError as error:
            raise StrictYamlError(line, str(error)) from None
        if isinstance(value, str) and (found := _CONTROL.search(value)):
            raise StrictYamlError(line, f"control character {found.group()!a}; remove it")
        if is_key:
            self._key(value, event.value, plain, line)
        else:
            self._note(line)
            self._put(value, event.value if plain else "")

    def _key(self, key: Any, written: str, plain: bool, line: int) -> None:
        frame = self.frames[-1]
        assert isinstance(frame.items, dict)
        if not isinstance(key, str):
            refusal = StrictYamlError(line, f"the key {show(key)} is not text; quote it: '{show(key)}'")
            remedy = decimal_comma(next(reversed(frame.items), ""), frame.last, written)
            if frame.block or remedy is None:
                raise refusal
            self.doubt = (refusal, StrictYamlError(line, remedy))  # the next event shows whether a key was meant
            return
        if plain and key == "<<":
            raise StrictYamlError(line, "merge keys ('<<') are not supported; write the values out")
        if key in frame.items:
            first = self.lines[*frame.path, key]
            raise StrictYamlError(line, f"duplicate key {show(key)} (first written on line {first})")
        frame.key, frame.key_line = key, line
        self.lines[*frame.path, key] = line

    def _open(self, event: yaml.CollectionStartEvent) -> None:
        line = _line(event)
        self._admit(event, line)
        frame = self.frames[-1] if self.frames else None
        if frame is not None and isinstance(frame.items, dict) and frame.key is None:
            raise StrictYamlError(line, "a key must be text, not a list or mapping")
        if self.flow_only and not event.flow_style:
            raise StrictYamlError(line, "expected a value, a list such as [1, 2] or a mapping such as {name: sgd}")
        if len(self.frames) == MAX_DEPTH:
            raise StrictYamlError(line, f"nested deeper than {MAX_DEPTH} levels")
        self._note(line)
        items: dict[str, Any] | list[Any] = {} if isinstance(event, yaml.MappingStartEvent) else []
        self.frames.append(_Frame(items, self._path(), block=not event.flow_style))

    def _admit(self, event: yaml.ScalarEvent | yaml.CollectionStartEvent, line: int) -> None:
        if event.anchor is not None:
            raise StrictYamlError(line, f"the anchor '&{event.anchor}' is not supported; write the value out")
        if event.tag is not None:
            raise StrictYamlError(line, "tags ('!…') are not supported; remove the tag")
        self.num_values += 1
        if self.num_values > MAX_VALUES:
            raise StrictYamlError(line, f"more than {MAX_VALUES} values: not an experiment")

    def _path(self) -> KeyPath:
        """The path of the next value."""
        if not self.frames:
            return ()
        frame = self.frames[-1]
        return (*frame.path, len(frame.items) if frame.key is None else frame.key)

    def _note(self, line: int) -> None:
        """Remember the line of a list item; the value of a mapping has the line of its key."""
        if self.frames and isinstance(self.frames[-1].items, list):
            self.lines[self._path()] = line

    def _put(self, value: Any, written: str = "") -> None:
        if not self.frames:
            self.result.append(value)
            return
        frame = self.frames[-1]
        frame.last = written
        if isinstance(frame.items, list):
            frame.items.append(value)
        else:
            assert frame.key is not None
            frame.items[frame.key] = value
            frame.key = None


def _line(event: yaml.Event) -> int:
    assert event.start_mark is not None
    return event.start_mark.line + 1
