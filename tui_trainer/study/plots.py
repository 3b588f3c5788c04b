"""Figures of runs over their epochs: the curves of each, or one metric of several."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, NamedTuple

from tui_trainer.errors import UsageError
from tui_trainer.record.plain_text import plain_line
from tui_trainer.spec.wording import listed, quote, suggestion
from tui_trainer.study.effects import Spread
from tui_trainer.study.picture import (
    LONGEST_LABEL,
    MOST_RUNS,
    Key,
    Line,
    Lines,
    Panel,
    Point,
    Style,
    Target,
    thinned,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from tui_trainer.record.epochs import Epoch
    from tui_trainer.record.index import Run


class Measure(NamedTuple):
    """Something that every epoch measures."""

    words: str
    of: Callable[[Epoch], float | None]
    is_accuracy: bool = True


def _percent(fraction: float | None) -> float | None:
    return None if fraction is None else 100 * fraction


MEASURES: Mapping[str, Measure] = {
    "validation": Measure("validation accuracy (%)", lambda e: _percent(e.validation_accuracy)),
    "train": Measure("training accuracy (%)", lambda e: _percent(e.train_accuracy)),
    "ood": Measure("OOD accuracy (%)", lambda e: _percent(e.ood_accuracy)),
    "loss": Measure("validation loss", lambda e: e.validation_loss, is_accuracy=False),
    "train_loss": Measure("training loss", lambda e: e.train_loss, is_accuracy=False),
    "gap": Measure(
        "validation \N{MINUS SIGN} OOD accuracy (points)",
        lambda e: _percent(e.ood_gap),
        is_accuracy=False,
    ),
    "lr": Measure("learning rate", lambda e: e.lr, is_accuracy=False),
    "grad_norm": Measure("gradient norm", lambda e: e.grad_norm, is_accuracy=False),
}
"""What runs are compared by, by the names that commands take."""

# A network that diverged, or a damaged line: nothing of the others would be seen beside it.
_ABSURD = 1e12
_SERIES = (("train", Style(0, 1, 0)), ("validation", Style(1, 0, 1)), ("OOD", Style(2, 2, 2)))
_LOSSES = (MEASURES["train_loss"], MEASURES["loss"])
_ACCURACIES = (MEASURES["train"], MEASURES["validation"], MEASURES["ood"])


def curves(runs: Sequence[Run], *, log: bool = False) -> Lines:
    """Loss and accuracy over the epochs: one run by kind of data, several by run and kind.

    Raises:
        UsageError: There are too many runs, or none has an epoch.
    """
    _check_runs(runs, "an epoch", [run for run in runs if run.epochs])
    loss = Panel(
        "loss",
        tuple(_curve(run, of, _style(n, kind, runs)) for n, kind, run, of in _each(runs, _LOSSES)),
        _bests(runs, MEASURES["loss"]),
        _resumes(runs),
        log=log,
    )
    accuracy = Panel(
        "accuracy (%)",
        tuple(
            _curve(run, of, _style(n, kind, runs)) for n, kind, run, of in _each(runs, _ACCURACIES)
        ),
        _bests(runs, MEASURES["validation"]),
        _resumes(runs),
    )
    return Lines(
        "epoch", (loss.without_empty_lines(), accuracy.without_empty_lines()), _curve_keys(runs)
    )


def comparison(
    runs: Sequence[Run],
    metric: str = "validation",
    targets: Iterable[float] = (),
    *,
    log: bool = False,
) -> Lines:
    """One metric of several runs over their epochs, with what leaderboards said as heights.

    Args:
        runs: At most `MOST_RUNS`.
        metric: One of `MEASURES`.
        targets: Further heights to reach, as a leaderboard would say them.
        log: Whether the metric's axis is logarithmic.

    Raises:
        UsageError: There are too many runs, or none has measured that, or there is no such metric.
    """
    measure = measure_of(metric)
    lines = tuple(
        _curve(run, measure.of, Style(index, index, index)) for index, run in enumerate(runs)
    )
    _check_runs(runs, measure.words, [line for line in lines if line.points])
    panel = Panel(
        measure.words,
        lines,
        _bests(runs, measure) if metric in {"validation", "loss"} else (),
        targets=tuple(_targets(runs, targets)) if measure.is_accuracy else (),
        log=log,
    )
    keys = [
        Key(f"{_label(run)}{'' if line.points else ' (not measured)'}", line.style)
        for run, line in zip(runs, lines, strict=True)
    ]
    return Lines("epoch", (panel.without_empty_lines(),), tuple(keys))


def seed_means(
    setups: Mapping[str, Sequence[Run]],
    metric: str = "validation",
    targets: Iterable[float] = (),
    *,
    log: bool = False,
) -> Lines:
    """One metric over the epochs, of each setup its mean over seeds in a band of their spread.

    Args:
        setups: A run of each seed by what its setup is called; at most `MOST_RUNS` setups.
        metric: One of `MEASURES`.
        targets: Further heights to reach, as a leaderboard would say them.
        log: Whether the metric's axis is logarithmic.

    Raises:
        UsageError: There are too many setups, or none has measured that, or no such metric.
    """
    measure = measure_of(metric)
    if len(setups) > MOST_RUNS:
        raise UsageError(
            f"{len(setups)} points in one figure cannot be told apart; at most {MOST_RUNS} can",
            hint="name runs of fewer of them",
        )
    measured = {
        name: [dict(points) for run in runs if (points := _known(run, measure.of))]
        for name, runs in setups.items()
    }
    lines = [
        _mean_curve(seeds, Style(index, index, index))
        for index, seeds in enumerate(measured.values())
    ]
    _check_any(measure.words, [line for line in lines if line.points])
    every = [run for runs in setups.values() for run in runs]
    panel = Panel(
        measure.words,
        tuple(lines),
        targets=tuple(_targets(every, targets)) if measure.is_accuracy else (),
        log=log,
    )
    keys = [
        Key(f"{plain_line(name, LONGEST_LABEL)} ({_count(seeds)})", line.style)
        for (name, seeds), line in zip(measured.items(), lines, strict=True)
    ]
    note = "mean and standard deviation over n seeds" if any(line.band for line in lines) else ""
    return Lines("epoch", (panel.without_empty_lines(),), tuple(keys), note=note)


def _mean_curve(seeds: Sequence[Mapping[float, float]], style: Style) -> Line:
    """Over the epochs that all of them measured: where fewer did, the mean would jump."""
    epochs = [x for x in (seeds[0] if seeds else ()) if all(x in each for each in seeds)]
    found = {x: spread for x in epochs if (spread := Spread.of(each[x] for each in seeds))}
    points = thinned([(x, spread.mean) for x, spread in found.items()])
    band = tuple(found[x].std or 0.0 for x, _ in points)
    return Line(points, style, band=band if len(seeds) > 1 else ())


def _count(seeds: Sequence[object]) -> str:
    return f"n = {len(seeds)}" if seeds else "not measured"


def measure_of(metric: str) -> Measure:
    """The metric of that name.

    Raises:
        UsageError: There is none.
    """
    known = MEASURES.get(metric)
    if known is None:
        near = suggestion(metric, tuple(MEASURES)) or ";"
        raise UsageError(
            f"there is no metric {quote(metric)}{near} there are {listed(tuple(MEASURES))}"
        )
    return known


def _check_runs(runs: Sequence[Run], what: str, having_it: Sequence[object]) -> None:
    if len(runs) > MOST_RUNS:
        raise UsageError(
            f"{len(runs)} runs in one figure cannot be told apart; at most {MOST_RUNS} can",
            hint="name fewer of them",
        )
    _check_any(what, having_it)


def _check_any(what: str, having_it: Sequence[object]) -> None:
    if not having_it:
        raise UsageError(f"none of the runs has {what}", hint="the runs: tui-trainer runs")


def _label(run: Run) -> str:
    return plain_line(run.name, LONGEST_LABEL)


_T = tuple[int, int, "Run", "Callable[[Epoch], float | None]"]


def _each(runs: Sequence[Run], measures: Sequence[Measure]) -> Iterable[_T]:
    for index, run in enumerate(runs):
        for kind, measure in enumerate(measures):
            yield index, kind, run, measure.of


def _style(index: int, kind: int, runs: Sequence[Run]) -> Style:
    """One run has a colour for each kind of data; of several each has one of its own."""
    style = _SERIES[kind][1]
    if len(runs) == 1:
        return style
    return Style(index, style.dash, None if kind == 0 else index)


def _curve(run: Run, of: Callable[[Epoch], float | None], style: Style) -> Line:
    return Line(thinned(_known(run, of)), style)


def _known(run: Run, of: Callable[[Epoch], float | None]) -> list[Point]:
    return [
        (float(each.epoch), y)
        for each in run.epochs
        if (y := of(each)) is not None and abs(y) < _ABSURD
    ]


def _bests(runs: Sequence[Run], measure: Measure) -> tuple[tuple[Point, int | None], ...]:
    return tuple(
        ((float(best.epoch), y), index if len(runs) > 1 else 1)
        for index, run in enumerate(runs)
        if (best := run.best) is not None
        and (y := measure.of(best)) is not None
        and abs(y) < _ABSURD
    )


def _resumes(runs: Sequence[Run]) -> tuple[float, ...]:
    """Where another attempt goes on; of several runs nobody could tell whose it is."""
    if len(runs) > 1:
        return ()
    return tuple(
        (before.epoch + after.epoch) / 2
        for before, after in pairwise(runs[0].epochs)
        if before.attempt != after.attempt
    )


def _curve_keys(runs: Sequence[Run]) -> tuple[Key, ...]:
    has_ood = any(epoch.ood_accuracy is not None for run in runs for epoch in run.epochs)
    kinds = _SERIES if has_ood else _SERIES[:-1]
    if len(runs) == 1:
        return tuple(Key(name, style) for name, style in kinds)
    of_runs = (Key(_label(run), Style(n, 0, n)) for n, run in enumerate(runs))
    return (*of_runs, *(Key(name, Style(None, style.dash)) for name, style in kinds))


def _targets(runs: Sequence[Run], more: Iterable[float]) -> Iterable[Target]:
    """The best score of each board; a fraction of 1 counts as one, as in `tui-trainer score`."""
    best = dict[str, tuple[float, str]]()
    for run in runs:
        for score in run.remarks.scores:
            found = (score.value, f"{plain_line(score.board) or 'score'}, {_label(run)}")
            best[score.board] = max(best.get(score.board, found), found)
    for value, words in [*best.values(), *((value, "target") for value in more)]:
        height = 100 * value if abs(value) <= 1 else value
        if 0 <= height <= 100:
            yield Target(height, f"{words}: {height:g} %")
