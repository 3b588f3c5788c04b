"""One trial: something happens to a run, its files are checked, it is resumed and compared."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from tests.faults import checker
from tests.faults.checker import Watcher
from tests.faults.runs import EPOCHS, new_run, remove
from tui_trainer.record.index import RunReader
from tui_trainer.record.state import State
from tui_trainer.record.verify import verify

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from tests.faults.shim import Fault
    from tests.faults.zygote import Ended, Zygote
    from tui_trainer.record.run_folder import RunFolder


@dataclass
class Bench:
    """A project in which trials are made, beside a run that nothing ever happened to.

    Args:
        zygote: Where cores come from.
        project: The project.
    """

    zygote: Zygote
    project: Path

    def __post_init__(self) -> None:
        self.whole = new_run(self.project)
        trace = self.project / "trace"
        ended = self.zygote.train(self.whole, trace=trace)
        assert ended.code == 0, ended.log.read_text()
        self.wanted = checker.result(self.whole.path)
        self.bystander = checker.digests(self.whole.path)
        self.seconds = ended.seconds
        self.log = ended.log.read_text()
        self.calls = Counter(line.partition(" ")[0] for line in trace.read_text().splitlines())

    def trial(self) -> Trial:
        """A run of the same experiment."""
        return Trial(self, new_run(self.project))


@dataclass
class Trial:
    """A run that things happen to."""

    bench: Bench
    folder: RunFolder
    shown: dict[int, str] = field(default_factory=dict)
    faults: list[str] = field(default_factory=list)
    """Promises that were broken."""

    def suffer(self, fault: Fault | None, signals: Sequence[tuple[float, int]] = ()) -> Ended:
        """Let a core work on the run until what happens ends it, and check what it left."""
        with Watcher(self.folder.path, dict(self.shown)) as watcher:
            ended = self.bench.zygote.train(self.folder, fault, signals=signals)
        self.shown = watcher.shown
        self.faults += watcher.faults
        self.check(ended)
        return ended

    def check(self, ended: Ended) -> None:
        """Hold the files against every promise."""
        self.faults += checker.breaches(self.folder.path, self.shown)
        self.faults += self._state_faults(ended)
        epochs = [each for each in verify(self.folder) if each.file == "epochs.jsonl"]
        self.faults += [f"verify finds {each.file}: {each.fault}" for each in epochs if each.fault]
        if checker.digests(self.bench.whole.path) != self.bench.bystander:
            self.faults.append("another run's files changed")

    def _state_faults(self, ended: Ended) -> list[str]:
        run = RunReader(self.folder).look()
        finished = checker.is_finished(self.folder.path)
        if run.state.is_live or (run.state is State.FINISHED) != finished:
            return [f"it reads {run.state.value} after code {ended.code}"]
        if not finished and run.newest_attempt and not run.cause:
            return ["it ended without a cause"]
        return []

    def finish(self) -> None:
        """Resume it to its end and compare it with the run that nothing happened to."""
        if not checker.is_finished(self.folder.path):
            before = len(self.shown)
            ended = self.suffer(None)
            if ended.code:
                self.faults.append(f"its resume ended with {ended.code}: {self.log()[-2000:]}")
                return
            self.faults += self._work_lost(before)
        if checker.leftovers(self.folder.path):
            self.faults.append(f"left over: {checker.leftovers(self.folder.path)}")
        self.faults += self._differences(checker.result(self.folder.path))

    def _work_lost(self, shown: int) -> list[str]:
        """A resume begins behind every epoch that was shown."""
        began = [e.began_at_epoch for e in RunReader(self.folder).look().attempts]
        if began and began[-1] and began[-1] < min(shown + 1, EPOCHS):
            return [f"{shown} epochs were shown, and it began again at {began[-1]}"]
        return []

    def _differences(self, found: dict[str, Any]) -> list[str]:
        return [
            f"{part} differ: {found[part]} are not {wanted}"
            for part, wanted in self.bench.wanted.items()
            if found[part] != wanted
        ]

    @property
    def is_equal(self) -> bool:
        """Whether it is what it would have been."""
        return not self._differences(checker.result(self.folder.path))

    def log(self) -> str:
        """What its cores printed."""
        log = self.folder.path.with_name(f"{self.folder.path.name}.log")
        return log.read_text(errors="replace") if log.exists() else ""

    def remove(self) -> None:
        remove(self.folder)
