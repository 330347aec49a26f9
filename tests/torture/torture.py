"""Does bnreg keep its promises under stress? Each row tests one kind of fault many times and counts the survived cases.

    make torture                                  # all cases of every row; writes results.json
    python tests/torture/torture.py --small       # the few fixed cases of each row that `make test` runs
    python tests/torture/torture.py 3 7 --small   # some rows

A row is a module ``row_NN_….py`` with a ``TITLE``, a ``PROMISE`` and ``cases(full)``, which yields a label and a
function for each case; a case whose function raises is not survived.
"""

import argparse
import importlib
import json
import re
import sys
import time
import traceback
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from types import ModuleType
from typing import Any, Protocol

FOLDER = Path(__file__).parent
RESULTS = FOLDER / "results.json"
MAX_TOLD = 5

Case = tuple[str, Callable[[], None]]


class Row(Protocol):
    """The contents of a row's module."""

    TITLE: str
    PROMISE: str

    @staticmethod
    def cases(full: bool) -> Iterator[Case]:
        """All cases, or the few fixed cases of the test suite, which may run on machines with unreliable timing."""


@dataclass
class Outcome:
    """The result of a row."""

    survived: int = 0
    tried: int = 0
    seconds: float = 0.0


def rows() -> dict[int, ModuleType]:
    """All rows by number."""
    if str(FOLDER) not in sys.path:
        sys.path.insert(0, str(FOLDER))
    found = sorted(path.stem for path in FOLDER.glob("row_[0-9][0-9]_*.py"))
    return {int(re.findall(r"\d+", name)[0]): importlib.import_module(name) for name in found}


def run_row(row: ModuleType, full: bool) -> Outcome:
    """Run all of a row's cases and print the first ones that were not survived."""
    outcome = Outcome()
    start = time.monotonic()
    for label, case in row.cases(full):
        outcome.tried += 1
        try:
            case()
            outcome.survived += 1
        except Exception:
            if outcome.tried - outcome.survived <= MAX_TOLD:
                print(f"    not survived: {label}", file=sys.stderr)
                traceback.print_exc()
    outcome.seconds = time.monotonic() - start
    return outcome


def main() -> None:
    """Run rows and print how many cases were survived."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("rows", type=int, nargs="*", metavar="ROW", help="the rows to run; default: all")
    parser.add_argument("--small", action="store_true", help="run only a few fixed cases of each row")
    options = parser.parse_args()
    all_survived = True
    for number, row in rows().items():
        if options.rows and number not in options.rows:
            continue
        outcome = run_row(row, full=not options.small)
        print(
            f"row {number:2}  {row.TITLE}: survived {outcome.survived} of {outcome.tried} ({outcome.seconds:.0f} s)",
            flush=True,
        )
        all_survived &= outcome.survived == outcome.tried
        if not options.small:
            write_result(number, outcome)
    if not all_survived:
        sys.exit(1)


def read_results() -> dict[int, dict[str, Any]]:
    """The result of each row's last full run."""
    return {int(number): result for number, result in json.loads(RESULTS.read_text()).items()}


def write_result(number: int, outcome: Outcome) -> None:
    """Write the result of a row's full run to the file that the README is generated from."""
    today = datetime.now(UTC).date().isoformat()
    result = {"survived": outcome.survived, "tried": outcome.tried, "date": today}
    results = (read_results() if RESULTS.exists() else {}) | {number: result}
    RESULTS.write_text(json.dumps({str(key): results[key] for key in sorted(results)}, indent=2) + "\n")


if __name__ == "__main__":
    main()
