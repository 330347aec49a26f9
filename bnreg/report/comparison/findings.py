"""The findings of the fairness audit, each in one line with its numbers."""

from collections.abc import Mapping

from bnreg.analysis.audit import (
    ChoiceByTest,
    ChosenAtEdge,
    DropoutBeforeNorm,
    FewErrors,
    Finding,
    RateAtEdge,
    SkewedDifferences,
    TooFewSeeds,
    UnequalArms,
    UnequalTuning,
)
from bnreg.wording import VARIANCE_SHIFT, as_written, counted, point_label

_UNEQUAL = {
    "epochs": "unequal epochs",
    "stopped epochs": "unequal epochs by early stopping, on average",
    "steps": "unequal steps",
    "parameters": "unequal parameters",
}


def finding_text(finding: Finding) -> str:
    """One finding in words."""
    match finding:
        case UnequalArms():
            others = f" and at {counted(finding.num_other_points, 'other point')}" if finding.num_other_points else ""
            where = f" at {point_label(finding.point)}{others}" if finding.point else ""
            return f"{_UNEQUAL[finding.what]}: {_amounts(finding.by_arm)}{where}"
        case UnequalTuning():
            return f"unequal tuning, settings tried: {_amounts(finding.tries)} ({', '.join(finding.keys)})"
        case RateAtEdge():
            low, high, best = map(as_written, (finding.rates[0], finding.rates[-1], finding.best))
            edge = "lowest" if best == low else "highest"
            return (
                f"the best learning rate of {finding.arm} by {finding.split} accuracy, {best}, is the {edge} of "
                f"{len(finding.rates)} tried ({low} to {high}): a better one may be outside this range"
            )
        case ChosenAtEdge():
            low, high, best = map(as_written, (finding.values[0], finding.values[-1], finding.chosen))
            others = f" and at {counted(finding.num_other_points, 'other point')}" if finding.num_other_points else ""
            where = f" at {point_label(finding.point)}{others}" if finding.point else ""
            return (
                f"{finding.arm} chose {finding.key} {best}{where}, the {'lowest' if best == low else 'highest'} of "
                f"{len(finding.values)} tried ({low} to {high}): a better one may be outside this range"
            )
        case ChoiceByTest():
            return (
                f"no validation split: choosing among the {finding.num_points} points ({', '.join(finding.keys)}) by "
                "test accuracy is choosing by the test split; set data.validation_size to choose by validation accuracy"
            )
        case DropoutBeforeNorm():
            return f"{finding.arm}: dropout of {finding.rate:g} {VARIANCE_SHIFT}"
        case SkewedDifferences():
            more = f", and those of {counted(finding.num_others, 'other comparison')}" if finding.num_others else ""
            where = f" at {point_label(finding.point)}" if finding.point else ""
            return (
                f"the differences of {finding.arm}{where} are skewed ({finding.skewness:+.1f}){more}: "
                "sign flips assume symmetry, and their p is too small for such"
            )
        case FewErrors():
            return (
                f"{finding.arm} makes {finding.num_errors:,.0f} errors on {finding.num_examples:,} test examples: a "
                "handful of examples decides; use a larger test set"
            )
        case TooFewSeeds():
            return (
                f"too few seeds: with {finding.num_seeds}, the smallest possible p is {finding.smallest_p:.3g}; "
                f"p < 0.05 needs at least {finding.enough}"
            )


def _amounts(by_arm: Mapping[str, float]) -> str:
    return ", ".join(
        f"{arm} {value:,.0f}" if float(value).is_integer() else f"{arm} {value:,.1f}" for arm, value in by_arm.items()
    )
