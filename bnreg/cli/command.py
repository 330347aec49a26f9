"""The class of all commands."""

from collections import Counter

import typer
from typer.core import TyperCommand, TyperOption

from bnreg.errors import UserError


class Command(TyperCommand):
    """A command that refuses an option given more often than it can hold: otherwise the last one would win silently."""

    def parse_args(self, ctx: typer.Context, args: list[str]) -> list[str]:  # type: ignore[override] # typer's class
        """Parse the command line."""
        _, _, given = self.make_parser(ctx).parse_args(args=list(args))
        for parameter, times in Counter(given).items():
            holds_one = isinstance(parameter, TyperOption) and not (parameter.multiple or parameter.is_flag)
            if times > 1 and holds_one:
                raise UserError(f"{parameter.opts[0]}: given {times} times; give it once")
        return super().parse_args(ctx, args)
