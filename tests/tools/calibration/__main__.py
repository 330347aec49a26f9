"""The command line of the calibration."""

import argparse
import sys
import time
from concurrent.futures import ProcessPoolExecutor

from rich.console import Console
from tools.calibration import __doc__ as description
from tools.calibration.parts import PARTS
from tools.calibration.tables import FULL, Table, show, write_results


def measured(name: str, num_experiments: int) -> tuple[list[Table], float]:
    """A part's tables, and how many seconds they took."""
    start = time.perf_counter()
    tables = PARTS[name](num_experiments)
    return tables, time.perf_counter() - start


def main() -> None:
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--experiments", type=int, default=FULL, help="number of experiments for each figure")
    parser.add_argument("--parts", nargs="+", choices=[*PARTS], default=[*PARTS], help="what to measure")
    parser.add_argument("--jobs", type=int, default=None, help="number of processes; by default, one for each core")
    arguments = parser.parse_args()
    console = Console(width=180)
    num_misses = 0
    # Real networks are trained in processes of their own, on all cores: they are measured alone, at the end.
    simulated = [name for name in arguments.parts if name != "real"]
    with ProcessPoolExecutor(arguments.jobs) as pool:
        tasks = {name: pool.submit(measured, name, arguments.experiments) for name in simulated}
        for name in arguments.parts:
            tables, seconds = tasks[name].result() if name in tasks else measured(name, arguments.experiments)
            for table in tables:
                show(table, console)
            console.print(f"{name}: {seconds:.0f} s\n")
            num_misses += sum(table.num_misses for table in tables)
            if arguments.experiments >= FULL:
                write_results(name, tables)
    console.print(f"{num_misses} figures outside their bands")
    sys.exit(1 if num_misses else 0)


if __name__ == "__main__":
    main()
