"""``bnreg show``: everything about one run on one screen."""

from pathlib import Path

from bnreg.cli.common.options import Json, OneRun, RunsRoot, read_one_run
from bnreg.cli.common.printing import print_json, print_parts

PANEL = "Runs"
EXAMPLES = ("bnreg show verdicts",)


def show(run: OneRun, *, json: Json = False, root: RunsRoot = Path("runs")) -> None:
    """Show one run: how it was made, what was trained, whether the arms were paired and treated alike, and its files.

    All of its files are verified against their checksums.
    """
    from bnreg.analysis.about import about_run
    from bnreg.report.show import run_page, run_record

    record = run_record(about_run(read_one_run(run, "give one to show", root, only_results=True)))
    if json:
        print_json(record)
        return
    print_parts(run_page(record))
