"""``python -m bnreg`` is ``bnreg``."""

from bnreg.cli import main

if __name__ == "__main__":
    main()
