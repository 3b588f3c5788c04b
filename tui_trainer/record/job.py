"""A run's job with a scheduler, as the run's events tell of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from tui_trainer.record.sighting import Answers, Sighting, answers_file

if TYPE_CHECKING:
    from tui_trainer.record.events import JobEnded, JobRequested


@dataclass
class Job:
    """The newest submission of a run: who starts another one has taken the run from this one."""

    requested: JobRequested
    replaces: Job | None = None
    """The submission before, which counts again where this one is refused."""
    job_id: str = ""
    """Empty until somebody wrote down what the scheduler answered."""
    awaited_after: int = 0
    """The attempt that is over before this job begins the next one."""
    since: float = 0.0
    """When it was submitted or last put back into the queue."""
    since_host: str = ""
    """Whose clock that is."""
    begins_anew_because: str = ""
    """Why it was put back into the queue; empty for one that was not."""
    was_cancelled: bool = False
    """Whether somebody asked the scheduler to take it out of the queue."""
    ended: JobEnded | None = None

    @property
    def token(self) -> str:
        """Names this submission, whatever the scheduler calls the job."""
        return self.requested.token

    @property
    def name(self) -> str:
        """What the scheduler's listings call it."""
        return self.requested.name

    @property
    def kind(self) -> str:
        """The scheduler's kind, in words: `slurm` or `grid engine`."""
        return self.requested.kind.replace("_", " ")

    def __str__(self) -> str:
        return f"job {self.job_id} of {self.kind}" if self.job_id else f"its job with {self.kind}"

    def sighting(self) -> Sighting:
        """What the scheduler last said of it, as far as anybody asked."""
        answers = Answers.read(answers_file(self.requested.scheduler))
        return answers.sighting(self.job_id, self.name, self.since, self.since_host)
