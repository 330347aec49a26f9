"""The reference of the names that Python programs use, from their signatures and docstrings."""

import inspect
import re
from typing import Any

import bnreg

WIDTH = 100  # of a signature in one line
_SECTION = re.compile(r"^(Args|Attributes|Raises|Example):\n", re.MULTILINE)
_ENTRY = re.compile(r"^(\w+): ", re.MULTILINE)
# The functions in the order in which a reader meets them, then what they return.
ORDER = ("train", "resume", "open_run", "list_runs", "compare", "judge", "Run", "Comparison", "Verdict")


def from_python() -> str:
    """A part for each function and class, and the exceptions in a line each."""
    parts = [_part(name, getattr(bnreg, name)) for name in ORDER]
    errors = [name for name in bnreg.__all__ if name not in ORDER]
    lines = [
        f"- `bnreg.{name}`: {_prose(inspect.getdoc(getattr(bnreg, name))).partition(chr(10))[0]}" for name in errors
    ]
    return "\n\n".join([*parts, "### Exceptions", "\n".join(lines)]) + "\n"


def _part(name: str, one: Any) -> str:
    text, sections = _sections(inspect.getdoc(one))
    parts = [f"### `bnreg.{name}`"]
    if not isinstance(one, type):
        parts.append(f"```python\n{_signature(f'bnreg.{name}', one)}\n```")
    parts.append(text)
    for heading, rows in (("argument", sections.get("Args")), ("error", sections.get("Raises"))):
        parts += [_table(heading, _entries(rows))] if rows else []
    if isinstance(one, type):
        parts.append(_table("member", _members(one, sections.get("Attributes", ""))))
    if example := sections.get("Example"):
        parts.append(f"```pycon\n{inspect.cleandoc(example)}\n```")
    return "\n\n".join(parts)


def _sections(doc: str | None) -> tuple[str, dict[str, str]]:
    """A docstring's prose, and the text of each of its sections."""
    prose, *others = _SECTION.split(doc or "")
    return _prose(prose), dict(zip(others[::2], others[1::2], strict=True))


def _prose(text: str | None) -> str:
    """Paragraphs with a line each, in Markdown."""
    paragraphs = (text or "").strip().split("\n\n")
    return "\n\n".join(" ".join(paragraph.split()) for paragraph in paragraphs).replace("``", "`")


def _entries(section: str) -> dict[str, str]:
    """Name → meaning."""
    _, *found = _ENTRY.split(inspect.cleandoc(section))
    return {name: _prose(text) for name, text in zip(found[::2], found[1::2], strict=True)}


def _members(one: type, attributes: str) -> dict[str, str]:
    """Public members with the start of what they say, or their entry in the docstring of the class."""
    found = {}
    for name, member in vars(one).items():
        if not name.startswith("_"):
            shown = _signature(name, member).rpartition(" -> ")[0] if inspect.isfunction(member) else name
            found[shown] = _sections(inspect.getdoc(member))[0].partition("\n\n")[0]
    return {name: text for name, text in found.items() if name not in _entries(attributes)} | _entries(attributes)


def _table(heading: str, entries: dict[str, str]) -> str:
    rows = [f"| `{name}` | {text.replace('|', chr(92) + '|')} |" for name, text in entries.items()]
    return "\n".join([f"| {heading} | meaning |", "|---|---|", *rows])


def _signature(name: str, function: Any) -> str:
    """The names and defaults of a function's arguments, in a line each if they are long."""
    signature = inspect.signature(function)
    named = [one for key, one in signature.parameters.items() if key != "self"]
    bare = inspect.Signature([one.replace(annotation=inspect.Parameter.empty) for one in named])
    arguments = str(bare).replace("'", '"').removeprefix("(").removesuffix(")")
    result = re.sub(r"[\"']|\w+\.", "", inspect.formatannotation(signature.return_annotation))
    line = f"{name}({arguments}) -> {result}"
    lines = arguments.replace(", ", ",\n    ")
    return line if len(line) <= WIDTH else f"{name}(\n    {lines},\n) -> {result}"
