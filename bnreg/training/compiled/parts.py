"""Functions that only programs call: numba compiles each of them once, as a part of the program that calls it.

Numba would optimise every function and translate it to machine code on its own, and again within each of its callers,
up to the program. Only the last of these is ever run, so the others are left out: the first start takes half the time.
"""

from collections.abc import Callable
from typing import Any, ParamSpec, TypeVar

import numba
from numba.core.codegen import JITCodeLibrary
from numba.core.compiler import Compiler

P = ParamSpec("P")
R = TypeVar("R")


def compiled(function: Callable[P, R]) -> Callable[P, R]:
    """Compile a function that programs call. It has no code of its own, so it must not be called from Python."""
    options = {"no_cpython_wrapper": True, "no_cfunc_wrapper": True, "pipeline_class": _PartCompiler}
    made: Callable[P, R] = numba.njit(**options)(function)
    return made


class _Part(JITCodeLibrary):  # type: ignore[misc]
    """The code of a function together with that of all functions it calls, as it is before it is optimised."""

    def finalize(self) -> None:
        """Take in the code of the called functions, and nothing else."""
        self._raise_if_finalized()
        for library in dict.fromkeys(self._linking_libraries):
            self._final_module.link_in(library._get_module_for_linking(), preserve=True)
        self._finalized = True

    def get_pointer_to_function(self, _name: str) -> int:
        """Its address, for calls from Python: there is none."""
        self._ensure_finalized()
        return 0

    def set_env(self, _name: str, _environment: object) -> None:
        """Tell the machine code where Python's objects are: there is no code, and it would need none."""

    @property
    def codegen(self) -> Any:
        """Numba sets the environment of a function here."""
        return self


class _PartCompiler(Compiler):  # type: ignore[misc]
    """The compiler of such functions."""

    def define_pipelines(self) -> Any:
        """Those of any function, but its code goes into a part."""
        state = self.state
        state.library = _Part(state.targetctx.codegen(), state.func_id.func_qualname)
        return super().define_pipelines()
