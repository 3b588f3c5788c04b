"""The figure of accuracy against what a network costs: depth, parameters, operations, epochs."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from tui_trainer.errors import UsageError
from tui_trainer.record.plain_text import plain_line
from tui_trainer.spec.wording import listed
from tui_trainer.study.complexity import depth_of
from tui_trainer.study.picture import LONGEST_LABEL, MOST_RUNS, Key, Line, Lines, Panel, Style
from tui_trainer.study.setups import Setup, deciding, setups_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from tui_trainer.spec.summary import Setting
    from tui_trainer.study.effects import Spread
    from tui_trainer.study.setups import Result


def complexity(results: Sequence[Result], by: str = "depth") -> Lines:
    """Accuracy on clean and OOD images against what a network costs, and the train-test gap.

    Runs that differ in nothing but their seed are one point with its spread.

    Args:
        results: Of the runs; those that are not finished do not count.
        by: `depth`, `parameters`, `flops`, `epochs`, or a key of experiments.toml with numbers.

    Raises:
        UsageError: No finished run has such a number.
    """
    axis = _AXES.get(by) or _setting_axis(by)
    setups = [setup for setup in setups_of(results) if setup.counted]
    placed = [(x, setup) for setup in setups if (x := axis.of(setup.counted[0])) is not None]
    if not placed:
        raise UsageError(
            f"of no finished run is {axis.words} known as a number",
            hint=f"--by {listed((*_AXES,))}, or a key like model.width",
        )
    families = dict[object, list[tuple[float, Setup]]]()
    for x, setup in sorted(placed, key=lambda pair: pair[0]):
        families.setdefault(axis.rest(setup.settings), []).append((x, setup))
    if len(families) > MOST_RUNS:
        raise UsageError(
            f"the runs differ in more than {axis.words}: {len(families)} lines would be drawn, "
            f"at most {MOST_RUNS} can be told apart",
            hint="name fewer runs, or a study",
        )
    several = len(families) > 1
    accuracy, gap = list[Line](), list[Line]()
    for index, family in enumerate(families.values()):
        for kind, (_, style, of) in enumerate(_MEASURED):
            accuracy.append(
                _spread_line(family, of, style._replace(colour=index if several else kind))
            )
        gap.append(
            _spread_line(
                family, lambda o: o.generalisation_gap, Style(index if several else 3, 0, 3)
            )
        )
    panels = (
        Panel("accuracy (%)", tuple(accuracy)).without_empty_lines(),
        Panel("train \N{MINUS SIGN} test (points)", tuple(gap)).without_empty_lines(),
    )
    if not any(panel.lines for panel in panels):
        raise UsageError("no finished run was tested")
    keys = _complexity_keys(families, accuracy if not several else [])
    return Lines(axis.words, panels, keys, log_x=axis.log, whole_x=axis.whole, note=_note(placed))


class _Axis(NamedTuple):
    words: str
    of: Callable[[Result], float | None]
    is_of_axis: Callable[[str], bool]
    """Whether a setting goes with the place on the axis."""
    log: bool = False
    whole: bool = True

    def rest(self, settings: Mapping[str, Setting]) -> object:
        """What runs on one line have in common."""
        return tuple(item for item in deciding(settings).items() if not self.is_of_axis(item[0]))


def _number_at(key: str) -> Callable[[Result], float | None]:
    def of(result: Result) -> float | None:
        value = result.settings.get(key)
        return None if isinstance(value, bool | str | None) else float(value)

    return of


_AXES: Mapping[str, _Axis] = {
    "depth": _Axis(
        "depth (layers)", lambda o: depth_of(o.settings), lambda key: key.startswith("model.")
    ),
    "parameters": _Axis(
        "parameters", lambda o: o.parameters, lambda key: key.startswith("model."), log=True
    ),
    "flops": _Axis(
        "FLOPs per image", lambda o: o.flops, lambda key: key.startswith("model."), log=True
    ),
    "epochs": _Axis("epochs", lambda o: float(o.planned) or None, lambda key: key == "epochs"),
}


def _setting_axis(key: str) -> _Axis:
    return _Axis(
        plain_line(key, LONGEST_LABEL), _number_at(key), lambda each: each == key, whole=False
    )


_MEASURED: tuple[tuple[str, Style, Callable[[Result], float | None]], ...] = (
    ("train", Style(0, 1, 0), lambda o: o.train),
    ("test", Style(1, 0, 1), lambda o: o.test),
    ("OOD", Style(2, 2, 2), lambda o: o.ood),
)


def _spread_line(
    family: Sequence[tuple[float, Setup]], of: Callable[[Result], float | None], style: Style
) -> Line:
    known: list[tuple[float, Setup, Spread]] = [
        (x, setup, found) for x, setup in family if (found := setup.spread(of)) is not None
    ]
    return Line(
        points=tuple((x, 100 * found.mean) for x, _, found in known),
        style=style,
        spread=tuple(100 * (found.std or 0.0) for _, _, found in known),
        dots=tuple(
            (x, 100 * value)
            for x, setup, found in known
            if found.n > 1
            for value in map(of, setup.counted)
            if value is not None
        ),
    )


def _complexity_keys(
    families: Mapping[object, Sequence[tuple[float, Setup]]], single: Sequence[Line]
) -> tuple[Key, ...]:
    kinds = [(words, style) for words, style, _ in _MEASURED]
    if single:
        drawn = zip(kinds, single, strict=True)
        return tuple(Key(words, style) for (words, style), line in drawn if line.points)
    of_families = (
        Key(family[0][1].name, Style(index, 0)) for index, family in enumerate(families.values())
    )
    return (
        *of_families,
        *(Key(words, Style(None, style.dash, style.marker)) for words, style in kinds),
    )


def _note(placed: Sequence[tuple[float, Setup]]) -> str:
    counts = sorted({len(setup.counted) for _, setup in placed})
    if counts[-1] == 1:
        return "one seed each: no spread is known"
    n = f"{counts[0]}" if len(counts) == 1 else f"{counts[0]} to {counts[-1]}"
    return f"mean and standard deviation over {n} seeds; dots: each seed"
