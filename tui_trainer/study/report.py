"""What a report says: results by setup with their spread, and where every number comes from."""

from __future__ import annotations

import statistics
from dataclasses import replace
from typing import TYPE_CHECKING

from tui_trainer.errors import UsageError
from tui_trainer.record.index import RunReader
from tui_trainer.record.plain_text import plain_line
from tui_trainer.record.words import ABSENT, about
from tui_trainer.spec.wording import counted
from tui_trainer.study import cost_figure, grids, plots
from tui_trainer.study.document import Caveat, Document, Paragraph, Plate, Section, table
from tui_trainer.study.picture import MOST_RUNS
from tui_trainer.study.report_history import (
    Launch,
    Life,
    history_section,
    launch_of,
    life_of,
    provenance_section,
    states_in_words,
)
from tui_trainer.study.report_settings import settings_sections
from tui_trainer.study.setups import Result, deciding, result_of, setups_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from tui_trainer.record.index import Run
    from tui_trainer.study.document import Block
    from tui_trainer.study.effects import Spread
    from tui_trainer.study.picture import Figure
    from tui_trainer.study.setups import Setup

MOST_SETUPS, MOST_RUNS_LISTED, MOST_CURVES = 40, 60, 3
"""What a table, or a reader, takes; the rest is summarised, the best come first."""
METHOD = (
    "A setup is what was trained, whatever the seed. Figures of a setup are means over its "
    "finished runs, one for each seed, ± the sample standard deviation (over n - 1); n is the "
    "number of seeds. Validation is that of the best epoch, which was chosen by it; test and OOD "
    "are measured once, with the weights of that epoch. Accuracies are in percent, differences in "
    "points."
)


def make_report(
    runs: Iterable[Run],
    title: str,
    ablation: Sequence[Block] = (),
    names: Mapping[str, str] | None = None,
) -> Document:
    """The report of these runs, each of which is looked at once and not kept.

    Args:
        runs: All that it is about.
        title: Its first line.
        ablation: What is known of the effects of single changes.
        names: What setups are called that a study has a word for, by fingerprint.

    Raises:
        UsageError: There are no runs.
    """
    called = {} if names is None else names
    results, lives, launches = list[Result](), list[Life](), list[Launch]()
    for run in runs:
        result = result_of(run)
        results.append(replace(result, setup=called.get(result.fingerprint, result.setup)))
        lives.append(life_of(run))
        launches.append(launch_of(run))
    if not results:
        raise UsageError("there are no runs to report", hint="tui-trainer run EXPERIMENT")
    setups = sorted(setups_of(results), key=_rank)
    shown = setups[:MOST_SETUPS]
    sections = [
        Section("Summary", tuple(_summary(results, setups, launches))),
        *settings_sections(shown),
        Section("Results", tuple(_results(setups, shown))),
        Section("Ablation", tuple(ablation or _by_single_changes(setups))),
        Section("Tracking summary", tuple(_tracking(results, setups))),
        history_section(lives),
        provenance_section(launches),
    ]
    return Document(plain_line(title), _subtitle(results, setups), tuple(sections))


def _rank(setup: Setup) -> tuple[bool, float]:
    """Those with a finished run first, the best by validation before the others."""
    spread = setup.spread(_validation)
    if spread is not None:
        return False, -spread.mean
    return True, -(setup.shown.validation or 0.0)


def _validation(result: Result) -> float | None:
    return result.validation


def _subtitle(results: Sequence[Result], setups: Sequence[Setup]) -> str:
    return f"{counted(len(results), 'run')} of {counted(len(setups), 'setup')}"


def _summary(
    results: Sequence[Result], setups: Sequence[Setup], launches: Sequence[Launch]
) -> Iterable[Block]:
    seconds = sum(each.seconds or 0.0 for each in results)
    states = states_in_words(each.state.value for each in results)
    epochs = sum(each.epochs for each in results)
    yield Paragraph(
        f"{_subtitle(results, setups)}: {states}. {epochs:,} epochs were trained, "
        f"in {about(seconds)}."
    )
    best = setups[0]
    if best.counted:
        figures = (
            f"validation {_words(best.spread(_validation))}\N{NO-BREAK SPACE}%",
            *(
                f"{word} {_words(spread)}\N{NO-BREAK SPACE}%"
                for word, of in (("test", _test), ("OOD", _ood))
                if (spread := best.spread(of)) is not None
            ),
        )
        n = len(best.counted)
        yield Paragraph(
            f"Highest validation accuracy: {best.name} (n = {n}): {', '.join(figures)}."
        )
    else:
        yield Caveat("No run is finished: there are no results yet.")
    yield Paragraph(METHOD)
    yield from map(Caveat, _caveats(setups, launches))


def _caveats(setups: Sequence[Setup], launches: Sequence[Launch]) -> Iterable[str]:
    finished = [setup for setup in setups if setup.counted]
    single = [setup for setup in finished if len(setup.counted) == 1]
    if single:
        of_all = f"{len(single)} of {counted(len(finished), 'finished setup')}"
        yield f"With a single seed: {of_all}. A difference from such a one may be chance."
    untested = sum(1 for setup in finished if setup.spread(_test) is None)
    if untested:
        yield f"{counted(untested, 'finished setup')} without a test result."
    without_ood = sum(1 for setup in finished if setup.spread(_ood) is None)
    if without_ood:
        yield f"{counted(without_ood, 'finished setup')} not measured out of distribution (OOD)."
    if len({setup.shown.planned for setup in finished} - {0}) > 1:
        yield "Setups were trained for different numbers of epochs."
    known = [launch.origin for launch in launches if launch.has_record]
    versions = {(origin.version, origin.commit) for origin in known}
    if len(versions) > 1:
        yield "Runs of different code versions stand together; see Provenance."


def _results(setups: Sequence[Setup], shown: Sequence[Setup]) -> Iterable[Block]:
    measures: list[tuple[str, Callable[[Result], float | None]]] = [
        ("validation", _validation),
        ("test", _test),
        ("OOD", _ood),
        ("OOD gap", lambda result: result.gap),
        ("train - test", lambda result: result.generalisation_gap),
    ]
    rows = [
        [
            setup.name,
            _seeds(setup),
            *(_words_of(setup, of) for _, of in measures),
            _mean_time(setup),
        ]
        for setup in shown
    ]
    headers = ["setup", ">n", *(f">{word}" for word, _ in measures), ">time of a run"]
    caption = (
        "n: seeds that count, of runs in all. OOD gap: clean minus OOD, of the same split. "
        "Train - test: training accuracy as measured while the best epoch was trained, on "
        "augmented images, minus test accuracy."
    )
    yield from table(headers, rows, caption)
    yield from _the_others(setups[len(shown) :])
    yield from table(["board", "run", ">score"], _scores(setups), "What leaderboards said.")
    yield from _cost_plates(setups)
    for make, name, caption in (
        (grids.corruptions, "corruptions", "Accuracy by corruption and severity of"),
        (grids.confusion, "confusion", "Which class was taken for which by"),
    ):
        yield from _plate_of_best(setups, make, name, caption)


def _the_others(others: Sequence[Setup]) -> Iterable[Block]:
    if not others:
        return
    means = [found.mean for setup in others if (found := setup.spread(_validation)) is not None]
    words = f"{counted(len(others), 'more setup')} not listed"
    if means:
        words += (
            f": validation accuracy from {100 * min(means):.2f} to {100 * max(means):.2f}, "
            f"median {100 * statistics.median(means):.2f}"
        )
    yield Paragraph(f"{words}.")


def _scores(setups: Sequence[Setup]) -> list[tuple[str, str, str]]:
    found = [
        (score.value, plain_line(score.board) or ABSENT, result.name)
        for setup in setups
        for result in setup.results
        for score in result.scores
    ]
    ranked = sorted(found, key=lambda row: (row[1], -row[0]))[:MOST_RUNS_LISTED]
    return [(board, name, f"{value:g}") for value, board, name in ranked]


def _cost_plates(setups: Sequence[Setup]) -> Iterable[Block]:
    """Accuracy against whatever differs of depth, parameters and epochs."""
    results = [result for setup in setups for result in setup.results]
    for by in ("depth", "parameters", "epochs"):
        try:
            figure = cost_figure.complexity(results, by)
        except UsageError:  # not recorded, or too many lines to tell apart
            continue
        if max(len(line.points) for panel in figure.panels for line in panel.lines) > 1:
            caption = f"Accuracy and the gap between training and test against {figure.x_label}."
            yield Plate(figure, f"by-{by}", caption)


def _plate_of_best(
    setups: Sequence[Setup], make: Callable[[Run], Figure], name: str, caption: str
) -> Iterable[Block]:
    """The figure of the best setup that has what it shows."""
    for setup in setups[:MOST_SETUPS]:
        if setup.counted:
            try:
                figure = make(RunReader(setup.shown.folder).look())
            except UsageError:  # it was not measured
                continue
            yield Plate(figure, name, f"{caption} {setup.shown.name}.")
            return


def _by_single_changes(setups: Sequence[Setup]) -> Iterable[Block]:
    """Setups that differ from one of them in a single setting."""
    finished = [setup for setup in setups[:MOST_SETUPS] if setup.counted]
    neighbours = {at: _single_changes(base, finished) for at, base in enumerate(finished)}
    at = max(neighbours, key=lambda index: len(neighbours[index]), default=None)
    if at is None or not neighbours[at]:
        yield Paragraph("Not measured: no two finished setups differ in a single setting.")
        return
    base = finished[at]
    rows = [
        [
            f"{key}: {before} → {after}",
            setup.name,
            *(_difference(base, setup, of) for of in (_validation, _test, _ood)),
            f"{len(base.counted)}, {len(setup.counted)}",
        ]
        for key, before, after, setup in neighbours[at]
    ]
    yield Paragraph(
        f"Setups that differ from {base.name} in one setting each; differences of means in points, "
        "± their standard error where both sides have several seeds. A difference that is not "
        "several times that is no evidence."
    )
    headers = ["change", "setup", ">validation", ">test", ">OOD", ">n, before and after"]
    yield from table(headers, rows)


def _single_changes(base: Setup, setups: Sequence[Setup]) -> list[tuple[str, str, str, Setup]]:
    found = []
    for setup in setups:
        mine, other = deciding(base.settings), deciding(setup.settings)
        changed = [key for key in {**mine, **other} if mine.get(key) != other.get(key)]
        if len(changed) == 1:
            before, after = (each.get(changed[0], ABSENT) for each in (mine, other))
            found.append((changed[0], plain_line(str(before)), plain_line(str(after)), setup))
    return found


def _difference(base: Setup, other: Setup, of: Callable[[Result], float | None]) -> str:
    before, after = base.spread(of), other.spread(of)
    if before is None or after is None:
        return ABSENT
    words = f"{100 * (after.mean - before.mean):+.2f}"
    if before.std is None or after.std is None:
        return words
    error = (before.std**2 / before.n + after.std**2 / after.n) ** 0.5
    return f"{words} ± {100 * error:.2f}"


def _tracking(results: Sequence[Result], setups: Sequence[Setup]) -> Iterable[Block]:
    """The curves of the best setups, and where each run stands."""
    begun = [setup for setup in setups if setup.shown.epochs]
    tracked = [setup.shown for setup in begun if setup.counted] or [each.shown for each in begun]
    if not tracked:
        yield Paragraph("No run has finished an epoch.")
        return
    best = [RunReader(result.folder).look() for result in tracked[:MOST_RUNS]]
    if len(best) > 1:
        caption = "Validation accuracy of the best setups, of each its best seed."
        yield Plate(plots.comparison(best), "validation", caption)
    for run in best[:MOST_CURVES]:
        name = plain_line(run.name)
        yield Plate(plots.curves([run]), f"curves-{name}", f"Loss and accuracy of {name}.")
    ranked = sorted(results, key=lambda each: -(each.validation or 0.0))
    rows = [
        [
            each.name,
            each.state.value,
            f"{each.epochs}/{each.planned or '?'}",
            _percent(each.validation),
            str(each.best_epoch or ABSENT),
            _percent(each.last_validation),
            _percent(each.train),
            _percent(each.probe),
            _percent(each.test),
        ]
        for each in ranked[:MOST_RUNS_LISTED]
    ]
    headers = [
        "run",
        "state",
        ">epochs",
        ">best",
        ">in epoch",
        ">last",
        ">train",
        ">probe",
        ">test",
    ]
    caption = "Best and last: validation. Train and probe (OOD): of the best epoch."
    yield from table(headers, rows, caption)
    if len(ranked) > MOST_RUNS_LISTED:
        rest = ranked[MOST_RUNS_LISTED:]
        yield Paragraph(
            f"{counted(len(rest), 'more run')} not listed: "
            f"{states_in_words(each.state.value for each in rest)}."
        )


def _test(result: Result) -> float | None:
    return result.test


def _ood(result: Result) -> float | None:
    return result.ood


def _seeds(setup: Setup) -> str:
    n, runs = len(setup.counted), len(setup.results)
    return f"{n}" if n == runs else f"{n} of {runs}"


def _words_of(setup: Setup, of: Callable[[Result], float | None]) -> str:
    """Mean and spread; with its n where not every seed measured it."""
    spread = setup.spread(of)
    if spread is None or spread.n == len(setup.counted):
        return _words(spread)
    return f"{_words(spread)} (n = {spread.n})"


def _words(spread: Spread | None) -> str:
    """`97.31 ± 0.42`, in percent."""
    if spread is None:
        return ABSENT
    mean = f"{100 * spread.mean:.2f}"
    return mean if spread.std is None else f"{mean} ± {100 * spread.std:.2f}"


def _percent(fraction: float | None) -> str:
    return ABSENT if fraction is None else f"{100 * fraction:.2f}"


def _mean_time(setup: Setup) -> str:
    spread = setup.spread(lambda result: result.seconds)
    return ABSENT if spread is None else about(spread.mean)
