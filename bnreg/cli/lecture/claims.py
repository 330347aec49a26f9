"""``bnreg claims``: train what is missing, and say which claims the results support."""

import glob
import json as json_format
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from bnreg.cli.common.options import OUTPUT, DataRoot, Jobs, Json, RunsRoot, ShowProgress
from bnreg.cli.common.printing import command_caller, print_json, print_parts
from bnreg.names import CLAIM
from bnreg.wording import natural_order

if TYPE_CHECKING:
    from bnreg.claims.claim import Claim

EXAMPLES = ("bnreg claims --list", "bnreg claims C8 C9 --quick", "bnreg claims my_claims/*.yaml")

LECTURE = Path("configs/lecture")


def claims(
    wanted: Annotated[
        list[str] | None,
        typer.Argument(metavar="CLAIM", help="Claims by their ids, or YAML files. Default: all of the lecture."),
    ] = None,
    *,
    quick: Annotated[
        bool, typer.Option("--quick", help="Train less, in minutes; the verdicts are provisional.")
    ] = False,
    listed: Annotated[bool, typer.Option("--list", help="List the claims, and train nothing.")] = False,
    markdown: Annotated[bool, typer.Option("--md", help="Print Markdown.", rich_help_panel=OUTPUT)] = False,
    json: Json = False,
    jobs: Jobs = None,
    progress: ShowProgress = True,
    runs: RunsRoot = Path("runs/lecture"),
    data_root: DataRoot = None,
) -> None:
    """Decide claims: supported, not supported or inconclusive, with an interval.

    A claim is an experiment's file with a `claim:` block. What was trained before, with the same config, data and
    versions, is not trained again, and what was stopped is resumed. All claims that are asked for are one family, but
    for `--quick`, which has too few seeds for that.
    """
    from bnreg.analysis.run_view import view_of_run
    from bnreg.api.steps import finished, tuned_plan
    from bnreg.claims.verdict import decide_claims
    from bnreg.config.cell_settings import plain
    from bnreg.report.claims import claims_list, claims_markdown, claims_record, claims_table

    chosen = _chosen(wanted or [])
    if listed:
        print_parts(claims_list([claim for _, claim in chosen]))
        return
    root = runs.parent / f"{runs.resolve().name}-quick" if quick else runs
    caller = command_caller(root, data_root, progress=progress)
    quickly = "--quick trains fewer networks, or for less long, than the claims say, and decides each claim for itself"
    notes = [f"provisional: {quickly}"] if quick else []
    decided = []
    for file, claim in chosen:
        settings = [f"{key}={json_format.dumps(value)}" for key, value in claim.quick.items()] if quick else []
        settings += [f"jobs={jobs}"] if jobs is not None else []
        plan = tuned_plan(file, settings, caller)
        others = 0 if quick else len(chosen) - 1
        run = finished(plan, caller, num_others=others)
        view = view_of_run(run)
        if view.used_fallback:
            notes.append(f"{claim.id}: provisional: trained on {view.dataset_label}")
        if view.config.get(CLAIM) != plain(plan.experiment.resolved[CLAIM]):
            notes.append(f"{claim.id}: not decided beforehand: the claim was changed after its networks were trained")
        decided.append((claim, view))
    families = [[one] for one in decided] if quick else [decided]
    verdicts = [verdict for family in families for verdict in decide_claims(family)]
    if json:
        print_json(claims_record(verdicts) | {"notes": notes})
    elif markdown:
        typer.echo(claims_markdown(verdicts, notes))
    else:
        print_parts(claims_table(verdicts, notes))


def _chosen(wanted: list[str]) -> "list[tuple[Path, Claim]]":
    """The files and claims that the arguments name: ids of the lecture's claims, or files.

    Raises:
        UserError: With a line for each mistake, in an argument or in a file.
    """
    from bnreg.claims.claim import claim_of
    from bnreg.config.load import load_experiment
    from bnreg.errors import UserError
    from bnreg.experiment.choices import all_choices
    from bnreg.wording import unknown

    def is_file(word: str) -> bool:
        return Path(word).suffix in (".yaml", ".yml") or Path(word).exists()

    files = [path for word in wanted if is_file(word) for path in _matching(word)]
    ids = [word for word in wanted if not is_file(word)]
    lecture = _lecture() if ids or not files else []
    mistakes: list[str] = []
    found: list[tuple[Path, Claim]] = []
    for file in [*lecture, *files]:
        try:
            found.append((file, claim_of(load_experiment(file, [], all_choices()))))
        except UserError as error:
            mistakes += error.lines
    known = {claim.id.casefold(): claim for file, claim in found if file in lecture}
    mistakes += [
        unknown("claim", word, [claim.id for claim in known.values()]) for word in ids if word.casefold() not in known
    ]
    if mistakes:
        raise UserError(*mistakes)
    asked = {word.casefold() for word in ids}
    given = {file.resolve() for file in files}
    chosen = {
        file.resolve(): (file, claim)
        for file, claim in found
        if file.resolve() in given or (file in lecture and (not wanted or claim.id.casefold() in asked))
    }
    return [*chosen.values()]


def _lecture() -> list[Path]:
    """The files of the lecture's claims: those of a checkout that is the current folder, or those that are shipped."""
    from bnreg.config.source.examples import examples_folder

    found = [*LECTURE.glob("*.yaml")] or [*(examples_folder() / "lecture").glob("*.yaml")]
    return sorted(found, key=lambda path: natural_order(path.name))


def _matching(word: str) -> list[Path]:
    """The files that a name or a pattern that the shell did not expand stands for."""
    matches = [Path(match) for match in sorted(glob.glob(word), key=natural_order)]  # noqa: PTH207 # takes any path
    return matches or [Path(word)]
