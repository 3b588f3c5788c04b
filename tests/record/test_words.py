"""A run's numbers in words: whole, aligned, and no wider than the narrowest terminal."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tui_trainer.record.epochs import Epoch
from tui_trainer.record.words import amount, epoch_header, epoch_line, epoch_row, points

WIDTHS = (60, 79, 80, 200)


def measured(ood: float | None, number: int = 7) -> Epoch:
    return Epoch(
        epoch=number,
        attempt=1,
        step=133,
        train_loss=0.41,
        train_accuracy=1.0,
        validation_loss=0.39,
        validation_accuracy=0.88,
        ood_accuracy=ood,
        lr=0.1,
        grad_norm=1.3,
        seconds=4.2,
        images_per_second=285.0,
        time=None,
    )


def test_the_probe_stands_beside_the_clean_accuracy() -> None:
    line = epoch_line(measured(0.614), 20)
    assert "validation loss 0.3900 accuracy  88.0 %  ood accuracy  61.4 %  lr 1.00e-01" in line


def test_without_a_probe_nothing_is_said_of_one() -> None:
    line = epoch_line(measured(None), 20)
    assert "accuracy  88.0 %  lr 1.00e-01" in line
    for words in (line, epoch_row(measured(None), 20, 80), epoch_header(measured(None), 80)):
        assert "ood" not in words
        assert " - " not in words


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("ood", [None, 0.05, 1.0])
def test_rows_stand_under_their_header_on_every_terminal(ood: float | None, width: int) -> None:
    header = epoch_header(measured(ood), width)
    row = epoch_row(measured(ood, 1000), 1000, width)
    assert len(header) == len(row) < width
    assert ("lr" in header) is (width >= 80)
    titles = {"valid loss": "0.3900", "lr": "1.0e-01", "time": "4.2 s"}
    for title, figure in titles.items():
        if title in header:
            assert header.index(title) + len(title) == row.index(figure) + len(figure)
    if ood is not None:
        figure = f"{100 * ood:.1f} %"
        assert header.index("ood") + len("ood") == row.rindex(figure) + len(figure)


def test_a_gap_needs_both_accuracies() -> None:
    assert measured(0.6).ood_gap == pytest.approx(0.28)
    assert measured(None).ood_gap is None
    assert replace(measured(0.6), validation_accuracy=None).ood_gap is None


def test_a_difference_of_percentages_is_told_in_points() -> None:
    assert points(0.28) == "28.0 pt"
    assert points(-0.004) == "-0.4 pt"
    assert points(None) == "-"


def test_large_numbers_have_few_digits() -> None:
    counts = (0, 999, 12_280, 556_708, 12_280_832, 2.99e9, 3.6e12)
    assert [*map(amount, counts)] == ["0", "999", "12 k", "557 k", "12.3 M", "3.0 G", "3.6 T"]
