"""``bnreg compare``: the arms of any number of runs, side by side, with a verdict on each."""

import io
import json as json_module
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from bnreg.cli.options import RunsRoot, SmallestEffect

if TYPE_CHECKING:
    from bnreg.report.comparison import Block
    from bnreg.report.run_view import RunView

FAILED_IF = 3


def compare(
    runs: Annotated[
        list[str],
        typer.Argument(metavar="RUN", help="Run folders, patterns of them, or names of runs.", show_default=False),
    ],
    *,
    root: RunsRoot = Path("runs"),
    metrics: Annotated[
        list[str] | None,
        typer.Option("--metric", metavar="NAME", help="What to compare by; may be repeated. Default: test_accuracy."),
    ] = None,
    baseline: Annotated[
        str | None,
        typer.Option(metavar="ARM", help="The arm to compare with, or KEY=VALUE to compare along another key."),
    ] = None,
    group_by: Annotated[
        list[str] | None,
        typer.Option(metavar="KEY", help="Put all runs together by this key, such as optimizer.lr, arm or run."),
    ] = None,
    where: Annotated[
        str | None, typer.Option(metavar="FILTER", help="Only these: 'optimizer.lr<0.1 and model.norm=batch'.")
    ] = None,
    sort: Annotated[str | None, typer.Option(metavar="KEY", help="Order by a key or metric; -KEY: descending.")] = None,
    columns: Annotated[list[str] | None, typer.Option(metavar="KEY", help="Further settings to show.")] = None,
    only_changed: Annotated[
        bool, typer.Option("--only-changed", help="Show only settings that are not equal everywhere.")
    ] = False,
    seeds: Annotated[bool, typer.Option("--seeds", help="A row for each seed.")] = False,
    at: Annotated[str, typer.Option(metavar="WHEN", help="last; best: by the validation split; or epoch=N.")] = "last",
    smallest_effect: SmallestEffect = None,
    tests: Annotated[
        bool, typer.Option("--tests", help="Further tests: paired t, Wilcoxon, TOST, and McNemar for the first seed.")
    ] = False,
    fail_if: Annotated[
        str | None,
        typer.Option(
            metavar="CONDITION", help="Exit with 3 if 'A < B' (A hurt), 'A <= B' (not helped), 'A > B', 'A >= B'."
        ),
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="Plain data instead of tables.")] = False,
    csv: Annotated[bool, typer.Option("--csv", help="A row for each arm and metric.")] = False,
    md: Annotated[bool, typer.Option("--md", help="Markdown.")] = False,
    latex: Annotated[bool, typer.Option("--latex", help="LaTeX, for the package booktabs.")] = False,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", metavar="FILE", help="Write it into a new file.")
    ] = None,
    width: Annotated[
        int | None, typer.Option(metavar="N", min=20, help="Columns of the tables. Default: the terminal's.")
    ] = None,
) -> None:
    """Compare the arms of runs: mean and spread of each, its verdict, and the paired difference from the baseline.

    Verdicts: helped or hurt, if the 95 % interval excludes zero and p, corrected for the number of comparisons, is
    below 0.05; equivalent, if the whole interval is smaller than what matters (compare.smallest_effect); else ~,
    inconclusive.
    """
    from bnreg.errors import UserError
    from bnreg.report.comparison import compare_views
    from bnreg.report.condition import parse_fail_if
    from bnreg.report.question import Question

    formats = [name for name, wanted in (("json", json), ("csv", csv), ("md", md), ("latex", latex)) if wanted]
    if len(formats) > 1:
        raise UserError(f"--{formats[0]} and --{formats[1]} exclude each other; give one")
    condition = parse_fail_if(fail_if) if fail_if is not None else None
    question = Question(
        metrics=tuple(dict.fromkeys(metrics or ())),
        baseline=baseline,
        group_by=_split(group_by) if group_by else None,
        where=where,
        sort=sort,
        columns=_split(columns or []),
        only_changed=only_changed,
        at=at,
        smallest_effect=smallest_effect,
        tests=tests,
        seeds=seeds,
    )
    views, left_out = read_views(runs, root, refuse_damaged=condition is not None)
    blocks = compare_views(views, question)
    failures = condition.fulfilled_by(blocks) if condition else []
    put(blocks, format_name=formats[0] if formats else "text", left_out=left_out, output=output, width=width)
    if failures:
        for line in failures:
            typer.echo(f"--fail-if {fail_if}: {line}", err=True)
        raise typer.Exit(FAILED_IF)


def read_views(
    arguments: Sequence[str], root: Path, *, refuse_damaged: bool = False
) -> tuple[list["RunView"], list[str]]:
    """The runs that the arguments mean, and a line for each that cannot be compared: unfinished, damaged, or no run.

    Args:
        arguments: As they were typed, or as the shell expanded them.
        root: The folder that holds the runs.
        refuse_damaged: Whether a damaged one is a mistake, rather than left out: where a program goes by the answer.

    Raises:
        UserError: One line for each, if there is no complete run at all; or for each damaged one that is refused.
    """
    from bnreg.errors import UserError
    from bnreg.report.run_view import view_of_run
    from bnreg.runs import expand_runs, read_run
    from bnreg.runs.read import UnreadableRunError

    views: list[RunView] = []
    mistakes: list[str] = []
    left_out: list[str] = []
    for folder in expand_runs(arguments, root):
        try:
            views.append(view_of_run(read_run(folder)))
        except UnreadableRunError as error:
            is_mistake = refuse_damaged and error.state in ("damaged", "newer")
            (mistakes if is_mistake else left_out).extend(error.lines)
    if mistakes or not views:
        raise UserError(*mistakes, *left_out)
    return views, left_out


def print_comparison(folders: Sequence[Path], *, as_json: bool) -> None:
    """Read run folders and print their comparison to stdout."""
    from bnreg.report.comparison import compare_views

    views, _ = read_views([str(folder) for folder in folders], Path())
    put(compare_views(views), format_name="json" if as_json else "text")


def put(
    blocks: Sequence["Block"],
    *,
    format_name: str,
    left_out: Sequence[str] = (),
    output: Path | None = None,
    width: int | None = None,
) -> None:
    """Print a comparison, or write it into a new file.

    Args:
        blocks: The comparison.
        format_name: ``text``, ``json``, ``csv``, ``md`` or ``latex``.
        left_out: A line for each run that could not be compared: below the tables, or on stderr beside data.
        output: The file, if it shall be one.
        width: Columns of the tables; None: those of the terminal.
    """
    from rich.console import Console, Group
    from rich.text import Text

    from bnreg.errors import printable
    from bnreg.report import records, tables

    lines = [printable(f"left out: {line}") for line in left_out]
    if format_name == "text":
        shown = Group(tables.block_tables(blocks), *(Text(line, no_wrap=True, overflow="ignore") for line in lines))
        file = None if output is None else io.StringIO()
        Console(file=file, highlight=False, width=width).print(shown, crop=False)
        if file is None:
            return
        content = file.getvalue()
    else:
        written = {
            "json": lambda: json_module.dumps([records.block_record(one) for one in blocks], indent=2, allow_nan=False),
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
    """Keys may be repeated options or joined by commas."""
    return tuple(key for text in keys for key in text.split(",") if key)
