"""``bnreg tag``: words by which runs are found again."""

from collections.abc import Collection, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from typer.core import TyperOption

from bnreg.cli.common.options import AnyRuns, Command, RunsRoot

if TYPE_CHECKING:
    from bnreg.runs.finding.marks import Marks

EXAMPLES = ("bnreg tag verdicts +talk -draft", "bnreg tag verdicts")
ADD, REMOVE = "--add", "--remove"


class TagCommand(Command):
    """A command that takes ``+WORD`` for ``--add WORD``, and ``-WORD`` for ``--remove WORD``."""

    def parse_args(self, ctx: typer.Context, args: list[str]) -> list[str]:  # type: ignore[override] # typer's class
        """Parse the command line."""
        with_value = {
            name for one in self.params if isinstance(one, TyperOption) and not one.is_flag for name in one.opts
        }
        before = ["", *args]
        words = [
            word if last in with_value else self._spelled_out(word, ctx)
            for last, word in zip(before, args, strict=False)
            if word != "--"
        ]
        return super().parse_args(ctx, words)

    @staticmethod
    def _spelled_out(word: str, ctx: typer.Context) -> str:
        if word.startswith("+"):
            return f"{ADD}={word[1:]}"
        is_option = word.startswith("--") or word in ("-", *ctx.help_option_names)
        return f"{REMOVE}={word[1:]}" if word.startswith("-") and not is_option else word


COMMAND = TagCommand


def tag(
    runs: AnyRuns,
    *,
    added: Annotated[
        list[str] | None, typer.Option(ADD, metavar="TAG", help="Add this tag; short: +TAG. May be repeated.")
    ] = None,
    removed: Annotated[
        list[str] | None, typer.Option(REMOVE, metavar="TAG", help="Remove this tag; short: -TAG. May be repeated.")
    ] = None,
    root: RunsRoot = Path("runs"),
) -> None:
    """Tag runs, or print their tags: after the runs, +keep adds the tag keep, and -draft removes the tag draft.

    `bnreg runs` shows tags, and lists runs by them. They are kept beside the run's folder, which stays as it is.
    """
    from bnreg.errors import UserError
    from bnreg.runs import expand_runs
    from bnreg.runs.finding.marks import change_marks, read_marks, require_runs
    from bnreg.wording import printable

    new, old = (tuple(dict.fromkeys(words or ())) for words in (added, removed))
    if mistakes := [*_mistakes(new, "+"), *_mistakes(old, "-")]:
        raise UserError(*mistakes)
    if both := [word for word in new if word in old]:
        raise UserError(f"tag: +{both[0]} and -{both[0]} exclude each other; give one")
    folders = expand_runs(runs, root)
    require_runs(folders)
    _check_removed(old, [word for folder in folders for word in read_marks(folder).tags])
    for folder in folders:
        _with(read_marks(folder), new, old)  # before the tags of any are changed
    for folder in folders:
        marks = change_marks(folder, lambda before: _with(before, new, old)) if new or old else read_marks(folder)
        typer.echo(f"{printable(folder.absolute().name)}: {', '.join(marks.tags) or 'no tags'}")


def _mistakes(words: Collection[str], sign: str) -> list[str]:
    from bnreg.runs.finding.marks import is_tag
    from bnreg.wording import show

    rule = "a tag is a letter or digit, then letters, digits, _ . and -, at most 64 in all"
    return [
        f"tag: {sign}{word if word.isprintable() and len(word) < 80 else show(word)}: {rule}"
        for word in words
        if not is_tag(word)
    ]


def _check_removed(old: Collection[str], there: Collection[str]) -> None:
    from bnreg.errors import UserError
    from bnreg.wording import unknown

    known = [*dict.fromkeys(there)]
    if mistakes := [f"tag: -{word}: {unknown('tag', word, known)}" for word in old if word not in known]:
        raise UserError(*mistakes)


def _with(before: "Marks", new: Sequence[str], old: Collection[str]) -> "Marks":
    """The marks with and without some tags.

    Raises:
        UserError: If these are too many.
    """
    from bnreg.errors import UserError
    from bnreg.runs.finding.marks import MAX_TAGS

    tags = tuple(word for word in dict.fromkeys([*before.tags, *new]) if word not in old)
    if len(tags) > MAX_TAGS:
        raise UserError(f"tag: a run has at most {MAX_TAGS} tags; with these it would have {len(tags)}")
    return replace(before, tags=tags)
