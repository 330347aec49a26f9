"""The format of numbers: the decimals of a column are aligned, accuracies are in percent."""

import math
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from bnreg.metrics import Metric, label_of, metric_of

if TYPE_CHECKING:
    from bnreg.statistics.evidence import Evidence, Pairs
    from bnreg.statistics.shares import Divergence, Share

MISSING = "–"


def header(column: str) -> str:
    """The header of a metric's column: its label, followed by the unit."""
    return header_of(label_of(column), metric_of(column))


def header_of(label: str, metric: Metric) -> str:
    """The same for a metric that has no column in a run."""
    return f"{label}{unit(metric)}"


def difference_header(metric: Metric) -> str:
    """The header of the column of differences."""
    return f"difference [95 %]{unit(metric, of_difference=True)}"


def unit(metric: Metric, *, of_difference: bool = False) -> str:
    """The end of a header: ``, %``, for differences ``, pp``, nothing for a pure number."""
    name = metric.difference_unit if of_difference else metric.unit
    return f", {name}" if name else ""


def means(metric: Metric, pairs: Sequence[tuple[float, float]]) -> list[str]:
    """``95.93 ± 0.21`` for each mean and spread; only the mean if every spread is missing."""
    scale, digits = metric.scale, metric.digits
    written = [number(mean * scale, digits) for mean, _ in pairs]
    if all(math.isnan(std) for _, std in pairs):
        return written
    spreads = padded([number(std * scale, digits) for _, std in pairs])
    return [f"{mean} ± {spread}" if mean != MISSING else mean for mean, spread in zip(written, spreads, strict=True)]


def differences(metric: Metric, values: Sequence[float], intervals: Sequence[tuple[float, float] | None]) -> list[str]:
    """``+1.36 [+1.25, +1.45]`` for each difference with its interval; a dash for one that excludes nothing."""
    intervals = [one if one and all(map(math.isfinite, one)) else None for one in intervals]
    scale, digits = metric.scale, metric.digits
    means_ = [MISSING if math.isnan(value) else signed(value * scale, digits) for value in values]
    if not any(intervals):
        return means_
    highs = padded([signed(one[1] * scale, digits) if one else "" for one in intervals])
    brackets = padded(
        [
            f"[{signed(one[0] * scale, digits)}, {high}]" if one else MISSING
            for one, high in zip(intervals, highs, strict=True)
        ]
    )
    return [f"{mean} {bracket}" for mean, bracket in zip(means_, brackets, strict=True)]


def number(value: float, digits: int) -> str:
    """The value with this many decimals; a dash for NaN."""
    return MISSING if math.isnan(value) else f"{value:.{digits}f}"


def signed(value: float, digits: int) -> str:
    """The value with a sign; zero has a plus."""
    return f"{round(value, digits) + 0.0:+.{digits}f}"


def verdict(evidence: "Evidence") -> str:
    """The verdict's word, ``~`` if inconclusive, a dash if nothing could be tested; and how often each diverged."""
    word: str = evidence.verdict.word
    word = MISSING if not evidence.is_tested else "~" if word == "inconclusive" else word
    return word + diverged(evidence.divergence)


def diverged(divergence: "Divergence") -> str:
    """``; diverged 3:0``, or nothing if both sides diverged equally often."""
    return f"; diverged {divergence.num_arm}:{divergence.num_baseline}" if divergence.differs else ""


def p_text(p_value: float) -> str:
    """A p with three decimals, never shown as zero."""
    return "< 0.001" if p_value < 0.001 else f"{p_value:.3f}"


def won(pairs: Sequence["Pairs | None"]) -> list[str]:
    """``9/10 [55–100 %]``: how many seeds were won, and between which shares of new seeds would be."""
    counts = padded([f"{one.wins}/{len(one.seeds)}" if one else MISSING for one in pairs])
    bounds = padded([f"[{shares_text(one.better)}]" if one and one.seeds else "" for one in pairs])
    return [f"{count} {bound}".rstrip() for count, bound in zip(counts, bounds, strict=True)]


def shares_text(share: "Share") -> str:
    """``55–100 %``: the bounds of a share."""
    return f"{100 * share.low:.0f}–{100 * share.high:.0f} %"


def out_of(parts: Iterable[int], wholes: Iterable[int]) -> list[str]:
    """``9 of 10``."""
    widths = padded([str(whole) for whole in wholes])
    return [f"{part} of {whole}" for part, whole in zip(parts, widths, strict=True)]


def padded(cells: list[str]) -> list[str]:
    """The cells, right-aligned to the width of the widest."""
    width = max(map(len, cells), default=0)
    return [cell.rjust(width) for cell in cells]


def duration(seconds: float) -> str:
    """``9.1 s`` or ``1 min 40 s``."""
    if seconds < 10:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest} s" if minutes else f"{rest} s"


def seeds_text(seeds: Sequence[int | str], num_shown: int = 10) -> str:
    """``seed 3`` or ``seeds 1, 2 and 5 more``."""
    if len(seeds) == 1:
        return f"seed {seeds[0]}"
    more = f" and {len(seeds) - num_shown} more" if len(seeds) > num_shown else ""
    return f"seeds {', '.join(map(str, seeds[:num_shown]))}{more}"
