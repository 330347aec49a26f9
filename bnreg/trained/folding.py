"""Fold the batch norms of trained networks, with a certificate that this changed only the speed."""

import copy
import math
import statistics
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from bnreg.data import Dataset
from bnreg.errors import RunError, UserError
from bnreg.names import ReplicaId
from bnreg.nn.evaluation import logits_of
from bnreg.nn.fold import fold
from bnreg.nn.network import StackedNetwork
from bnreg.runs import Run, weights_bytes, weights_file
from bnreg.runs.folder import new_folder
from bnreg.trained.load import TrainedArm, load_data, load_trained
from bnreg.trained.threads import one_thread

# In float64, two ways to calculate the same logits differ only by rounding: by less than this or, if logits are larger
# than 1, by less than this share of the largest.
FLOAT64_BOUND = 1e-12

NUM_ROUNDS = 5

MEASURED = {
    "largest_difference_float32": "largest |logit − logit| over replicas, test images and classes, between the weights "
    "of the run and those written here",
    "largest_difference_float64": f"the same with both networks in float64, the run's weights converted first and then "
    f"folded, without rounding; unless it is below {FLOAT64_BOUND:g}, or below that share of the largest |logit|, "
    f"nothing is written",
    "agreement": "share of predictions (float32) that are the same class",
    "seconds_before, seconds_after": f"inference on the whole test set, all replicas at once, float32, on one CPU "
    f"thread: medians of {NUM_ROUNDS} rounds, the two networks taking turns",
    "speed_up": "seconds_before / seconds_after",
}


@dataclass(frozen=True)
class FoldedArm:
    """An arm at a point, with its networks before and after folding."""

    trained: TrainedArm
    network: StackedNetwork


def fold_arms(run: Run, arm: str | None, point_index: int | None) -> tuple[list[FoldedArm], list[str]]:
    """Fold all arms of a run that can be folded.

    Args:
        run: The run.
        arm: Only this arm; None for all.
        point_index: Only this point of the sweep; None for all.

    Returns:
        The folded arms, at least one, and a line for each that cannot be folded, with the reason.

    Raises:
        UserError: If none can be folded; see also ``load_trained``.
    """
    folded, refusals = [], []
    for trained in load_trained(run, arm, point_index):
        try:
            folded.append(FoldedArm(trained, fold(trained.network)))
        except ValueError as reason:
            refusals.append(f"{_place(run, trained)} cannot be folded: {reason}")
    if not folded:
        raise UserError(*refusals)
    return folded, refusals


def certify(run: Run, arms: Sequence[FoldedArm], data_folder: Path | None) -> dict[str, Any]:
    """Measure on the test set what folding changed.

    Args:
        run: The run.
        arms: Its folded arms.
        data_folder: The data root, if the user chose one.

    Returns:
        The certificate as it is written: the run, the measurements, and the results for each arm.

    Raises:
        UserError: If the data are missing, or are not those of the run.
        RunError: If the logits differ by more than rounding.
    """
    datasets: dict[str, Dataset] = {}
    entries = []
    for one in arms:
        name = one.trained.cell.settings.data.dataset
        if name not in datasets:
            datasets[name] = load_data(run, one.trained.cell, data_folder)
        entries.append(_describe(run, one, datasets[name]) | _compare(run, one, datasets[name]))
    return {"run": run.path.resolve().name, "torch": torch.__version__, "measured": MEASURED, "arms": entries}


def write_folded(folder: Path, run: Run, arms: Sequence[FoldedArm], certificate: dict[str, Any]) -> None:
    """Write the folded weights and their certificate into a new folder.

    Raises:
        UserError: If the folder exists, or cannot be created.
        RunError: If a file cannot be written.
    """
    num_points = len(run.info.points)
    with new_folder(folder, what="folder", option="--output") as draft:
        for one in arms:
            cell = one.trained.cell
            for replica, seed in enumerate(one.trained.seeds):
                arrays = {name: values.numpy() for name, values in one.network.state_of(replica).items()}
                written = ReplicaId(cell.point_index, cell.arm, seed)
                about = written._asdict() | {"folded": certificate["run"]}
                draft.write(weights_file(written, num_points), weights_bytes(arrays, about))
        draft.write_json("certificate.json", certificate)


def scaled_test_images(dataset: Dataset, dtype: torch.dtype) -> Tensor:
    """The test images as a network of this type reads them: shape (images, pixels), in [0, 1]."""
    return torch.from_numpy(dataset.test_images.copy()).flatten(1).to(dtype).div_(255)


def _place(run: Run, trained: TrainedArm) -> str:
    at_point = "" if len(run.info.points) == 1 else f" at point {trained.cell.point_index}"
    return f"{run.path}: arm {trained.cell.arm!r}{at_point}"


def _describe(run: Run, one: FoldedArm, dataset: Dataset) -> dict[str, Any]:
    cell = one.trained.cell
    return {
        "arm": cell.arm,
        "point_index": cell.point_index,
        "point": run.info.points[cell.point_index],
        "architecture": asdict(one.network.architecture),
        "num_replicas": one.network.num_replicas,
        "seeds": list(one.trained.seeds),
        "seeds_without_weights": list(one.trained.missing),
        "dataset": dataset.name,
        "fingerprint": dataset.fingerprint,
        "num_images": len(dataset.test_labels),
    }


def _compare(run: Run, one: FoldedArm, dataset: Dataset) -> dict[str, Any]:
    before, after = one.trained.network, one.network
    pixels64 = scaled_test_images(dataset, torch.float64)
    before64 = copy.deepcopy(before).double()
    logits64 = logits_of(before64, pixels64)
    difference64 = _largest_difference(logits64, logits_of(fold(before64), pixels64))
    bound = FLOAT64_BOUND * max(1.0, float(logits64.abs().max()))
    pixels = scaled_test_images(dataset, torch.float32)
    with one_thread():
        logits_before, logits_after = logits_of(before, pixels), logits_of(after, pixels)
        seconds_before, seconds_after = _median_seconds([before, after], pixels)
    difference32 = _largest_difference(logits_before, logits_after)
    if not (difference64 < bound and math.isfinite(difference32)):
        raise RunError(
            f"{_place(run, one.trained)}: FOLDING CHANGES THE LOGITS, by up to {difference64:.1e} in float64 (allowed: "
            f"less than {bound:.1e}) and {difference32:.1e} in float32; the largest logit is "
            f"{logits_before.abs().max():.3g}; nothing was written"
        )
    agreeing = logits_before.argmax(2) == logits_after.argmax(2)
    return {
        "largest_difference_float32": difference32,
        "largest_difference_float64": difference64,
        "num_predictions": agreeing.numel(),
        "num_agreeing": int(agreeing.sum()),
        "agreement": int(agreeing.sum()) / agreeing.numel(),
        "seconds_before": seconds_before,
        "seconds_after": seconds_after,
        "speed_up": seconds_before / seconds_after,
    }


def _largest_difference(a: Tensor, b: Tensor) -> float:
    return float((a - b).abs().max())


def _median_seconds(networks: Sequence[StackedNetwork], pixels: Tensor) -> list[float]:
    """Each network's median time; the networks take turns so that changes in the machine's speed affect all equally."""
    seconds: list[list[float]] = [[] for _ in networks]
    for _ in range(NUM_ROUNDS):
        for network, measured in zip(networks, seconds, strict=True):
            started = time.perf_counter()
            logits_of(network, pixels)
            measured.append(time.perf_counter() - started)
    return [statistics.median(measured) for measured in seconds]
