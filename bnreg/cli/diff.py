"""``bnreg diff``: two runs, what differs in their configs and in what came of it."""

import json as json_module
from pathlib import Path
from typing import Annotated

import typer

from bnreg.cli.options import RunsRoot, SmallestEffect


def diff(
    first: Annotated[
        str, typer.Argument(metavar="RUN", help="A run folder, a run's name or its beginning.", show_default=False)
    ],
    second: Annotated[str, typer.Argument(metavar="RUN", help="Another.", show_default=False)],
    *,
    root: RunsRoot = Path("runs"),
    metrics: Annotated[
        list[str] | None,
        typer.Option("--metric", metavar="NAME", help="What to compare by; may be repeated. Default: test_accuracy."),
    ] = None,
    smallest_effect: SmallestEffect = None,
    json: Annotated[bool, typer.Option("--json", help="Plain data instead of tables.")] = False,
    width: Annotated[
        int | None, typer.Option(metavar="N", min=20, help="Columns of the tables. Default: the terminal's.")
    ] = None,
) -> None:
    """Tell two runs apart: which settings differ, and the verdict on each arm of the second against the first's.

    Paired by seed where both runs saw the same batches of the same data.
    """
    from bnreg.cli.compare import read_views
    from bnreg.errors import UserError
    from bnreg.report.difference import compare_two, config_differences, difference_tables
    from bnreg.report.question import Question
    from bnreg.report.records import block_record

    views = []
    for argument in (first, second):
        found, left_out = read_views([argument], root)
        if len(found) + len(left_out) > 1:
            raise UserError(f"{argument}: matches {len(found) + len(left_out)} runs; give one on either side")
        views += found
    question = Question(metrics=tuple(dict.fromkeys(metrics or ())), smallest_effect=smallest_effect)
    blocks = compare_two(views[0], views[1], question)
    if json:
        changes = {key: [one, other] for key, one, other in config_differences(views[0], views[1])}
        record = {
            "first": views[0].id,
            "second": views[1].id,
            "config": changes,
            "comparison": [block_record(block) for block in blocks],
        }
        typer.echo(json_module.dumps(record, indent=2, allow_nan=False))
        return
    from rich.console import Console

    Console(highlight=False, width=width).print(difference_tables(views[0], views[1], blocks), crop=False)
