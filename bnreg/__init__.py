"""Paired experiments on MNIST: did it help, by how much, and how sure can we be?

What a Python program needs is here: ``bnreg.train``, ``bnreg.compare`` and the other names of ``__all__``. They are
loaded when they are first used.
"""

# No module is imported here, not even typing: with `python -m bnreg` it could be taken from the current folder.
TYPE_CHECKING = False
if TYPE_CHECKING:
    from bnreg.api.comparison import Comparison, Verdict, compare
    from bnreg.api.judging import judge
    from bnreg.api.run import Run, list_runs, open_run
    from bnreg.api.training import resume, train
    from bnreg.errors import RunError, UserError

__version__ = "0.5.0"

__all__ = [
    "Comparison",
    "Run",
    "RunError",
    "UserError",
    "Verdict",
    "compare",
    "judge",
    "list_runs",
    "open_run",
    "resume",
    "train",
]

_PLACES = {
    "bnreg.api.comparison": ("Comparison", "Verdict", "compare"),
    "bnreg.api.judging": ("judge",),
    "bnreg.api.run": ("Run", "list_runs", "open_run"),
    "bnreg.api.training": ("resume", "train"),
    "bnreg.errors": ("RunError", "UserError"),
}


def __dir__() -> list[str]:
    return [*__all__, "__version__"]


if not TYPE_CHECKING:

    def __getattr__(name: str) -> object:
        """Load a public name when it is first used."""
        from importlib import import_module

        for module, names in _PLACES.items():
            if name in names:
                globals()[name] = getattr(import_module(module), name)
                return globals()[name]
        raise AttributeError(f"module 'bnreg' has no attribute {name!r}")
