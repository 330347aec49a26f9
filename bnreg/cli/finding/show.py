"""``bnreg show``: everything about one run on one screen."""

from pathlib import Path
from typing import Any

from bnreg.cli.common.options import AnyRun, Json, RunsRoot
from bnreg.cli.common.printing import line_printer, print_json, print_parts

EXAMPLES = ("bnreg show verdicts",)


def show(run: AnyRun, *, json: Json = False, root: RunsRoot = Path("runs")) -> None:
    """Show one run: how it was made, what was trained, whether the arms were paired and treated alike, and its files.

    All of its files are verified against their checksums. Of a run that is not complete: how far it is, its speed, the
    time left, and how it was made.
    """
    from bnreg.analysis.about import about_run, about_unfinished
    from bnreg.errors import UserError
    from bnreg.report.show import run_page, run_record
    from bnreg.runs import DamagedError, UnfinishedRun, expand_run, read_run
    from bnreg.runs.names import unfinished_run

    folder = expand_run(run, "give one to show", root)
    unfinished = UnfinishedRun(folder)
    if unfinished_run(folder.name) and not unfinished.final.is_dir():
        try:
            record = about_unfinished(unfinished)
        except DamagedError as damage:
            raise UserError(*damage.lines) from None
    else:
        record = run_record(about_run(read_run(folder, only_results=True)))
    record |= _marks(folder)
    if json:
        print_json(record)
        return
    print_parts(run_page(record))


def _marks(folder: Path) -> dict[str, Any]:
    """The tags and the note of a run; if their file is damaged, none, which is said."""
    from bnreg.errors import UserError
    from bnreg.runs.finding.marks import Marks, read_marks

    try:
        marks = read_marks(folder)
    except UserError as error:
        line_printer()(f"note: {error}")
        marks = Marks()
    return {"tags": list(marks.tags), "note": marks.note or None}
