"""Mistakes in what a Python program gives: a line each, in the words of Python instead of the command line's."""

import functools
import multiprocessing
import re
from collections.abc import Callable
from typing import Any, ParamSpec, TypeVar

from bnreg.errors import UserError
from bnreg.wording import show

P = ParamSpec("P")
R = TypeVar("R")

_OPTION = re.compile(r"(`[^`]*`)|--([a-z]+(?:-[a-z]+)*)")


def of_kind(value: Any, kinds: type | tuple[type, ...], place: str, what: str) -> Any:
    """The value, if it is of one of the kinds.

    Raises:
        UserError: If it is not.
    """
    if not isinstance(value, kinds) or isinstance(value, bool):
        raise UserError(f"{place}: expected {what}, got {show(value)}")
    return value


def told_in_python(function: Callable[P, R]) -> Callable[P, R]:
    """The function, whose mistakes name its arguments instead of the options of a command: ``--max-seeds``.

    Commands in backticks stay as they are typed.
    """

    @functools.wraps(function)
    def call(*args: P.args, **kwargs: P.kwargs) -> R:
        try:
            return function(*args, **kwargs)
        except UserError as error:
            raise UserError(*(_OPTION.sub(_keyword, line) for line in error.lines)) from None

    return call


def _keyword(found: re.Match[str]) -> str:
    return found[1] or found[2].replace("-", "_")


def require_children(place: str) -> None:
    """Raise a UserError if this process may not start others, as a worker of multiprocessing's pools may not."""
    if multiprocessing.current_process().daemon:
        remedy = "train in the main process, or in threads; bnreg starts a worker for each core by itself"
        raise UserError(f"{place}: a daemonic process may not start the workers that train; {remedy}")
