"""The right place of a key that was written in the wrong one, or that other tools call by another name."""

import re
from collections.abc import Iterator, Mapping
from functools import cache, lru_cache
from typing import Any

from pydantic import BaseModel

from bnreg.config.experiment_file import ExperimentFile
from bnreg.config.faults import Fault, example_of, listed_in, meant_by, model_at, model_in, takes
from bnreg.config.schema import Settings
from bnreg.config.source.document import Document
from bnreg.config.source.key_paths import KeyPath
from bnreg.config.source.strict_yaml import MAX_VALUES
from bnreg.config.source.yaml_mistakes import missing_colon
from bnreg.names import SECTIONS, SWEEP, TUNE
from bnreg.wording import dotted, in_config, listed, nearest, show

# What other tools call a setting, and its key here; with a value where theirs would mean something else.
SYNONYMS = {
    "act": "model.activation",
    "activation_fn": "model.activation",
    "activation_function": "model.activation",
    "architecture": "model.kind",
    "batch_norm": "model.norm=batch",
    "batch_normalisation": "model.norm=batch",
    "batch_normalization": "model.norm=batch",
    "batchnorm": "model.norm=batch",
    "bn": "model.norm=batch",
    "checkpoint": "training.weights=last",
    "control": "baseline",
    "cuda": "device=cuda",
    "data_dir": "data.root",
    "depth": "model.hidden=[32, 32]",
    "drop_rate": "model.dropout",
    "dropout_rate": "model.dropout",
    "eval_every": "training.evaluate.every_steps",
    "eval_interval": "training.evaluate.every_steps",
    "eval_steps": "training.evaluate.every_steps",
    "gamma": "optimizer.schedule.step_factor",
    "gpu": "device=cuda",
    "grid": "sweep",
    "group_norm": "model.norm=group",
    "hidden_dim": "model.hidden=[32, 32]",
    "hidden_dims": "model.hidden",
    "hidden_layers": "model.hidden=[32, 32]",
    "hidden_layer_sizes": "model.hidden",
    "hidden_size": "model.hidden=[32, 32]",
    "hidden_sizes": "model.hidden",
    "hidden_units": "model.hidden=[32, 32]",
    "initializer": "model.init.scheme",
    "l1": "training.penalty={kind: l1, strength: 0.0001}",
    "l2": "training.penalty={kind: l2, strength: 0.0001}",
    "layer_norm": "model.norm=layer",
    "layers": "model.hidden=[32, 32]",
    "learning_rate": "optimizer.lr",
    "learning_rate_init": "optimizer.lr",
    "lr_scheduler": "optimizer.schedule={name: cosine}",
    "max_epochs": "training.epochs",
    "max_iter": "training.steps",
    "max_steps": "training.steps",
    "measure": "diagnostics.names",
    "metrics": "diagnostics.names",
    "n_jobs": "jobs",
    "network": "model.kind",
    "nonlinearity": "model.activation",
    "normalisation": "model.norm",
    "normalise": "data.standardise=all_pixels",
    "normalization": "model.norm",
    "normalize": "data.standardise=all_pixels",
    "num_layers": "model.hidden=[32, 32]",
    "num_seeds": "seeds",
    "num_steps": "training.steps",
    "num_workers": "jobs",
    "optim": "optimizer.name",
    "random_seed": "seeds=[0]",
    "reference": "baseline",
    "regularization": "training.penalty={kind: l2, strength: 0.0001}",
    "save_weights": "training.weights=last",
    "scheduler": "optimizer.schedule={name: cosine}",
    "seed": "seeds=[0]",
    "solver": "optimizer.name",
    "standardize": "data.standardise=all_pixels",
    "step_size": "optimizer.schedule.step_epochs",
    "test_size": "data.validation_size",
    "use_bn": "model.norm=batch",
    "val_size": "data.validation_size",
    "validation_fraction": "data.validation_size=10000",
    "validation_split": "data.validation_size=10000",
    "variants": "arms",
    "warmup": "optimizer.schedule.warmup_epochs",
    "warmup_steps": "optimizer.schedule.warmup_epochs=1",
    "width": "model.hidden=[32, 32]",
    "workers": "jobs",
}
# Each section that chooses between kinds has one of these keys for it.
_KINDS = ("name", "kind", "type", "scheme")
_CAMEL = re.compile(r"(?<=[a-z])(?=[A-Z])")
_PREFIX = re.compile(r"^(num|n|nb|max|total|init|initial|base|use)_")


def unknown_key(document: Document, path: KeyPath, fault: Fault) -> str:
    """The sentence about an unknown key, with the right place and form if the user's meaning can be guessed.

    Args:
        document: The content that the user wrote.
        path: The key's path in the document, or that of the swept key that contains it.
        fault: The fault that reports the key.
    """
    *section, key = map(str, fault.location)
    if fault.given is None and (remedy := missing_colon(key)):
        return f"unknown key {show(key)}; {remedy}"
    target, example = meant(key, tuple(section), fault.choices) or ((), None)
    if not target or (target[:-1] == tuple(section) and target[-1] in fault.choices):
        hint = f"; did you mean {show(target[-1])}?" if target else ""
        return f"unknown key {show(key)}{hint} ({listed(fault.choices)})"
    where = " at the top level" if len(target) == 1 else ""
    if path[0] in (SWEEP, TUNE):  # the value is that of one point, or inside of it
        return f"unknown key {show(key)}; did you mean '{dotted(target)}'{where}?"
    form = _right_form(document, path, target, example or _value_for(target, fault.given))
    if document.place(path).override is not None:
        return f"unknown key {show(key)}; did you mean '{form}'{where}?"
    question = "" if "." in key else f" did you mean '{dotted(target)}'{where}?"
    return f"unknown key {show(key)};{question} write '{form}'"


def swept_key(document: Document, source: KeyPath, arm: str | None, setting: KeyPath, values: Any) -> str:
    """The end of a sentence about a key that cannot be swept: the key that the user probably meant."""
    *section, key = map(str, setting) if setting else ("",)
    target, _ = meant(key, tuple(section), ()) or ((), None)
    if len(target) < 2 or target[0] not in SECTIONS:
        return ""
    return f"; did you mean '{swept_form(document, source, arm, target, values)}'?"


def swept_form(document: Document, source: KeyPath, arm: str | None, setting: KeyPath, values: Any) -> str:
    """A key of the sweep and its values, as in the file or as an override.

    Args:
        document: The content that the user wrote.
        source: The path in the sweep where the values were written.
        arm: The arm whose setting is swept; None for the base.
        setting: The setting.
        values: What was given as values.
    """
    key = dotted(setting if arm is None else ("arms", arm, *setting))
    listed_values = in_config(values if isinstance(values, tuple) else _values_to_sweep(setting, values))
    is_override = document.place(source).override is not None
    return f"{dotted(source[:-1])}.{key}={listed_values}" if is_override else f"{key}: {listed_values}"


def _right_form(document: Document, path: KeyPath, target: tuple[str, ...], value: str) -> str:
    """A setting at its right path, for the arm for which it was written, as in the file or as an override."""
    whole = (*path[:2], *target) if path[0] == "arms" and target[0] in SECTIONS else target
    if document.place(path).override is not None:
        return f"{dotted(whole)}={value}"
    *around, last = (dotted([part]) for part in whole)
    return "".join(f"{part}: {{" for part in around) + f"{last}: {value}" + "}" * len(around)


@lru_cache(maxsize=MAX_VALUES)
def meant(key: str, section: tuple[str, ...], choices: tuple[str, ...]) -> tuple[tuple[str, ...], str | None] | None:
    """The setting that the user probably meant by an unknown key, and a value for an example if theirs does not fit.

    Args:
        key: The unknown key.
        section: The path of the section in which it was written.
        choices: The keys of that section.
    """
    word = _CAMEL.sub("_", key).casefold().replace("-", "_").replace(" ", "_")
    if word in _KINDS and (own := [choice for choice in choices if choice in _KINDS]):
        return (*section, own[0]), None
    for name in (word, _PREFIX.sub("", word, count=1)):
        if name in SYNONYMS:
            target, _, example = SYNONYMS[name].partition("=")
            return tuple(target.split(".")), example or None
        ends = [path for path in all_settings() if f".{path}".endswith(f".{name}")]
        if len(ends) == 1:
            return tuple(ends[0].split(".")), None
    if close := nearest(key, choices):
        return (*section, close), None
    # A typing error seldom hits the first letter, and thousands of unknown keys must not take long.
    leaves = [path.rpartition(".")[2] for path in all_settings()]
    close = nearest(key, [leaf for leaf in leaves if leaf[0] == word[:1] and leaves.count(leaf) == 1])
    return None if close is None else (tuple(all_settings()[leaves.index(close)].split(".")), None)


def _value_for(target: KeyPath, given: Any) -> str:
    """The value in an example: the user's own, in the right form, or another one if the setting cannot have it."""
    section, key = model_at(Settings if target[0] in SECTIONS else ExperimentFile, target[:-1]), str(target[-1])
    assert section is not None
    if isinstance(given, Mapping) or takes(section, key, given):
        return in_config(given)
    meant = meant_by(section, key, given)
    return in_config(example_of(section, key) if meant is None else meant)


def _values_to_sweep(setting: KeyPath, given: Any) -> tuple[Any, ...]:
    """The values that were probably meant by something that is no list of values."""
    values = listed_in(given)
    *around, last = setting or ("",)
    section, key = model_at(Settings, around), str(last)
    if section is None or key not in section.model_fields or all(takes(section, key, value) for value in values):
        return values
    meant = meant_by(section, key, given)
    return (example_of(section, key) if meant is None else meant,)


@cache
def all_settings() -> tuple[str, ...]:
    """The dotted key of every setting and section."""
    return tuple(_paths(ExperimentFile, {name: model_in(Settings, name) for name in SECTIONS}))


def _paths(model: type[BaseModel], sections: Mapping[str, type[BaseModel] | None], prefix: str = "") -> Iterator[str]:
    for name in model.model_fields:
        yield prefix + name
        inner = sections.get(name) or model_in(model, name)
        if inner is not None:
            yield from _paths(inner, {}, f"{prefix}{name}.")
