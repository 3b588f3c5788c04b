"""What a run's page shows besides curves, read from the run's files in the store's thread."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from enum import Enum
from typing import TYPE_CHECKING, Any, NamedTuple

from tui_trainer.errors import TuiTrainerError
from tui_trainer.record.experiment_file import read_experiment
from tui_trainer.record.fields import number, table
from tui_trainer.record.plain_text import LONGEST_SHOWN_LINE, plain_line, plain_text
from tui_trainer.record.preflight import Preflight
from tui_trainer.record.tail import identity, read_end, read_json
from tui_trainer.spec.settings import settings_of
from tui_trainer.tui.run_files import Files, read_files, traces_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

    from tui_trainer.record.finding import Finding
    from tui_trainer.record.index import Run
    from tui_trainer.record.run_folder import RunFolder
    from tui_trainer.record.state import Attempt
    from tui_trainer.spec.project import Project
    from tui_trainer.spec.settings import Setting

# More of a log than this at once would take a key a while.
LOG_BYTES = 128 << 10
LONGEST_CLASS_NAME = 24


class Tab(Enum):
    """The pages of a run, by the keys that show them."""

    CURVES = 1
    LOG = 2
    CONFIG = 3
    ATTEMPTS = 4
    PREFLIGHT = 5
    RESULTS = 6
    FILES = 7

    @property
    def word(self) -> str:
        """What its tab says."""
        return self.name.lower()

    @property
    def is_of_one_attempt(self) -> bool:
        """Whether each attempt has a page of its own."""
        return self in {Tab.LOG, Tab.PREFLIGHT}


@dataclass(frozen=True)
class Log:
    """A part of an attempt's log."""

    attempt: int
    """0 where there is none yet."""
    attempts: int
    lines: tuple[str, ...]
    bytes_before: int
    """That stand before them and are not shown."""
    end: int | None = None
    """Where the part ends; None: at the log's own end."""

    def has(self, wanted: str) -> bool:
        """Whether a line has the words, in either case."""
        wanted = wanted.casefold()
        return any(wanted in line.casefold() for line in self.lines)


class ConfigLine(NamedTuple):
    """A setting of the run."""

    key: str
    value: str
    is_default: bool
    in_base: str | None
    """What the base says, where that is something else; None where it says the same."""


@dataclass(frozen=True)
class Config:
    """What the run was launched with."""

    lines: tuple[ConfigLine, ...]
    base: str
    """The experiment it inherits from, by now; empty for none."""
    fingerprint: str
    provenance: tuple[tuple[str, str], ...]
    fault: str = ""
    """Why there is nothing to show."""


class AttemptLine(NamedTuple):
    """One life of the run."""

    number: int
    host: str
    pid: int
    began: float | None
    ended: float | None
    cause: str
    has_ended: bool
    ended_well: bool
    epochs: tuple[int, int] | None
    """The first and the last epoch that are its own."""


@dataclass(frozen=True)
class Attempts:
    """Every attempt, the newest first."""

    lines: tuple[AttemptLine, ...]


@dataclass(frozen=True)
class PreflightTable:
    """What an attempt's preflight found."""

    attempt: int
    attempts: int
    found: Preflight | None


class ClassAccuracy(NamedTuple):
    """Accuracy on the images of one class."""

    name: str
    """The label where the data set has no names."""
    accuracy: float


class Corruption(NamedTuple):
    """Accuracy on one corruption."""

    name: str
    by_severity: tuple[tuple[str, float], ...]
    mean: float | None


class Figures(NamedTuple):
    """A few figures in words, and what they are of."""

    title: str
    facts: tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Results:
    """What evaluation found."""

    figures: tuple[Figures, ...]
    worst: tuple[ClassAccuracy, ...]
    corruptions: tuple[Corruption, ...]


Detail = Log | Config | Attempts | PreflightTable | Results | Files | None


@dataclass
class DetailReader:
    """Reads a page again and again; what its files have not changed is not read again."""

    _before: tuple[object, Detail] | None = field(default=None, repr=False)

    def read(
        self,
        tab: Tab,
        attempt: int,
        run: Run,
        project: Project | None,
        log_end: int | None = None,
    ) -> Detail:
        """The page `tab`; of the pages of one attempt that of `attempt`, or of the newest for 0."""
        number = attempt or run.newest_attempt
        traces, make = self._pages(number, run, project, log_end)[tab]
        key = (run.folder, tab, number, log_end, traces)
        if self._before is None or self._before[0] != key:
            self._before = (key, make())
        return self._before[1]

    def _pages(
        self, number: int, run: Run, project: Project | None, log_end: int | None
    ) -> dict[Tab, tuple[object, Callable[[], Detail]]]:
        """What each page depends on, and what makes it."""
        folder, newest = run.folder, run.newest_attempt
        attempt = folder.attempt(number)
        snapshot = (identity(folder.experiment_file), project)
        results = [folder.clean_results_file, folder.ood_results_file]
        attempts = _attempts(run)
        return {
            Tab.CURVES: (None, lambda: None),
            Tab.LOG: (
                (identity(attempt.log_file), newest),
                lambda: _read_log(attempt.log_file, number, newest, log_end),
            ),
            Tab.CONFIG: (snapshot, lambda: _read_config(folder, project)),
            Tab.ATTEMPTS: (attempts, lambda: attempts),
            Tab.PREFLIGHT: (
                (identity(attempt.preflight_file), newest),
                lambda: _read_preflight(attempt.preflight_file, number, newest),
            ),
            Tab.RESULTS: ([identity(file) for file in results], lambda: _read_results(folder)),
            Tab.FILES: (traces_of(folder), lambda: read_files(folder)),
        }


def earlier_parts(file: Path, log: Log) -> Iterator[Log]:
    """The parts of a log before the shown one, the last one first, and then from its end again."""
    yield from _parts_before(file, log, log.bytes_before)
    yield from _parts_before(file, log, None)


def _parts_before(file: Path, log: Log, end: int | None) -> Iterator[Log]:
    while end is None or end > 0:
        part = _read_log(file, log.attempt, log.attempts, end)
        if not part.lines:
            return
        yield part
        end = part.bytes_before


def _read_log(file: Path, number: int, attempts: int, before: int | None) -> Log:
    end = read_end(file, LOG_BYTES, before) if number else None
    if end is None:
        return Log(number, attempts, (), 0)
    content = end.whole_lines
    text = plain_text(content.decode(errors="replace").expandtabs(4), LONGEST_SHOWN_LINE)
    lines = tuple(line.rstrip() for line in text.removesuffix("\n").split("\n"))
    bytes_before = end.begin + len(end.content) - len(content)
    return Log(number, attempts, lines, bytes_before, before)


def _read_config(folder: RunFolder, project: Project | None) -> Config:
    try:
        launched = read_experiment(folder)
    except (TuiTrainerError, OSError) as error:
        return Config((), "", "", (), plain_line(str(error), LONGEST_SHOWN_LINE))
    base, of_base = _base_of(folder.experiment_name, project)
    lines = tuple(
        ConfigLine(
            plain_line(setting.key),
            _as_toml(setting.value),
            setting.is_default,
            _other(setting, of_base),
        )
        for setting in settings_of(launched.experiment)
        if setting.key != "description"
    )
    facts = tuple(_flat(launched.provenance))
    return Config(lines, plain_line(base), plain_line(launched.plan.fingerprint), facts)


def _base_of(name: str, project: Project | None) -> tuple[str, dict[str, Any] | None]:
    """The base's name and its settings; none where it has none that is whole."""
    base = (project.bases.get(name) if project is not None else None) or ""
    known = None if project is None else project.experiments.get(base)
    if known is None:
        return "", None
    return base, {setting.key: setting.value for setting in settings_of(known)}


def _other(setting: Setting, of_base: Mapping[str, Any] | None) -> str | None:
    """What the base says instead; that it has no place for a default is nothing to be told."""
    if of_base is None or of_base.get(setting.key) == setting.value:
        return None
    if setting.key not in of_base and setting.is_default:
        return None
    return _as_toml(of_base.get(setting.key))


def _as_toml(value: object) -> str:
    return "not set" if value is None else plain_line(json.dumps(value, default=str), 400)


def _flat(tree: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, str]]:
    for key, value in tree.items():
        if isinstance(value, dict):
            yield from _flat(value, f"{prefix}{key}.")
        else:
            text = value if isinstance(value, str) else _as_toml(value)
            yield plain_line(f"{prefix}{key}"), plain_line(text, 400)


def _attempts(run: Run) -> Attempts:
    newest_first = sorted(run.attempts, key=lambda attempt: -attempt.number)
    return Attempts(tuple(_attempt_line(attempt, run) for attempt in newest_first))


def _attempt_line(attempt: Attempt, run: Run) -> AttemptLine:
    epochs = [epoch.epoch for epoch in run.epochs if epoch.attempt == attempt.number]
    owner = attempt.owner
    return AttemptLine(
        number=attempt.number,
        host="" if owner is None else plain_line(owner.host),
        pid=0 if owner is None else owner.pid,
        began=attempt.started,
        ended=attempt.ended,
        cause=plain_line(attempt.cause, LONGEST_SHOWN_LINE),
        has_ended=attempt.exit_code is not None,
        ended_well=attempt.exit_code == 0,
        epochs=(epochs[0], epochs[-1]) if epochs else None,
    )


def _read_preflight(file: Path, number: int, attempts: int) -> PreflightTable:
    try:
        found = Preflight.read(file)
    except OSError:
        found = None
    if found is not None:
        found = Preflight(tuple(map(_safe, found.findings)), found.rehearsed, found.seconds)
    return PreflightTable(number, attempts, found)


def _safe(finding: Finding) -> Finding:
    return type(finding)(
        plain_line(finding.subject),
        finding.level,
        plain_line(finding.found, LONGEST_SHOWN_LINE),
        plain_line(finding.cure, LONGEST_SHOWN_LINE),
    )


def _read_results(folder: RunFolder) -> Results:
    clean, ood = _read_table(folder.clean_results_file), _read_table(folder.ood_results_file)
    return Results(
        figures=tuple(_figures(clean, ood)),
        worst=tuple(_worst(clean)),
        corruptions=tuple(_corruptions(table(ood, "corruptions"))),
    )


def _read_table(file: Path) -> Mapping[str, Any]:
    try:
        return read_json(file) or {}
    except OSError:
        return {}


_CLEAN = (
    ("top-1", "accuracy", True),
    ("top-5", "top5_accuracy", True),
    ("ECE", "calibration_error", True),
    ("loss", "loss", False),
)
_OOD = (("accuracy", "accuracy", True), ("clean", "clean_accuracy", True), ("gap", "gap", True))


def _figures(clean: Mapping[str, Any], ood: Mapping[str, Any]) -> Iterator[Figures]:
    """Of both results, and of the other ways to look that each of them tells of."""
    for title, result, wanted in (("clean test", clean, _CLEAN), ("ood", ood, _OOD)):
        ways = [key for key in result if key.startswith("with_")]
        for way, figures in (("", result), *((way, table(result, way)) for way in ways)):
            facts = tuple(
                (word, f"{100 * value:.2f} %" if is_share else f"{value:.4f}")
                for word, key, is_share in wanted
                if (value := number(figures, key)) is not None
            )
            if facts:
                yield Figures(plain_line(f"{title} {way.replace('_', ' ')}".strip()), facts)


def _worst(clean: Mapping[str, Any]) -> Iterator[ClassAccuracy]:
    by_class = clean.get("class_accuracy")
    worst = clean.get("worst_classes")
    if not isinstance(by_class, list) or not isinstance(worst, list):
        return
    known = clean.get("class_names")
    names = known if isinstance(known, list) else []
    for label in worst:
        is_label = isinstance(label, int) and 0 <= label < len(by_class)
        accuracy = number({"at": by_class[label]}, "at") if is_label else None
        if accuracy is not None:
            name = names[label] if label < len(names) else label
            yield ClassAccuracy(plain_line(str(name), LONGEST_CLASS_NAME), accuracy)


def _corruptions(measured: Mapping[str, Any]) -> Iterator[Corruption]:
    """The worst first."""
    rows = [
        Corruption(
            plain_line(name),
            tuple(
                (plain_line(severity), accuracy)
                for severity in table(measured, name)
                if severity != "mean"
                and (accuracy := number(table(measured, name), severity)) is not None
            ),
            number(table(measured, name), "mean"),
        )
        for name in measured
    ]
    yield from sorted(rows, key=lambda row: row.mean or 0.0)
