"""Load an experiment from a file and overrides, or report all mistakes in it."""

from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import ValidationError

from bnreg.config.cell_settings import arms_of
from bnreg.config.cells import equal_arms, resolve_cells
from bnreg.config.experiment import Experiment
from bnreg.config.experiment_file import ExperimentFile
from bnreg.config.faults import faults
from bnreg.config.hints import meant, unknown_key
from bnreg.config.resolved import resolved_config
from bnreg.config.schema import Choices
from bnreg.config.source.document import Document
from bnreg.config.source.files import Source, default_name, read_document
from bnreg.config.source.key_paths import KeyPath
from bnreg.config.source.mistakes import Mistake, user_error
from bnreg.config.source.overrides import with_overrides
from bnreg.config.sweep import read_sweep
from bnreg.names import TUNE
from bnreg.rounds import Rounds
from bnreg.wording import dotted, listed, show, unknown

# Settings that older versions had, with the value that changes nothing: the configs of their runs have it.
RETIRED: dict[tuple[str, str], object] = {("training", "measure"): ()}


def load_experiment(
    source: Source, overrides: Sequence[str], choices: Choices, *, chosen: Mapping[KeyPath, Any] = {}
) -> Experiment:
    """Load the experiment that a file describes.

    Args:
        source: The YAML file, or its text.
        overrides: ``KEY=VALUE``, applied in order after the file.
        choices: The names that settings may use.
        chosen: What replaces ``tune`` once the arms have chosen, by its path.

    Raises:
        UserError: With one line for each mistake, in the order of the file.
    """
    document, mistakes = with_overrides(_without_retired(read_document(source)), overrides)
    for setting, value in chosen.items():
        document = document.with_value(setting, value, document.place((TUNE,)))
    header, header_mistakes = _header(document, default_name(source), choices)
    arms = arms_of(document.content)
    sweep, sweep_mistakes = read_sweep(document, arms)
    complete = not (mistakes or sweep_mistakes)
    cells, cell_mistakes = resolve_cells(document, sweep, choices, complete)
    mistakes += [
        *header_mistakes,
        *_same_file_names(document, arms),
        *_idle_overrides(document, arms),
        *sweep_mistakes,
        *cell_mistakes,
    ]
    if header is not None or not _misplaced(document, ("arms", "baseline")):
        mistakes += _baseline_mistakes(document, arms)
    if header is None or mistakes:
        raise user_error(mistakes)
    if equal := equal_arms(document, cells):
        raise user_error(equal)
    seeds = header.seeds.first if isinstance(header.seeds, Rounds) else header.seeds
    all_seeds = header.seeds.seeds(header.seeds.at_most) if isinstance(header.seeds, Rounds) else seeds
    return Experiment(
        name=header.name or default_name(source),
        arms=tuple(arms),
        baseline=header.baseline,
        seeds=header.tune.seeds(all_seeds) if header.tune else seeds,
        device=header.device,
        engine=header.engine,
        executor=header.executor,
        address=header.address,
        jobs=header.jobs,
        report=header.report,
        sinks=header.sinks,
        snapshot_seconds=header.snapshot_seconds,
        points=sweep.points(),
        point_keys=tuple(swept.key for swept in sweep.keys),
        cells=cells,
        resolved=resolved_config(document.content, header, choices),
        document=document,
        sweep=sweep,
        rounds=header.seeds if isinstance(header.seeds, Rounds) and not header.tune else None,
        tune=header.tune,
        then=header.seeds,
        claim=header.claim,
    )


def _without_retired(document: Document) -> Document:
    for (section, name), value in RETIRED.items():
        content = document.content.get(section)
        if isinstance(content, Mapping) and content.get(name, ...) == value:
            document = document.without((section, name))
    return document


def _header(document: Document, stem: str, choices: Choices) -> tuple[ExperimentFile | None, list[Mistake]]:
    """The top level of the file; the name defaults to the file's stem."""
    name = document.content.get("name")
    raw = {**document.content, "name": stem if name is None else name}
    try:
        return ExperimentFile.model_validate(raw, context=choices), []
    except ValidationError as error:
        mistakes = []
        for fault in faults(error, ExperimentFile):
            path = fault.location
            if fault.unknown_key:
                mistakes.append(document.mistake(path, unknown_key(document, path, fault), path[:-1]))
            else:
                mistakes.append(document.mistake(path, fault.sentence))
        return None, mistakes


def _misplaced(document: Document, keys: Sequence[str]) -> bool:
    """Whether one of these keys was probably meant by a top-level key that does not exist, or arms are no mapping."""
    top = tuple(ExperimentFile.model_fields)
    words = [meant(str(key), (), top) for key in document.content if key not in top]
    is_malformed = document.content.get("arms") is not None and not document.is_mapping(("arms",))
    return is_malformed or any(word and word[0][0] in keys for word in words)


def _baseline_mistakes(document: Document, arms: Mapping[str, Any]) -> list[Mistake]:
    baseline = document.content.get("baseline")
    if isinstance(baseline, str) and baseline not in arms and not document.has(("arms", baseline)):
        return [document.mistake(("baseline",), unknown("arm", baseline, list(arms)))]
    if baseline is None and len(arms) > 1:
        sentence = f"missing; name the arm that the others are compared with ({listed(arms)})"
        return [document.mistake(("baseline",), sentence)]
    return []


def _same_file_names(document: Document, arms: Mapping[str, Any]) -> list[Mistake]:
    """A line for each arm whose weights would have the same file name as those of an earlier arm on some systems."""
    mistakes = []
    first: dict[str, str] = {}
    for arm in arms:
        earlier = first.setdefault(arm.casefold(), arm)
        if earlier != arm:
            sentence = f"arms {show(earlier)} and {show(arm)} differ only in case, which not every disk tells apart"
            mistakes.append(document.mistake(("arms", arm), f"{sentence}; rename one"))
    return mistakes


def _idle_overrides(document: Document, arms: Mapping[str, Any]) -> list[Mistake]:
    """Overrides of the base that affect no cell because every arm sets the same key itself."""
    mistakes = []
    for path in document.overridden():
        theirs = [("arms", arm, *path) for arm in arms]
        is_section = document.is_mapping(path) or any(map(document.is_mapping, theirs))
        if not is_section and all(map(document.has, theirs)):
            key = dotted(path)
            mistakes.append(document.mistake(path, f"every arm sets {key} itself; override arms.NAME.{key} instead"))
    return mistakes
