"""A file that anybody may have written: read in bounded time, or refused in words."""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING

import pytest

from tui_trainer.errors import InvalidExperimentsError, UsageError
from tui_trainer.spec.toml_file import MAX_BYTES, TomlDocument, parse, read

if TYPE_CHECKING:
    from pathlib import Path

# A parser without a guard needs 15 s, 1.5 GB or the whole stack for the first eight.
NESTED = {
    "500 arrays": "a = " + "[" * 500 + "]" * 500,
    "500 inline tables": "a = " + "{a=" * 500 + "1" + "}" * 500,
    "dotted key of 40 KB": "a" + ".a" * 20_000 + " = 1",
    "dotted key of 1 MiB": "a" + ".a" * 500_000 + " = 1",
    "dotted header": "[" + "a." * 20_000 + "a]",
    "dotted array header": "[[" + "a." * 20_000 + "a]]",
    "quoted parts": '"a".' * 20_000 + "a = 1",
    "spaced parts": "a . " * 20_000 + "a = 1",
    "in an inline table": "a = {" + "a." * 20_000 + "a = 1}",
    "behind a string of quotes": 'a = ["""x"""", {' + "a." * 20_000 + "a = 1}]",
    "behind a literal of quotes": "a = ['''x'''', {" + "a." * 20_000 + "a = 1}]",
    "behind an escaped backslash": 'a = ["\\\\", {' + "a." * 20_000 + "a = 1}]",
    "behind an escaped quote": 'a = ["""\\"""", {' + "a." * 20_000 + "a = 1}]",
    "behind a comment": "# '''\na" + ".a" * 20_000 + " = 1",
}
LARGE = {
    "one character": "x" * MAX_BYTES,
    "quotes": '"' * MAX_BYTES,
    "apostrophes": "'" * MAX_BYTES,
    "backslashes in a string": '"' + "\\" * (MAX_BYTES - 1),
    "open string of escapes": 'a = "' + '\\"' * (MAX_BYTES // 2 - 9),
    "open long string of escapes": 'a = """' + '\\"' * (MAX_BYTES // 2 - 9),
    "open long string of quotes": 'a = """' + '""a' * (MAX_BYTES // 3 - 9),
    "open literal of apostrophes": "a = '''" + "''a" * (MAX_BYTES // 3 - 9),
    "open strings": '"\n' * (MAX_BYTES // 2),
    "closing brackets": "]" * MAX_BYTES,
    "empty arrays": "a = [" + "[]," * (MAX_BYTES // 3 - 9) + "]",
    "tiny tables": "".join(f"[a{number}]\n" for number in range(100_000)),
    "tiny array tables": "[[a]]\n" * 170_000,
    "long keys": ("a." * 30 + "a\n") * 16_000,
    "digits": "a = " + "9" * (MAX_BYTES - 9),
}


@pytest.mark.parametrize("text", NESTED.values(), ids=NESTED)
def test_what_is_nested_too_deep_is_refused_before_a_parser_sees_it(text: str) -> None:
    with pytest.raises(InvalidExperimentsError, match=r"^e.toml:\d+:\d+: nested deeper than 32"):
        parse(text, "e.toml")


@pytest.mark.parametrize("text", [*NESTED.values(), *LARGE.values()], ids=[*NESTED, *LARGE])
def test_a_bomb_is_refused_at_once(text: str) -> None:
    before = time.process_time()
    with pytest.raises(InvalidExperimentsError):
        parse(text, "e.toml")
    # Measured: 0.1 s at most. The rest is for a slow and busy machine.
    assert time.process_time() - before < 0.5


@pytest.mark.parametrize(
    "text",
    [
        "a = " + "[" * 32 + "]" * 32,
        ".".join("a" * 32) + " = 1",
        "a = [" + "1.5, " * 1000 + "]",
        'a = "' + "[" * 500 + '"',
        "a = '''\n" + "[." * 500 + "'''",
        "# " + "[." * 500,
        "".join(f"a{number}.b = 1.5\n" for number in range(1000)),
        "\n" * 60_000,
    ],
)
def test_what_only_looks_deep_is_read(text: str) -> None:
    parse(text, "e.toml")


@pytest.mark.parametrize(
    "value",
    [
        "9" * 5001,
        "-" + "9" * 5001,
        "9" * 5001 + " # years",
        "9" + "_9" * 5000,
        "  [" + "9" * 5001 + "]",
        "{b = " + "9" * 5001 + "}",
    ],
)
def test_a_number_of_thousands_of_digits_is_told_where_it_stands(value: str) -> None:
    with pytest.raises(
        InvalidExperimentsError, match=r"^e.toml:2:\d+: a number of 5001 digits, more than any"
    ):
        parse(f"b = 1\na = {value}", "e.toml")


@pytest.mark.parametrize(
    "text",
    [
        "a = " + "9" * 4300,
        "a = " + "9" * 5000 + ".5",
        "a = 1." + "9" * 5000,
        "a = " + "9" * 5000 + "e-3",
        "a = 0x" + "9" * 5000,
        "9" * 5000 + " = 1",
        "a." + "9" * 5000 + " = 1",
        "a = '" + "9" * 5000 + "'",
        "# " + "9" * 5000,
    ],
)
def test_many_digits_that_can_be_read_are_read(text: str) -> None:
    parse(text, "e.toml")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a = 1\na = 2", "e.toml:2:6: this key is written twice"),
        ("a = 1\nb = yes", "e.toml:2:5: this is no TOML value; texts need quotes"),
        ("a = 1\n[b", "e.toml:2:3: "),
        ("[a.b]\n[a.b]", "e.toml:2:5: [a.b] is written twice"),
        ('[a."\x7f"]', "e.toml:1:5: "),
        ('["a b"]\n["a b"]', 'e.toml:2:7: ["a b"] is written twice'),
        ("a = {b = 1}\n[a.c]", "e.toml:2:5: [a.c] is defined already, in another form"),
        ("a = {b = 1}\na.c = 2", "e.toml:2:"),
        ("a = {b = 1, b = 2}", "e.toml:1:18: b is written twice"),
        ("a = 1\rb = 2", "e.toml:1:6: "),
        ("a = '\x1b[31m'", "e.toml:1:6: "),
    ],
)
def test_a_mistake_is_told_with_line_and_column(text: str, message: str) -> None:
    with pytest.raises(InvalidExperimentsError) as caught:
        parse(text, "e.toml")
    (line,) = caught.value.problems
    assert line.startswith(message)
    assert line.isprintable()


def test_a_byte_order_mark_and_windows_lines_are_read(tmp_path: Path) -> None:
    path = tmp_path / "e.toml"
    path.write_bytes(b"\xef\xbb\xbfa = 1\r\n[b]\r\nc = 2\r\n")
    document = read(path)
    assert document.tree == {"a": 1, "b": {"c": 2}}
    assert document.line_of(("b", "c")) == 3


def test_a_byte_that_is_not_utf8_is_told_with_line_and_column(tmp_path: Path) -> None:
    path = tmp_path / "e.toml"
    path.write_bytes("\ufeffa = 1\nb = 'ä'  # ".encode() + b"\xe9")
    with pytest.raises(InvalidExperimentsError, match=r"^e.toml:2:12: byte 0xe9 is not UTF-8"):
        read(path)


def test_a_file_of_more_than_a_mebibyte_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "e.toml"
    with path.open("wb") as file:
        file.truncate(1 << 40)  # a sparse terabyte: reading it whole would end the test run
    with pytest.raises(InvalidExperimentsError, match="larger than 1 MiB"):
        read(path)


def test_a_fifo_does_not_hang_the_reader(tmp_path: Path) -> None:
    path = tmp_path / "e.toml"
    os.mkfifo(path)
    with pytest.raises(UsageError, match="not a regular file"):
        read(path)


@pytest.mark.parametrize("name", ["missing.toml", "", "\0", "x" * 300])
def test_a_file_that_cannot_be_opened_is_a_usage_error(tmp_path: Path, name: str) -> None:
    with pytest.raises(UsageError, match="cannot read") as caught:
        read(tmp_path / name)
    assert caught.value.message.isprintable()


DOCUMENT = """\
top.dotted."quoted key" = 1
[table."x y".z]
k = { p = 1, q.r = [1, {u = 2}] }
[[arr]]
z = 1
[[arr]]
z = [
  1, # comment
  { deep = 3 },
]
[arr.sub]
w = 1
[arr.sub.'literal']
"\\u0061" = 1
multi = {
  x = 1,
  y = 2,
}
[after]
v = 1
"""


@pytest.mark.parametrize(
    ("keys", "line"),
    [
        (("top",), 1),
        (("top", "dotted", "quoted key"), 1),
        (("table", "x y"), 2),
        (("table", "x y", "z", "k", "p"), 3),
        (("table", "x y", "z", "k", "q", "r", 1, "u"), 3),
        (("arr",), 4),
        (("arr", 0, "z"), 5),
        (("arr", 1, "z"), 7),
        (("arr", 1, "z", 0), 8),
        (("arr", 1, "z", 1, "deep"), 9),
        (("arr", 1, "sub", "w"), 12),
        (("arr", 1, "sub", "literal", "a"), 14),
        (("arr", 1, "sub", "literal", "multi"), 15),
        (("after", "v"), 20),
        (("after", "missing", "key"), 19),
        (("nowhere",), 1),
        ((), 1),
    ],
)
def test_every_key_has_its_line(keys: tuple[str | int, ...], line: int) -> None:
    # Not parsed: the table of several lines is TOML 1.1, which not every parser knows.
    assert TomlDocument("e.toml", DOCUMENT, {}).line_of(keys) == line
