"""The command line of the benchmark."""

import argparse
import os
import sys

from rich.console import Console
from tools.benchmark import __doc__ as description
from tools.benchmark.parts import FULL, PARTS, SMALL
from tools.benchmark.tables import as_result, tables, write_result
from tools.calibration.tables import show


def main() -> None:
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("parts", nargs="*", metavar="PART", help=f"what to measure: {', '.join(PARTS)}; default: all")
    parser.add_argument("--small", action="store_true", help="measure something tiny, and write nothing")
    arguments = parser.parse_args()
    if unknown := {*arguments.parts} - {*PARTS}:
        parser.error(f"unknown: {', '.join(sorted(unknown))} (choices: {', '.join(PARTS)})")
    if (load := os.getloadavg()[0]) > 1:
        print(f"warning: the machine is busy (load {load:.1f}), so these timings mean little", file=sys.stderr)
    sizes = SMALL if arguments.small else FULL
    results = {}
    for name in arguments.parts or PARTS:
        results[name] = as_result(PARTS[name](sizes), sizes)
        if not arguments.small:
            write_result(name, results[name])
    for table in tables(results):
        show(table, Console(width=180))


if __name__ == "__main__":
    main()
