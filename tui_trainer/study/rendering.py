"""Spells a document: one HTML file that needs nothing else, or Markdown beside its figures."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from tui_trainer.spec.point_names import unlike
from tui_trainer.study.document import Caveat, Facts, Paragraph, Plate, Table
from tui_trainer.study.tables import markdown_text

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from jinja2 import Environment

    from tui_trainer.study.document import Document

_NOT_IN_NAMES = re.compile(r"[^A-Za-z0-9.-]+")


def render(document: Document, output: Path) -> dict[Path, bytes]:
    """The files of a document by their paths, the one that is read first of all first.

    Args:
        document: What it says.
        output: A name that ends in `.html` or `.md`.
    """
    if output.suffix.lower() == ".html":
        return {output: _html(document)}
    return _markdown(document, output)


def _html(document: Document) -> bytes:
    from markupsafe import Markup

    from tui_trainer.study.figures import PALETTE, PALETTE_ON_DARK, draw_inline

    environment = _environment()
    environment.filters["svg"] = lambda plate: Markup(draw_inline(plate.figure, plate.name))  # noqa: S704
    environment.filters["anchor"] = _file_name
    page = environment.get_template("report.html")
    return page.render(document=document, light=PALETTE, dark=PALETTE_ON_DARK).encode()


def _markdown(document: Document, output: Path) -> dict[Path, bytes]:
    from urllib.parse import quote

    from markupsafe import Markup

    from tui_trainer.study.figures import PAGE_INCHES, draw

    folder = output.with_name(f"{output.stem}-figures")
    plates = [b for section in document.sections for b in section.blocks if isinstance(b, Plate)]
    names = _file_names([plate.name for plate in plates])
    files = {
        folder / names[plate.name]: draw(plate.figure, "png", inches=PAGE_INCHES)
        for plate in plates
    }
    environment = _environment()
    environment.filters["md"] = lambda words: Markup(markdown_text(_in_a_line(words)))  # noqa: S704
    environment.filters["place"] = lambda plate: f"{quote(folder.name)}/{names[plate.name]}"
    text = environment.get_template("report.md").render(document=document)
    return {output: text.encode(), **files}


def _file_names(plates: Sequence[str]) -> dict[str, str]:
    """A file for each plate; runs `a_b/1` and `a-b/1` would be told apart by no letter."""
    names = dict[str, str]()
    for plate in plates:
        names[plate] = unlike(_file_name(plate), [*names.values()])
    return {plate: f"{name}.png" for plate, name in names.items()}


def _in_a_line(words: str) -> str:
    """A table's cell ends with its line, and so does a paragraph that goes on as a list."""
    return " ".join(words.split())


def _environment() -> Environment:
    from jinja2 import Environment, PackageLoader, StrictUndefined

    environment = Environment(
        loader=PackageLoader("tui_trainer.study", "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    kinds: dict[str, type[Any]] = {
        "paragraph": Paragraph,
        "caveat": Caveat,
        "table": Table,
        "facts": Facts,
        "plate": Plate,
    }
    for name, kind in kinds.items():
        environment.tests[name] = _is_a(kind)
    return environment


def _is_a(kind: type[Any]) -> Any:
    return lambda block: isinstance(block, kind)


def _file_name(name: str) -> str:
    return _NOT_IN_NAMES.sub("-", name).strip("-.").lower() or "figure"
