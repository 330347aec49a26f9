"""Explains in one plain sentence why a file is not valid YAML."""

import re

import yaml

from bnreg.wording import printable

_GLUED = re.compile(r"([A-Za-z_][\w.-]*):(?![/\\])(\S+)", re.ASCII)
_GLUED_LINE = re.compile(r"\s*(?:- )?([A-Za-z_][\w.-]*:(?![/\\])\S+)", re.ASCII)
_UNMARKED = re.compile(r"([A-Za-z_][\w.-]*)(?: *= *| +)(\S.*)", re.ASCII)
_WHOLE = re.compile(r"[-+]?[0-9]+")
_DECIMALS = re.compile(r"[0-9]+([eE][-+]?[0-9]+)?")
_NESTED_COLON = "a second ':' is not allowed here; quote the text or start a new line"
_INDENTATION = "this line's indentation matches no level above, or the line above is not finished"
_TRAILING = "text after the end of a value; quote the whole value"

# Parts of the scanner's messages, and what they mean; the first match counts. "opening" means that the mistake is on
# the line where the quote, list or mapping began.
_SENTENCES = (
    ("while scanning a quoted scalar", "opening", "a quote that is never closed"),
    ("escape", "here", "an unknown escape after '\\'; use single quotes for text with backslashes"),
    ("hex", "here", "an unknown escape after '\\'; use single quotes for text with backslashes"),
    ("expected ',' or ']'", "opening", "a list '[…]' is missing a comma or its closing ']'"),
    ("expected ',' or '}'", "opening", "a mapping '{…}' is missing a comma or its closing '}'"),
    ("mapping values are not allowed", "here", _NESTED_COLON),
    ("could not find expected ':'", "opening", "a key without ':' and a value"),
    ("cannot start any token", "here", "text that starts with a special character; quote it"),
    ("while scanning an alias", "here", "aliases ('*…') are not supported; write the value out, or quote the text"),
    ("while scanning an anchor", "here", "anchors ('&…') are not supported; write the value out, or quote the text"),
    ("tag", "here", "tags ('!…') are not supported; quote the text"),
    ("sequence entries are not allowed", "here", "a '-' where no list item is allowed; start a new line"),
    ("while scanning a block scalar", "here", "a '|' or '>' without text below it; quote it"),
    ("while parsing a block mapping", "here", _INDENTATION),
    ("while parsing a block collection", "here", "expected a list item ('- …') like those above"),
    ("node content", "here", "a value is missing, or a bracket has no partner"),
    ("document start", "here", "text after the end of the document"),
)


class StrictYamlError(Exception):
    """A file is not valid strict YAML: the line (from 1) and one sentence."""

    def __init__(self, line: int, text: str) -> None:
        super().__init__(text)
        self.line = line
        self.text = text


def glued_colon(text: str) -> str | None:
    """The remedy if a scalar is really a key without a space after its colon, as in ``lr:0.1``."""
    found = _GLUED.match(text)
    if found is None:
        return None
    key, value = found.groups()
    return f"write '{key}: {printable(value[:40])}' (a space after the colon)"


def missing_colon(text: str) -> str | None:
    """The remedy if a text is really a key and a value without a colon, as in ``lr 0.1`` and ``lr = 0.1``."""
    found = _UNMARKED.fullmatch(text)
    if found is None:
        return None
    key, value = found.groups()
    return f"write '{key[:40]}: {printable(value[:40])}' (a colon and a space after the key)"


def decimal_comma(key: str, whole: str, decimals: str) -> str | None:
    """The remedy if a comma cuts a number in two, as in ``{lr: 0,1}``."""
    if not (_WHOLE.fullmatch(whole) and _DECIMALS.fullmatch(decimals)):
        return None
    return f"write '{printable(key[:40])}: {whole[:40]}.{decimals[:40]}' (a decimal point; a comma ends the value)"


def in_plain_words(error: yaml.MarkedYAMLError, source: str) -> StrictYamlError:
    """The scanner's complaint about ``source`` as one sentence with a line number."""
    lines = source.split("\n")
    # At the end of the file the scanner's position is after the last line.
    here = min(_line_of(error.problem_mark), _line_above(lines, len(lines) + 1) or 1)
    if not str(error.context).endswith("quoted scalar"):
        for line in (here, _line_above(lines, here)):
            found = _GLUED_LINE.match(lines[line - 1]) if 0 < line <= len(lines) else None
            if found and (remedy := glued_colon(found.group(1))):
                return StrictYamlError(line, remedy)
    complaint = f"{error.context} {error.problem}"
    if "mapping values are not allowed" in complaint or "expected ':'" in complaint:
        for line in (_line_of(error.context_mark or error.problem_mark), here, _line_above(lines, here)):
            text = lines[line - 1].strip().removeprefix("- ") if 0 < line <= len(lines) else ""
            if ":" not in text and (remedy := missing_colon(text)):
                return StrictYamlError(line, remedy)
    for part, place, sentence in _SENTENCES:
        if part in complaint:
            if sentence is _INDENTATION and lines[here - 1][: _column_of(error.problem_mark)].strip():
                sentence = _TRAILING
            opening = place == "opening" and error.context_mark is not None
            return StrictYamlError(_line_of(error.context_mark) if opening else here, sentence)
    return StrictYamlError(here, "not valid YAML")


def _line_above(lines: list[str], line: int) -> int:
    """The nearest line above that is neither blank nor a comment; 0 if there is no such line."""
    for number in range(min(line - 1, len(lines)), 0, -1):
        text = lines[number - 1].strip()
        if text and not text.startswith("#"):
            return number
    return 0


def _column_of(mark: yaml.Mark | None) -> int:
    return 0 if mark is None else mark.column


def _line_of(mark: yaml.Mark | None) -> int:
    return 1 if mark is None else mark.line + 1
