"""How a run's numbers are spelled, the same in logs and in commands."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tui_trainer.record.epochs import Epoch

ABSENT = "-"
# At most 79 columns at four-digit epochs, so that a row fits on the narrowest terminal in use.
ROW = "{:>9}  {:>10} {:>8}  {:>10} {:>8}  {:>8}  {:>8}"
ROW_WITH_OOD = "{:>9}  {:>10} {:>8}  {:>10} {:>8} {:>7}  {:>7}  {:>8}"


def percent(fraction: float | None) -> str:
    """`97.3 %`."""
    return ABSENT if fraction is None else f"{100 * fraction:.1f} %"


def points(difference: float | None) -> str:
    """A difference of two fractions, in percentage points: `48.8 pt`."""
    return ABSENT if difference is None else f"{100 * difference:.1f} pt"


def epoch_line(epoch: Epoch, planned: int) -> str:
    """One finished epoch as one line."""
    width = len(str(planned))
    lr = ABSENT if epoch.lr is None else f"{epoch.lr:.2e}"
    return (
        f"epoch {epoch.epoch:>{width}}/{planned}"
        f"  train loss {_decimal(epoch.train_loss)} accuracy {percent(epoch.train_accuracy):>7}"
        f"  validation loss {_decimal(epoch.validation_loss)}"
        f" accuracy {percent(epoch.validation_accuracy):>7}{_ood_words(epoch)}"
        f"  lr {lr}  {epoch.seconds or 0:.1f} s  {epoch.images_per_second or 0:,.0f} images/s"
    )


def epoch_header(epoch: Epoch) -> str:
    """What stands above the rows of a run with epochs like this one."""
    return _row(
        epoch, ("epoch", "train loss", "accuracy", "valid loss", "accuracy"), "ood", "lr", "time"
    )


def epoch_row(epoch: Epoch, planned: int) -> str:
    """One finished epoch as a row under `epoch_header`."""
    measured = (
        f"{epoch.epoch}/{planned}",
        _decimal(epoch.train_loss),
        percent(epoch.train_accuracy),
        _decimal(epoch.validation_loss),
        percent(epoch.validation_accuracy),
    )
    lr = ABSENT if epoch.lr is None else f"{epoch.lr:.1e}"
    return _row(epoch, measured, percent(epoch.ood_accuracy), lr, f"{epoch.seconds or 0:.1f} s")


def _row(epoch: Epoch, measured: tuple[str, ...], ood: str, lr: str, seconds: str) -> str:
    if epoch.ood_accuracy is None:
        return ROW.format(*measured, lr, seconds)
    return ROW_WITH_OOD.format(*measured, ood, lr, seconds)


def _ood_words(epoch: Epoch) -> str:
    return "" if epoch.ood_accuracy is None else f"  ood accuracy {percent(epoch.ood_accuracy):>7}"


def _decimal(value: float | None) -> str:
    """A loss with fixed decimals; one that was not finite is named as such."""
    return "not finite" if value is None else f"{value:.4f}"


def about(seconds: float) -> str:
    """A span of time in its two largest units: `45 s`, `12 min`, `7 h 10 min`, `2 d 4 h`."""
    if seconds < 1:
        return "under 1 s"
    if seconds < 60:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    if minutes < 60:
        return f"{minutes} min"
    hours, minutes = divmod(minutes, 60)
    if hours < 24:
        return f"{hours} h {minutes} min" if minutes else f"{hours} h"
    days, hours = divmod(hours, 24)
    return f"{days} d {hours} h" if hours else f"{days} d"


def moment(seconds: float | None) -> str:
    """When something was, in local time: `2026-11-25 15:40`."""
    if not seconds:
        return "?"
    try:
        return time.strftime("%Y-%m-%d %H:%M", time.localtime(seconds))
    except (OverflowError, OSError, ValueError):  # a clock that was never set, or a damaged line
        return "?"


def byte_size(count: int) -> str:
    """Bytes in the unit that leaves few digits: `12 kB`, `640 MB`, `7.8 GB`."""
    if count < 1e6:
        return f"{count / 1e3:.0f} kB"
    return f"{count / 1e6:.0f} MB" if count < 1e9 else f"{count / 1e9:.1f} GB"
