"""The base of every widget: draws lines and repaints those that changed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.segment import Segment
from textual.geometry import Region
from textual.strip import Strip
from textual.widget import Widget

from tui_trainer.tui.widgets.pixel_style import pixel_style

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.style import Style
    from textual.events import Resize

    from tui_trainer.tui.glyphs import Glyphs
    from tui_trainer.tui.widgets.line import Line

# The app has them as its component classes: as each widget's own they took most of the start.
INKS = (
    *("strong", "muted", "faint", "accent", "good", "warn", "bad"),
    *("cursor", "caret", "key", "train", "validation", "ood"),
    *(f"curve{number}" for number in range(1, 9)),
)


class LineView(Widget):
    """A widget that is a number of lines.

    A subclass draws all lines at once from its data; `redraw` compares them with what is shown.
    Textual would repaint the whole widget.
    """

    def __init__(self, glyphs: Glyphs, widget_id: str | None = None) -> None:
        super().__init__(id=widget_id)
        self.glyphs = glyphs
        self._shown: Sequence[Line] = ()
        self._shown_width = 0
        self._styles: dict[str, Style] = {}

    def draw(self, width: int, height: int) -> Sequence[Line]:
        """The lines, from the widget's data."""
        raise NotImplementedError

    def redraw(self) -> None:
        """Show what the data are now."""
        width, height = self.size
        old, new = self._shown, self.draw(width, height)
        self._shown = new
        if width != self._shown_width or len(old) != len(new):
            self._shown_width = width
            self.refresh()
            return
        regions = [
            Region(0, y, width, 1)
            for y, (before, after) in enumerate(zip(old, new, strict=True))
            if before != after
        ]
        if regions:
            self.refresh(*regions)

    def on_resize(self, _event: Resize) -> None:
        """Draw for the new size."""
        self._shown_width = -1
        self.redraw()

    def notify_style_update(self) -> None:
        """Forget the colours of the old theme."""
        self._styles.clear()
        super().notify_style_update()

    def render_line(self, y: int) -> Strip:
        """One line in the colours of the theme."""
        line = self._shown[y] if y < len(self._shown) else ()
        segments = [Segment(self._sayable(span.text), self._style(span.ink)) for span in line]
        return Strip(segments).adjust_cell_length(self.size.width, self._style(""))

    def _sayable(self, text: str) -> str:
        return text.encode("ascii", "replace").decode() if self.glyphs.is_ascii else text

    def _style(self, inks: str) -> Style:
        """Never None: Textual's NO_COLOR filter needs a style on every segment."""
        if inks.startswith("#"):
            return pixel_style(inks)
        style = self._styles.get(inks)
        if style is None:
            style = self.rich_style
            for ink in inks.split():
                style += self.app.get_component_styles(f"ink--{ink}").partial_rich_style
            self._styles[inks] = style
        return style
