"""What `--json` prints; apart from the words for people, which cost their import."""

from __future__ import annotations

import json
import sys
from contextlib import contextmanager
from textwrap import indent
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


def print_json(value: Any) -> None:
    """Print one JSON document on standard output."""
    json.dump(value, sys.stdout, indent=2, ensure_ascii=True)
    sys.stdout.write("\n")


@contextmanager
def json_list() -> Iterator[Callable[[Any], None]]:
    """Print one JSON list, each element as soon as it is given; it is closed also by an error."""
    before = "[\n"

    def print_element(element: Any) -> None:
        nonlocal before
        document = json.dumps(element, indent=2, ensure_ascii=True)
        sys.stdout.write(before + indent(document, "  "))
        sys.stdout.flush()
        before = ",\n"

    try:
        yield print_element
    finally:
        sys.stdout.write("[]\n" if before == "[\n" else "\n]\n")
