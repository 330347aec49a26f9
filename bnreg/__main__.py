"""The start of the command line: as ``bnreg``, and as ``python -m bnreg``."""

from bnreg import search_path

search_path.leave_current_folder()


def main() -> None:
    """Run the command line, and leave with its exit code."""
    # Here, without the current folder on the path; and a worker, which imports this module first, needs none of it.
    from bnreg.cli import main
    from bnreg.standard_streams import leave

    try:
        main()
    except SystemExit as end:
        leave(int(end.code or 0))


if __name__ == "__main__":
    main()
