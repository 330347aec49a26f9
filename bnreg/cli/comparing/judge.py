"""``bnreg judge``: the verdicts on a table of results that another tool wrote."""

from pathlib import Path
from typing import Annotated

import typer

from bnreg.cli.common.options import OUTPUT, SELECTION, VERDICT, FailIf, Json, Width
from bnreg.cli.common.printing import print_json, print_parts
from bnreg.cli.comparing.compare import all_matches, end_by

EXAMPLES = (
    "bnreg judge results.csv --arm method --seed seed --metric accuracy --baseline plain",
    "bnreg judge benchmark.csv --point dataset --friedman --diagram ranks.svg",
)


def judge(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A CSV file with a header.", show_default=False)],
    *,
    arm: Annotated[
        str | None,
        typer.Option(
            metavar="COLUMN",
            help="Column of the arms' names; with --wide, the arms' columns, separated by commas.",
            rich_help_panel=SELECTION,
        ),
    ] = None,
    seed: Annotated[
        str | None,
        typer.Option(metavar="COLUMN", help="Column whose equal values make a pair.", rich_help_panel=SELECTION),
    ] = None,
    metric: Annotated[
        str | None,
        typer.Option(
            metavar="COLUMN", help="Column of the values; with --wide, the metric's name.", rich_help_panel=SELECTION
        ),
    ] = None,
    point: Annotated[
        str | None,
        typer.Option(metavar="COLUMN", help="Column of the data sets, if several.", rich_help_panel=SELECTION),
    ] = None,
    where: Annotated[
        str | None,
        typer.Option(
            metavar="FILTER", help="Only rows that match, such as 'State=finished'.", rich_help_panel=SELECTION
        ),
    ] = None,
    wide: Annotated[
        bool, typer.Option("--wide", help="Each arm has a column, each seed a row.", rich_help_panel=SELECTION)
    ] = False,
    last: Annotated[
        bool,
        typer.Option(
            "--last",
            help="The file is a log: take the last value of each arm and seed that is not empty.",
            rich_help_panel=SELECTION,
        ),
    ] = False,
    nan_is_diverged: Annotated[
        bool,
        typer.Option("--nan-is-diverged", help="A run without a value diverged.", rich_help_panel=SELECTION),
    ] = False,
    baseline: Annotated[
        str | None, typer.Option(metavar="ARM", help="The arm to compare with.", rich_help_panel=VERDICT)
    ] = None,
    higher_is_better: Annotated[
        bool | None,
        typer.Option(
            "--higher-is-better/--lower-is-better",
            help="Which direction is better. Default: by the metric's name.",
            rich_help_panel=VERDICT,
        ),
    ] = None,
    smallest_effect: Annotated[
        str | None,
        typer.Option(
            metavar="VALUE",
            help="The smallest difference that matters, such as 0.01 or 0.2pp.",
            rich_help_panel=VERDICT,
        ),
    ] = None,
    anytime: Annotated[
        bool,
        typer.Option(
            "--anytime",
            help="Seeds were added after a look: use the test that holds at every look, in the file's order.",
            rich_help_panel=VERDICT,
        ),
    ] = False,
    friedman: Annotated[
        bool,
        typer.Option(
            "--friedman", help="Also rank the arms over the data sets: Friedman's test.", rich_help_panel=VERDICT
        ),
    ] = False,
    examples: Annotated[
        int | None,
        typer.Option(
            metavar="N",
            min=1,
            help="Number of test examples of which each value is a share; equivalent then counts with them.",
            rich_help_panel=VERDICT,
        ),
    ] = None,
    fail_if: FailIf = None,
    diagram: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="With --friedman: draw the critical difference diagram into this new file.",
            rich_help_panel=OUTPUT,
        ),
    ] = None,
    json: Json = False,
    width: Width = None,
) -> None:
    """Judge the results in a CSV file that any tool wrote: one row for each arm and seed, or with --wide for each seed.

    Columns that are not named are guessed if exactly one fits, and every guess is said. With several data sets, the
    verdict is on the mean differences over data sets, which --fail-if uses too; each data set has its row beside it.
    """
    from bnreg.claims.condition import Placed, parse_fail_if
    from bnreg.errors import UserError
    from bnreg.foreign.judging import Request, judge_table
    from bnreg.foreign.table import read_table
    from bnreg.report.judgement import judgement_record, judgement_tables
    from bnreg.wording import printable

    conditions = {text: parse_fail_if(text) for text in fail_if or ()}
    if diagram is not None and not friedman:
        raise UserError("--diagram draws the ranks of Friedman's test; add --friedman")
    request = Request(
        arm=arm,
        seed=seed,
        metric=metric,
        baseline=baseline,
        point=point,
        where=where,
        wide=wide,
        last=last,
        higher_is_better=higher_is_better,
        smallest_effect=smallest_effect,
        nan_is_diverged=nan_is_diverged,
        anytime=anytime,
        friedman=friedman,
        examples=examples,
    )
    judgement = judge_table(read_table(file), request)
    failures = all_matches(conditions, [Placed(judgement.name, one) for one in judgement.decisive])
    if diagram is not None:
        from bnreg.report.charts.drawing import save_chart
        from bnreg.report.charts.ranks import rank_diagram

        save_chart(rank_diagram(judgement), diagram, option="--diagram")
    for line in judgement.assumed:
        typer.echo(printable(f"note: {line}"), err=True)
    if json:
        print_json(judgement_record(judgement))
    else:
        print_parts(judgement_tables(judgement), width=width)
    end_by(failures)
