"""A user's mistakes: one line each, reported in the order of the file."""

from collections.abc import Sequence
from dataclasses import dataclass

from bnreg.config.source.key_paths import KeyPath
from bnreg.errors import UserError
from bnreg.wording import dotted

MAX_MISTAKES = 50


@dataclass(frozen=True, order=True)
class Mistake:
    """One line for the user; lines are reported in the order in which the mistakes were written."""

    order: int
    line: str


@dataclass(frozen=True)
class Place:
    """The place where something was written.

    Args:
        order: The line number; overrides are numbered after all lines.
        text: The place as shown to the user, ``configs/a.yaml:7`` or ``override 'seeds=3'``.
        override: The path that an override sets; its text already names it.
    """

    order: int
    text: str
    override: KeyPath | None = None

    def with_key(self, label: KeyPath) -> str:
        """The place followed by a key, unless the place already names the key."""
        return self.text if not label or label == self.override else f"{self.text}: {dotted(label)}"


def user_error(mistakes: Sequence[Mistake]) -> UserError:
    """All mistakes as one exception: sorted by line, each once, at most ``MAX_MISTAKES``."""
    lines = [mistake.line for mistake in sorted(dict.fromkeys(mistakes), key=lambda mistake: mistake.order)]
    if len(lines) > MAX_MISTAKES:
        lines = [*lines[:MAX_MISTAKES], f"… and {len(lines) - MAX_MISTAKES} more"]
    return UserError(*lines)
