"""Settings from the command line, ``optimizer.lr=0.01 seeds=20``, which override the file."""

from collections.abc import Mapping, Sequence
from pathlib import PurePath

from bnreg.config.source.document import Document
from bnreg.config.source.key_paths import KeyPath
from bnreg.config.source.mistakes import Mistake, Place
from bnreg.config.source.strict_yaml import MAX_BYTES, parse_value
from bnreg.config.source.yaml_mistakes import StrictYamlError
from bnreg.wording import printable, unknown

MAX_TOLD = 80


def with_overrides(document: Document, overrides: Sequence[str]) -> tuple[Document, list[Mistake]]:
    """The document after all overrides, and the mistakes in those that could not be applied.

    Overrides replace the file's values, never each other's: one that would is a mistake.
    """
    mistakes = []
    for number, override in enumerate(overrides):
        place = Place(MAX_BYTES + 1 + number, f"override {_quoted(override)}")
        try:
            document = _with_override(document, override, place)
        except StrictYamlError as mistake:
            mistakes.append(Mistake(place.order, f"{place.text}: {mistake.text}"))
        except ValueError as error:
            mistakes.append(Mistake(place.order, f"{place.text}: {error}"))
    return document, mistakes


def _with_override(document: Document, override: str, place: Place) -> Document:
    key, equals, text = override.partition("=")
    key = key.strip()
    if not equals and PurePath(override).suffix in (".yaml", ".yml"):
        raise ValueError("looks like a file; give one file, then overrides such as seeds=20")
    path = document.split_key(key)
    if not equals or "" in path or not key.isprintable():
        raise ValueError("expected KEY=VALUE, such as optimizer.lr=0.01")
    value = parse_value(text)
    if path[0] == "arms" and len(path) > 1 and not document.has(path[:2]):
        name, arms = str(path[1]), document.content.get("arms")
        # With another value than an arm's changes, what follows the last dot of an unknown arm was meant as a setting.
        if len(path) > 2 or ("." in name and not isinstance(value, Mapping)):
            name = name.rpartition(".")[0] if len(path) == 2 else name
            raise ValueError(unknown("arm", name, list(arms) if isinstance(arms, dict) else []))
    if (earlier := _replaced(document, path)) is not None:
        raise ValueError(f"would replace what {document.place(earlier).text} sets; give each key once")
    return document.with_value(path, value, Place(place.order, place.text, override=path))


def _replaced(document: Document, path: KeyPath) -> KeyPath | None:
    """The path of an earlier override of which a value at this path would replace all or a part, or None."""
    for earlier in document.overridden():
        if earlier[: len(path)] == path:
            return earlier
        if path[: len(earlier)] == earlier:
            # The path is inside the earlier value, which is lost if it has something else than a mapping on the way.
            way = [path[:length] for length in range(len(earlier), len(path))]
            if document.has(path) or any(document.has(key) and not document.is_mapping(key) for key in way):
                return earlier
    return None


def _quoted(override: str) -> str:
    text = printable(override)
    return f"'{text}'" if len(text) <= MAX_TOLD else f"'{text[: MAX_TOLD - 1]}…'"
