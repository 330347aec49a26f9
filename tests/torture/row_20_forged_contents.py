"""Contents that no training wrote, with the right checksums."""

import csv
import functools
import io
import json
import random
import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
from commands import bnreg
from safetensors import numpy
from support.forgeries import FORGERIES, make_victim
from support.made_runs import reseal
from torture import Case

from bnreg.runs import CORRECT

TITLE = "impossible or contradictory numbers; random cells, seeds, answers and counts, with right checksums"
PROMISE = (
    "A number that is impossible, or that another file of its run contradicts, is damage; a checksum is no "
    "signature, so a forgery that agrees with itself is not noticed."
)

NUM_CELLS, NUM_ANSWERS, NUM_FACTS = 400, 100, 100
EPOCHS, SEEDS = 2, 6
DIVERGED = ("bn", "2")
NAMES = ("arm", "seed", "epoch")
FINAL = "final_test_accuracy"
CELLS = ("77", "-1", "inf", "nan", "", "word", "0.5", "0.25", "0", "1", "2", "3", "99", "1e308", "plain", "diverged")
NUMBERS = (*range(-1, 9), 99, 200, 10**6, 10**9)
# Paths in run.json to numbers and names that its tables and answers repeat.
FACTS = (
    *(("id",), ("name",), ("baseline",)),
    *((key, index) for key in ("seeds", "arms") for index in range(2)),
    *(("pairing", row, key) for row in (0, 5, 11) for key in ("epochs", "seed", "arm", "point_index")),
    ("data", "mnist", "num_test"),
)

Forge = Callable[[Path], bool]


def cases(full: bool) -> Iterator[Case]:
    """Each known forgery; random changes, of which it is known whether another file contradicts them."""
    chance = random.Random(20)
    with tempfile.TemporaryDirectory(prefix="bnreg-forged-") as folder:
        original = make_victim(Path(folder))
        for name in FORGERIES if full else ("another seed", "another accuracy"):
            yield name, functools.partial(_try, original, functools.partial(_known, name))
        kinds = ((_cell, NUM_CELLS), (_answers, NUM_ANSWERS), (_fact, NUM_FACTS))
        for kind, number in kinds:
            for _ in range(number if full else 2):
                seed = chance.randrange(1 << 30)
                yield f"{kind.__name__} {seed}", functools.partial(_try, original, functools.partial(kind, seed))


def _try(original: Path, forge: Forge) -> None:
    with tempfile.TemporaryDirectory(dir=original.parent) as folder:
        run = Path(folder) / original.name
        shutil.copytree(original, run)
        must_be_noticed = forge(run)
        listed = bnreg("runs", "--runs", run.parent, "--json")
        assert listed.code == 0, listed
        is_damaged = json.loads(listed.out)[0]["state"] == "damaged"
        assert is_damaged or not must_be_noticed, "a contradiction was not noticed"
        commands = (("compare", run), ("show", run), ("diff", run, run), ("plot", run, "-o", run.parent / "x.vl.json"))
        for command in commands if is_damaged else commands[:3]:
            ended = bnreg(*command)
            assert ended.code == (2 if is_damaged else 0), ended
            if is_damaged:
                assert ended.out == "", ended
                assert len(set(ended.err.splitlines())) == 1, ended
                assert ": damaged run: " in ended.err, ended


def _known(name: str, run: Path) -> bool:
    FORGERIES[name][0](run)
    return True


def _cell(seed: int, run: Path) -> bool:
    """Change a cell of a table."""
    chance = random.Random(seed)
    table = chance.choice(("summary.csv", "metrics.csv"))
    rows = list(csv.DictReader(io.StringIO((run / table).read_text())))
    number, column = chance.randrange(len(rows)), chance.choice(list(rows[0]))
    row, new = rows[number], chance.choice(CELLS)
    before, row[column] = row[column], new
    text = io.StringIO()
    writer = csv.DictWriter(text, list(row), lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    reseal(run, table, text.getvalue().encode())
    return not _are_equal(before, new) and _is_contradicted(row, column, new)


def _is_contradicted(row: dict[str, str], column: str, new: str) -> bool:
    """Whether a new cell is impossible or contradicts another one."""
    if column in NAMES:
        return True
    if column == "status":
        return new not in ("ok", "diverged")
    number = _number(new)
    if number is None:  # missing is "" or "nan"
        return new not in ("", "nan") or column.startswith("final_test_")
    if number < 0 or number == float("inf") or (column.endswith("accuracy") and number > 1):
        return True
    has_diverged = (row["arm"], row["seed"]) == DIVERGED
    is_final = column in (FINAL, "final_epoch") or (column == "test_accuracy" and row.get("epoch") == str(EPOCHS))
    return is_final and not has_diverged


def _answers(seed: int, run: Path) -> bool:
    """Change some answers of a network; as many right ones as before contradict nothing."""
    chance = random.Random(seed)
    arrays = numpy.load((run / CORRECT).read_bytes())
    flags = np.unpackbits(arrays["correct-0"], axis=2)
    arm, index = chance.randrange(2), chance.randrange(SEEDS)
    before = flags[arm, index].sum()
    num_examples = int(arrays["num_examples-0"][0])
    for place in chance.sample(range(num_examples), chance.choice((1, 2, 20))):
        flags[arm, index, place] ^= 1
    reseal(run, CORRECT, numpy.save(arrays | {"correct-0": np.packbits(flags, axis=2)}))
    return bool(before != flags[arm, index].sum()) and (("bn", "plain")[arm], str(index)) != DIVERGED


def _fact(seed: int, run: Path) -> bool:
    """Change a number or a name in run.json."""
    chance = random.Random(seed)
    info = json.loads((run / "run.json").read_text())
    *path, last = chance.choice(FACTS)
    inner: Any = info
    for key in path:
        inner = inner[key]
    before, new = inner[last], chance.choice((*NUMBERS, "bn", "plain", "other"))
    inner[last] = new
    reseal(run, "run.json", json.dumps(info).encode())
    return before != new


def _number(cell: str) -> float | None:
    try:
        number = float(cell)
    except ValueError:
        return None
    return None if number != number else number


def _are_equal(before: str, new: str) -> bool:
    return before == new or (_number(before) is not None and _number(before) == _number(new))
