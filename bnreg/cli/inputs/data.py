"""``bnreg data``: list the data sets and download missing ones."""

from typing import Annotated

import typer

from bnreg.cli.common.options import Command, DataRoot, Json, examples_epilog
from bnreg.cli.common.printing import print_json, print_parts

app = typer.Typer(
    help="List the data sets, or download one.",
    epilog=examples_epilog("bnreg data", "bnreg data fetch mnist"),
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
    name: Annotated[str, typer.Argument(metavar="NAME", help="The data set, as `bnreg data` lists it.")],
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

    listed_root = context.parent.params["data_root"] if context.parent else None  # bnreg data --data-root … fetch …
    root = loading.data_root(data_root or listed_root, None)
    paths = download.fetch(name, root, mirror=mirror, log=lambda line: typer.echo(printable(line), err=True))
    for path in paths:
        typer.echo(path)
