"""The files of a run as a page: their sizes, and the digests that were recorded of them."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import groupby
from typing import TYPE_CHECKING

from tui_trainer.tui import figures
from tui_trainer.tui.widgets.line import Line, Span, fit, wrap

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from tui_trainer.tui.glyphs import Glyphs
    from tui_trainer.tui.run_files import Files, RunFile

LONGEST_NAME, SIZE = 40, 15
DIGITS_OF_DIGEST = 16
WIDTH_FOR_WHOLE_DIGEST = 130


@dataclass(frozen=True)
class FilesPage:
    """A run's folder."""

    files: Files

    @property
    def begins_at_end(self) -> bool:
        """Read from its beginning."""
        return False

    def title(self, width: int, glyphs: Glyphs) -> Line:
        """Where they are, and how much that is."""
        del width
        files = self.files.files
        total = sum(file.size for file in files)
        words = (figures.plural(len(files), "file"), f"{total:,} bytes", self.files.path)
        return (Span(f" {f' {glyphs.dot} '.join(words)}", "muted"),)

    def rows(self, width: int, glyphs: Glyphs) -> Sequence[Line]:
        """Folder by folder, the run's own first."""
        if self.files.fault:
            return [(Span(f"   {text}", "bad"),) for text in wrap(self.files.fault, width - 4)]
        rows = list(self._by_folder(width, glyphs))
        if self.files.left_out:
            rows.append((Span(f"   and {self.files.left_out} more", "muted"),))
        return rows

    def _by_folder(self, width: int, glyphs: Glyphs) -> Iterator[Line]:
        longest = max((len(file.name) for file in self.files.files), default=0)
        name_width = min(LONGEST_NAME, longest)
        digits = 64 if width >= WIDTH_FOR_WHOLE_DIGEST else DIGITS_OF_DIGEST
        heads = f"{'bytes':>{SIZE}}  sha256, as recorded; tui-trainer verify reads the files"
        is_first = True
        for folder, files in groupby(self.files.files, key=lambda file: file.folder):
            if not is_first:
                yield ()
            title = fit(f"{folder}/" if folder else "run folder", name_width + 2, glyphs.ellipsis)
            yield Span(f" {title}", "strong"), Span(heads if is_first else "", "muted")
            is_first = False
            yield from (_row(file, name_width, digits, glyphs) for file in files)


def _row(file: RunFile, name_width: int, digits: int, glyphs: Glyphs) -> Line:
    name = Span(f"   {fit(file.name, name_width, glyphs.ellipsis)}")
    if file.kind:
        return name, Span(f"{file.kind:>{SIZE}}", "warn")
    size = Span(f"{file.size:>{SIZE},}  ")
    if file.lacks_digest:
        return name, size, Span("none was recorded", "warn")
    return name, size, Span(file.sha256[:digits], "muted")
