"""Draws figures with matplotlib, which is imported here and nowhere else: PNG, SVG and PDF."""

from __future__ import annotations

import contextlib
import io
import logging
import os
import re
import tempfile
import warnings
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from tui_trainer.errors import UsageError
from tui_trainer.study.picture import Bars, Grid, Lines

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from matplotlib.axes import Axes
    from matplotlib.axis import Axis
    from matplotlib.figure import Figure as Canvas

    from tui_trainer.study.picture import Figure, Line, Panel, Point, Style, Target

FORMATS = ("png", "svg", "pdf")
COLUMN_INCHES, PAGE_INCHES = 3.35, 6.9
"""A column of a two-column paper, and both of them."""
_INCHES_OF_PANEL = 2.1
# About what its axes have of it, above what stands below them.
_POINTS_OF_PANEL = 120.0
_POINTS_OF_LABEL, _POINTS_ABOVE = 9.0, 1.5
_INCHES_OF_MANY = 5.2
_PIXELS_PER_INCH = 130
_DPI = 300
# Okabe and Ito's colours (2008), told apart also without red or green; their yellow is too pale for
# lines on paper, and their black is the colour of the text.
PALETTE: Final = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#7F6A55")
PALETTE_ON_DARK: Final = (
    *("#4FA8DE", "#F0803C", "#2FBF95", "#D99BBF", "#F0B73A", "#8FD0F5", "#B8A28E"),
)
"""The same, lighter, for pages that are dark."""
_DASHES: Final[tuple[Any, ...]] = ("-", (0, (4.5, 1.6)), (0, (1.2, 1.4)), (0, (5, 1.5, 1.2, 1.5)))
_MARKERS: Final = ("o", "s", "^", "D", "v", "P", "X")
_MARKS_ON_A_LINE = 6
_ASIDE = 0.012
_MOST_TICKS = 7
_SHORT_LOG_AXIS = 100
_SMALLEST_LETTERS = 4.0
_INCHES_OF_A_NAME, _LETTERS_PER_INCH = 0.1, 8
# What a page may give other colours, where it is dark, say; no line has one of these.
INK, FAINT, PAPER = "#1b1b1c", "#8b8b8c", "#fefeff"
_HEAT: Final = "cividis"
_LOOK: Final[Mapping[str, Any]] = {
    "font.family": ["DejaVu Sans"],
    "font.size": 8.0,
    "axes.labelsize": 8.0,
    "xtick.labelsize": 7.0,
    "ytick.labelsize": 7.0,
    "legend.fontsize": 7.0,
    "legend.title_fontsize": 6.5,
    "axes.linewidth": 0.6,
    "xtick.major.width": 0.6,
    "ytick.major.width": 0.6,
    "lines.linewidth": 1.3,
    "lines.markersize": 3.6,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.grid.axis": "y",
    "axes.axisbelow": True,
    "grid.color": FAINT,
    "grid.alpha": 0.35,
    "grid.linewidth": 0.4,
    "legend.frameon": False,
    "legend.handlelength": 2.6,
    "text.color": INK,
    "axes.edgecolor": INK,
    "axes.labelcolor": INK,
    "xtick.color": INK,
    "ytick.color": INK,
    "figure.facecolor": PAPER,
    "axes.facecolor": "none",
    "savefig.facecolor": "auto",
    # Names of runs and classes are no formulas.
    "text.parse_math": False,
    "axes.formatter.use_mathtext": False,
    "axes.unicode_minus": True,
    # Fonts that stay text, whole in the file: what publishers ask for.
    "pdf.fonttype": 42,
    "figure.constrained_layout.use": True,
    "figure.constrained_layout.h_pad": 0.03,
    "figure.constrained_layout.w_pad": 0.03,
}


# A file brings its letters along, and its white.
_IN_A_FILE: Final[Mapping[str, Any]] = {"svg.fonttype": "path", "figure.facecolor": "white"}
# Nothing that differs from one time to the next.
_METADATA: Final[Mapping[str, dict[str, Any]]] = {
    "png": {"Software": None},
    "svg": {"Date": None, "Creator": "tui-trainer"},
    "pdf": {"CreationDate": None, "Creator": "tui-trainer"},
}


def draw(figure: Figure, file_format: str, *, inches: float = COLUMN_INCHES) -> bytes:
    """The figure as a file of that format; the same figure gives the same bytes.

    Args:
        figure: What it shows.
        file_format: One of `FORMATS`.
        inches: Its width.
    """
    return _drawn(figure, file_format, inches, _IN_A_FILE, "tui-trainer")


def draw_inline(figure: Figure, name: str, *, inches: float = PAGE_INCHES) -> str:
    """The figure as an `<svg>` for an HTML page, whose colours and fonts it takes.

    Args:
        figure: What it shows.
        name: Told apart from all others on the page.
        inches: Its width.
    """
    whole = _drawn(figure, "svg", inches, {"svg.fonttype": "none"}, name).decode()
    svg = whole[whole.index("<svg") :]
    svg = re.sub(r"<metadata>.*?</metadata>\s*", "", svg, flags=re.DOTALL)
    # Names that matplotlib numbers in each figure anew; nothing refers to them.
    svg = re.sub(r' id="[a-zA-Z][\w.]*_\d+"', "", svg)
    # Its height follows from its width, which is that of the page at the most.
    points = re.search(r' width="([0-9.]+)pt" height="[0-9.]+pt"', svg)
    if points is not None:
        width = float(points[1]) / 72 * _PIXELS_PER_INCH
        svg = svg.replace(points[0], f' width="{width:.0f}"', 1)
    own = {colour.lower(): f"line-{index}" for index, colour in enumerate(PALETTE)}
    for colour, part in {INK: "ink", FAINT: "faint", PAPER: "paper", **own}.items():
        svg = svg.replace(colour, f"var(--{part})")
    return svg


def _drawn(
    figure: Figure, file_format: str, inches: float, settings: Mapping[str, Any], salt: str
) -> bytes:
    with _matplotlib({**_LOOK, **settings, "svg.hashsalt": salt}):
        canvas = _drawn_on_canvas(figure, inches)
        file = io.BytesIO()
        canvas.savefig(file, format=file_format, dpi=_DPI, metadata=_METADATA[file_format])
        return file.getvalue()


@contextlib.contextmanager
def _matplotlib(look: dict[Any, Any]) -> Iterator[None]:
    """Draw with this look, whatever the user's environment and settings of matplotlib say."""
    _prepare_environment()
    try:
        import matplotlib as mpl
    except ImportError as error:
        raise UsageError(
            f"figures need matplotlib, which cannot be imported: {error}",
            hint="pip install matplotlib",
        ) from error
    with warnings.catch_warnings(), mpl.rc_context():
        # A sign that its font lacks is drawn as a box; a class may be called in any script.
        warnings.filterwarnings("ignore", message="Glyph .* missing from")
        # Of a figure that is too small for its labels something is cut off, which is to be seen.
        warnings.filterwarnings("ignore", message=".*[Cc]onstrained_layout not applied")
        mpl.rcdefaults()
        mpl.rcParams.update(look)
        yield


def _prepare_environment() -> None:
    """A place for its list of fonts that can be written to, and a backend without a display."""
    os.environ["MPLBACKEND"] = "agg"
    # It says, on standard error, what a user can do nothing about.
    logging.getLogger("matplotlib").setLevel(logging.ERROR)
    if "MPLCONFIGDIR" not in os.environ:
        os.environ["MPLCONFIGDIR"] = _writable_place()


def _writable_place() -> str:
    with contextlib.suppress(OSError, RuntimeError):
        cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
        place = cache / "tui-trainer" / "matplotlib"
        place.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=place):
            return str(place)
    import atexit

    temporary = tempfile.TemporaryDirectory(prefix="tui-trainer-matplotlib-")
    atexit.register(temporary.cleanup)
    return temporary.name


def _canvas(inches: float, height: float) -> Canvas:
    from matplotlib.figure import Figure as MatplotlibFigure

    return MatplotlibFigure(figsize=(inches, height))


def _drawn_on_canvas(figure: Figure, inches: float) -> Canvas:
    if isinstance(figure, Lines):
        return _lines(figure, inches)
    return _bars(figure, inches) if isinstance(figure, Bars) else _grid(figure, inches)


def _lines(figure: Lines, inches: float) -> Canvas:
    panels = [panel for panel in figure.panels if panel.lines]
    is_wide = inches > 1.5 * COLUMN_INCHES
    columns = len(panels) if is_wide else 1
    rows = 1 if is_wide else len(panels)
    handles = _legend(figure, panels)
    legend_columns = _columns_of_legend(handles, inches)
    legend_rows = -(-len(handles) // legend_columns) + bool(figure.note)
    height = _INCHES_OF_PANEL * rows * (1.15 if is_wide else 1) + 0.15 * legend_rows
    canvas = _canvas(inches, height)
    axes = canvas.subplots(rows, columns, sharex=True, squeeze=False).ravel()
    for axis, panel in zip(axes, panels, strict=True):
        _panel(axis, panel, figure)
    for axis in axes if is_wide else axes[-1:]:
        axis.set_xlabel(figure.x_label)
    if len(handles) > 1 or figure.note:
        canvas.legend(
            handles=handles,
            loc="outside lower center",
            ncols=legend_columns,
            columnspacing=1.2,
            title=figure.note or None,
        )
    return canvas


def _legend(figure: Lines, panels: list[Panel]) -> list[Any]:
    from matplotlib.lines import Line2D

    handles = [Line2D([], [], label=key.label, **_of(key.style)) for key in figure.keys]
    if any(panel.best for panel in panels):
        handles.append(Line2D([], [], label="best epoch", **_BEST))
    if any(panel.resumes for panel in panels):
        handles.append(Line2D([], [], label="resumed", **_RESUME))
    return handles


_BEST: Final[Mapping[str, Any]] = {
    "marker": "*",
    "markersize": 8,
    "markeredgecolor": INK,
    "markeredgewidth": 0.6,
    "color": PAPER,
    "linestyle": "",
}
_RESUME: Final[Mapping[str, Any]] = {"color": FAINT, "linestyle": (0, (1, 2)), "linewidth": 1.0}
_TARGET: Final[Mapping[str, Any]] = {"color": INK, "linestyle": (0, (6, 3)), "linewidth": 0.8}


def _columns_of_legend(handles: list[Any], inches: float) -> int:
    """As many as fit beside each other, of lines and of letters of this size."""
    longest = max((len(handle.get_label()) for handle in handles), default=1)
    return max(1, min(6, int(inches / (0.48 + 0.058 * max(longest, 4)))))


def _panel(axis: Axes, panel: Panel, figure: Lines) -> None:
    from matplotlib.ticker import MaxNLocator

    xs = {x for line in panel.lines for x, _ in line.points}
    if figure.log_x:
        axis.set_xscale("log")
        _tick_in_words(axis.xaxis, [*xs])
    elif len(xs) <= _MOST_TICKS:
        axis.set_xticks(sorted(xs))
    elif figure.whole_x:
        axis.xaxis.set_major_locator(MaxNLocator(integer=True, nbins=_MOST_TICKS))
    if panel.log:
        axis.set_yscale("log")
        _tick_in_words(axis.yaxis, [y for line in panel.lines for _, y in line.points])
    for place in panel.resumes:
        axis.axvline(place, zorder=1, **_RESUME)
    for target in panel.targets:
        axis.axhline(target.y, zorder=1, **_TARGET)
    for line in _side_by_side(panel.lines, log=figure.log_x):
        _line(axis, line)
    for (x, y), colour in panel.best:
        face = PALETTE[colour] if colour is not None else PAPER
        axis.plot([x], [y], **{**_BEST, "color": face}, zorder=6)
    axis.set_ylabel(panel.y_label)
    _label_targets(axis, panel.targets)


def _label_targets(axis: Axes, targets: Sequence[Target]) -> None:
    """Each above its line, and above the label of a line that is close below."""
    axis.get_ylim()  # limits follow from what was drawn, once somebody asks
    to_axes = axis.transScale + axis.transLimits
    free = 0.0
    for target in sorted(targets, key=lambda each: each.y):
        at = _POINTS_OF_PANEL * to_axes.transform((1.0, target.y))[1]
        place = max(at + _POINTS_ABOVE, free)
        free = place + _POINTS_OF_LABEL
        axis.annotate(
            target.label,
            (0.01, target.y),
            xycoords=("axes fraction", "data"),
            xytext=(0, place - at),
            textcoords="offset points",
            fontsize=6.5,
            zorder=7,
            bbox={"facecolor": PAPER, "edgecolor": "none", "alpha": 0.8, "pad": 0.4},
        )


def _tick_in_words(axis: Axis, values: Sequence[float]) -> None:
    """Ticks of a logarithmic axis in plain numbers: `0.05`, `2 M`; of few powers more of each."""
    from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

    lowest = min((value for value in values if value > 0), default=1.0)
    is_short = max(values) < _SHORT_LOG_AXIS * lowest
    subs = (1, 2, 5) if is_short else (1,)
    axis.set_major_locator(LogLocator(subs=subs, numticks=_MOST_TICKS))
    axis.set_major_formatter(FuncFormatter(lambda value, _: _amount(value)))
    axis.set_minor_formatter(NullFormatter())


def _amount(value: float) -> str:
    for size, unit in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if value >= size:
            return f"{value / size:g} {unit}"
    return f"{value:g}"


def _line(axis: Axes, line: Line) -> None:
    xs, ys = zip(*line.points, strict=True)
    style = _of(line.style)
    if not line.spread:
        style["markevery"] = max(1, len(xs) // _MARKS_ON_A_LINE)
        axis.plot(xs, ys, **style, zorder=3)
        if line.band:
            low = [y - by for y, by in zip(ys, line.band, strict=True)]
            high = [y + by for y, by in zip(ys, line.band, strict=True)]
            axis.fill_between(xs, low, high, color=style["color"], alpha=0.2, linewidth=0, zorder=2)
        return
    if line.dots:
        dots = {**style, "linestyle": "", "marker": ".", "markersize": 3.2, "alpha": 0.5}
        axis.plot(*zip(*line.dots, strict=True), **dots, zorder=2)
    bars: dict[str, Any] = {"elinewidth": 0.8, "capsize": 2.0, "capthick": 0.8}
    axis.errorbar(xs, ys, yerr=line.spread, **style, **bars, zorder=3)


def _side_by_side(lines: Sequence[Line], *, log: bool) -> list[Line]:
    """Lines with bars a little beside each other, so that no bar hides another."""
    xs = [x for line in lines for x, _ in line.points]
    if not any(line.spread for line in lines) or min(xs) == max(xs):
        return [*lines]
    step = (max(xs) / min(xs)) ** _ASIDE if log else _ASIDE * (max(xs) - min(xs))

    def moved(points: tuple[Point, ...], place: float) -> tuple[Point, ...]:
        return tuple((x * step**place if log else x + step * place, y) for x, y in points)

    places = [index - (len(lines) - 1) / 2 for index in range(len(lines))]
    return [
        replace(line, points=moved(line.points, place), dots=moved(line.dots, place))
        for line, place in zip(lines, places, strict=True)
    ]


def _of(style: Style) -> dict[str, Any]:
    """A style in matplotlib's words."""
    colour = INK if style.colour is None else PALETTE[style.colour % len(PALETTE)]
    words: dict[str, Any] = {"color": colour, "linestyle": _DASHES[style.dash % len(_DASHES)]}
    if style.marker is not None:
        words["marker"] = _MARKERS[style.marker % len(_MARKERS)]
    return words


def _grid(figure: Grid, inches: float) -> Canvas:
    rows, columns = len(figure.rows), len(figure.columns)
    inches = min(inches, 1.6 + 0.42 * columns if figure.words else _INCHES_OF_MANY)
    height = 0.86 * inches if figure.is_sparse else min(9.0, 0.19 * rows + 0.75)
    canvas = _canvas(inches, height)
    axis = canvas.subplots()
    axis.grid(visible=False)
    axis.spines[:].set_visible(False)
    cells = [[float("nan") if cell is None else 100 * cell for cell in row] for row in figure.cells]
    colours = "Blues" if figure.is_sparse else _HEAT
    image = axis.imshow(
        cells, cmap=colours, vmin=0, vmax=100, aspect="auto", interpolation="nearest"
    )
    image.set_rasterized(rows * columns > 2500)
    _name_cells(axis, figure, inches, height)
    if figure.split_before is not None:
        axis.axvline(figure.split_before - 0.5, color=PAPER, linewidth=2.5)
    _write_cells(axis, figure, min(6.5, 22 * inches / columns))
    bar = canvas.colorbar(image, cax=axis.inset_axes((1.03, 0, 0.035, 1)))
    bar.outline.set_visible(False)
    bar.set_label(figure.meaning)
    return canvas


def _write_cells(axis: Axes, figure: Grid, size: float) -> None:
    if size < _SMALLEST_LETTERS:
        return
    for at, row in enumerate(figure.words):
        for column, words in enumerate(row):
            is_light = ((figure.cells[at][column] or 0.0) > 0.55) is not figure.is_sparse
            colour = "#101010" if is_light else "#fafafa"
            place: dict[str, Any] = {"ha": "center", "va": "center"}
            axis.text(column, at, words, fontsize=size, color=colour, **place)


def _name_cells(axis: Axes, figure: Grid, inches: float, height: float) -> None:
    """Every row and column by name; of more than there is room for, every second, third, …"""
    room = {axis.xaxis: inches * 0.6, axis.yaxis: height * 0.7}
    for names, place in ((figure.columns, axis.xaxis), (figure.rows, axis.yaxis)):
        step = -(-len(names) // int(room[place] / _INCHES_OF_A_NAME))
        place.set_ticks(range(0, len(names), step), labels=[*names[::step]])
        place.set_tick_params(length=0)
    if sum(map(len, figure.columns)) > _LETTERS_PER_INCH * inches:
        for label in axis.get_xticklabels():
            label.set_rotation(90)
    axis.set_xlabel(figure.column_label)
    axis.set_ylabel(figure.row_label)


def _bars(figure: Bars, inches: float) -> Canvas:
    from matplotlib.patches import Patch

    places = range(len(figure.bars))
    canvas = _canvas(inches, 0.24 * len(places) + 1.15)
    axis = canvas.subplots()
    axis.grid(visible=True, axis="x")
    axis.grid(visible=False, axis="y")
    band: dict[str, Any] = {"color": FAINT, "alpha": 0.25, "linewidth": 0}
    handles = [Patch(label=words, **look) for words, look in _BARS_LOOK.items()]
    if figure.noise is not None:
        axis.axvspan(-figure.noise, figure.noise, zorder=0, **band)
        handles.append(Patch(label="\N{PLUS-MINUS SIGN} seed noise", **band))
    clear, unclear = _BARS_LOOK.values()
    for place, bar in zip(places, figure.bars, strict=True):
        axis.barh(place, bar.value, height=0.62, zorder=2, **(clear if bar.is_clear else unclear))
        if bar.interval is not None:
            axis.plot(bar.interval, (place, place), "|-", color=INK, linewidth=0.9, zorder=3)
    axis.axvline(0, color=INK, linewidth=0.7, zorder=4)
    axis.set_yticks([*places], labels=[bar.label for bar in figure.bars])
    axis.tick_params(axis="y", length=0)
    axis.invert_yaxis()
    axis.set_xlabel(figure.x_label)
    columns = _columns_of_legend(handles, inches)
    canvas.legend(handles=handles, loc="outside lower center", ncols=columns, title=figure.note)
    return canvas


# Told apart by more than their colour: one is filled.
_BARS_LOOK: Final[Mapping[str, dict[str, Any]]] = {
    "beyond seed noise": {"facecolor": PALETTE[0], "edgecolor": PALETTE[0], "linewidth": 0.8},
    "not shown to be": {"facecolor": "none", "edgecolor": PALETTE[0], "linewidth": 0.8},
}
