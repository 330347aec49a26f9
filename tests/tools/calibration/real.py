"""Real networks: an arm against itself, in independent streams of random numbers.

The lecture's network with batch norm, on the embedded digits; the networks share nothing but the data. A verdict that
one group is better is wrong. Both groups have the same distribution, so their differences are symmetric: this part is
blind to what skewed differences do, which only the simulated ones show.
"""

import tempfile
from pathlib import Path

import numpy as np
import numpy.typing as npt
from tools.calibration.differences import contains, differs, evidence_on, share
from tools.calibration.looks import check_shortcut, differs_anytime
from tools.calibration.one_look import NUMBERS_OF_PAIRS
from tools.calibration.tables import Table, at_most, coverage

from bnreg.statistics.intervals import example_error
from bnreg.streams import stream

REAL = """\
data: {dataset: mnist_5k, batch_size: 50}
model: {norm: batch}
training: {epochs: 2}
"""

NUM_NETWORKS = 8000
NUM_SEQUENCES = 200
MOST_PAIRS = 40

Correct = npt.NDArray[np.int8]


def real(num_experiments: int) -> list[Table]:
    """An arm against itself, at fixed numbers of pairs and with seeds added one by one."""
    correct = trained_correct(min(NUM_NETWORKS, 4 * num_experiments))
    return [_one_look(correct), _many_looks(correct)]


def trained_correct(num_networks: int) -> Correct:
    """Train this many networks, each with its own seed, and return which test examples each one gets right.

    Returns:
        Shape (networks, examples), in {0, 1}.
    """
    from support.small_runs import train_plan  # with torch, which the simulated parts do without

    from bnreg.experiment.plan import plan_experiment
    from bnreg.runs import read_correct, read_run

    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "itself.yaml").write_text(REAL)
        plan = plan_experiment(folder / "itself.yaml", [f"seeds={num_networks}"], data_folder=None, log=print)
        return read_correct(read_run(train_plan(plan, folder)))[0][0].astype(np.int8)


def _one_look(correct: Correct) -> Table:
    """Half of each experiment's networks act as the arm and half as the baseline."""
    rows = []
    for number in NUMBERS_OF_PAIRS:
        blocks = correct[: len(correct) // (2 * number) * 2 * number].reshape(-1, 2, number, correct.shape[1])
        differences = [arm - baseline for arm, baseline in blocks]
        texts = []
        for with_examples in (False, True):
            found = [
                evidence_on(one.mean(axis=1), example_error=example_error(one) if with_examples else None)
                for one in differences
            ]
            texts += [
                at_most(share(map(differs, found)), 0.05, len(found)),
                coverage(share(contains(one, 0.0) for one in found), len(found)),
            ]
        rows.append([str(number), str(len(blocks)), *texts])
    over = ("over seeds", "over seeds and examples")
    columns = [f"{what}, {where}" for where in over for what in ("wrong", "covered")]
    title = (
        f"Real networks, an arm against itself: {len(correct):,} networks on {correct.shape[1]:,} examples, "
        f"{correct.mean():.1%} right"
    )
    return Table(title, ["pairs", "experiments", *columns], rows)


def _many_looks(correct: Correct) -> Table:
    """Sequences of pairs, judged while they grow by the test over seeds alone, which is the stricter trial.

    There are fewer networks than the sequences need, so all are paired again in another order: two sequences seldom
    have a pair in common.
    """
    accuracy = correct.mean(axis=1)
    num_pairs = min(MOST_PAIRS, len(accuracy) // 2)
    num_each = len(accuracy) // (2 * num_pairs)
    generator = stream(0, "calibration", "sequences")
    orders = [
        generator.permutation(len(accuracy))[: 2 * num_pairs * num_each] for _ in range(-(-NUM_SEQUENCES // num_each))
    ]
    values = accuracy[np.concatenate(orders)].reshape(-1, 2, num_pairs)
    differences = values[:, 0] - values[:, 1]
    check_shortcut(differences)
    found = differs_anytime(differences)
    rows = [
        [name, str(len(found)), at_most(float(found[:, looks].any(axis=1).mean()), 0.05, len(found))]
        for name, looks in {
            f"each seed from 7 to {num_pairs}": slice(6, None),
            "10, 20, 30 and 40 seeds": slice(9, None, 10),
        }.items()
    ]
    title = "Real networks, an arm against itself, `until: decided`: ever *helped* or *hurt* (at most 5 %)"
    return Table(title, ["looks", "sequences", "wrong"], rows)
