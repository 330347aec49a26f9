"""The README pages as text, and the commands that exist and that the pages show."""

import re

import typer.main
from tools.readme import ROOT

from bnreg.cli import app

_PATHS = sorted(
    path for path in ROOT.glob("**/README.md") if not re.search(r"/\.", path.relative_to(ROOT.parent).as_posix())
)
TEXT = {path.relative_to(ROOT).as_posix(): path.read_text(encoding="utf-8") for path in _PATHS}
MECHANISMS = TEXT["configs/README.md"].partition("## The lecture's mechanisms")[2].partition("\n## ")[0]
# The settings in the table of mechanisms, which go after this command.
MAIN_JOB = "bnreg train configs/bn_vs_plain.yaml"
OVERRIDES = re.findall(r"`([a-z_.]+=[^`]*)`", MECHANISMS)

# The table that a reader can paste into a file, and what is printed about it.
(PASTED,) = re.findall(r"```csv\n(.*?)```", TEXT["README.md"], re.DOTALL)
(JUDGED,) = re.findall(r"```text\n(.*?)```", TEXT["README.md"], re.DOTALL)


def _all_commands(group, path=("bnreg",)):
    for name, command in group.commands.items():
        yield (*path, name), command
        if hasattr(command, "commands"):
            yield from _all_commands(command, (*path, name))


ALL_COMMANDS = list(_all_commands(typer.main.get_command(app)))


def shown_commands():
    """In code blocks, after a prompt or not, and within a line, where a command's name alone is only a mention."""
    names = {" ".join(path) for path, _ in ALL_COMMANDS}
    found = []
    for text in TEXT.values():
        block = r"^(?:    |\$ )((?:bnreg|make|pip|pytest|python) .*)$"
        for typed, inline in re.findall(rf"{block}|`(bnreg [^`\n]+)`", text, re.MULTILINE):
            line = re.sub(r"\s+# .*$", "", typed or inline)
            found += [line] if "[OPTIONS]" not in line and (typed or line not in names) else []
    return list(dict.fromkeys(found))
