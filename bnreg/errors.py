"""The two ways in which a command ends badly, as exceptions that the command line turns into exit codes."""


class UserError(Exception):
    """Mistakes of the user's, each worded in one line; the command prints them all and exits with 2."""

    def __init__(self, *lines: str) -> None:
        super().__init__("\n".join(lines))
        self.lines = lines


class RunError(Exception):
    """A run that could not be carried through; the command prints it and exits with 1.

    It is worded in one line, which an unforeseen error's traceback precedes.
    """
