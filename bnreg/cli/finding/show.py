"""``bnreg show``: everything about one run on one screen."""

from pathlib import Path

from bnreg.cli.common.options import Json, OneRun, RunsRoot
from bnreg.cli.common.printing import print_json, print_parts

EXAMPLES = ("bnreg show verdicts",)


def show(run: OneRun, *, json: Json = False, root: RunsRoot = Path("runs")) -> None:
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
    if json:
        print_json(record)
        return
    print_parts(run_page(record))
