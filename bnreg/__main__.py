"""The start of the command line: as ``bnreg``, and as ``python -m bnreg``."""

from bnreg import search_path

search_path.leave_current_folder()

from bnreg.cli import main  # noqa: E402 # everything else is imported without the current folder on the path

if __name__ == "__main__":
    main()
