"""``bnreg init``: write a config to start from."""

import shutil
from pathlib import Path
from shlex import quote
from typing import Annotated

import typer

from bnreg.cli.common.completion import shipped as completed
from bnreg.cli.common.options import Force

MIN_WIDTH = 40  # of what an example asks
EXAMPLES = ("bnreg init my_experiment", "bnreg init --example cnn_bn_vs_plain", "bnreg init --list")


def init(
    name: Annotated[
        str | None,
        typer.Argument(
            metavar="NAME",
            help="The experiment's name, or its file. Default: experiment, or the example's name.",
            show_default=False,
        ),
    ] = None,
    *,
    example: Annotated[
        str | None,
        typer.Option(metavar="EXAMPLE", help="Write this shipped experiment instead.", autocompletion=completed),
    ] = None,
    listed: Annotated[bool, typer.Option("--list", help="List the shipped experiments, and write nothing.")] = False,
    force: Force = False,
) -> None:
    """Write a commented config, and beside it the JSON Schema by which an editor checks and completes it.

    The config is a complete experiment: train it as it is, then change it.
    """
    from bnreg.config.json_schema.experiment import TITLE, schema_text
    from bnreg.config.source.examples import examples
    from bnreg.config.template import SCHEMA_FILE, copy_of, question_of, template
    from bnreg.errors import UserError
    from bnreg.experiment.choices import all_choices
    from bnreg.runs.folder import refuse_existing, write_file
    from bnreg.wording import unknown

    shipped = examples()
    if listed:
        width = max(map(len, shipped))
        rest = max(MIN_WIDTH, shutil.get_terminal_size().columns - width - 2)
        for word, path in shipped.items():
            typer.echo(f"{word:{width}}  {question_of(path.read_text(encoding='utf-8'), rest)}")
        return
    if example is not None and example not in shipped:
        raise UserError(f"--example: {unknown('example', example, [*shipped])}")
    file = _file(name or (example or "experiment").rpartition("/")[2])
    choices, beside, typed = all_choices(), file.with_name(SCHEMA_FILE), quote(str(file))
    if example is None:
        text = template(file.stem, typed, choices)
    else:
        text = copy_of(example, shipped[example].read_text(encoding="utf-8"), file.stem, typed)
    another = "NAME, or replace it with --force"
    is_ours = beside.is_file() and f'"title": "{TITLE}"' in beside.read_text(encoding="utf-8", errors="replace")
    refuse_existing(file, another, force=force)
    refuse_existing(beside, another, force=force or is_ours)
    write_file(beside, schema_text(choices).encode(), option=another, force=force or is_ours)
    write_file(file, text.encode(), option=another, force=force)
    typer.echo(f"{file}\n{beside}  (for editors)\n\nnext:\n  bnreg train {typed}\n  bnreg compare {file.stem}")


def _file(name: str) -> Path:
    """The file of a config; a name has none of its own.

    Raises:
        UserError: If its name cannot be that of an experiment.
    """
    from bnreg.config.experiment_file import why_no_name
    from bnreg.config.source.examples import SUFFIXES
    from bnreg.errors import UserError
    from bnreg.wording import printable

    file = Path(name) if name.endswith(SUFFIXES) else Path(f"{name}.yaml")
    if reason := why_no_name(file.stem):
        raise UserError(f"init: {reason}")
    if not name.isprintable():
        raise UserError(f"init: {printable(name)}: control character; remove it")
    return file
