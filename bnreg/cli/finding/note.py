"""``bnreg note``: a line of text about a run."""

from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

from bnreg.cli.common.options import AnyRun, RunsRoot

EXAMPLES = ("bnreg note verdicts 'the figure of the talk'", "bnreg note verdicts --clear")


def note(
    run: AnyRun,
    words: Annotated[
        list[str] | None, typer.Argument(metavar="TEXT", help="The note. Default: print it.", show_default=False)
    ] = None,
    *,
    clear: Annotated[bool, typer.Option("--clear", help="Remove the note.")] = False,
    root: RunsRoot = Path("runs"),
) -> None:
    """Keep a note on a run, or print it: `bnreg runs` and `bnreg show` show it.

    It replaces the run's last note; an empty text removes it. It is kept beside the run's folder, which stays as it is.
    """
    from bnreg.errors import UserError
    from bnreg.runs import expand_run
    from bnreg.runs.finding.marks import MAX_NOTE, change_marks, is_note, read_marks, require_runs

    text = " ".join(" ".join(words or []).split())
    if clear and text:
        raise UserError("note: give a text or --clear, not both")
    if not is_note(text):
        raise UserError(f"note: a note is text without control characters, at most {MAX_NOTE:,} characters")
    folder = expand_run(run, "a note is about one run", root)
    require_runs([folder])
    if words is None and not clear:
        marks = read_marks(folder)
    else:
        marks = change_marks(folder, lambda before: replace(before, note=text))
    typer.echo(marks.note or "no note")
