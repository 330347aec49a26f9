"""A table of text: for the terminal, in Markdown, in HTML and in LaTeX, with the same words and numbers."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from markupsafe import Markup
from rich.cells import cell_len, chop_cells
from rich.console import Console, ConsoleOptions, RenderResult
from rich.segment import Segment

from bnreg.wording import spelled

# If room is short, names wrap between words, then at _BREAKS, and only what is still longer than this is split:
# `weight_decay` is not.
MAX_WHOLE_WORD = 12
# After a hyphen, but not that of 1e-05; and between date and time, as a run's id has them.
_BREAKS = re.compile(r"(?<=\w-)(?<!\de-)(?=\w)"), re.compile(r"(?<=\d{8})(?=T\d{6}Z)")
INDENT = 2
GAP = 2
# A verdict's word → its sign and its word in HTML, where colour alone would not tell every reader.
MARKS = {
    "helped": ("▲", "helped"),
    "hurt": ("▼", "hurt"),
    "equivalent": ("=", "equivalent"),
    "~": ("~", "inconclusive"),
}


@dataclass(frozen=True)
class Grid:
    """A table whose first columns hold names and may wrap; the others hold numbers and may not.

    On a terminal that is too narrow for the numbers, the table overflows.

    Attributes:
        headers: One for each column.
        rows: Each with one cell per column.
        num_names: Number of columns that hold names.
        styles: Word → style to show it in, for words such as a verdict's.
    """

    headers: list[str]
    rows: list[list[str]]
    num_names: int
    styles: Mapping[str, str] = field(default_factory=dict)

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        headers, *rows = [[spelled(cell, options.encoding) for cell in row] for row in (self.headers, *self.rows)]
        columns = [*zip(headers, *rows, strict=True)]
        widths = [max(map(cell_len, column)) for column in columns]
        room = options.max_width - INDENT - GAP * (len(columns) - 1) - sum(widths[self.num_names :])
        widths[: self.num_names] = _name_widths(columns[: self.num_names], room)
        yield from self._row(headers, widths, console, header=True)
        yield Segment(f"{' ' * INDENT}{'─' * (sum(widths) + GAP * (len(widths) - 1))}\n")
        for row in rows:
            yield from self._row(row, widths, console)

    def _row(
        self, row: Sequence[str], widths: Sequence[int], console: Console, *, header: bool = False
    ) -> Iterator[Segment]:
        """A row, with as many lines as its tallest cell.

        It yields segments because rich would break a text at the terminal's edge; longer lines must stay unbroken.
        """
        folded = [_folded(cell, width) for cell, width in zip(row, widths, strict=True)]
        height = max(map(len, folded))
        for number in range(height):
            yield Segment(" " * INDENT)
            for index, (lines, width) in enumerate(zip(folded, widths, strict=True)):
                line = lines[number] if number < len(lines) else ""
                blank = " " * (width - cell_len(line))
                is_last = index + 1 == len(widths)
                padded = line + (blank if not is_last else "") if index < self.num_names else blank + line
                style = "bold" if header else self.styles.get(line.partition(";")[0])
                yield Segment(padded, console.get_style(style) if style else None)
                yield Segment("\n" if is_last else " " * GAP)


def markdown(grid: Grid) -> str:
    """The table in GitHub's Markdown."""
    rules = [":--" if index < grid.num_names else "--:" for index in range(len(grid.headers))]
    rows = [[escaped(cell) for cell in row] for row in (grid.headers, *grid.rows)]
    return "\n".join(f"| {' | '.join(row)} |" for row in (rows[0], rules, *rows[1:]))


def escaped(text: str) -> str:
    """Escape text so that GitHub shows it as it is; safe characters, like an underscore between letters, are kept."""
    return re.sub(r"[\\`*|~]|<(?! )|\](?=\()|(?<![^\W_])_|_(?![^\W_])", r"\\\g<0>", text)


def html(grid: Grid, caption: str = "") -> Markup:
    """The table in HTML, whose classes begin with ``bnreg-``; nothing in its cells can be taken for HTML.

    Args:
        grid: The table. In a grid with styles, the last column of names holds verdicts.
        caption: What it shows; it may be HTML itself, as ``Markup``.
    """
    num_headings = grid.num_names - bool(grid.styles)

    def cell(index: int, text: str) -> Markup:
        if index < num_headings and text:
            return Markup('<th scope="row">{}</th>').format(text)
        if index < grid.num_names:
            return Markup("<td>{}</td>").format(chip(text))
        return Markup('<td class="bnreg-number">{}</td>').format(text.strip())

    kinds = ["" if index < grid.num_names else " bnreg-number" for index in range(len(grid.headers))]
    heads = [
        Markup('<th scope="col" class="bnreg-head{}">{}</th>').format(kind, header)
        for kind, header in zip(kinds, grid.headers, strict=True)
    ]
    rows = [[cell(index, text) for index, text in enumerate(row)] for row in grid.rows]
    header, *body = [Markup("<tr>{}</tr>").format(Markup("").join(row)) for row in (heads, *rows)]
    table = '<table class="bnreg-table">\n{}<thead>{}</thead>\n<tbody>\n{}\n</tbody>\n</table>'
    shown = Markup("<caption>{}</caption>\n").format(caption) if caption else ""
    return Markup(table).format(shown, header, Markup("\n").join(body))


def chip(text: str) -> Markup:
    """A verdict's sign and word, and after it what follows the word."""
    word, _, rest = text.partition(";")
    if word not in MARKS:
        return Markup("{}").format(text)
    sign, name = MARKS[word]
    return signed_chip(name, sign, name) + rest


def signed_chip(kind: str, sign: str, word: str) -> Markup:
    """A word with a sign beside its colour, which is that of a kind of verdict."""
    chip = '<span class="bnreg-chip bnreg-{}"><span aria-hidden="true">{}</span> {}</span>'
    return Markup(chip).format(kind, sign, word)


def latex(grid: Grid, caption: str, label: str) -> str:
    """The table in LaTeX, which needs the package booktabs.

    Args:
        grid: The table.
        caption: What it shows.
        label: Its name in references.
    """
    columns = "l" * grid.num_names + "r" * (len(grid.headers) - grid.num_names)
    header, *rows = [" & ".join(map(latex_escaped, row)) + r" \\" for row in (grid.headers, *grid.rows)]
    begin = [r"\begin{table}", r"\centering", f"\\caption{{{latex_escaped(caption)}}}", f"\\label{{{label}}}"]
    table = [
        f"\\begin{{tabular}}{{{columns}}}",
        r"\toprule",
        header,
        r"\midrule",
        *rows,
        r"\bottomrule",
        r"\end{tabular}",
    ]
    return "\n".join([*begin, *table, r"\end{table}"])


_LATEX = {
    **{character: f"\\{character}" for character in "&%$#_{}"},
    "\\": r"\textbackslash{}",
    "~": r"$\sim$",
    "^": r"\textasciicircum{}",
    "<": "$<$",
    ">": "$>$",
    "±": r"$\pm$",
    "–": "--",
    "≤": r"$\le$",
    "λ": r"$\lambda$",
    "[": "{[}",  # after a line's end, LaTeX would read it as an option
}


def latex_escaped(text: str) -> str:
    """Escape text so that LaTeX prints it as it is, with proper minus signs."""
    text = "".join(_LATEX.get(character, character) for character in text)
    return re.sub(r"(?<![\w.])-(?=\d)", r"$-$", text)


def _folded(cell: str, width: int) -> list[str]:
    """The lines of a cell, broken between words; a wider word is broken at ``_BREAKS``, and only then anywhere."""
    if cell_len(cell) <= width:
        return [cell]
    lines = [""]
    for word in cell.split():
        space = " "
        for part in _parts(word, width):
            if lines[-1] and cell_len(lines[-1] + space + part) <= width:
                lines[-1] += space + part
            else:
                lines += chop_cells(part, width)
            space = ""
    return lines[1:]


def _parts(word: str, width: int = 0) -> list[str]:
    """The word if it fits the width, or else its parts, each of which is broken again if it does not fit."""
    parts = [word]
    for pattern in _BREAKS:
        parts = [part for whole in parts for part in ([whole] if cell_len(whole) <= width else pattern.split(whole))]
    return parts


def _name_widths(columns: Sequence[Sequence[str]], room: int) -> list[int]:
    """Widths for columns of names: together no wider than the room, if possible."""
    widths = [max(map(cell_len, column)) for column in columns]
    if sum(widths) <= room:
        return widths
    words = [[word for cell in column for word in cell.split()] for column in columns]
    whole = [max(map(cell_len, column)) for column in words]
    parts = [max(cell_len(part) for word in column for part in _parts(word)) for column in words]
    for floors in (whole, parts, [min(part, MAX_WHOLE_WORD) for part in parts]):
        while sum(widths) > room and widths != floors:
            widest = max((i for i, width in enumerate(widths) if width > floors[i]), key=widths.__getitem__)
            widths[widest] -= 1
    return widths
