"""Open an experiment's file, or take its text, and explain why if that is not possible."""

from pathlib import Path

from bnreg.config.source.document import Document
from bnreg.config.source.examples import SUFFIXES, examples, examples_folder, meant
from bnreg.config.source.mistakes import Place
from bnreg.config.source.strict_yaml import MAX_BYTES, parse
from bnreg.config.source.yaml_mistakes import StrictYamlError
from bnreg.errors import UserError
from bnreg.wording import nearest, printable

MAX_LISTED = 10

Source = Path | bytes  # a YAML file, or the text of one
TEXT = "config"  # what a text without a file is called in messages
UNNAMED = "experiment"


def default_name(source: Source) -> str:
    """The name of an experiment that does not give itself one."""
    return source.stem if isinstance(source, Path) else UNNAMED


def read_document(source: Source) -> Document:
    """Read the content of an experiment; a path may also be the name of one that ships with bnreg.

    The keys of a text have no places: a program wrote it, and its reader knows only the keys.

    Raises:
        UserError: If the file does not exist, cannot be read, or is not valid strict YAML.
    """
    if isinstance(source, Path):
        file = meant(source)
        is_example = file != source and file.is_relative_to(examples_folder())
        return _read_file(file, printable(str(source if is_example else file)))
    try:
        return Document(TEXT, parse(source).value, {})
    except StrictYamlError as mistake:
        raise UserError(f"{TEXT}: {mistake.text}") from None


def _read_file(path: Path, file: str) -> Document:
    try:
        with path.open("rb") as stream:
            source = stream.read(MAX_BYTES + 1)
    except FileNotFoundError:
        raise UserError(f"{file}: {_absent(path)}") from None
    except IsADirectoryError:
        raise UserError(f"{file}: is a folder; give one of its files{_listed(path)}") from None
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else "not a valid file name"
        raise UserError(f"{file}: cannot be read ({reason})") from None
    try:
        parsed = parse(source)
    except StrictYamlError as mistake:
        raise UserError(f"{file}:{mistake.line}: {mistake.text}") from None
    places = {key: Place(line, f"{file}:{line}") for key, line in parsed.lines.items()}
    return Document(file, parsed.value, places)


def _files(folder: Path) -> list[Path]:
    try:
        return sorted(entry for entry in folder.iterdir() if entry.suffix in SUFFIXES)
    except OSError:
        return []


def _absent(path: Path) -> str:
    """The sentence about a file that is not there, with a suggestion from its folder, ./configs or the examples."""
    files = {entry.name: str(entry) for folder in (Path("configs"), path.parent) for entry in _files(folder)}
    shipped = {name: name for name in examples()}
    is_name = path.suffix not in SUFFIXES
    candidates = {**files, **shipped} if is_name else {**shipped, **files}
    if name := nearest(path.as_posix() if is_name else path.name, candidates):
        what = "no such file or example" if is_name else "no such file"
        return f"{what}; did you mean '{printable(candidates[name])}'?"
    return "no such file or example; `bnreg init --list` lists the examples" if is_name else "no such file"


def _listed(folder: Path) -> str:
    names = [printable(str(entry)) for entry in _files(folder)]
    more = [f"and {len(names) - MAX_LISTED} more"] if len(names) > MAX_LISTED else []
    return f" ({', '.join(names[:MAX_LISTED] + more)})" if names else ""
