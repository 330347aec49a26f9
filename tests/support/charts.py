"""For each chart a run that can have it."""

from support.made_runs import make_view, watched_view

from bnreg.report.charts.quantities import QUANTITIES

SWEEP = {"optimizer.lr": [0.1, 1.0], "model.activation": ["relu", "tanh"]}


def suitable_view(chart, **made):
    """A made run that lacks nothing for a chart; ``made`` as for ``make_view``."""
    if chart in QUANTITIES:
        one = QUANTITIES[chart]
        numbers = [(name, 10 * place + 1) for place, name in enumerate(one.titles)]
        return watched_view(diagnostic=one.diagnostic, quantities=numbers, **made)
    match chart:
        case "distributions":
            return watched_view(**made)
        case "looks":
            return make_view(looks=(4, 8), **{"num_seeds": 8, **made})
        case "forest" | "heat" | "response":
            return make_view(sweep=SWEEP, **{"num_seeds": 4, **made})
        case _:
            return make_view(**made)
