"""When a run may begin: each that waits looks whether another stands before it; nobody tells them.

Who stands first takes its slots as soon as they are free; no other takes any of the same kind, so
that a run which wants many is not kept waiting by those that want few.
"""

from __future__ import annotations

import contextlib
import os
import time
from types import MappingProxyType
from typing import TYPE_CHECKING, NamedTuple, Protocol

from tui_trainer.errors import TuiTrainerError, told
from tui_trainer.launch.gpu_choice import Driver
from tui_trainer.launch.resources import allotted_cores, threads_for
from tui_trainer.launch.slots import Pool, Slots, touch, would_use_gpu
from tui_trainer.launch.tickets import issue, tickets
from tui_trainer.record.failure import Hope
from tui_trainer.record.place import Place

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from tui_trainer.launch.tickets import Ticket
    from tui_trainer.record.run_folder import RunFolder
    from tui_trainer.spec.experiment import Resources

# Who is next takes a slot within a blink; the others only have to notice that they are next.
SECONDS_TO_LOOK_AS_FIRST = 0.25
SECONDS_TO_LOOK = 1.0


class Share(NamedTuple):
    """What a core gets of its machine."""

    threads: int
    source: str
    """Who says so."""
    since: float
    """When its turn had come, in seconds since 1970: of those in line, in their order."""
    warnings: tuple[str, ...] = ()
    descriptors: tuple[int, ...] = ()
    """What it is to inherit, so that its slots are taken for as long as it lives."""
    environment: Mapping[str, str] = MappingProxyType({})
    """What it is to be told of them."""

    def __str__(self) -> str:
        counted = "1 thread" if self.threads == 1 else f"{self.threads} threads"
        told = "".join(f", {name}={value}" for name, value in self.environment.items())
        return f"{counted} ({self.source}){told}"


class Turn(Protocol):
    """What a supervisor asks before it starts a core."""

    @property
    def cause(self) -> str:
        """Why the turn has not come, in words."""

    @property
    def seconds_to_look(self) -> float:
        """After which to ask again."""

    def has_come(self) -> bool:
        """Whether the core may be started; what it needs is taken then."""

    def share(self) -> Share:
        """What the core gets, once the turn has come."""

    def keep(self) -> None:
        """Show that somebody still waits for it, or uses it."""

    def step_back(self) -> None:
        """Give back what was taken; the turn has to come anew."""


class AtOnce:
    """The turn of a run that waits for nobody.

    Args:
        slots: What the experiment declares, if it does.
        warning: Why it does not wait, where that is not as it should be.
    """

    cause = ""
    seconds_to_look = SECONDS_TO_LOOK

    def __init__(self, slots: int | None, warning: str = "") -> None:
        self._slots = slots
        self._warnings = (warning,) if warning else ()

    def has_come(self) -> bool:
        """Whenever it is asked."""
        return True

    def share(self) -> Share:
        """As many threads as there are cores, or slots that it declares."""
        allotted = allotted_cores()
        threads = threads_for(self._slots, allotted)
        warnings = (*allotted.warnings, *self._warnings)
        return Share(threads, allotted.source, time.time(), warnings)

    def keep(self) -> None:
        """Nothing is kept."""

    def step_back(self) -> None:
        """Nothing was taken."""


class InLine:
    """The turn of a run in the queue.

    Args:
        folder: The run.
        resources: What its experiment may use.
        pool: What it waits for.
    """

    def __init__(self, folder: RunFolder, resources: Resources, pool: Pool) -> None:
        self._folder = folder
        self._declared = resources.slots
        self._pool = pool
        self._want = pool.want(resources)
        self._slots: Slots | None = None
        self._ticket: Ticket | None = None
        self._descriptor = -1
        self._is_first = False
        self._taken_at = 0.0
        self.cause = ""

    @property
    def seconds_to_look(self) -> float:
        """Soon for who is next; a driver is not asked more often than it has news."""
        is_soon = self._is_first and not self._want.gpus
        return SECONDS_TO_LOOK_AS_FIRST if is_soon else SECONDS_TO_LOOK

    def has_come(self) -> bool:
        """Whether its slots are taken; takes them where it is next and they are free."""
        if self._slots is not None:
            self._taken_at = time.time()
            return True
        try:
            self.line_up()
            taken = self._take_if_next()
        except (TuiTrainerError, OSError) as error:
            taken = f"the slots of this machine cannot be taken: {told(error).message}"
        if isinstance(taken, str):
            self.cause = taken
            return False
        self._slots, self._taken_at = taken, time.time()
        self._leave()
        return True

    def share(self) -> Share:
        """The threads of its CPU slots; with a GPU alone, its part of the cores."""
        allotted = allotted_cores()
        threads = threads_for(self._declared, allotted)
        if self._declared is None and self._want.gpus:
            threads = max(1, allotted.cores // len(self._pool.gpus))
        taken = self._slots or Slots(0, (), ())
        return Share(
            threads,
            allotted.source,
            self._taken_at,
            allotted.warnings,
            taken.descriptors,
            taken.environment,
        )

    def keep(self) -> None:
        """Touch what it holds."""
        if self._slots is not None:
            self._slots.keep()
        elif self._ticket is not None:
            touch([self._descriptor])

    def step_back(self) -> None:
        """Leave the queue, and the slots to others."""
        self._leave()
        if self._slots is not None:
            self._slots.release()
            self._slots = None

    def line_up(self) -> None:
        """Stand where its place is by now.

        Raises:
            UsageError: The folder of the slots is somebody else's by now.
            OSError: The ticket cannot be written.
        """
        self._pool.stand()
        place = Place.read(self._folder.queue_file)
        if self._ticket is None or not self._ticket.path.exists():
            self._leave()
            self._ticket, self._descriptor = issue(self._pool, place, self._want, self._folder)
        elif self._ticket.place != place and self._folder.queue_file.exists():
            self._ticket = self._ticket.moved_to(place)

    def _take_if_next(self) -> Slots | str:
        """Take the slots if no other is to have them first; otherwise why not."""
        own, self._is_first = self._ticket, False
        if own is None:
            return ""
        if own.place.held:
            return f"held; tui-trainer queue release {self._folder.run} lets it go on"
        before = [
            each
            for each in tickets(self._pool)
            if each.key < own.key and not each.place.held and each.wants_some_of(self._want.kinds)
        ]
        # Only the neighbour is looked at: who is next to a dead one removes its ticket.
        while before and not before[-1].is_of_the_living():
            before.pop()
        if before:
            # Who has the slots is looked up by who is next: a hundred would look at all of them.
            return f"{_ordinal(len(before) + 1)} in the queue"
        self._is_first = True
        taken = self._pool.take(self._want, self._folder)
        if isinstance(taken, Slots):
            return taken
        return f"1st in the queue; {taken or f'waits for {self._want}'}"

    def _leave(self) -> None:
        if self._ticket is not None:
            # What is unlocked is nobody's, and removed by who stands behind it.
            with contextlib.suppress(OSError):
                self._ticket.path.unlink()
            os.close(self._descriptor)
        self._ticket = None


def driver_for(resources: Resources) -> Driver:
    """NVIDIA's, awake where the run would use it: until then it seems as if there were no GPU."""
    driver = Driver()
    if would_use_gpu(resources):
        driver.wake_up()
    return driver


def turn_of(folder: RunFolder, resources: Resources, driver: Driver | None = None) -> Turn:
    """The turn of a run, which stands in the queue from now on; it waits for none if it cannot."""
    try:
        turn = InLine(folder, resources, Pool.here(driver))
        with _time_to_make_room():
            turn.line_up()
    except (TuiTrainerError, OSError) as error:
        said = told(error)
        why = f"started without a place in the queue: {said.message}; {said.hint}"
        return AtOnce(resources.slots, why.rstrip("; "))
    return turn


@contextlib.contextmanager
def _time_to_make_room() -> Iterator[None]:
    """A full disk is waited for in the queue: all that wait would begin at once in place of it."""
    try:
        yield
    except OSError as error:
        if Hope.after(error) is not Hope.ROOM:
            raise


def _ordinal(number: int) -> str:
    suffix = {1: "st", 2: "nd", 3: "rd"}.get(number % 10, "th")
    return f"{number}{'th' if number % 100 in {11, 12, 13} else suffix}"
