"""From the document to the settings of every cell: the base, a point's values, an arm's changes."""

from collections.abc import Iterator, Mapping
from typing import Any

from pydantic import ValidationError

from bnreg.config.cell_settings import arms_of, base_of, merge
from bnreg.config.experiment import Cell
from bnreg.config.faults import Fault, faults
from bnreg.config.hints import unknown_key
from bnreg.config.schema import Choices, Settings
from bnreg.config.source.document import Document
from bnreg.config.source.mistakes import Mistake
from bnreg.config.sweep import Sweep, nearest_written
from bnreg.wording import show


def resolve_cells(
    document: Document, sweep: Sweep, choices: Choices, complete: bool
) -> tuple[tuple[Cell, ...], list[Mistake]]:
    """All cells by point, then by arm, and the mistakes in any of them or in the base.

    Args:
        document: The content that the user wrote.
        sweep: The values to combine.
        choices: The names that settings may use.
        complete: Whether the sweep is as the user meant it; if not, rules between settings are not checked.
    """
    cells = []
    # Values that every point replaces never reach a cell, but mistakes in them still count.
    mistakes = list(_mistakes_of_unswept(document, choices)) if sweep.keys else []
    for index, point in enumerate(sweep.points()):
        for arm, raw in _variants(sweep.apply(document.content, point)):
            settings = _settings(raw, choices)
            if isinstance(settings, Settings):
                if arm is not None:
                    cells.append(Cell(index, point, arm, settings))
                continue
            for fault in settings:
                if complete or not fault.between_settings:
                    mistakes.append(_mistake(document, sweep, point, arm, fault))
    return tuple(cells), mistakes


def equal_arms(document: Document, cells: tuple[Cell, ...]) -> list[Mistake]:
    """A line for each arm whose settings equal those of an earlier arm at every point."""
    by_arm: dict[str, list[Settings]] = {}
    for cell in cells:
        by_arm.setdefault(cell.arm, []).append(cell.settings)
    first: dict[tuple[Settings, ...], str] = {}
    mistakes = []
    for arm, settings in by_arm.items():
        earlier = first.setdefault(tuple(settings), arm)
        if earlier != arm:
            sentence = f"arms {show(earlier)} and {show(arm)} are equal; change one or remove it"
            mistakes.append(document.mistake(("arms", arm), sentence))
    return mistakes


def _mistakes_of_unswept(document: Document, choices: Choices) -> Iterator[Mistake]:
    for arm, raw in _variants(document.content):
        settings = _settings(raw, choices)
        for fault in () if isinstance(settings, Settings) else settings:
            if not fault.between_settings:
                yield _mistake(document, Sweep(), {}, arm, fault)


def _variants(content: Mapping[str, Any]) -> Iterator[tuple[str | None, Mapping[str, Any]]]:
    """The raw settings of the base (under None) and of each arm."""
    base = base_of(content)
    yield None, base
    for arm, changes in arms_of(content).items():
        yield arm, merge(base, changes)


def _settings(raw: Mapping[str, Any], choices: Choices) -> Settings | list[Fault]:
    try:
        return Settings.model_validate(raw, context=choices)
    except ValidationError as error:
        return list(faults(error, Settings))


def _mistake(document: Document, sweep: Sweep, point: Mapping[str, Any], arm: str | None, fault: Fault) -> Mistake:
    path = nearest_written(document, sweep, point, arm, fault.location)
    label = path
    if fault.unknown_key:
        # An unknown swept key is reported in full, once for all its values; any other one with the section around it.
        sources = {swept.source for swept in sweep.keys}
        path = path[:-1] if path[:-1] in sources else path
        label = path if path in sources else path[:-1]
    return document.mistake(path, unknown_key(document, path, fault) if fault.unknown_key else fault.sentence, label)
