"""The claims that finished runs were made for, as each run recorded its own before it was trained."""

from collections.abc import Iterable

from bnreg.analysis.run_view import RunView, view_of_run
from bnreg.claims.claim import Claim, claim_of
from bnreg.config.load import load_experiment
from bnreg.experiment.choices import all_choices
from bnreg.names import CLAIM
from bnreg.runs import CONFIG, Run
from bnreg.wording import natural_order


def recorded_claims(runs: Iterable[Run]) -> list[tuple[Claim, RunView]]:
    """The claim of each run that has one, with its view; of several runs for one claim, the newest. Sorted by id.

    Raises:
        UserError: If a claim is not one that this version knows how to decide.
    """
    newest: dict[str, tuple[Claim, RunView]] = {}
    for run in sorted(runs, key=lambda run: run.info.started or ""):
        if run.config.get(CLAIM):
            claim = claim_of(load_experiment(run.path / CONFIG, [], all_choices()))
            newest[claim.id] = claim, view_of_run(run)
    return [newest[name] for name in sorted(newest, key=natural_order)]
