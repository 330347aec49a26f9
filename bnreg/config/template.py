"""The config that ``bnreg init`` writes: a first experiment whose comments are the settings' own descriptions."""

import itertools
import re
import textwrap
from collections.abc import Iterator

from bnreg.config.json_schema.experiment import config_schema
from bnreg.config.json_schema.generator import Schema, resolved
from bnreg.config.schema import Choices
from bnreg.wording import as_written

SCHEMA_FILE = "bnreg.schema.json"  # beside the config, for editors
WIDTH = 100
# The keys that are shown, each with those below it; one with a # is left out until the user removes that.
SHOWN: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("data", ("dataset", "batch_size", "#train_size", "#validation_size", "#label_noise")),
    ("model", ("hidden", "activation", "#dropout")),
    ("optimizer", ("name", "lr", "#weight_decay")),
    ("training", ("epochs", "#weights")),
    ("arms", ()),
    ("baseline", ()),
    ("seeds", ()),
    ("compare", ("metric", "smallest_effect")),
    ("#sweep", ()),
    ("#jobs", ()),
)

_HEAD = """\
# What is your question, and what do you expect? Write it here before you train.
#
#   bnreg train {file}
#   bnreg compare {name}
#
# Lines such as "#dropout: 0.5" are settings that are left out: remove the # to use one, or add any
# other; `bnreg schema` prints them all. What is left out has its default.
"""
_MODELINE = re.compile(r"^# yaml-language-server: .*\n", re.MULTILINE)


def template(name: str, file: str, choices: Choices) -> str:
    """A commented config.

    Args:
        name: The experiment's name.
        file: Its file, as the user will type it in a shell.
        choices: The names that settings may use.
    """
    schema = config_schema(choices)
    parts = [f"{_HEAD.format(file=file, name=name)}name: {name}"]
    for key, below in SHOWN:
        setting = resolved(schema, schema["properties"][key.lstrip("#")])
        parts.append("\n".join(_section(schema, setting, key, below) if below else _setting(key, setting)))
    return _with_schema("\n\n".join(parts) + "\n")


def copy_of(example: str, text: str, name: str, file: str) -> str:
    """A shipped example as a config of the user's own.

    Args:
        example: The example's name.
        text: Its text.
        name: See ``template``.
        file: The same.
    """
    text = re.sub("^name: .*", f"name: {name}", text, count=1, flags=re.MULTILINE)
    return _with_schema(text.replace(f"configs/{example}.yaml", file))


def question_of(text: str, width: int) -> str:
    """The start of a config's comment, which says what it asks, in so many characters."""
    first = itertools.takewhile(lambda line: line.startswith("# "), _MODELINE.sub("", text).splitlines())
    return textwrap.shorten(" ".join(line[2:] for line in first), width, placeholder=" …")


def _with_schema(text: str) -> str:
    """A config that names the schema beside it, instead of any other."""
    return f"# yaml-language-server: $schema={SCHEMA_FILE}\n{_MODELINE.sub('', text)}"


def _section(schema: Schema, section: Schema, key: str, below: tuple[str, ...]) -> Iterator[str]:
    yield from _comment(section["description"])
    yield f"{key}:"
    for name in below:
        setting = resolved(schema, section["properties"][name.lstrip("#")])
        yield from (f"  {line}" for line in _setting(name, setting))


def _setting(key: str, setting: Schema) -> Iterator[str]:
    """A comment, and a key with its default; if it is left out, or has none, with an example."""
    choices = f" ({', '.join(setting['enum'])})" if "enum" in setting else ""
    yield from _comment(setting["description"] + choices)
    default, (example, *_) = setting.get("default"), setting.get("examples", [setting.get("default")])
    value = example if default is None or key.startswith("#") else default
    if isinstance(value, dict):
        yield f"{key}:"
        mark = "#" * key.startswith("#")
        yield from (f"{mark}  {name}: {as_written(inner)}" for name, inner in value.items())
    else:
        yield f"{key}: {as_written(value)}"


def _comment(text: str) -> Iterator[str]:
    yield from textwrap.wrap(text, WIDTH, initial_indent="# ", subsequent_indent="#   ")
