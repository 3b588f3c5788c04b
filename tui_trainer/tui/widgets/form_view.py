"""A form as lines: what is filled in, beside it what that becomes, below it what can be done."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from rich.cells import cell_len, set_cell_size
from textual.message import Message

from tui_trainer.tui.widgets.line import Line, Span, fit, fit_line, width_of
from tui_trainer.tui.widgets.line_view import LineView

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from textual import events
    from textual.geometry import Size

    from tui_trainer.tui.glyphs import Glyphs
    from tui_trainer.tui.typed import Typed

LABEL = 14
SMALLEST_VALUE = 20


class FormRow(NamedTuple):
    """A line of a form."""

    label: str
    typed: Typed | None = None
    """What is typed there; None for a line that only is chosen."""
    shown: str = ""
    """What stands there where nothing is typed."""
    ink: str = ""
    """Of what is shown where nothing can be typed."""
    is_choice: bool = False
    note: Line = ()
    """Beside it: what it becomes, what is wrong."""
    is_action: bool = False
    """Whether it is something that is done."""
    number: int | None = None
    """The line of the form that it is; None where there is nothing to do."""


class FormView(LineView):
    """Shows rows, and tells which one was clicked."""

    class Clicked(Message):
        """A line of the form was clicked."""

        def __init__(self, number: int) -> None:
            super().__init__()
            self.number = number

    def __init__(self, glyphs: Glyphs) -> None:
        super().__init__(glyphs)
        self._rows: tuple[FormRow, ...] = ()
        self._at = 0
        self._top = 0

    def show(self, rows: Sequence[FormRow], at: int) -> None:
        """Show these, with the cursor on the line of that number."""
        grew = len(rows) != len(self._rows)
        if (tuple(rows), at) != (self._rows, self._at):
            self._rows, self._at = tuple(rows), at
            self.redraw()
        if grew:
            self.refresh(layout=True)

    def get_content_height(self, container: Size, viewport: Size, width: int) -> int:
        """One line for each row."""
        del container, viewport, width
        return len(self._rows)

    def draw(self, width: int, height: int) -> Sequence[Line]:
        """As many rows as there is room for, the one with the cursor among them."""
        numbers = [row.number for row in self._rows]
        at = numbers.index(self._at) if self._at in numbers else 0
        self._top = min(max(self._top, at - height + 1), at, max(0, len(self._rows) - height))
        self._top = max(0, self._top)
        seen = self._rows[self._top : self._top + height]
        return [tuple(self._row(row, width)) for row in seen]

    def on_click(self, event: events.Click) -> None:
        """Tell of it."""
        row = self._top + event.y
        if row < len(self._rows) and (number := self._rows[row].number) is not None:
            self.post_message(self.Clicked(number))

    def _row(self, row: FormRow, width: int) -> Iterator[Span]:
        is_here = row.number is not None and row.number == self._at
        mark = Span(f"{self.glyphs.cursor} " if is_here else "  ", "accent")
        label = f"{fit(row.label, LABEL, self.glyphs.ellipsis)} "
        room = width - 2 - len(label)
        value = self._value(row, is_here=is_here, room=max(1, room - 1))
        ink = "accent" if row.is_action else "muted"
        line = [mark, Span(label, f"{ink} strong" if is_here else ink), *value]
        wanted = max(width_of(value), min(SMALLEST_VALUE, room // 2)) + 2
        column = 2 + len(label) + wanted
        line.append(Span(" " * (min(column, width) - width_of(line))))
        yield from fit_line([*line, *row.note], width, self.glyphs.ellipsis)

    def _value(self, row: FormRow, *, is_here: bool, room: int) -> list[Span]:
        if row.typed is None:
            return [Span(row.shown, row.ink)]
        text, at = row.typed.text, row.typed.at
        if row.is_choice:
            ink = "key" if is_here else "faint"
            before, after = Span("< ", ink), Span(" >", ink)
            return [before, Span(text or row.shown, "" if text else "muted"), after]
        if not is_here:
            return [Span(text or row.shown, "" if text else "muted")]
        # What is left of the cursor stays in sight.
        while cell_len(text[:at]) >= room:
            text, at = text[1:], at - 1
        under = text[at : at + 1] or " "
        rest = text[at + 1 :] or ("" if text else row.shown)
        rest = set_cell_size(rest, min(cell_len(rest), max(0, room - cell_len(text[:at]) - 1)))
        return [Span(text[:at]), Span(under, "caret"), Span(rest, "" if text else "muted")]
