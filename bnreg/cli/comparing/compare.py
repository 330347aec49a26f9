"""``bnreg compare``: the arms of any number of runs side by side, with a verdict on each."""

import io
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from bnreg.cli.common import completion
from bnreg.cli.common.options import (
    OUTPUT,
    SELECTION,
    VERDICT,
    FailIf,
    Json,
    ManyRuns,
    Metrics,
    RunsRoot,
    SmallestEffects,
    Width,
    read_effects,
)
from bnreg.cli.common.printing import as_json

if TYPE_CHECKING:
    from bnreg.analysis.comparison import Block
    from bnreg.claims import condition

EXAMPLES = (
    "bnreg compare runs/*",
    "bnreg compare verdicts --metric test_loss --seeds",
    "bnreg compare runs/* --fail-if 'bn < plain'",
)
FAILED_IF = 3


def compare(
    runs: ManyRuns,
    *,
    metrics: Metrics = None,
    baseline: Annotated[
        str | None,
        typer.Option(
            metavar="ARM",
            help="The arm to compare with, or KEY=VALUE to compare along another key.",
            rich_help_panel=VERDICT,
            autocompletion=completion.arms,
        ),
    ] = None,
    smallest_effects: SmallestEffects = None,
    at: Annotated[
        str,
        typer.Option(
            metavar="WHEN",
            help="When to measure: last; best, by the validation split; last=N, the mean of N; epoch=N; or step=N.",
            rich_help_panel=VERDICT,
            autocompletion=completion.one_of(("last", "best", "last=", "epoch=", "step=")),
        ),
    ] = "last",
    tests: Annotated[
        bool,
        typer.Option(
            "--tests",
            help="Also show the paired t test, Wilcoxon, TOST, and McNemar for the first seed.",
            rich_help_panel=VERDICT,
        ),
    ] = False,
    fail_if: FailIf = None,
    where: Annotated[
        str | None,
        typer.Option(
            metavar="FILTER",
            help="Only networks that match, such as 'optimizer.lr<0.1 and model.hidden=[32, 32]'.",
            rich_help_panel=SELECTION,
        ),
    ] = None,
    group_by: Annotated[
        list[str] | None,
        typer.Option(
            metavar="KEY",
            help="Pool all runs by this key, such as optimizer.lr, arm or run; may be repeated.",
            rich_help_panel=SELECTION,
        ),
    ] = None,
    sort: Annotated[
        str | None,
        typer.Option(
            metavar="KEY", help="Order by a setting or metric; -KEY for descending.", rich_help_panel=SELECTION
        ),
    ] = None,
    columns: Annotated[
        list[str] | None,
        typer.Option(metavar="KEY", help="Also show this setting; may be repeated.", rich_help_panel=OUTPUT),
    ] = None,
    only_changed: Annotated[
        bool, typer.Option("--only-changed", help="Show only settings that differ.", rich_help_panel=OUTPUT)
    ] = False,
    seeds: Annotated[
        bool,
        typer.Option("--seeds", help="Show a row for each seed, with its paired difference.", rich_help_panel=OUTPUT),
    ] = False,
    full: Annotated[
        bool,
        typer.Option("--full", help="Also show the tables when a summary replaces them.", rich_help_panel=OUTPUT),
    ] = False,
    json: Json = False,
    csv: Annotated[
        bool, typer.Option("--csv", help="Print CSV: a row for each arm and metric.", rich_help_panel=OUTPUT)
    ] = False,
    md: Annotated[bool, typer.Option("--md", help="Print Markdown.", rich_help_panel=OUTPUT)] = False,
    latex: Annotated[
        bool, typer.Option("--latex", help="Print LaTeX, for the package booktabs.", rich_help_panel=OUTPUT)
    ] = False,
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", metavar="FILE", help="Write to this new file.", rich_help_panel=OUTPUT),
    ] = None,
    width: Width = None,
    root: RunsRoot = Path("runs"),
) -> None:
    """Compare the arms of runs: mean and spread of each, a verdict, and the paired difference from the baseline.

    Verdicts: helped or hurt, if the 95 % interval excludes zero and p, corrected for the number of comparisons, is
    below 0.05; equivalent, if the whole interval lies within ± the smallest effect that matters
    (compare.smallest_effect); otherwise ~, inconclusive.
    """
    from bnreg.analysis.comparison import compare_views
    from bnreg.analysis.question import Question
    from bnreg.analysis.reading import read_views
    from bnreg.claims.condition import comparisons_of, parse_fail_if
    from bnreg.errors import UserError

    formats = [name for name, wanted in (("json", json), ("csv", csv), ("md", md), ("latex", latex)) if wanted]
    if len(formats) > 1:
        raise UserError(f"--{formats[0]} and --{formats[1]} exclude each other; give one")
    conditions = {text: parse_fail_if(text) for text in fail_if or ()}
    question = Question(
        metrics=tuple(dict.fromkeys(metrics or ())),
        baseline=baseline,
        group_by=_split(group_by) if group_by else None,
        where=where,
        sort=sort,
        columns=_split(columns or []),
        only_changed=only_changed,
        at=at,
        smallest_effects=read_effects(smallest_effects),
        tests=tests,
        seeds=seeds,
    )
    views, left_out = read_views(runs, root, refuse_damaged=bool(conditions), leave_out_repeats=question.averages_runs)
    blocks = compare_views(views, question)
    failures = all_matches(conditions, comparisons_of(blocks))
    put(
        blocks,
        format_name=formats[0] if formats else "text",
        left_out=left_out,
        output=output,
        width=width,
        full=full or seeds or tests or only_changed or bool(columns),
    )
    end_by(failures)


def all_matches(
    conditions: Mapping[str, "condition.FailIf"], placed: Sequence["condition.Placed"]
) -> list[tuple[str, "condition.Placed"]]:
    """The conditions of ``--fail-if`` that are true, each with the comparison."""
    return [(text, found) for text, one in conditions.items() for found in one.matches(placed)]


def end_by(failures: Sequence[tuple[str, "condition.Placed"]]) -> None:
    """Say which conditions of ``--fail-if`` are true, and end the command with exit code 3 if any is."""
    from bnreg.claims.condition import outcome

    for text, placed in failures:
        typer.echo(f"--fail-if {text}: {placed.label}: {outcome(placed.comparison)}", err=True)
    if failures:
        raise typer.Exit(FAILED_IF)


def print_comparison(folders: Sequence[Path], *, json: bool) -> None:
    """Read run folders and print their comparison to stdout."""
    from bnreg.analysis.comparison import compare_views
    from bnreg.analysis.reading import read_views

    views, _ = read_views([str(folder) for folder in folders], Path())
    put(compare_views(views), format_name="json" if json else "text")


def put(
    blocks: Sequence["Block"],
    *,
    format_name: str,
    left_out: Sequence[str] = (),
    output: Path | None = None,
    width: int | None = None,
    full: bool = False,
) -> None:
    """Print a comparison, or write it into a new file.

    Text that is longer than a screen begins with a summary of a line per comparison, the newest run last.

    Args:
        blocks: The comparison.
        format_name: ``text``, ``json``, ``csv``, ``md`` or ``latex``.
        left_out: A line for each run that could not be compared, printed below the tables or, beside data, on stderr.
        output: The file; None for stdout.
        width: Width of the tables in columns; None for the terminal's.
        full: Whether the tables follow the summary.
    """
    from rich.console import Console, Group
    from rich.text import Text

    from bnreg.report.comparison import records, tables
    from bnreg.report.comparison.summary import comparison_text
    from bnreg.wording import printable

    lines = [printable(f"left out: {line}") for line in left_out]
    if format_name == "text":
        file = None if output is None else io.StringIO()
        console = Console(file=file, highlight=False, width=width)
        shown = comparison_text(blocks, console, full=full or output is not None)
        console.print(Group(shown, *(Text(line, no_wrap=True, overflow="ignore") for line in lines)), crop=False)
        if file is None:
            return
        content = file.getvalue()
    else:
        written = {
            "json": lambda: as_json([records.block_record(one) for one in blocks]),
            "csv": lambda: records.block_csv(blocks),
            "md": lambda: tables.block_markdown(blocks),
            "latex": lambda: tables.block_latex(blocks),
        }
        content = f"{written[format_name]().rstrip()}\n"
        for line in lines:
            typer.echo(line, err=True)
    if output is None:
        typer.echo(content, nl=False)
        return
    from bnreg.runs.folder import write_file

    write_file(output, content.encode(), option="--output")
    typer.echo(output)


def _split(keys: Sequence[str]) -> tuple[str, ...]:
    """Keys from repeated options, each of which may hold several, separated by commas."""
    return tuple(key for text in keys for key in text.split(",") if key)
