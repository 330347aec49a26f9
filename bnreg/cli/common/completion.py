"""What the shell completes: runs, arms, metrics, configs, settings and their values.

Each function takes what was typed so far and returns what may follow. It reads names and small files only, so that it
answers at once, and it returns nothing rather than fail.
"""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import islice
from pathlib import Path
from typing import Any

import typer

MAX_OFFERED = 200

Complete = Callable[[typer.Context, list[str], str], list[str]]


def quietly(offered: Callable[[typer.Context, str], Iterable[str]]) -> Complete:
    """A function for typer: of what is offered, what begins as typed; whatever goes wrong, nothing."""

    def complete(ctx: typer.Context, args: list[str], incomplete: str) -> list[str]:  # noqa: ARG001 # typer's form
        try:
            words = dict.fromkeys(offered(ctx, incomplete))
            return [*islice((word for word in words if word.startswith(incomplete)), MAX_OFFERED)]
        except Exception:  # it would land in the middle of what is being typed
            return []

    return complete


def one_of(words: Iterable[str]) -> Complete:
    """Some words, or the names in a table."""
    return quietly(lambda *_: words)


def _root(ctx: typer.Context) -> Path:
    """The folder of the runs, as far as it was typed."""
    for parameter in ctx.command.params:
        if "--runs" in parameter.opts and (root := ctx.params.get(str(parameter.name))):
            return Path(root)
    return Path("runs")


def _names(ctx: typer.Context, *, finished: bool, unfinished: bool) -> Iterator[str]:
    """``latest``, the names of experiments, and those of the runs, newest first."""
    from bnreg.runs.names import experiment_of, run_names

    root = _root(ctx)
    runs = [*(run_names(root) if finished else ()), *(run_names(root, unfinished=True) if unfinished else ())]
    yield from ["latest"] * bool(runs)
    yield from sorted({experiment_of(name) or "" for name in runs})
    yield from runs


finished_runs = quietly(lambda ctx, _: _names(ctx, finished=True, unfinished=False))
unfinished_runs = quietly(lambda ctx, _: _names(ctx, finished=False, unfinished=True))
all_runs = quietly(lambda ctx, _: _names(ctx, finished=True, unfinished=True))


def _arms(ctx: typer.Context, _: str) -> Iterator[str]:
    """The arms of the runs that were typed before."""
    from bnreg.runs.names import RUN, runs_named

    for parameter in ctx.command.params:
        typed = ctx.params.get(str(parameter.name)) if getattr(parameter, "metavar", "") == "RUN" else None
        for word in [typed] if isinstance(typed, str) else typed or ():
            for folder in [Path(word)] if Path(word).is_dir() else runs_named(word, _root(ctx)):
                yield from json.loads((folder / RUN).read_text(encoding="utf-8"))["arms"]


def _metrics(*_: object) -> list[str]:
    from bnreg.metrics import SPLITS, columns_of

    return columns_of(*SPLITS)


def _states(*_: object) -> tuple[str, ...]:
    from bnreg.runs.finding.listing import STATES

    return STATES


def _sort_keys(*_: object) -> Iterable[str]:
    from bnreg.runs.finding.listing import SORT_KEYS

    return SORT_KEYS


def _datasets(*_: object) -> Iterable[str]:
    from bnreg.data.datasets import DATASETS

    return DATASETS


def _examples(*_: object) -> Iterable[str]:
    from bnreg.config.source.examples import examples

    return examples()


def _configs(_: typer.Context, incomplete: str) -> Iterator[str]:
    """YAML files in the folder that is typed and in those directly below it, and the examples."""
    from bnreg.config.source.examples import SUFFIXES

    folder = incomplete.rpartition("/")[0] + "/" if "/" in incomplete else ""
    here = Path(folder or ".")
    below = [path for path in here.iterdir() if path.is_dir() and not path.name.startswith(".")]
    for each in (here, *sorted(below)):
        names = sorted(path.name for path in each.iterdir() if path.suffix in SUFFIXES)
        yield from (f"{folder}{each.relative_to(here).as_posix()}/{name}".replace("./", "") for name in names)
    yield from _examples()


arms, metrics, states, sort_keys = quietly(_arms), quietly(_metrics), quietly(_states), quietly(_sort_keys)
datasets = quietly(_datasets)
shipped, configs = quietly(_examples), quietly(_configs)


@quietly
def settings(ctx: typer.Context, incomplete: str) -> Iterator[str]:
    """The keys of settings, each with its ``=``, and then the values to choose from."""
    words = ctx.params.get("overrides") or []
    # Bash cuts words at "=", so what it asks for is only a value.
    before = [*words, ""] if incomplete or not words or words[-1] == "=" else [*words, "=", ""]
    if "=" in before[-2:-1]:
        yield from _values(before[-3])
        return
    key, is_value, _ = incomplete.partition("=")
    matching = [key] if is_value else [known for known in _keys(ctx, incomplete) if known.startswith(incomplete)]
    yield from (f"{known}=" for known in matching if not is_value)
    if len(matching) == 1:  # with its values, so that no shell adds a space after the "="
        yield from (f"{matching[0]}={value}" for value in _values(matching[0]))


def _keys(ctx: typer.Context, incomplete: str) -> Iterator[str]:
    """The dotted keys of all settings; once an arm's are asked for, those of the config's arms."""
    from bnreg.config.hints import all_settings
    from bnreg.names import SECTIONS

    known = all_settings()
    leaves = [key for key in known if not any(other.startswith(f"{key}.") for other in known)]
    if not incomplete.startswith("arms."):
        yield from leaves
        return
    from bnreg.config.cell_settings import arms_of
    from bnreg.config.source.files import read_document

    for arm in arms_of(read_document(Path(ctx.params["config"])).content):
        yield from (f"arms.{arm}.{key}" for key in leaves if key.partition(".")[0] in SECTIONS)


def _values(key: str) -> Iterator[str]:
    """The values that a setting may have, or else its default and examples."""
    from bnreg.config.json_schema.experiment import config_schema
    from bnreg.config.json_schema.generator import resolved
    from bnreg.experiment.choices import all_choices
    from bnreg.names import split_arm
    from bnreg.wording import as_written

    schema = config_schema(all_choices())
    found = schema
    for part in split_arm(key)[1].split("."):
        found = resolved(schema, resolved(schema, found)["properties"][part])
    chosen = [value for branch in (found, *found.get("anyOf", ())) for value in _choices(branch)]
    others = [found.get("default"), *found.get("examples", ())]
    for value in chosen or [other for other in others if other is not None]:
        yield as_written(value).replace(", ", ",")


def _choices(branch: Mapping[str, Any]) -> list[Any]:
    """The values that a part of the schema lists."""
    by_type: dict[str, list[Any]] = {"boolean": [True, False], "null": [None]}
    const = [branch["const"]] if "const" in branch else by_type.get(str(branch.get("type")), [])
    return [*branch.get("enum", const)]
