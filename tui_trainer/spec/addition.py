"""Says an experiment over one that a file has, and adds it there: no other byte is touched."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec
from msgspec import Struct

from tui_trainer.errors import InvalidExperimentsError, UsageError
from tui_trainer.spec.experiment import Experiment
from tui_trainer.spec.loader import Loader, name_problem
from tui_trainer.spec.table import OPEN, fields_of
from tui_trainer.spec.toml_file import parse_bytes
from tui_trainer.spec.wording import quote

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tui_trainer.spec.project import Project

_BARE_KEY = re.compile(r"[A-Za-z0-9_-]+")


class Addition(NamedTuple):
    """A table for experiments.toml."""

    name: str
    text: str
    """Its lines, each with its newline."""


def name_fault(project: Project, name: str) -> str:
    """Why a new experiment cannot have this name, or an empty text."""
    if problem := name_problem(name):
        return problem
    taken = (*project.bases, *project.studies, *project.points)
    twin = next((known for known in taken if known.lower() == name.lower()), "")
    if twin == name:
        what = "an experiment" if name in project.bases else "a study, or a point of one,"
        return f"there is {what} {quote(name)} already"
    return f"differs from {quote(twin)} only in upper and lower case" if twin else ""


def free_name(project: Project, name: str) -> str:
    """A name that is not taken yet: `cnn4-2`."""
    stem = re.sub(r"-[0-9]+$", "", name)[:58]
    candidates = (f"{stem}-{number}" for number in range(2, len(project.bases) + 4))
    return next(candidate for candidate in candidates if not name_fault(project, candidate))


def addition(project: Project, name: str, base: str | None, wanted: Experiment) -> Addition:
    """The table that makes an experiment `name` what is wanted, in as few keys as can be.

    Args:
        project: The file, as it stands.
        name: A name that is free.
        base: What it is said over; where that cannot be done, it is said over what lies below.
        wanted: The whole of it.

    Raises:
        UsageError: The name is taken or no name, or no table can say what is wanted.
    """
    if fault := name_fault(project, name):
        raise UsageError(fault, hint=f"free: {free_name(project, base or name)}")
    for below in (*_chain(project, base), None):
        header = f"[experiments.{_key(name)}]\n" + (f'base = "{below}"\n' if below else "")
        lower = project.experiments[below] if below else _added(project, name, header)
        for passes_over in (("pipeline",), ()) if lower else ():
            text = header + "".join(_lines(lower, wanted, passes_over))
            if _added(project, name, text) == wanted:
                return Addition(name, text)
    raise UsageError(
        f"no table of {project.path.name} can say that over [defaults]",
        hint="a key that has no value cannot take one back: change [defaults], or add it by hand",
    )


def appended(content: bytes, added: Addition) -> bytes:
    """The file with the table at its end, in the newlines that it has."""
    newline = b"\r\n" if re.match(rb"[^\n]*\r\n", content) else b"\n"
    gap = b"" if content.endswith(b"\n") or not content.strip() else newline
    if content.strip() and not re.search(rb"\n[ \t]*\r?\n\Z", content):
        gap += newline
    return content + gap + added.text.encode().replace(b"\n", newline)


def _chain(project: Project, base: str | None) -> Iterator[str]:
    """A base that can be inherited from, and what it inherits from itself."""
    while base is not None and base in project.experiments:
        yield base
        base = project.bases[base]


def _added(project: Project, name: str, text: str) -> Experiment | None:
    """What the file would make of the table."""
    content = appended(project.text.encode(), Addition(name, text))
    try:
        return Loader(parse_bytes(content, project.path.name)).experiments.get(name)
    except InvalidExperimentsError:
        return None


def _lines(
    below: Experiment | None, wanted: Experiment, left_out: tuple[str, ...]
) -> Iterator[str]:
    for field in fields_of(Experiment):
        if field.name not in left_out:
            old, new = getattr(below, field.name), getattr(wanted, field.name)
            yield from _differing(field.encode_name, old, new)


def _differing(key: str, old: Any, new: Any) -> Iterator[str]:
    if old == new or new is None:  # TOML has no word for no value
        return
    if not isinstance(new, Struct) or not _are_of_one_kind(old, new):
        yield f"{key} = {written(_terse(new))}\n"
        return
    for field in fields_of(type(new)):
        before, after = getattr(old, field.name), getattr(new, field.name)
        if field.name != OPEN:
            yield from _differing(f"{key}.{field.encode_name}", before, after)
            continue
        for parameter, value in after.items():
            yield from _differing(f"{key}.{_key(parameter)}", before.get(parameter), value)


def _are_of_one_kind(old: object, new: Struct) -> bool:
    """Whether the tables are merged key by key; others are replaced whole."""
    return type(old) is type(new) and getattr(old, "name", "") == getattr(new, "name", "")


def _terse(value: Any) -> Any:
    """A value without the keys that nobody needs to write."""
    if isinstance(value, tuple):
        return [_terse(each) for each in value]
    if not isinstance(value, Struct):
        return msgspec.to_builtins(value)
    said = {"name": value.name} if hasattr(value, "name") else {}
    for field in fields_of(type(value)):
        each = getattr(value, field.name)
        if field.name == OPEN:
            said |= {key: _terse(parameter) for key, parameter in each.items()}
        elif field.name != "name" and each is not None and each != field.default:
            said[field.encode_name] = _terse(each)
    return said


def written(value: Any) -> str:
    """A value as TOML has it, on one line."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, dict):
        pairs = ", ".join(f"{_key(key)} = {written(each)}" for key, each in value.items())
        return f"{{ {pairs} }}" if pairs else "{}"
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(written, value))}]"
    if isinstance(value, str):
        import tomlkit

        return str(tomlkit.string(value).as_string())
    return repr(value)


def _key(key: str) -> str:
    return key if _BARE_KEY.fullmatch(key) else written(key)
