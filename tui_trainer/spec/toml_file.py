"""Reads a TOML file safely and knows on which line each key stands."""

from __future__ import annotations

import ast
import os
import re
import stat
from typing import TYPE_CHECKING, Any, Final

import tomli

from tui_trainer.errors import InvalidExperimentsError, UsageError
from tui_trainer.spec.wording import counted, escape, show_keys

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tree_sitter import Node

    from tui_trainer.spec.wording import Keys

MAX_BYTES: Final = 1 << 20
# A TOML parser needs 15 s and 1.5 GB for a dotted key of 40 KB, and the whole stack for 500 open
# brackets. No setting of ours lies deeper than six.
MAX_DEPTH: Final = 32
# Far beyond any file a person keeps, and read within a tenth of a second.
MAX_TOKENS: Final = 200_000
MAX_TOKEN_LENGTH: Final = 1 << 16
# Python reads no decimal integer of more, and says so without saying where.
MAX_DIGITS: Final = 4300

# Strings and comments are one token each and always match, closed or not: what follows an opening
# quote is read once, whatever it is, so time grows with the size of the text and no faster.
_TOKENS = re.compile(
    r'''
      (?P<skipped> """ [^"\\]* (?: (?: \\.? | "(?!"") ) [^"\\]* )* (?: "{3,5} )?
                 | \'\'\' [^']* (?: '(?!'') [^']* )* (?: '{3,5} )?
                 | " [^"\\\n]* (?: \\[^\n]? [^"\\\n]* )* "?
                 | ' [^'\n]* '?
                 | \#[^\n]* )
    | (?P<open> [\[{] )
    | (?P<close> [\]}] )
    | (?P<dot> \. )
    | (?P<reset> [=,\n]+ )
    | [^"'\#\[\]{}.=,\n]+
    ''',
    re.VERBOSE | re.DOTALL,
)
_INTEGER = re.compile(r"\s*([+-]?[0-9](?:_?[0-9])*)\s*")
_NAMED_KEYS = re.compile(r"([A-Z][a-z]+(?: [a-z]+)+) (\(.*\)|'.*')(?: twice)?", re.DOTALL)
_PLAINER_NAMED = {
    "Cannot declare": "[{}] is written twice",
    "Cannot redefine namespace": "{} is complete where it is first written",
    "Cannot mutate immutable namespace": "{} is complete where it is first written",
    "Duplicate inline table key": "{} is written twice",
}
_PLAINER = {
    "Cannot overwrite a value": "this key is written twice",
    "Invalid value": "this is no TOML value; texts need quotes",
}


class TomlDocument:
    """A TOML file's tree, and where its keys stand.

    Args:
        name: What messages call the file.
        text: The file's text.
        tree: The text, parsed.
    """

    def __init__(self, name: str, text: str, tree: dict[str, Any]) -> None:
        self.name = name
        self.text = text
        self.tree = tree
        self._lines: dict[Keys, int] | None = None

    def line_of(self, keys: Keys) -> int:
        """The line, from 1, that a key stands on, or else the nearest table around it."""
        if self._lines is None:
            self._lines = _line_index(self.text)
        while keys and keys not in self._lines:
            keys = keys[:-1]
        return self._lines.get(keys, 1)


def read(path: Path) -> TomlDocument:
    """Read a file that anybody may have written.

    Raises:
        UsageError: The file cannot be opened.
        InvalidExperimentsError: The file is no TOML, or unreasonable.
    """
    return parse_bytes(read_bytes(path), path.name)


def read_bytes(path: Path) -> bytes:
    """What a file holds that anybody may have written.

    Raises:
        UsageError: The file cannot be opened.
    """
    try:
        return _read_bytes(path)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise UsageError(f"cannot read {escape(str(path))}: {reason}") from error


def parse_bytes(data: bytes, name: str) -> TomlDocument:
    """Parse what a file holds.

    Raises:
        InvalidExperimentsError: The file is no TOML, or unreasonable.
    """
    return parse(_decoded(data, name), name)


def parse(text: str, name: str) -> TomlDocument:
    """Parse TOML, refusing first what would keep a parser busy for minutes.

    Raises:
        InvalidExperimentsError: The text is no TOML, or unreasonable.
    """
    text = text.replace("\r\n", "\n")
    if len(text) > MAX_BYTES:
        raise _refusal(name, text, 0, "larger than 1 MiB")
    _guard(text, name)
    try:
        return TomlDocument(name, text, tomli.loads(text))
    except tomli.TOMLDecodeError as error:
        raise _refusal(name, text, error.pos, _plainer(error.msg, text, error.pos)) from error
    except (ValueError, RecursionError) as error:
        # A limit on digits that somebody lowered, and a parser that ran out of stack.
        raise _refusal(name, text, 0, "cannot be read as TOML") from error


def _plainer(message: str, text: str, position: int) -> str:
    """What the parser says, in words about the file."""
    named = _NAMED_KEYS.fullmatch(message)
    if named and named[1] in _PLAINER_NAMED:
        keys = ast.literal_eval(named[2])
        keys = keys if isinstance(keys, tuple) else (keys,)
        header = f"\n{text[text.rfind(chr(10), 0, position) + 1 : position]}]"
        written = named[1] != "Cannot declare" or header in f"\n{text[:position]}"
        plain = _PLAINER_NAMED[named[1]] if written else "[{}] is defined already, in another form"
        return plain.format(show_keys(keys))
    return _PLAINER.get(message, escape(message))


def _read_bytes(path: Path) -> bytes:
    # Without O_NONBLOCK, opening a FIFO that nobody writes to never returns.
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    with os.fdopen(descriptor, "rb") as file:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise OSError(0, "not a regular file")
        return file.read(MAX_BYTES + 1)


def _decoded(data: bytes, name: str) -> str:
    if len(data) > MAX_BYTES:
        raise InvalidExperimentsError([f"{escape(name)}: larger than 1 MiB"])
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        # Without the byte order mark, positions count from after it.
        before = error.object[: error.start].decode("utf-8")
        message = f"byte 0x{error.object[error.start]:02x} is not UTF-8; save the file as UTF-8"
        raise _refusal(name, before, len(before), message) from error


def _guard(text: str, name: str) -> None:
    """Refuse, in one pass, what is nested or dotted too deep, too long or too much."""
    depth = dots = 0
    for count, token in enumerate(_TOKENS.finditer(text)):
        kind = token.lastgroup
        if count > MAX_TOKENS or token.end() - token.start() > MAX_TOKEN_LENGTH:
            raise _refusal(name, text, token.start(), "too much for an experiments file")
        if token.end() - token.start() > MAX_DIGITS and kind is None:
            _guard_digits(text, name, token)
        if kind == "dot":
            dots += 1
        elif kind == "open":
            depth, dots = depth + 1, 0
        elif kind == "close":
            depth, dots = max(depth - 1, 0), 0
        elif kind == "reset":
            dots = 0
        if depth > MAX_DEPTH or dots >= MAX_DEPTH:
            raise _refusal(name, text, token.start(), f"nested deeper than {MAX_DEPTH} levels")


def _guard_digits(text: str, name: str, token: re.Match[str]) -> None:
    """Refuse an integer that Python would not read; keys and parts of floats may be as long."""
    integer = _INTEGER.fullmatch(token[0])
    if integer is None or _is_part(text, token):
        return
    digits = sum(map(str.isdigit, integer[1]))
    if digits > MAX_DIGITS:
        message = f"a number of {counted(digits, 'digit')}, more than any setting takes"
        raise _refusal(name, text, token.start() + integer.start(1), message)


def _is_part(text: str, token: re.Match[str]) -> bool:
    """Whether a token is a key, or belongs to a float or a dotted key."""
    start, end = token.span()
    return text.startswith(".", max(start - 1, 0)) or text.startswith((".", "="), end)


def _refusal(name: str, text: str, position: int, message: str) -> InvalidExperimentsError:
    line = text.count("\n", 0, position) + 1
    column = position - (text.rfind("\n", 0, position) + 1) + 1
    return InvalidExperimentsError([f"{escape(name)}:{line}:{column}: {message}"])


def _line_index(text: str) -> dict[Keys, int]:
    """The first line of every key; tree-sitter is loaded only when there is an error to show."""
    import tree_sitter
    import tree_sitter_toml

    language = tree_sitter.Language(tree_sitter_toml.language())
    tree = tree_sitter.Parser(language).parse(text.encode("utf-8", "surrogatepass"))
    lines: dict[Keys, int] = {}
    counts: dict[Keys, int] = {}
    for node in tree.root_node.named_children:
        if node.type == "pair":
            _index_pair(node, (), lines)
        elif node.type in {"table", "table_array_element"}:
            _index_table(node, counts, lines)
    return lines


def _index_table(node: Node, counts: dict[Keys, int], lines: dict[Keys, int]) -> None:
    header, *pairs = _content(node) or [node]
    *around, last = _key_parts(header) or [""]
    keys: Keys = ()
    for part in around:
        keys = (*keys, part)
        lines.setdefault(keys, _line(header))
        # `[a.b]` after `[[a]]` speaks of the newest element of a.
        keys = (*keys, counts[keys] - 1) if keys in counts else keys
    keys = (*keys, last)
    lines.setdefault(keys, _line(header))
    if node.type == "table_array_element":
        counts[keys] = counts.get(keys, 0) + 1
        keys = (*keys, counts[keys] - 1)
        lines.setdefault(keys, _line(header))
    for pair in pairs:
        _index_pair(pair, keys, lines)


def _index_pair(node: Node, keys: Keys, lines: dict[Keys, int]) -> None:
    content = _content(node)
    if node.type != "pair" or len(content) < 2:
        return
    for part in _key_parts(content[0]):
        keys = (*keys, part)
        lines.setdefault(keys, _line(content[0]))
    _index_value(content[1], keys, lines)


def _index_value(node: Node, keys: Keys, lines: dict[Keys, int]) -> None:
    if node.type == "inline_table":
        for pair in _content(node):
            _index_pair(pair, keys, lines)
    elif node.type == "array":
        for position, element in enumerate(_content(node)):
            lines.setdefault((*keys, position), _line(element))
            _index_value(element, (*keys, position), lines)


def _content(node: Node) -> list[Node]:
    return [child for child in node.named_children if child.type not in {"comment", "ERROR"}]


def _line(node: Node) -> int:
    return node.start_point.row + 1


def _key_parts(node: Node) -> list[str]:
    return list(_parts(node))


def _parts(node: Node) -> Iterator[str]:
    if node.type == "dotted_key":
        for child in node.named_children:
            yield from _parts(child)
        return
    written = (node.text or b"").decode("utf-8", "replace")
    yield _unquoted(written) if node.type == "quoted_key" else written


def _unquoted(written: str) -> str:
    try:
        return next(iter(tomli.loads(f"{written} = 0")))
    except tomli.TOMLDecodeError:
        return written
