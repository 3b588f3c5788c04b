"""The handwritten digits of scikit-learn as 32x32 RGB images, with one fixed split."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from tui_trainer.errors import PreflightError
from tui_trainer.spec.choices import CLASS_COUNT, IMAGE_STATISTICS
from tui_trainer.train.dataset import Dataset, Split, stratified_order

if TYPE_CHECKING:
    from numpy.typing import NDArray

TEST_COUNT = 300
VALIDATION_COUNT = 300
_SPLIT_SEED = 0
_SIDE = 8
_BRIGHTEST = 16


def load() -> Dataset:
    """1,197 images to train on, 300 to validate on, 300 to test on."""
    small, labels = _read()
    images = _enlarged(small)
    test, validation, train = np.split(
        stratified_order(labels, _SPLIT_SEED), [TEST_COUNT, TEST_COUNT + VALIDATION_COUNT]
    )
    return Dataset(
        train=Split.pack(images[train], labels[train]),
        validation=Split.pack(images[validation], labels[validation]),
        test=Split.pack(images[test], labels[test]),
        classes=CLASS_COUNT["digits"],
    )


def _read() -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Images of 8x8 greys from 0 to 16, and their labels."""
    try:
        from sklearn.datasets import load_digits
    except ImportError as error:
        raise PreflightError(
            f"the digits come with scikit-learn, which cannot be imported: {error}",
            hint="install it: pip install scikit-learn",
        ) from error
    digits = load_digits()
    return digits.images.astype(np.int64), digits.target.astype(np.int64)


def _enlarged(images: NDArray[np.int64]) -> NDArray[np.uint8]:
    """Bilinear and in whole numbers, so that every machine gets the same bytes."""
    weights = _eighths(_SIDE, IMAGE_STATISTICS["digits"].size)
    sixty_fourths = weights @ images @ weights.T
    whole = 64 * _BRIGHTEST
    grey = (sixty_fourths * 255 + whole // 2) // whole
    return np.repeat(grey.astype(np.uint8)[..., None], 3, axis=-1)


def _eighths(small: int, large: int) -> NDArray[np.int64]:
    """In row i, how many eighths of large pixel i each small pixel gives; for 4 times larger."""
    centres = 2 * np.arange(large) - 3
    lower, share = centres // 8, centres % 8
    weights = np.zeros((large, small), np.int64)
    rows = np.arange(large)
    np.add.at(weights, (rows, np.clip(lower, 0, small - 1)), 8 - share)
    np.add.at(weights, (rows, np.clip(lower + 1, 0, small - 1)), share)
    return weights
