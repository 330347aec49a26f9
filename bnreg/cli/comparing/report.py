"""``bnreg report``: one page about runs, or about the lecture's claims."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from bnreg.cli.common.options import OUTPUT, DataRoot, Force, OpenPage, RunsRoot, SomeRuns

if TYPE_CHECKING:
    from bnreg.runs import Run

EXAMPLES = (
    "bnreg report runs/*",
    "bnreg report verdicts -o verdicts.html --open",
    "bnreg report --claims -o lecture.html",
)


def report(
    runs: SomeRuns = None,
    *,
    output: Annotated[
        Path, typer.Option("--output", "-o", metavar="FILE", help="The page's file.", rich_help_panel=OUTPUT)
    ] = Path("report.html"),
    claims: Annotated[
        bool, typer.Option("--claims", help="The page of the lecture's claims, from their runs in runs/lecture.")
    ] = False,
    opened: OpenPage = False,
    force: Force = False,
    root: RunsRoot = Path("runs"),
    data_root: DataRoot = None,
) -> None:
    """Write one page that states the finding: self-contained HTML, to be opened, printed, sent or handed out.

    For each run: the answer, its charts and numbers, test images about which arms disagree, whether the comparison is
    fair, and where it comes from. The page needs no network. A report that exists is replaced.
    """
    from bnreg.cli.common.pages import check_page_path, find_images, open_page
    from bnreg.errors import UserError
    from bnreg.runs.folder import write_file

    if claims == bool(runs):
        raise UserError("report: give runs, such as runs/*, or --claims" + (", not both" if claims else ""))
    may_replace = check_page_path(output, force=force)
    if claims:
        from bnreg.claims.recorded import recorded_claims
        from bnreg.claims.verdict import decide_claims
        from bnreg.report.page.lecture import claims_page

        folder = root / "lecture" if root == Path("runs") else root
        found, left_out = _runs_in(folder)
        decided = decide_claims(recorded_claims(found))
        if not decided:
            raise UserError(f"{folder}: no run that was trained for a claim; train them with `bnreg claims`", *left_out)
        content = claims_page(decided, [f"left out: {line}" for line in left_out])
    else:
        from bnreg.analysis.comparison import block_of
        from bnreg.analysis.reading import read_views
        from bnreg.report.comparison.summary import newest_last
        from bnreg.report.page.page import runs_page

        views, left_out = read_views(runs or [], root)
        content = runs_page(newest_last([block_of(view) for view in views]), find_images(data_root), left_out)
    write_file(output, content, option="--output", force=may_replace)
    typer.echo(output)
    if opened:
        open_page(output)


def _runs_in(folder: Path) -> "tuple[list[Run], list[str]]":
    """The complete runs in a folder, and a line for each other run."""
    from bnreg.runs import expand_runs, read_run
    from bnreg.runs.read import FolderOfRunsError, UnreadableRunError

    runs: list[Run] = []
    left_out: list[str] = []
    for path in expand_runs([str(folder / "*")]):
        try:
            runs.append(read_run(path, only_results=True))
        except FolderOfRunsError:
            continue
        except UnreadableRunError as error:
            left_out += error.lines
    return runs, left_out
