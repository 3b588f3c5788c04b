"""How a run's numbers are spelled, the same in logs and in commands."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tui_trainer.record.epochs import Epoch

ABSENT = "-"
# At most 79 columns at four-digit epochs; on narrower terminals 58, of what tells most.
_WIDE = 80
_ROW = "{epoch:>9}  {loss:>10} {accuracy:>8}  {valid_loss:>10} {valid:>8}  {lr:>8}  {time:>8}"
_ROW_WITH_OOD = (
    "{epoch:>9}  {loss:>10} {accuracy:>8}  {valid_loss:>10} {valid:>8} {ood:>7}  {lr:>7}  {time:>8}"
)
_NARROW_ROW = "{epoch:>9} {loss:>10}  {valid_loss:>10} {valid:>8}  {time:>8}"
_NARROW_ROW_WITH_OOD = "{epoch:>9} {loss:>10}  {valid_loss:>10} {valid:>8} {ood:>7} {time:>8}"


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


def epoch_header(epoch: Epoch, width: int) -> str:
    """What stands above the rows of a run with epochs like this one, on so wide a terminal."""
    return _row(epoch, width).format(
        epoch="epoch",
        loss="train loss",
        accuracy="accuracy",
        valid_loss="valid loss",
        valid="accuracy",
        ood="ood",
        lr="lr",
        time="time",
    )


def epoch_row(epoch: Epoch, planned: int, width: int) -> str:
    """One finished epoch as a row under `epoch_header`."""
    return _row(epoch, width).format(
        epoch=f"{epoch.epoch}/{planned}",
        loss=_decimal(epoch.train_loss),
        accuracy=percent(epoch.train_accuracy),
        valid_loss=_decimal(epoch.validation_loss),
        valid=percent(epoch.validation_accuracy),
        ood=percent(epoch.ood_accuracy),
        lr=ABSENT if epoch.lr is None else f"{epoch.lr:.1e}",
        time=f"{epoch.seconds or 0:.1f} s",
    )


def _row(epoch: Epoch, width: int) -> str:
    """The columns that there is room for."""
    if epoch.ood_accuracy is None:
        return _ROW if width >= _WIDE else _NARROW_ROW
    return _ROW_WITH_OOD if width >= _WIDE else _NARROW_ROW_WITH_OOD


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


def amount(count: float) -> str:
    """A large number in the unit that leaves few digits: `850`, `557 k`, `11.2 M`, `1.8 G`."""
    for size, unit in ((1e12, "T"), (1e9, "G"), (1e6, "M")):
        if count >= size:
            return f"{count / size:.1f} {unit}"
    return f"{count / 1e3:.0f} k" if count >= 1e3 else f"{count:.0f}"


def clock(seconds: float | None) -> str:
    """What time it is in so many seconds, with the day where it is another one."""
    if seconds is None:
        return ""
    now = time.time()
    then = time.localtime(now + seconds)
    is_today = then[:3] == time.localtime(now)[:3]
    return time.strftime("%H:%M" if is_today else "%a %H:%M", then)


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
