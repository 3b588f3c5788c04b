"""What a study measured against how large its networks are and how long they were trained."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final, NamedTuple

from tui_trainer.record.words import amount
from tui_trainer.study import tables
from tui_trainer.study.effects import Spread
from tui_trainer.study.facts import final_figures
from tui_trainer.study.tables import Column, Table, spread_column

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from tui_trainer.record.index import Run
    from tui_trainer.spec.summary import Setting

AXES: Final = ("depth", "parameters", "flops", "epochs")
# torchvision's names say how deep these are.
_DEPTH_IN_NAME = re.compile(r"(?:resnet|vgg|densenet)(\d+)")
_NOTES: Final = (
    "train: accuracy of the best epoch on its training images, augmented as they were",
    "test, OOD: of the same epoch's weights; train - test: how far test is below train",
    "FLOPs: of a forward pass of one image",
)


class Size(NamedTuple):
    """Runs of one setting, by their size; accuracies over their seeds, fractions of 1."""

    label: str
    n: int
    """Runs."""
    depth: int | None
    parameters: int | None
    flops: int | None
    epochs: int
    """That were trained, the most of any run."""
    train: Spread | None
    test: Spread | None
    ood: Spread | None
    train_test_gap: Spread | None
    """How far test accuracy is below training accuracy."""

    def at(self, axis: str) -> int | None:
        """Where it stands on one of `AXES`."""
        value = getattr(self, axis)
        return value if isinstance(value, int) else None


def size_of(label: str, runs: Sequence[Run]) -> Size:
    """Runs that differ only in their seed."""
    complexity = next((run.complexity for run in runs if run.complexity), None)
    train = [run.best.train_accuracy if run.best else None for run in runs]
    test = [run.clean_accuracy for run in runs]
    gaps = [None if a is None or b is None else a - b for a, b in zip(train, test, strict=True)]
    return Size(
        label=label,
        n=len(runs),
        depth=next(
            (depth for run in runs if run.plan and (depth := depth_of(run.plan.settings))), None
        ),
        parameters=complexity.parameters if complexity else None,
        flops=complexity.flops if complexity else None,
        epochs=max((len(run.epochs) for run in runs), default=0),
        train=Spread.of(train),
        test=Spread.of(test),
        ood=Spread.of(final_figures(run)["ood"] for run in runs),
        train_test_gap=Spread.of(gaps),
    )


def along(sizes: Iterable[Size], axis: str) -> list[Size]:
    """Those whose place on the axis is known, in its order."""
    placed = [(at, size) for size in sizes if (at := size.at(axis)) is not None]
    return [size for _, size in sorted(placed, key=lambda each: each[0])]


def complexity_table(sizes: Sequence[Size]) -> Table:
    """The smallest first."""
    ordered = sorted(sizes, key=lambda size: [size.at(axis) or 0 for axis in AXES[1:]])
    columns = (
        Column("point", ("point",), is_figure=False),
        Column("n", ("n",)),
        Column("depth", ("depth",)),
        Column("parameters", ("parameters",)),
        Column("FLOPs", ("flops",), is_for_papers=False),
        Column("epochs", ("epochs",), is_for_papers=False),
        spread_column("train (%)", "train"),
        spread_column("test (%)", "test"),
        spread_column("OOD (%)", "ood"),
        spread_column("train - test (pt)", "train_test_gap"),
    )
    rows = (
        (
            tables.words(size.label),
            tables.figure(size.n, str),
            tables.figure(size.depth, str),
            tables.figure(size.parameters, amount),
            tables.figure(size.flops, amount),
            tables.figure(size.epochs, str),
            *(
                tables.spread(each, tables.percent, size.n)
                for each in (size.train, size.test, size.ood, size.train_test_gap)
            ),
        )
        for size in ordered
    )
    return Table(title="complexity", columns=columns, rows=tuple(rows), notes=_NOTES)


def depth_of(settings: Mapping[str, Setting]) -> int | None:
    """How many layers deep a network is, by its own setting or by its name."""
    depth, name = settings.get("model.depth"), settings.get("model.name")
    if isinstance(depth, int):
        return depth
    named = _DEPTH_IN_NAME.match(name) if isinstance(name, str) else None
    return int(named[1]) if named else None
