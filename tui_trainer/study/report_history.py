"""The sections of a report that say what happened to runs, and where they come from."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any, NamedTuple

from tui_trainer.record.events import CheckpointSaved, TrainingBegan, read_events
from tui_trainer.record.experiment_file import read_provenance
from tui_trainer.record.fields import table as table_at
from tui_trainer.record.fields import text
from tui_trainer.record.plain_text import plain_line
from tui_trainer.record.state import exit_cause
from tui_trainer.record.tail import read_lines
from tui_trainer.record.words import ABSENT, about
from tui_trainer.spec.wording import counted
from tui_trainer.study.document import Caveat, Paragraph, Section, table

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from tui_trainer.record.index import Run
    from tui_trainer.record.state import Attempt
    from tui_trainer.study.document import Block

MOST_TROUBLED = 60
_LONGEST_CAUSE = 160
_MOST_RUNS_NAMED = 6


class Life(NamedTuple):
    """What befell a run."""

    run: str
    state: str
    attempts: int
    ends: tuple[str, ...]
    """How each attempt ended that did not reach the end."""
    resumes: tuple[str, ...]
    """Where each later attempt went on."""
    lost_seconds: float | None
    """Between the last checkpoint of an attempt and its end: work that was done anew, at most.
    None where an end was not recorded, so that nobody knows."""
    retrained: int
    """Epochs that were there, and had to be trained again for want of their checkpoint."""
    damaged: tuple[str, ...]
    skipped: int

    @property
    def is_troubled(self) -> bool:
        """Whether there is anything to tell."""
        return bool(self.ends or self.damaged or self.retrained or self.skipped)


class Origin(NamedTuple):
    """Where runs come from that have this in common."""

    version: str
    commit: str
    python: str
    platform: str
    packages: str


class Launch(NamedTuple):
    """Where one run comes from."""

    run: str
    origin: Origin
    hosts: tuple[str, ...]
    own_files: tuple[tuple[str, str], ...]
    has_record: bool


def life_of(run: Run) -> Life:
    """What befell the run until now."""
    attempts = sorted(run.attempts, key=lambda attempt: attempt.number)
    ends = _ends(run, attempts)
    return Life(
        run=plain_line(run.name),
        state=run.state.value,
        attempts=len(attempts),
        ends=ends,
        resumes=tuple(
            f"epoch {each.began_at_epoch}"
            + (f", step {each.began_at_step}" if each.began_at_step else "")
            for each in attempts[1:]
            if each.began_at_epoch
        ),
        lost_seconds=_lost_seconds(run, attempts) if ends else 0.0,
        retrained=sum(_lines_in(run, each.number) for each in attempts[1:]),
        damaged=tuple(plain_line(event.checkpoint) for event in run.history.rejected),
        skipped=run.skipped_lines,
    )


def launch_of(run: Run) -> Launch:
    """Where the run comes from, as far as that was recorded."""
    facts = read_provenance(run.folder)
    commit = _words(facts, "git_commit")[:12]
    changed = " with changes" if facts.get("git_changed") is True else ""
    packages = table_at(facts, "packages")
    hosts = [each.owner.host for each in run.attempts if each.owner is not None]
    return Launch(
        run=plain_line(run.name),
        origin=Origin(
            _words(facts, "tui_trainer"),
            f"{commit}{changed}" if commit else "",
            _words(facts, "python"),
            _words(facts, "platform"),
            ", ".join(f"{plain_line(name)} {_words(packages, name)}" for name in packages),
        ),
        hosts=tuple(dict.fromkeys(filter(None, map(plain_line, [*hosts, text(facts, "host")])))),
        own_files=tuple(
            (plain_line(name), str(digest)[:12])
            for name, digest in sorted(table_at(facts, "own_files").items())
        ),
        has_record=bool(facts),
    )


def history_section(lives: Sequence[Life]) -> Section:
    """What was lost and resumed."""
    troubled = sorted((life for life in lives if life.is_troubled), key=lambda e: -e.attempts)
    if not troubled:
        words = f"Nothing: {counted(len(lives), 'run')} went through without an interruption."
        return Section(_LOST, (Paragraph(words if lives else "There are no runs."),))
    resumes = sum(len(life.resumes) for life in lives)
    lost = sum(life.lost_seconds or 0.0 for life in lives)
    unknown = sum(1 for life in lives if life.lost_seconds is None)
    retrained = sum(life.retrained for life in lives)
    damaged = sum(len(life.damaged) for life in lives)
    words = (
        f"{len(troubled)} of {counted(len(lives), 'run')} did not go through undisturbed. Resumed "
        f"from a checkpoint: {counted(resumes, 'time')}. Between the last checkpoint and an "
        f"interruption lay {about(lost)} of work in all, which is what was lost at the most"
        + (f"; of {counted(unknown, 'run')} the end was not recorded. " if unknown else ". ")
        + f"Trained again for want of their checkpoint: {counted(retrained, 'epoch')}. "
        f"Set aside as damaged: {counted(damaged, 'checkpoint')}."
    )
    rows = [
        [
            life.run,
            life.state,
            str(life.attempts),
            "; ".join(life.ends) or ABSENT,
            "; ".join(life.resumes) or ABSENT,
            _lost_in_words(life),
            ", ".join(life.damaged) or ABSENT,
        ]
        for life in troubled[:MOST_TROUBLED]
    ]
    headers = ["run", "now", ">attempts", "ended by", "went on in", ">lost at most", "set aside"]
    blocks: list[Block] = [Paragraph(words), *table(headers, rows)]
    if len(troubled) > MOST_TROUBLED:
        blocks.append(Paragraph(f"{len(troubled) - MOST_TROUBLED} more are not listed."))
    if skipped := sum(life.skipped for life in lives):
        blocks.append(Caveat(f"{counted(skipped, 'line')} of run folders could not be read."))
    return Section(_LOST, tuple(blocks))


_LOST = "What was lost and resumed"


def provenance_section(launches: Sequence[Launch]) -> Section:
    """Code version, packages and hosts, with the runs that share them."""
    known = [launch for launch in launches if launch.has_record]
    groups = dict[Origin, list[Launch]]()
    for launch in known:
        groups.setdefault(launch.origin, []).append(launch)
    rows = [
        [*(part or "not recorded" for part in origin), _some([launch.run for launch in its])]
        for origin, its in groups.items()
    ]
    headers = ["tui-trainer", "git commit", "Python", "platform", "packages", "runs"]
    blocks = table(headers, rows)
    hosts = Counter(host for launch in launches for host in launch.hosts)
    blocks += table(["host", ">runs"], [[host, str(n)] for host, n in hosts.most_common()])
    files = dict.fromkeys(pair for launch in known for pair in launch.own_files)
    blocks += table(["own file", "SHA-256, its beginning"], [*files])
    if len(groups) > 1:
        blocks.insert(0, Caveat("Runs of different code, packages or platforms stand together."))
    if missing := len(launches) - len(known):
        blocks.append(Caveat(f"Of {counted(missing, 'run')} nothing was recorded."))
    return Section("Provenance", tuple(blocks or [Paragraph("Not recorded.")]))


def _lost_in_words(life: Life) -> str:
    if life.lost_seconds is None:
        return "not known"
    return about(life.lost_seconds) if life.ends else ABSENT


def _ends(run: Run, attempts: Sequence[Attempt]) -> tuple[str, ...]:
    """How attempts ended that did not reach the end; of the newest the run's state may know."""
    ends = [_end(each) for each in _over(attempts) if each.exit_code != 0]
    is_told = bool(ends) and attempts[-1].exit_code is not None
    if run.cause and not run.state.is_live and not is_told:
        ends.append(plain_line(run.cause, _LONGEST_CAUSE))
    return tuple(ends)


def _over(attempts: Sequence[Attempt]) -> list[Attempt]:
    """Those that are known to be over: by a record of it, or because another one followed."""
    return [each for each in attempts if each.exit_code is not None or each is not attempts[-1]]


def _end(attempt: Attempt) -> str:
    if attempt.exit_code is None:
        return "its end was not recorded"
    return plain_line(attempt.cause or exit_cause(attempt.exit_code), _LONGEST_CAUSE)


def _lost_seconds(run: Run, attempts: Sequence[Attempt]) -> float | None:
    """By the clock of whoever wrote; a clock that was set meanwhile counts as nothing."""
    over = _over(attempts) if run.state.is_live else attempts
    if any(each.exit_code is None for each in over):
        return None
    saved = {
        event.attempt: event.time
        for event in read_events(run.folder.events_file)
        if isinstance(event, CheckpointSaved | TrainingBegan)
    }
    return sum(
        max(0.0, each.ended - saved[each.number])
        for each in attempts
        if each.exit_code and each.ended and each.number in saved
    )


def _lines_in(run: Run, attempt: int) -> int:
    return sum(1 for _ in read_lines(run.folder.attempt(attempt).epochs_taken_back_file))


def _words(facts: Any, key: str) -> str:
    return plain_line(text(facts, key))


def _some(names: Sequence[str]) -> str:
    if len(names) <= _MOST_RUNS_NAMED:
        return ", ".join(names)
    return f"{', '.join(names[:_MOST_RUNS_NAMED])} and {len(names) - _MOST_RUNS_NAMED} more"


def states_in_words(states: Iterable[str]) -> str:
    """How many there are of each, the most first: `12 finished, 1 crashed`."""
    return ", ".join(f"{n:,} {state}" for state, n in Counter(states).most_common())
