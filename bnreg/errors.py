"""The two kinds of failure of a command, as exceptions that the command line turns into exit codes."""


class UserError(Exception):
    """Mistakes of the user, one line each; the command prints them all and exits with 2."""

    def __init__(self, *lines: str) -> None:
        super().__init__("\n".join(lines))
        self.lines = lines

    def _render_traceback_(self) -> list[str]:
        """What a notebook shows: the mistakes, and not where in bnreg they were found."""
        return [f"{type(self).__name__}: {line}" for line in self.lines]


class RunError(Exception):
    """A run could not be completed; the command prints the error and exits with 1.

    The message is one line; for an unexpected error its traceback comes first.
    """
