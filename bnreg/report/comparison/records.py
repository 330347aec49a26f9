"""A comparison as plain data: fractions instead of percent, None for missing values."""

import csv
import io
import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from bnreg.analysis.comparison import Block
from bnreg.analysis.groups import ReplicaGroup
from bnreg.analysis.interactions import interactions_of
from bnreg.analysis.judged import Comparison, Judged
from bnreg.analysis.secondary import secondary_p_values
from bnreg.report.comparison.notes import notes_on

if TYPE_CHECKING:
    from bnreg.statistics.evidence import Evidence
    from bnreg.statistics.interaction import Interaction
    from bnreg.statistics.shares import Divergence, Share


def block_record(block: Block) -> dict[str, Any]:
    """One record for a block: a run, or a selection from several."""
    first = block.views[0]
    about: dict[str, Any] = {"runs": [view.id for view in block.views]}
    if len(block.views) == 1:
        about = {
            "run": first.id,
            "name": first.name,
            "dataset": first.dataset,
            "requested_dataset": first.requested_dataset,
            "num_epochs": first.num_epochs,
            "num_seeds": first.num_seeds,
            "device": first.info.device,
            "seconds": first.info.seconds,
            "overrides": list(first.overrides),
        }
    return {
        **about,
        "along": block.along,
        "baseline": block.baseline,
        "at": block.question.at,
        "arms": [_group_record(block, group) for group in block.groups],
        "comparisons": [_comparison_record(block, one) for one in block.judged],
        "interactions": [
            _interaction_record(one, metric)
            for metric in dict.fromkeys(one.metric for one in block.judged)
            for one in interactions_of(block, metric)
        ],
        "notes": notes_on(block),
    }


def _group_record(block: Block, group: ReplicaGroup) -> dict[str, Any]:
    record: dict[str, Any] = {
        "point": group.point,
        "arm": group.side,
        "num_seeds": len(group.by_seed),
        "num_diverged": len(group.diverged_seeds),
        "seconds": group.seconds,
    }
    record |= {key: group.settings(key) for key in block.columns}
    for metric in block.metrics:
        record[metric] = {name: or_none(value) for name, value in group.moments(metric)._asdict().items()}
        if block.question.seeds:
            record[metric]["by_seed"] = {str(seed): value for seed, value in group.values(metric).items()}
    return record


def _comparison_record(block: Block, judged: Judged) -> dict[str, Any]:
    record = comparison_record(judged)
    if block.question.tests:
        record["tests"] = {name: or_none(p) for name, p in secondary_p_values(judged).items()}
    if block.question.seeds:
        record["by_seed"] = {str(seed): value for seed, value in judged.by_seed.items()}
    return record


def comparison_record(judged: Comparison[Any]) -> dict[str, Any]:
    """One comparison with its evidence and verdict."""
    evidence, verdict, pairs = judged.evidence, judged.evidence.verdict, judged.evidence.pairs
    return {
        "point": judged.arm.point,
        "arm": judged.arm.side,
        "metric": judged.metric,
        **_evidence_record(evidence),
        "remark": verdict.remark,
        "smallest_effect": verdict.smallest_effect,
        "interval_over": evidence.interval_over,
        "family_size": verdict.family_size,
        "smallest_p": pairs.smallest_p if pairs else None,
        "d_z": or_none(pairs.d_z) if pairs else None,
        "wins": pairs.wins if pairs else None,
        "losses": pairs.losses if pairs else None,
        "ties": pairs.ties if pairs else None,
        "better": _share_record(pairs.better) if pairs and pairs.seeds else None,
        "seeds_to_decide": [*judged.forecast[:2]] if judged.forecast else None,
        "unmatched_seeds": list(pairs.unmatched_seeds) if pairs else [],
        "diverged": _divergence_record(evidence.divergence),
        "unpaired": judged.unpaired,
    }


def _share_record(share: "Share") -> dict[str, float | None]:
    return {"share": or_none(share.value), "low": share.low, "high": share.high}


def _divergence_record(divergence: "Divergence") -> dict[str, Any]:
    """How often each side diverged; the other numbers are of the seeds in which neither did."""
    return {
        "num_arm": divergence.num_arm,
        "num_baseline": divergence.num_baseline,
        "arm": _share_record(divergence.arm),
        "baseline": _share_record(divergence.baseline),
        "p_value": divergence.p_value,
    }


def _interaction_record(one: "Interaction", metric: str) -> dict[str, Any]:
    return {
        "arm": one.arm,
        "metric": metric,
        "factor": one.factor,
        "level": one.level,
        "reference": one.reference,
        "at": one.others,
        **_evidence_record(one.evidence),
        "diverged": _divergence_record(one.evidence.divergence),
    }


def _evidence_record(evidence: "Evidence") -> dict[str, Any]:
    return {
        "verdict": evidence.verdict.word if evidence.is_tested else None,
        "num_pairs": evidence.num_pairs,
        "difference": or_none(evidence.difference),
        "interval": [bound if math.isfinite(bound) else None for bound in evidence.interval or ()] or None,
        "at_every_look": evidence.is_anytime,
        "p_value": evidence.p_value,
        "interval_p": evidence.interval_p,
        "corrected_p": evidence.verdict.corrected_p,
        "equivalence_p": evidence.verdict.equivalence_p,
    }


def block_rows(blocks: Sequence[Block]) -> list[dict[str, Any]]:
    """A row for each group and metric, with its comparison if it has one; with ``seeds``, one row per seed."""
    return [row for block in blocks for row in (_seed_rows(block) if block.question.seeds else _group_rows(block))]


def block_csv(blocks: Sequence[Block]) -> str:
    """The same as text; a cell that only some rows have is empty in the others."""
    rows = block_rows(blocks)
    text = io.StringIO()
    writer = csv.DictWriter(text, list(dict.fromkeys(key for row in rows for key in row)), lineterminator="\n")
    writer.writeheader()
    writer.writerows({key: _inert(cell) for key, cell in row.items()} for row in rows)
    return text.getvalue()


def _inert(cell: Any) -> Any:
    """A cell that no spreadsheet reads as a formula, whatever the name of a setting."""
    return f"'{cell}" if isinstance(cell, str) and cell.startswith(("=", "+", "-", "@")) else cell


def _group_rows(block: Block) -> list[dict[str, Any]]:
    judged = {(one.arm, one.metric): one for one in block.judged}
    rows = []
    for group in block.groups:
        for metric in block.metrics:
            row = _identity(block, group) | {
                "metric": metric,
                "num_seeds": len(group.values(metric)),
                "num_diverged": len(group.diverged_seeds),
                **{name: or_none(value) for name, value in group.moments(metric)._asdict().items()},
            }
            one = judged.get((group, metric))
            evidence = _comparison_record(block, one) if one else dict.fromkeys(_CSV_EVIDENCE)
            low, high = evidence.pop("interval", None) or (None, None)
            diverged = evidence.get("diverged") or {}
            evidence |= {f"num_diverged_{side}": diverged.get(f"num_{side}") for side in ("arm", "baseline")}
            rows.append(
                row
                | {"against": block.baseline if one else None, "low": low, "high": high}
                | {key: evidence[key] for key in _CSV_EVIDENCE}
            )
    return rows


_CSV_EVIDENCE = (
    "verdict",
    "difference",
    "num_pairs",
    "wins",
    "losses",
    "p_value",
    "corrected_p",
    "d_z",
    "num_diverged_arm",
    "num_diverged_baseline",
    "unpaired",
)


def _seed_rows(block: Block) -> list[dict[str, Any]]:
    differences = {(one.arm, one.metric): one.by_seed for one in block.judged}
    compared = dict.fromkeys(one.metric for one in block.judged)
    return [
        _identity(block, group)
        | {"seed": seed, "diverged": int(seed in group.diverged_seeds)}
        | {metric: group.values(metric).get(seed) for metric in block.metrics}
        | {f"{metric}_difference": differences.get((group, metric), {}).get(seed) for metric in compared}
        for group in block.groups
        for seed in group.by_seed
    ]


def _identity(block: Block, group: ReplicaGroup) -> dict[str, Any]:
    runs = dict.fromkeys(replica.view.id for replica in group.replicas)
    settings = {key: "; ".join(group.settings(key)) for key in block.columns}
    return {"runs": " ".join(runs), **group.point, block.along: group.side, **settings}


def or_none(value: float) -> float | None:
    """None instead of NaN, which JSON lacks."""
    return None if math.isnan(value) else float(value)
