"""``bnreg data``: list the data sets, download missing ones, and check data of one's own."""

import re
from pathlib import Path
from typing import Annotated, Any

import typer

from bnreg.cli.common.completion import datasets
from bnreg.cli.common.options import Command, DataRoot, Json, examples_epilog
from bnreg.cli.common.printing import print_json, print_parts

app = typer.Typer(
    help="List the data sets, download one, or check your own.",
    epilog=examples_epilog("bnreg data", "bnreg data fetch mnist", "bnreg data check digits.npz"),
    rich_markup_mode="rich",
)


@app.callback(invoke_without_command=True)
def list_datasets(context: typer.Context, data_root: DataRoot = None, json: Json = False) -> None:
    """List the data sets: which are present and verified, and where."""
    if context.invoked_subcommand is not None:
        return
    from bnreg.data import loading

    root = loading.data_root(data_root, None)
    entries = loading.describe_datasets(root)
    if json:
        print_json({"data_root": str(root), "datasets": entries})
        return
    from bnreg.report.datasets import dataset_notes, datasets_table

    print_parts(datasets_table(root, entries))
    for note in dataset_notes(root, entries):
        typer.echo(note)


@app.command(cls=Command, epilog=examples_epilog("bnreg data fetch mnist --data-root ~/data"))
def fetch(
    context: typer.Context,
    name: Annotated[
        str,
        typer.Argument(metavar="NAME", help="The data set, as `bnreg data` lists it.", autocompletion=datasets),
    ],
    mirror: Annotated[
        str | None,
        typer.Option(
            metavar="URL",
            help="Download from this folder (http, https or file) instead of the known mirrors. Default: BNREG_MIRROR.",
            show_default=False,
        ),
    ] = None,
    data_root: DataRoot = None,
) -> None:
    """Download a data set and verify it.

    If it is already present and intact, nothing is downloaded.
    """
    from bnreg.data import download, loading
    from bnreg.wording import printable

    root = loading.data_root(data_root or _given_before(context, "data_root"), None)
    paths = download.fetch(name, root, mirror=mirror, log=lambda line: typer.echo(printable(line), err=True))
    for path in paths:
        typer.echo(path)


def _given_before(context: typer.Context, option: str) -> Any:
    """An option in ``bnreg data --data-root … fetch …``."""
    return context.parent.params[option] if context.parent else None


@app.command(cls=Command, epilog=examples_epilog("bnreg data check digits.npz", "bnreg data check ./mine"))
def check(
    context: typer.Context,
    path: Annotated[str, typer.Argument(metavar="PATH", help="An .npz file, or a folder of IDX files.")],
    data_root: DataRoot = None,
    json: Json = False,
) -> None:
    """Check your own data: list every mistake in a file or folder, or what it holds."""
    from bnreg.config.own_data import is_data_path
    from bnreg.data import DATASETS, loading
    from bnreg.data.own import describe_own
    from bnreg.errors import UserError
    from bnreg.wording import printable

    if path in DATASETS and not Path(path).exists():
        raise UserError(f"check: {path} is no path but a data set that `bnreg data` lists and verifies")
    text = path if is_data_path(path) else f"./{path}"
    root = loading.data_root(data_root or _given_before(context, "data_root"), None)
    dataset = loading.load_dataset(text, root, place="check", log=lambda line: typer.echo(printable(line), err=True))
    entry = describe_own(dataset)
    if json or _given_before(context, "json"):
        print_json(entry)
        return
    from bnreg.report.datasets import own_summary, own_table

    typer.echo(printable(own_summary(entry)))
    print_parts(own_table(entry))
    typer.echo(f"use it: data: {{dataset: {printable(_in_yaml(text))}}}")


def _in_yaml(text: str) -> str:
    """A path as a value in a mapping of a config; what a shell would have quoted is not what YAML must."""
    doubled = text.replace("'", "''")
    return text if re.fullmatch(r"[\w./~-]+", text) else f"'{doubled}'"
