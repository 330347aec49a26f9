"""``bnreg diff``: the differences between two runs, in their configs and in their results."""

from pathlib import Path
from typing import Annotated

from bnreg.cli.common.options import Json, Metrics, OneRun, RunsRoot, SmallestEffects, Width, read_effects, run_argument
from bnreg.cli.common.printing import print_json, print_parts

EXAMPLES = ("bnreg diff bn_vs_plain-20261127 verdicts --smallest-effect 0.002",)


def diff(
    first: OneRun,
    second: Annotated[str, run_argument("The second run.")],
    *,
    metrics: Metrics = None,
    smallest_effects: SmallestEffects = None,
    json: Json = False,
    width: Width = None,
    root: RunsRoot = Path("runs"),
) -> None:
    """Compare two runs: which settings differ, and the verdict on each arm of the second against the first's.

    Networks are paired by seed if both runs used the same batches of the same data.
    """
    from bnreg.analysis.difference import compare_two
    from bnreg.analysis.question import Question
    from bnreg.analysis.reading import read_views
    from bnreg.report.comparison.difference import difference_record, difference_tables
    from bnreg.runs import expand_run

    views = []
    for argument in (first, second):
        found, _ = read_views([str(expand_run(argument, "name one run on each side", root))], root)
        views += found
    question = Question(metrics=tuple(dict.fromkeys(metrics or ())), smallest_effects=read_effects(smallest_effects))
    blocks = compare_two(views[0], views[1], question)
    if json:
        print_json(difference_record(views[0], views[1], blocks))
        return
    print_parts(difference_tables(views[0], views[1], blocks), width=width)
