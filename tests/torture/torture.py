"""Does bnreg keep its promises under fire? Each row is one kind of fault, tried many times, and tells what it survived.

    make torture                                  # every row in full; its figures go into results.json
    python tests/torture/torture.py --small       # the fixed few of each row that `make test` runs
    python tests/torture/torture.py 3 7 --small   # some rows

A row is a module ``row_NN_….py`` with a ``TITLE``, a ``PROMISE`` and ``cases(full)``, which yields a label and a
function for each try; a function that raises has not survived.
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
    """What a row's module holds."""

    TITLE: str
    PROMISE: str

    @staticmethod
    def cases(full: bool) -> Iterator[Case]:
        """The tries: all of them, or the fixed few of the test suite, which runs on machines that are no clock."""


@dataclass
class Outcome:
    """What a row came to."""

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
    """Try all of a row's cases and tell of the first that were not survived."""
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
    """Run rows and say what was survived."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("rows", type=int, nargs="*", metavar="ROW", help="which rows; all, if none is named")
    parser.add_argument("--small", action="store_true", help="the fixed few of each row")
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
    """What each row came to when it was last run in full."""
    return {int(number): result for number, result in json.loads(RESULTS.read_text()).items()}


def write_result(number: int, outcome: Outcome) -> None:
    """Note what a row has come to in full, in the file that the README goes by."""
    today = datetime.now(UTC).date().isoformat()
    result = {"survived": outcome.survived, "tried": outcome.tried, "date": today}
    results = (read_results() if RESULTS.exists() else {}) | {number: result}
    RESULTS.write_text(json.dumps({str(key): results[key] for key in sorted(results)}, indent=2) + "\n")


if __name__ == "__main__":
    main()
