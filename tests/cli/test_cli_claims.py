"""``bnreg claims``: what is missing is trained, what is there is not, and each claim gets its verdict."""

import json
import re
from pathlib import Path

import pytest

from bnreg.runs import read_run, unfinished_runs

CLAIM = """\
claim:
  id: X1
  statement: A network that trains is better than one that does not.
  literature: "one study: 70 pp"
  tests:
    - {measure: final, of: {metric: test_accuracy}, more: trained, against: frozen, smallest_effect: 5pp}
  quick: {seeds: 6, training.epochs: 1}
data: {dataset: mnist_5k, batch_size: 100, train_size: 600}
model: {hidden: [8]}
optimizer: {lr: 0.01}
training: {epochs: 2}
arms:
  trained: {}
  frozen: {optimizer: {lr: 1e-9}}
baseline: frozen
seeds: 7
jobs: 1
device: cpu
"""
QUIET = ("--no-progress", "--runs", "runs")

pytestmark = pytest.mark.usefixtures("without_workers")


@pytest.fixture(autouse=True)
def files(bnreg):  # noqa: ARG001 # which enters the folder of the test
    Path("x1.yaml").write_text(CLAIM)
    reverse = CLAIM.replace("X1", "X2").replace("more: trained, against: frozen", "more: frozen, against: trained")
    Path("x2.yaml").write_text(reverse)


def test_claims_are_decided_together_and_what_is_there_is_not_trained_again(bnreg):
    done = bnreg("claims", "x1.yaml", "x2.yaml", *QUIET)
    assert done.code == 0, done.err
    assert "X1  supported " in done.out
    assert "X2  not supported " in done.out
    assert "Others found: one study: 70 pp" in done.out
    said = " ".join(done.out.split())
    assert "p after Holm for 2 claims; not supported: the 95 % interval excludes the smallest effect" in said
    (run,) = [read_run(path) for path in Path("runs").glob("x1-*")]
    again = bnreg("claims", "x1.yaml", "x2.yaml", "--json", *QUIET)
    assert f"note: {run.path}: already trained\n" in again.err
    assert len([*Path("runs").iterdir()]) == 2
    first, second = json.loads(again.out)["claims"]
    assert (first["verdict"], first["run"], len(first["seeds"])) == ("supported", run.info.id, 7)
    assert (second["verdict"], second["tests"][0]["verdict"]) == ("not supported", "not supported")
    assert first["tests"][0]["difference"] == -second["tests"][0]["difference"] > 0.3
    assert json.loads(again.out)["notes"] == []


def test_a_quick_run_is_marked_and_kept_apart(bnreg):
    done = bnreg("claims", "x1.yaml", "--quick", *QUIET)
    assert done.code == 0
    assert "provisional: --quick trains fewer networks" in done.out
    (run,) = [read_run(path) for path in Path("runs-quick").iterdir()]
    assert (len(run.info.seeds), run.config["training"]["epochs"]) == (6, 1)
    assert not Path("runs").exists()
    markdown = bnreg("claims", "x1.yaml", "--quick", "--md", *QUIET).out
    assert markdown.startswith("| claim | statement | verdict | others found | effect [95 %] | p | seeds | time |\n")
    assert "| X1 | A network that trains is better than one that does not. | supported |" in markdown


def test_quick_verdicts_are_not_corrected_for_the_number_of_claims(bnreg):
    """With six seeds the smallest p is 0.031, so of two claims neither could be supported."""
    for name in ("x1", "x3"):
        Path(f"{name}.yaml").write_text(CLAIM.replace("X1", name).replace("seeds: 7", "seeds: 6"))
    for options, word, how in ((["--quick"], "supported", "p of each claim alone"), ([], "inconclusive", "after Holm")):
        done = bnreg("claims", "x1.yaml", "x3.yaml", *options, "--json", *QUIET)
        assert [claim["verdict"] for claim in json.loads(done.out)["claims"]] == [word, word]
        assert how in " ".join(bnreg("claims", "x1.yaml", "x3.yaml", *options, *QUIET).out.split())


def test_a_claim_that_was_stopped_goes_on(bnreg, monkeypatch):
    from bnreg.experiment import story

    def interrupted(*_, **__):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(story, "_train", interrupted)
        assert bnreg("claims", "x1.yaml", *QUIET).code == 130
    (begun,) = unfinished_runs(Path("runs"))
    done = bnreg("claims", "x1.yaml", *QUIET)
    assert f"note: {begun.final}: resumed\n" in done.err
    assert begun.final.is_dir()


def test_a_claim_that_was_changed_after_its_run_is_marked(bnreg):
    """Its networks need not be trained again, but it was not fixed before the results were known."""
    assert bnreg("claims", "x1.yaml", *QUIET).code == 0
    Path("x1.yaml").write_text(CLAIM.replace("smallest_effect: 5pp", "smallest_effect: 1pp"))
    done = bnreg("claims", "x1.yaml", *QUIET)
    assert len([*Path("runs").iterdir()]) == 1
    note = "X1: not decided beforehand: the claim was changed after its networks were trained"
    assert note in " ".join(done.out.split())


def test_the_lectures_claims_are_found_by_their_ids(bnreg):
    Path("configs/lecture").mkdir(parents=True)
    for number in (10, 2, 1):
        text = CLAIM.replace("X1", f"C{number}").replace("A network", f"Network {number}")
        Path(f"configs/lecture/c{number:02}_a.yaml").write_text(text)
    listed = bnreg("claims", "--list").out.splitlines()
    assert [line.split()[0] for line in listed] == ["C1", "C2", "C10"]
    assert [line.split()[0] for line in bnreg("claims", "c10", "C1", "--list").out.splitlines()] == ["C1", "C10"]
    unknown = bnreg("claims", "C3", "C11", "--list")
    assert (unknown.code, len(unknown.err.splitlines())) == (2, 2)
    assert unknown.err.startswith("unknown claim 'C3'")
    assert not Path("runs").exists()


def test_outside_a_checkout_the_lectures_claims_are_those_that_ship(bnreg):
    listed = bnreg("claims", "--list").out
    assert [f"C{number}" for number in range(1, 19)] == re.findall(r"^C[0-9]+", listed, re.MULTILINE)
    assert bnreg("claims", "C99").err.startswith("unknown claim 'C99'")


def test_all_mistakes_in_all_files_are_said_before_anything_is_trained(bnreg):
    Path("x1.yaml").write_text(CLAIM.replace("measure: final", "measure: finl").replace("lr: 0.01", "lr: -1"))
    Path("x2.yaml").write_text("seeds: 3\n")
    done = bnreg("claims", "x1.yaml", "x2.yaml", "x3.yaml", *QUIET)
    assert done.code == 2
    lines = done.err.splitlines()
    assert [line.partition(":")[0] for line in lines] == ["x1.yaml", "x2.yaml", "x3.yaml"]
    assert not Path("runs").exists()


def test_seeds_are_added_until_the_claim_is_decided(bnreg):
    """Four pairs cannot reach p < 0.05; the arms' own verdicts are not asked."""
    rounds = "seeds: {until: decided, from: 4, step: 6, at_most: 30}"
    Path("x1.yaml").write_text(CLAIM.replace("seeds: 7", rounds))
    done = bnreg("claims", "x1.yaml", *QUIET)
    assert done.code == 0
    (run,) = [read_run(path) for path in Path("runs").iterdir()]
    assert run.info.looks[0] == 4
    assert len(run.info.looks) > 1
    said = [line for line in done.err.splitlines() if line.startswith("after ")]
    assert said[0].startswith("after 4 seeds: X1: inconclusive, +")
    assert said[-1].startswith(f"after {len(run.info.seeds)} seeds: X1: supported, +")
    assert f"{len(run.info.seeds)} seeds, {len(run.info.looks)} looks" in done.out


def test_a_claim_that_is_named_twice_is_decided_once(bnreg):
    Path("configs/lecture").mkdir(parents=True)
    for number in (1, 2):
        Path(f"configs/lecture/c0{number}.yaml").write_text(CLAIM.replace("X1", f"C{number}"))

    def listed(*arguments):
        return [line.split()[0] for line in bnreg("claims", *arguments, "--list").out.splitlines()]

    assert listed("C1", "configs/lecture/c02.yaml") == ["C1", "C2"]
    assert listed("C2", "configs/lecture/c02.yaml", "./configs/lecture/c02.yaml") == ["C2"]
    assert listed("x1.yaml", "C2") == ["C2", "X1"]
    assert listed("configs/lecture/*.yaml") == ["C1", "C2"]


def test_the_runs_may_be_in_the_current_folder(bnreg):
    done = bnreg("claims", "x1.yaml", "--quick", "--no-progress", "--runs", ".")
    assert done.code == 0, done.err
    assert len([*Path.cwd().glob("*-quick/x1-*")]) == 1
