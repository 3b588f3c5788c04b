"""The columns of the list of runs: which ones a width has room for, and how wide they are."""

from __future__ import annotations

from dataclasses import dataclass, replace

# Columns from which on nothing gives way to the accuracy out of distribution.
ROOM_FOR_ALL = 110
# Columns from which on a run's attempts and its host have columns of their own.
ROOM_FOR_WHERE = 180
# One long name takes a quarter of the list from all the others' figures, within these.
SHORTEST_LIMIT, LONGEST_NAME = 24, 40


@dataclass(frozen=True)
class Column:
    """A column of the list; a width of 0 leaves it out."""

    title: str
    width: int
    right: bool = True
    sorts_by: str = ""
    """The column that its title names as well."""


@dataclass(frozen=True, kw_only=True)
class Layout:
    """The widths that a list of this width and these names has."""

    width: int
    gap: int
    name: Column
    state: Column
    epoch: Column
    bar: Column
    val: Column
    test: Column
    ood: Column
    ood_gap: Column
    score: Column
    best: Column
    eta: Column
    tries: Column
    where: Column

    @classmethod
    def of(cls, width: int, longest_name: int, *, has_ood: bool, has_score: bool = False) -> Layout:
        """The columns that fit, the name and the note taking what is left.

        Where runs are measured out of distribution, a narrow list tells that in place of the best
        epoch, which the status line has too.
        """
        wide, medium = width >= 100, width >= 72
        shows_ood = has_ood and medium
        gap = 2 if medium else 1
        limit = min(LONGEST_NAME, max(SHORTEST_LIMIT, width // 4))
        layout = cls(
            width=width,
            gap=gap,
            name=Column("experiment", 0, right=False),
            state=Column("state", 13, right=False),
            epoch=Column("epoch", 7),
            bar=Column("", 16 if width >= 160 else 8 if wide else 0, right=False),
            val=Column("val", 5),
            test=Column("test", 5 if medium else 0),
            ood=Column("ood", 5 if shows_ood else 0),
            ood_gap=Column("gap", 5 if shows_ood else 0),
            score=Column("score", 7 if has_score and width >= ROOM_FOR_ALL else 0),
            best=Column("best", 10 if medium and (not shows_ood or width >= ROOM_FOR_ALL) else 0),
            eta=Column("eta", 5 if medium else 0),
            tries=Column("tries", 5 if width >= ROOM_FOR_WHERE else 0),
            where=Column("where", 14 if width >= ROOM_FOR_WHERE else 0, right=False),
        )
        room = layout.width - 1 - sum(each.width + gap for each in layout.columns[1:])
        longest = max(8, min(limit, room, max(14, longest_name)))
        return replace(layout, name=replace(layout.name, width=longest))

    @property
    def columns(self) -> tuple[Column, ...]:
        """The columns that are shown, from left to right."""
        every = (self.state, self.epoch, self.bar, self.val, *self.given_up)
        return (self.name, *(column for column in every if column.width))

    @property
    def given_up(self) -> tuple[Column, ...]:
        """The last columns, which a dead run has less use for than for its cause."""
        return (
            *(self.test, self.ood, self.ood_gap, self.score, self.best),
            *(self.eta, self.tries, self.where),
        )

    @property
    def room_for_note(self) -> int:
        """Cells that are left at the right, beside the scroll mark."""
        return self.width - 2 - sum(column.width + self.gap for column in self.columns)
