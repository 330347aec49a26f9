"""Which engine trains an experiment, and what is said about it."""

import re
from dataclasses import replace
from importlib.metadata import PackageNotFoundError

import pytest
from support.small_runs import train_here

from bnreg.errors import UserError
from bnreg.experiment.engine import choose_engine
from bnreg.experiment.plan import plan_experiment
from bnreg.runs import read_run
from bnreg.training.compiled import coverage
from bnreg.training.engines import ENGINES

CONFIG = """\
data: {dataset: mnist_5k, train_size: 50, batch_size: 50}
model: {hidden: [4]}
training: {epochs: 1}
arms:
  bn: {model: {norm: batch}}
  plain: {}
baseline: plain
seeds: 1
"""
NOT_COVERED = {
    "model.kind=cnn": "override 'model.kind=cnn': the compiled engine does not cover cnn",
    "data.augment.shift=1": "override 'data.augment.shift=1': data.augment: the compiled engine does not cover",
}

pytestmark = pytest.mark.skipif(
    ENGINES["compiled"].unavailable() is not None, reason="no compiled engine here: see its coverage"
)


@pytest.fixture
def plan(tmp_path):
    """Plan the experiment with some overrides."""
    (tmp_path / "x.yaml").write_text(CONFIG)

    def planned(*overrides, **options):
        words = ["device=cpu", *overrides]
        return plan_experiment(
            tmp_path / "x.yaml", words, data_folder=None, log=pytest.fail, load_data=False, **options
        )

    return planned


def said(plan):
    return [line for line in plan.notices if "engine" in line]


def test_what_the_compiled_engine_covers_is_trained_by_it_without_a_word(plan):
    planned = plan()
    assert (planned.engine, said(planned)) == ("compiled", [])


@pytest.mark.parametrize("override", NOT_COVERED)
def test_what_it_does_not_cover_is_trained_by_torch_and_a_notice_names_the_setting(plan, override):
    planned = plan(override)
    assert planned.engine == "torch"
    (line,) = said(planned)
    assert line.startswith(NOT_COVERED[override])
    assert line.endswith("so the torch engine trains")


def test_the_setting_of_an_arm_is_named_by_its_line(plan, tmp_path):
    (tmp_path / "x.yaml").write_text(CONFIG.replace("plain: {}", "plain: {model: {kind: cnn}}"))
    (line,) = said(plan())
    assert line.startswith(f"{tmp_path / 'x.yaml'}:6: arms.plain.model.kind: the compiled engine")


@pytest.mark.parametrize("override", NOT_COVERED)
def test_to_ask_for_an_engine_that_does_not_cover_the_experiment_is_a_mistake(plan, override):
    with pytest.raises(UserError) as refusal:
        plan(override, "engine=compiled")
    (line,) = refusal.value.lines
    assert line.startswith(NOT_COVERED[override])
    assert line.endswith("; use engine=torch or auto")


def test_without_numba_torch_trains_and_the_remedy_is_named(plan, monkeypatch):
    monkeypatch.setitem(ENGINES, "compiled", replace(ENGINES["compiled"], unavailable=lambda: "numba is not there"))
    planned = plan()
    assert planned.engine == "torch"
    (line,) = said(planned)
    assert "numba is not there" in line
    with pytest.raises(UserError, match=r"engine=compiled.*numba is not there; use engine=torch or auto"):
        plan("engine=compiled")
    assert said(plan("engine=torch")) == []


@pytest.mark.parametrize(
    ("needed", "wrong"),
    [
        (["numpy<2"], r"numba [\d.]+ needs numpy<2, but [\d.]+ is installed"),
        (["llvmlite>=99; python_version > '3'"], "needs llvmlite>=99"),
        (["no-such-package"], "numba needs no-such-package, which is not installed"),
        (PackageNotFoundError("numba"), "numba is installed without its metadata"),
    ],
)
def test_a_numba_that_cannot_be_imported_is_not_used(needed, wrong, monkeypatch):
    def requires(_name):
        if isinstance(needed, Exception):
            raise needed
        return needed

    monkeypatch.setattr(coverage, "requires", requires)
    assert re.match(f".*{wrong}", coverage.unavailable.__wrapped__())


def test_what_numba_needs_elsewhere_does_not_matter_here(monkeypatch):
    monkeypatch.setattr(coverage, "requires", lambda _: ["no-such-package; python_version < '3'"])
    assert coverage.unavailable.__wrapped__() is None


def test_an_unknown_engine_is_a_mistake(plan):
    with pytest.raises(UserError, match=r"unknown engine 'compild'; did you mean 'compiled'\?"):
        plan("engine=compild")


def test_a_run_that_goes_on_keeps_its_engine(plan, monkeypatch):
    assert plan(begun_with="torch").engine == "torch"
    assert said(plan(begun_with="torch")) == []
    with pytest.raises(UserError, match="the run began with the jax engine, which this version does not have"):
        plan(begun_with="jax")
    monkeypatch.setitem(ENGINES, "compiled", replace(ENGINES["compiled"], unavailable=lambda: "numba is not there"))
    with pytest.raises(UserError, match="numba is not there; the run began with this engine"):
        plan(begun_with="compiled")


@pytest.mark.parametrize("engine", ENGINES)
def test_a_run_and_its_page_name_the_engine(engine, tmp_path, bnreg):
    run = read_run(train_here(tmp_path, f"{CONFIG}engine: {engine}\njobs: 1\n"))
    assert run.info.engine == engine
    assert f"cpu, 1 worker, {engine} engine" in bnreg("show", run.path).out


def test_every_experiment_has_an_engine(plan):
    """The last one of the table covers everything."""
    experiment = plan().experiment
    *_, last = ENGINES
    assert choose_engine(experiment, "cuda:0")[0] == last
