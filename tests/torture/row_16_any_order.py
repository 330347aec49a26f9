"""Start, kill, resume, compare and remove runs in any order."""

import functools
import shutil
import signal
from collections.abc import Iterator
from pathlib import Path

from hypothesis import HealthCheck, Phase, Verbosity, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule, run_state_machine_as_test
from lab import EPOCHS, Bnreg, Ended, Lab, results_of
from torture import Case

from bnreg.runs import unfinished_runs
from bnreg.runs.finding.listing import list_runs

TITLE = "started, killed, resumed, compared, removed in any order (Hypothesis)"
PROMISE = "No sequence of commands loses a run that was not removed."


class Runs(RuleBasedStateMachine):
    """A folder of runs and its expected content: ``complete`` and ``unfinished`` runs, by name."""

    lab: Lab

    def __init__(self) -> None:
        super().__init__()
        self.root = self.lab.new_root()
        self.complete: set[str] = set()
        self.unfinished: set[str] = set()

    def teardown(self) -> None:
        """Leave nothing behind."""
        self.lab.assert_nothing_is_lost(self.root)
        shutil.rmtree(self.root, ignore_errors=True)

    def _after(self, process: Bnreg, moment: float | None, number: int) -> Ended:
        if moment is not None:
            process.process.join(moment)
            process.kill_group() if number == signal.SIGKILL else process.send(number)
        return process.wait()

    def _look(self) -> None:
        """Update the expected content; no run that was complete may be missing."""
        there = {run.final.name for run in unfinished_runs(self.root) if not run.final.is_dir()}
        complete = (
            {one.name for one in list_runs(self.root) if one.state == "complete"} if self.root.is_dir() else set()
        )
        assert self.complete <= complete
        assert self.unfinished <= there | complete
        self.complete, self.unfinished = complete, there

    @rule(
        moment=st.one_of(st.none(), st.floats(0, 1)),
        number=st.sampled_from([signal.SIGKILL, signal.SIGTERM]),
    )
    def train(self, moment: float | None, number: int) -> None:
        """Start a run, and perhaps end it early."""
        ended = self._after(self.lab.train(self.root), moment, number)
        assert moment is not None or ended.code == 0, ended.err
        self._look()

    @precondition(lambda self: self.unfinished)
    @rule(data=st.data(), moment=st.one_of(st.none(), st.floats(0, 1)))
    def resume(self, data: st.DataObject, moment: float | None) -> None:
        """Resume a run, and perhaps end it early."""
        name = data.draw(st.sampled_from(sorted(self.unfinished)))
        process = self.lab.call("train", "--resume", name, "--runs", self.root, "--no-progress")
        ended = self._after(process, moment, signal.SIGKILL)
        assert moment is not None or ended.code == 0, ended.err
        self._look()
        assert moment is not None or name in self.complete

    @precondition(lambda self: self.complete or self.unfinished)
    @rule(data=st.data())
    def remove(self, data: st.DataObject) -> None:
        """Remove a run, and no other."""
        name = data.draw(st.sampled_from(sorted(self.complete | self.unfinished)))
        ended = self.lab.call("rm", name, "--runs", self.root, "--yes").wait()
        assert ended.code == 0, ended.err
        self.complete.discard(name)
        self.unfinished.discard(name)
        before = self.complete | self.unfinished
        self._look()
        assert self.complete | self.unfinished == before

    @precondition(lambda self: self.complete)
    @rule()
    def compare(self) -> None:
        """Compare all runs; incomplete ones are reported and not averaged."""
        ended = self.lab.call("compare", *sorted(self.root.iterdir())).wait()
        assert ended.code == 0, ended.err
        shown = ended.out.replace("\n", "")
        assert all(name in shown for name in self.unfinished)

    @invariant()
    def complete_runs_are_right(self) -> None:
        """They match the undisturbed run bit for bit."""
        for name in self.complete:
            assert results_of(Path(self.root) / name) == self.lab.results


def cases(full: bool) -> Iterator[Case]:
    """Sequences of up to eight commands, with each engine."""
    for engine in EPOCHS:
        with Lab(engine, share=1 / 3) as lab:
            Runs.lab = lab
            for seed in range(100 if full else 1):
                yield f"{engine}, sequence {seed}", functools.partial(_try, seed, 8 if full else 4)


def _try(seed: int, num_steps: int) -> None:
    from hypothesis import seed as seeded

    machine = seeded(seed)(type("Runs", (Runs,), {}))
    chosen = settings(
        max_examples=1,
        stateful_step_count=num_steps,
        deadline=None,
        database=None,
        phases=[Phase.generate],
        verbosity=Verbosity.quiet,
        suppress_health_check=list(HealthCheck),
    )
    run_state_machine_as_test(machine, settings=chosen)
