"""The YAML of a config: allowed content, and one plain line with a line number for everything else."""

import contextlib
import sys

import pytest
import yaml
from support.config_case import LARGEST_STARTS, LARGEST_UNITS, largest_file

from bnreg.config.source import strict_yaml
from bnreg.config.source.strict_yaml import MAX_BYTES, parse, parse_value
from bnreg.config.source.yaml_mistakes import StrictYamlError

REFUSED = {
    "": "1: the file is empty; write at least a name and arms",
    "# only a comment\n": "1: the file is empty; write at least a name and arms",
    "---\n": "1: the file is empty; write at least a name and arms",
    "- a\n- b\n": "1: expected keys such as 'name: …' at the top level, got ['a', 'b']",
    "word": "1: expected keys such as 'name: …' at the top level, got 'word'",
    "a: 1\nb:\n  c: 1\n  c: 2\n": "4: duplicate key 'c' (first written on line 3)",
    "a: {b: 1, b: 2}": "1: duplicate key 'b' (first written on line 1)",
    "a:\n\tb: 1\n": "2: tab in the indentation; indent with spaces",
    "a:\n  b: 1\n \t c: 1\n": "3: tab in the indentation; indent with spaces",
    "lr:0.1\n": "1: write 'lr: 0.1' (a space after the colon)",
    "a:\n  lr:0.1\n": "2: write 'lr: 0.1' (a space after the colon)",
    "a:\n  lr:0.1\n  b:0.2\n": "2: write 'lr: 0.1' (a space after the colon)",
    "a:\n  lr:0.1\n  name: adam\n": "2: write 'lr: 0.1' (a space after the colon)",
    "a:\n  name: adam\n\n  # comment\n  lr:0.1\n# comment\n\nb: 1\n": "5: write 'lr: 0.1' (a space after the colon)",
    "a: {lr:0.1, name: adam}\n": "1: write 'lr: 0.1' (a space after the colon)",
    "a: 1\n---\nb: 2\n": "2: a second document ('---'); one file holds one experiment",
    "a: &x [1]\nb: *x\n": "1: the anchor '&x' is not supported; write the value out",
    "a: &x 1\n": "1: the anchor '&x' is not supported; write the value out",
    "a: *x\n": "1: the alias '*x' is not supported; write the value out",
    "a: *.yaml\n": "1: aliases ('*…') are not supported; write the value out, or quote the text",
    "a: 1\n<<: {b: 1}\n": "2: merge keys ('<<') are not supported; write the values out",
    "a: !!str 1\n": "1: tags ('!…') are not supported; remove the tag",
    "a: !!python/object/apply:os.system [x]\n": "1: tags ('!…') are not supported; remove the tag",
    "a: !x!y 1\n": "1: tags ('!…') are not supported; quote the text",
    "%YAML 1.1\n---\na: 1\n": "1: directives ('%…') are not supported; remove the line",
    "arms:\n  1: {}\n": "2: the key 1 is not text; quote it: '1'",
    "arms: {1: {}}\n": "1: the key 1 is not text; quote it: '1'",
    "arms: {a: 0, 1: {}}\n": "1: the key 1 is not text; quote it: '1'",
    "arms: {a: 0, 1: ''}\n": "1: the key 1 is not text; quote it: '1'",
    "arms: {a: x, 1}\n": "1: the key 1 is not text; quote it: '1'",
    "a:\n  b: 0\n  1:\n": "3: the key 1 is not text; quote it: '1'",
    "a: 1\nb: {lr: 0,1}\n": "2: write 'lr: 0.1' (a decimal point; a comma ends the value)",
    "b: {lr: -0,05e-3, name: adam}\n": "1: write 'lr: -0.05e-3' (a decimal point; a comma ends the value)",
    "true: 1\n": "1: the key true is not text; quote it: 'true'",
    "? [a]\n: 1\n": "1: a key must be text, not a list or mapping",
    "a: " + "[" * 20 + "]" * 20: "1: nested deeper than 20 levels",
    "[" * 100_000: "1: nested deeper than 20 levels",
    "a: \a\n": "1: control character '\\x07'; remove it",
    'a: "\\u0007"\n': "1: control character '\\x07'; remove it",
    "a: x\u2028b: 1\n": "1: control character '\\u2028'; remove it",
    "a: " + "9" * 301: "1: a number with 301 digits; at most 300 are allowed",
    "a: [1, 2\nb: 3\n": "1: a list '[…]' is missing a comma or its closing ']'",
    "a: {b: 1 c: 2}\n": "1: a mapping '{…}' is missing a comma or its closing '}'",
    "x: 1\na: [\n": "2: a value is missing, or a bracket has no partner",
    "a: }\n": "1: a value is missing, or a bracket has no partner",
    "a: 'x\nb: 3\n": "1: a quote that is never closed",
    'a: "\\q"\n': "1: an unknown escape after '\\'; use single quotes for text with backslashes",
    'a: "\\xZZ"\n': "1: an unknown escape after '\\'; use single quotes for text with backslashes",
    "a: b: c\n": "1: a second ':' is not allowed here; quote the text or start a new line",
    "a:\n  b: 1\n c: 2\n": "3: this line's indentation matches no level above, or the line above is not finished",
    "a: 'x' y\n": "1: text after the end of a value; quote the whole value",
    "a: [1]]\n": "1: text after the end of a value; quote the whole value",
    "{a: 1}}\n": "1: text after the end of the document",
    "- a\nb: 1\n": "2: expected a list item ('- …') like those above",
    "a: - 1\n": "1: a '-' where no list item is allowed; start a new line",
    "a: @x\n": "1: text that starts with a special character; quote it",
    "a: %x\n": "1: text that starts with a special character; quote it",
    "a: 1\nb\nc: 2\n": "2: a key without ':' and a value",
    "a: |3x\n b\n": "1: a '|' or '>' without text below it; quote it",
}


@pytest.fixture(params=["libyaml", "python"])
def _both_scanners(request, monkeypatch):
    """PyYAML's own scanner and libyaml's word their messages differently."""
    if request.param == "python":
        monkeypatch.setattr(strict_yaml, "LOADER", yaml.SafeLoader)


def refusal(text: str | bytes) -> str:
    with pytest.raises(StrictYamlError) as caught:
        parse(text if isinstance(text, bytes) else text.encode())
    return f"{caught.value.line}: {caught.value.text}"


@pytest.mark.usefixtures("_both_scanners")
@pytest.mark.parametrize("text", REFUSED, ids=lambda text: repr(text[:30]))
def test_what_is_not_strict_yaml_is_refused_in_one_plain_line(text):
    """Each mistake has its own sentence with its line, with either scanner."""
    assert refusal(text) == REFUSED[text]


@pytest.mark.parametrize(
    ("text", "value"),
    {
        "1e-3": 0.001,
        "1E3": 1000.0,
        ".5": 0.5,
        "5.": 5.0,
        "-7": -7,
        "010": 10,
        "0o17": 15,
        "0xff": 255,
        "1_000": "1_000",
        "0,1": "0,1",
        "1:30": "1:30",
        "2020-01-01": "2020-01-01",
        "true": True,
        "false": False,
        "True": "True",
        "off": "off",
        "yes": "yes",
        "no": "no",
        "null": None,
        "~": None,
        "": None,
        "'1'": "1",
        '"true"': "true",
        "cuda:0": "cuda:0",
        "/a:b": "/a:b",
        "[1, x, []]": (1, "x", ()),
        "{a: {b: 1}}": {"a": {"b": 1}},
    }.items(),
)
def test_scalars_are_those_of_yaml_1_2(text, value):
    """1e-3 is a number and off is a word, in files and in overrides."""
    parsed = parse(f"key: {text}".encode()).value["key"]
    assert (parsed, type(parsed)) == (value, type(value))
    assert parse_value(text) == value


def test_infinities_are_numbers_that_the_schema_refuses():
    """.inf and .nan are numbers in YAML 1.2."""
    value = parse(b"b: -.inf\nc: .NaN").value
    assert value["b"] == float("-inf")
    assert value["c"] != value["c"]


def test_every_key_and_list_item_has_its_line():
    """The value of a mapping has the line of its key."""
    text = b"\n# header\na:\n  b: 1\n  c: {d: 2}\nlist:\n  - 1\n  - {e: 3}\n"
    assert parse(text).lines == {
        ("a",): 3,
        ("a", "b"): 4,
        ("a", "c"): 5,
        ("a", "c", "d"): 5,
        ("list",): 6,
        ("list", 0): 7,
        ("list", 1): 8,
        ("list", 1, "e"): 8,
    }


def test_windows_files_are_read_like_others():
    """A byte order mark and carriage returns are allowed, and line numbers match an editor's."""
    parsed = parse(b"\xef\xbb\xbfa: 1\r\nb:\r\n  c: x\r\n")
    assert parsed.value == {"a": 1, "b": {"c": "x"}}
    assert parsed.lines["b", "c"] == 3


def test_bytes_that_are_not_utf_8_are_named():
    """The line and the byte identify the letter in a file with another encoding."""
    assert refusal(b"a: 1\nb: caf\xe9\n") == "2: not UTF-8 (byte 0xe9); save the file as UTF-8"
    assert refusal("a: 1".encode("utf-16")) == "1: not UTF-8 (byte 0xff); save the file as UTF-8"


def test_nesting_to_the_limit_is_read():
    """The top-level mapping is the first of 20 levels."""
    assert parse(b"a: " + b"[" * 19 + b"]" * 19).value["a"]


@pytest.mark.parametrize("unit", LARGEST_UNITS)
@pytest.mark.parametrize("start", LARGEST_STARTS.values(), ids=LARGEST_STARTS)
def test_the_largest_file_costs_bounded_work(start, unit):
    """No file can keep a command busy; the torture tests measure the time for the same files."""
    source = largest_file(start, unit)
    num_calls = 0

    def count(_frame, event, _argument):
        nonlocal num_calls
        num_calls += event in ("call", "c_call")

    sys.setprofile(count)
    try:
        with contextlib.suppress(StrictYamlError):
            parse(source)
    finally:
        sys.setprofile(None)
    assert num_calls < 2 * MAX_BYTES


def test_a_larger_file_is_refused_unread():
    """One byte above the limit is too much."""
    assert refusal(b" " * (MAX_BYTES + 1)) == "1: larger than 1024 KiB: not an experiment"


def test_a_file_with_too_many_values_is_refused():
    """That many values are not an experiment, and would only cost time."""
    assert refusal(b"a: [" + b"1," * 200_000 + b"]") == "1: more than 20000 values: not an experiment"


@pytest.mark.parametrize("text", ["a: 1", "- 1", "1\nb: 2"])
def test_an_override_cannot_contain_a_block(text):
    """Blocks need several lines, and an override is one line."""
    with pytest.raises(StrictYamlError):
        parse_value(text)
