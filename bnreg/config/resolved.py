"""The resolved config as plain data: the user's content with overrides applied and defaults filled in."""

from collections.abc import Collection, Mapping
from typing import Any

import yaml
from pydantic import BaseModel

from bnreg.config.cell_settings import arms_of
from bnreg.config.experiment_file import ExperimentFile
from bnreg.config.faults import model_in
from bnreg.config.schema import Choices, Init, Model, Optimizer, Penalty, Schedule, Section, Settings
from bnreg.config.source.scalars import plain_scalar
from bnreg.names import SECTIONS
from bnreg.rounds import Rounds, short_seeds


class QuotedText(str):
    """Text that YAML 1.2 would read as another type unless it is quoted, such as an arm named ``1e-3``.

    PyYAML follows the rules of YAML 1.1 and would leave some of these unquoted.
    """


def _represent_quoted(dumper: yaml.SafeDumper, text: QuotedText) -> yaml.ScalarNode:
    return dumper.represent_scalar("tag:yaml.org,2002:str", str(text), style="'")


yaml.SafeDumper.add_representer(QuotedText, _represent_quoted)


def resolved_config(content: Mapping[str, Any], header: ExperimentFile, choices: Choices) -> dict[str, Any]:
    """Plain data that ``yaml.safe_dump(…, sort_keys=False)`` can write; loading it gives the same cells.

    Settings that only some kinds of network, norm, initialisation, optimizer, schedule or penalty take are left out
    unless they were written, because an arm or a point may choose another kind.
    """
    optional: dict[type[BaseModel], frozenset[str]] = {
        Init: frozenset().union(*choices.inits.values()),
        Model: frozenset().union(*choices.models.values(), *choices.norms.values()),
        Optimizer: frozenset().union(*choices.optimizers.values()),
        Penalty: frozenset().union(*choices.penalties.values()),
        Schedule: frozenset().union(*choices.schedules.values()),
    }
    resolved = {
        "name": header.name,
        **{section: _filled(model_in(Settings, section), content.get(section, {}), optional) for section in SECTIONS},
        "arms": arms_of(content),
        "baseline": header.baseline,
        "seeds": header.seeds.to_config() if isinstance(header.seeds, Rounds) else short_seeds(header.seeds),
        "compare": header.compare.model_dump(),
        "sweep": content.get("sweep") or {},
        **({"tune": header.tune.to_config()} if header.tune else {}),
        **({"tuned": header.tuned.to_config()} if header.tuned else {}),
        **({"claim": header.claim.model_dump(exclude_defaults=True)} if header.claim else {}),
        "device": header.device,
        "engine": header.engine,
        "executor": header.executor,
        **({"address": header.address} if header.address else {}),
        "jobs": header.jobs,
        "report": header.report,
        "sinks": header.sinks,
        "snapshot_seconds": header.snapshot_seconds,
    }
    return {key: _plain(value) for key, value in resolved.items()}


def _filled(model: type[BaseModel] | None, raw: Any, optional: Mapping[type[BaseModel], Collection[str]]) -> Any:
    """A section's raw settings, with defaults for the missing ones."""
    if model is None or not isinstance(raw, Mapping):
        return raw
    filled = {}
    for name, field in model.model_fields.items():
        if name in raw:
            filled[name] = _filled(model_in(model, name), raw[name], optional)
        elif isinstance(field.default, Section):
            filled[name] = _filled(type(field.default), {}, optional)
        elif name not in optional.get(model, ()):
            filled[name] = field.default
    return filled


def _plain(value: Any) -> Any:
    match value:
        case Mapping():
            return {_plain(key): _plain(inner) for key, inner in value.items()}
        case tuple():
            return [_plain(inner) for inner in value]
        case str():
            return value if isinstance(_read_bare(value), str) else QuotedText(value)
        case _:
            return value


def _read_bare(text: str) -> Any:
    try:
        return plain_scalar(text)
    except ValueError:
        return None
