"""Write the generated parts of the README and of the pages in the folders that they describe.

    make readme

Each part is between two marker comments; ``test_readme.py`` checks that the pages match what is generated here.
"""

import html
import re
import statistics
import sys
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any, get_args

import typer.main
from pydantic import BaseModel
from pydantic_core import PydanticUndefined
from typer.cli import get_docs_for_click

sys.path += [str(Path(__file__).parent.parent), str(Path(__file__).parent.parent / "torture")]
from support.config_beyond_schema import BEYOND
from tools.api_reference import from_python
from tools.benchmark.tables import cost_markdown, scale_markdown
from tools.benchmark.tables import results_markdown as speed_markdown
from tools.calibration.tables import results_markdown
from torture import read_results, rows

from bnreg.analysis.comparison import compare_views
from bnreg.analysis.replicas import replicas_of
from bnreg.analysis.run_view import RunView, view_of_run
from bnreg.claims.claim import claim_of
from bnreg.claims.measures import MEASURES
from bnreg.claims.verdict import Decided, Word, decide_claims
from bnreg.cli import app
from bnreg.config.cell_settings import cell_settings
from bnreg.config.experiment_file import ExperimentFile
from bnreg.config.json_schema.experiment import schema_text
from bnreg.config.load import load_experiment
from bnreg.config.schema import Settings
from bnreg.diagnostics.table import DIAGNOSTICS
from bnreg.experiment.choices import all_choices
from bnreg.foreign import usual
from bnreg.names import SECTIONS
from bnreg.report.charts.drawing import render_chart
from bnreg.report.charts.table import CHARTS
from bnreg.report.claims import claims_markdown
from bnreg.report.comparison.tables import block_markdown
from bnreg.runs import read_run
from bnreg.wording import as_written

ROOT = Path(__file__).parent.parent.parent
PICTURES_FOLDER = "configs/pictures"
# Name of each picture → what it shows.
PAGE_PICTURES = {"report": "the page of a run", "lecture": "the page of the lecture's claims"}


def committed_run(experiment: str) -> Path:
    """The experiment's run folder that .gitignore does not ignore."""
    (name,) = re.findall(rf"^!/runs/({experiment}-.+)/$", (ROOT / ".gitignore").read_text(), re.MULTILINE)
    return ROOT / "runs" / name


def result(experiment: str = "bn_vs_plain", to_root: str = "") -> str:
    """The comparison of a committed run."""
    run = read_run(committed_run(experiment))
    folder = run.path.relative_to(ROOT).as_posix()
    source = (
        f"From [`{folder}`]({to_root}{folder}): bnreg {run.info.versions['bnreg']}, {run.info.engine} engine, "
        f"`{' '.join(run.info.command)}`."
    )
    return f"{block_markdown(compare_views([view_of_run(run)]))}\n{source}\n"


def verdicts() -> str:
    """All four verdicts, in one committed run."""
    return result("verdicts", to_root="../../")


def figure() -> str:
    """The figure of the committed run."""
    return f"![loss and accuracy by epoch]({committed_run('bn_vs_plain').relative_to(ROOT).as_posix()}/curves.svg)\n"


def pages() -> str:
    """Pictures of the two pages, which ``tests/tools/screenshots.py`` takes; dark for a reader in the dark."""
    cells = []
    for name, text in PAGE_PICTURES.items():
        light, dark = (f"{PICTURES_FOLDER}/{name}_{scheme}.png" for scheme in ("light", "dark"))
        source = f'<source media="(prefers-color-scheme: dark)" srcset="{dark}">'
        cells.append(f'<picture>{source}<img alt="{text}" src="{light}" width="430"></picture>')
    return f"| {' | '.join(PAGE_PICTURES.values())} |\n|---|---|\n| {' | '.join(cells)} |\n"


def settings() -> str:
    """Every key of a config with its default and meaning, and the names to choose from."""
    lines = ["| key | default | meaning |", "|---|---|---|"]
    lines += [f"| `{key}` | {default} | {meaning} |" for key, default, meaning in _fields(ExperimentFile, ())]
    choices = all_choices()
    tables = {
        "data.dataset": choices.datasets,
        "model.kind": choices.models,
        "model.activation": choices.activations,
        "model.norm": choices.norms,
        "model.init.scheme": choices.inits,
        "optimizer.name": choices.optimizers,
        "optimizer.schedule.name": choices.schedules,
        "training.penalty.kind": choices.penalties,
        "sinks": choices.sinks,
    }
    lines += ["", "| names for | choices |", "|---|---|"]
    lines += [f"| `{key}` | {', '.join(f'`{name}`' for name in names)} |" for key, names in tables.items()]
    return "\n".join(lines) + "\n"


def beyond_the_schema() -> str:
    """The rules that JSON Schema cannot state."""
    lines = ["| rule | refused only when it is read |", "|---|---|"]
    lines += [f"| {rule} | `{_cut(one.example)}` |" for rule, one in BEYOND.items()]
    return "\n".join(lines) + "\n"


def _cut(text: str, most: int = 100) -> str:
    return text if len(text) <= most else f"{text[: most - 1]}…"


BAR = r"\|"  # a bar that ends no cell
LECTURE = "lecture"  # below configs/ the claims, and below runs/ the runs by which they were decided


@cache
def decided() -> list[Decided]:
    """The verdicts on the lecture's claims, from the committed runs; of a claim without a run there is none."""
    found = []
    for file in sorted((ROOT / "configs" / LECTURE).glob("*.yaml")):
        claim = claim_of(load_experiment(file, [], all_choices()))
        for run in sorted((ROOT / "runs" / LECTURE).glob(f"{file.stem}-*")):
            found.append((claim, view_of_run(read_run(run))))
    return decide_claims(found)


def claims() -> str:
    """The verdict on each of the lecture's claims."""
    return f"{claims_markdown(decided())}\n" if decided() else "Not decided yet.\n"


def costs() -> str:
    """What the claims' networks cost together, and those of a sweep of learning rates, which train as one stack."""
    costs = {one.claim.id: _cost(one.view) for one in decided()}
    total = [*map(sum, zip(*costs.values(), strict=True))]
    together = f"Together, on two cores, without the tuning of C7: {_spent(*total)}."
    return f"{together} C9 alone, 14 learning rates: {_spent(*costs['C9'])}.\n"


def _spent(networks: float, epochs: float, seconds: float) -> str:
    rates = f"{networks / seconds:.1f} and {epochs / seconds:.1f} per second"
    return f"{networks:,.0f} networks and {epochs:,.0f} networks × epochs of 60,000 images in {seconds:,.0f} s, {rates}"


def _cost(view: RunView) -> tuple[float, float, float]:
    """The number of a run's networks, the epochs of all of them together, and the seconds that it took."""
    examples = 0
    for steps, proof in zip(view.summary["final_step"], view.pairing, strict=True):
        settings = cell_settings(view.config, proof.replica.arm, view.points[proof.replica.point_index])
        size = settings["data.batch_size"]
        examples += steps * (settings["data.train_size"] if size == "all" else size)
    return len(view.pairing), examples / 60_000, view.info.seconds


def claims_in_short() -> str:
    """The lecture's claims by verdict."""
    lines = ["| verdict | claims of the lecture |", "|---|---|"]
    for word in get_args(Word):
        said = [f"{one.claim.id}: {one.claim.statement}" for one in decided() if one.word == word]
        lines += [f"| {word} | {'<br>'.join(said)} |"] if said else []
    return "\n".join(lines) + "\n"


def run_of(experiment: str) -> Path:
    """The committed run of one of the lecture's experiments."""
    (run,) = (ROOT / "runs" / LECTURE).glob(f"{experiment}-*")
    return run


# Of a published notebook that trained each network once: activation, σ, learning rate → per cent without and with BN.
NOTEBOOK = {
    ("sigmoid", 0.05, 0.01): ("83.4", "97.6"),
    ("sigmoid", 0.05, 1): ("97.8", "98.4"),
    ("sigmoid", 5, 0.01): ("22.0", "85.9"),
    ("relu", 0.05, 1): ("9.6", "98.4"),
}


def published() -> str:
    """The network of the original paper in twelve set-ups, beside the figures that others published."""
    view = view_of_run(read_run(run_of("published_network")))
    accuracies: dict[tuple[Any, ...], dict[str, list[float]]] = {}
    for one in replicas_of(view, ["test_accuracy"]):
        point = tuple(view.points[one.id.point_index].values())
        accuracies.setdefault(point, {}).setdefault(one.id.arm, []).append(100 * one.values["test_accuracy"])
    lines = [
        "| activation | σ | learning rate | plain, % | with BN, % | a notebook: plain | with BN |",
        "|---|--:|--:|--:|--:|--:|--:|",
    ]
    for point, by_arm in accuracies.items():
        ours = [f"{statistics.mean(by_arm[arm]):.1f} ± {statistics.stdev(by_arm[arm]):.1f}" for arm in ("plain", "bn")]
        lines.append(f"| {' | '.join([*map(as_written, point), *ours, *NOTEBOOK.get(point, ('–', '–'))])} |")
    source = f"{view.num_seeds} seeds each; mean ± standard deviation of test accuracy after {view.length}"
    return "\n".join(lines) + f"\n\n{source}; from `{view.info.id}`.\n"


# Picture → the experiment of the lecture whose run it shows, the chart, and what it shows.
PICTURES = {
    "distributions.svg": (
        "distributions",
        "distributions",
        (
            "What the layers of the original paper's network read while it trains, as in its figure 1: without "
            "batch norm hardly more than zero for half of the training; with it, it changes little."
        ),
    ),
    "capacity.svg": (
        "c14_capacity",
        "response",
        (
            "Capacity: networks that are too narrow underfit; wider ones fit the training images. With "
            "noisy labels their test loss rises, then falls again."
        ),
    ),
}


def pictures() -> str:
    """The lecture's figures, and what they show."""
    curves = f"../../{committed_run('bn_vs_plain').relative_to(ROOT).as_posix()}/curves.svg"
    captions = {curves: "Loss and accuracy of the lecture's two networks, 784-32-32-10, over the epochs."}
    captions |= {name: caption for name, (_, _, caption) in PICTURES.items()}
    return "\n\n".join(f"![{caption}]({path})\n\n{caption}" for path, caption in captions.items()) + "\n"


def draw_pictures() -> None:
    """Draw the pictures of the committed runs."""
    for name, (experiment, chart, _) in PICTURES.items():
        drawn = CHARTS[chart].draw(view_of_run(read_run(run_of(experiment))))
        (ROOT / "configs" / LECTURE / name).write_bytes(render_chart(drawn, "svg"))


def measures() -> str:
    """What a claim can be decided by."""
    lines = ["| measure | what it is | options |", "|---|---|---|"]
    for name, one in MEASURES.items():
        options = ", ".join(f"`{option}`" for option in one.options.model_fields)
        lines.append(f"| `{name}` | {one.help} | {options} |")
    return "\n".join(lines) + "\n"


def diagnostics() -> str:
    """What can be watched."""
    lines = ["| name | what it finds |", "|---|---|"]
    lines += [f"| `{name}` | {one.help.replace('|', BAR)} |" for name, one in DIAGNOSTICS.items()]
    return "\n".join(lines) + "\n"


def _fields(model: type[BaseModel], path: tuple[str, ...]) -> Iterator[tuple[str, str, str]]:
    for name, field in model.model_fields.items():
        if not path and name in SECTIONS:
            yield from _fields(Settings.model_fields[name].annotation, (name,))  # type: ignore[arg-type] # a section
            continue
        nested = _section_of(field.annotation)
        if nested is not None:
            yield from _fields(nested, (*path, name))
            continue
        default = "required" if field.default is PydanticUndefined else f"`{_as_yaml(field.default)}`"
        if (*path, name) == ("seeds",):
            default = "`10`"
        yield ".".join((*path, name)), default, field.description or ""


def _section_of(annotation: Any) -> type[BaseModel] | None:
    candidates = (annotation, *getattr(annotation, "__args__", ()))
    return next((c for c in candidates if isinstance(c, type) and issubclass(c, BaseModel)), None)


def _as_yaml(value: Any) -> str:
    if isinstance(value, tuple):
        return f"[{', '.join(map(_as_yaml, value))}]"
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    return str(value)


def commands() -> str:
    """The reference of all commands, from the command line itself."""
    command = typer.main.get_command(app)
    text = html.unescape(get_docs_for_click(obj=command, ctx=typer.Context(command), name="bnreg"))
    text = text.partition("**Commands**")[2].partition("## ")[2]
    text = re.sub(r"^\* `--help`.*\n", "", f"## {text}", flags=re.MULTILINE)
    text = re.sub(r"^Examples?:\n((?:\nbnreg .*\n)+)", _example, text, flags=re.MULTILINE)
    return re.sub(r"\n{3,}", "\n\n", text).strip() + "\n"


def _example(found: re.Match[str]) -> str:
    lines = [line for line in found[1].splitlines() if line]
    return "\n".join(
        [f"**Example{'s' * (len(lines) > 1)}**:", "", "```console", *(f"$ {line}" for line in lines), "```", ""]
    )


def usual_names() -> str:
    """The names that are recognised in tables of other tools."""
    rows = {
        "`--arm`": usual.ARMS,
        "`--seed`": usual.SEEDS,
        "`--point`": usual.POINTS,
        "`--baseline`": usual.BASELINES,
        "higher is better": usual.HIGHER,
        "lower is better": usual.LOWER,
        "a share of examples": usual.SHARES,
        "a log's epochs or steps": usual.CLOCKS,
    }
    lines = ["| for | names |", "|---|---|"]
    lines += [f"| {what} | {', '.join(sorted(names))} |" for what, names in rows.items()]
    return "\n".join(lines) + "\n"


def promises() -> str:
    """Each promise with the result of its torture row when the row was last run in full."""
    results = read_results()
    lines = ["| promise | row | what was done | survived | on |", "|---|--:|---|--:|---|"]
    for number, row in rows().items():
        result = results.get(number)
        survived = (
            f"{result['survived']:,} of {result['tried']:,} | {result['date']}" if result else "not run in full yet | –"
        )
        lines.append(f"| {row.PROMISE} | {number} | {row.TITLE} | {survived} |")
    return "\n".join(lines) + "\n"


def calibration() -> str:
    """What was measured of the verdict when it was last measured in full."""
    return results_markdown()


def speed() -> str:
    """How fast bnreg was, against what, when it was last measured in full."""
    return speed_markdown()


def scale() -> str:
    """What many networks cost, when it was last measured."""
    return scale_markdown()


def cost() -> str:
    """What one more network costs, when it was last measured."""
    return cost_markdown()


# Page → its generated parts, in order.
PAGES: dict[str, tuple[Callable[[], str], ...]] = {
    "README.md": (result, figure, claims_in_short, pages, scale),
    "bnreg/README.md": (from_python, speed, cost),
    "bnreg/cli/README.md": (commands,),
    "bnreg/foreign/README.md": (usual_names,),
    "bnreg/statistics/README.md": (verdicts, calibration),
    "configs/README.md": (settings, beyond_the_schema, diagnostics),
    "configs/lecture/README.md": (claims, costs, measures, published, pictures),
    "tests/torture/README.md": (promises,),
}


def regenerated(page: str) -> str:
    """The page with its generated parts replaced by new ones."""
    text = (ROOT / page).read_text(encoding="utf-8")
    for generate in PAGES[page]:
        begin, end = f"<!-- {generate.__name__} -->\n", f"<!-- end of {generate.__name__} -->"
        before, found, rest = text.partition(begin)
        _, found_end, after = rest.partition(end)
        assert found, f"{page} lacks {begin!r}"
        assert found_end, f"{page} lacks {end!r}"
        text = f"{before}{begin}\n{generate()}\n{end}{after}"
    return text


# For editors; the shipped configs name it.
SCHEMA = ROOT / "configs" / "schema.json"

if __name__ == "__main__":
    draw_pictures()
    SCHEMA.write_text(schema_text(all_choices()), encoding="utf-8")
    for page in PAGES:
        content = regenerated(page)
        (ROOT / page).write_text(content, encoding="utf-8")
