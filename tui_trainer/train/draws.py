"""The random draws of a corruption: one frozen stream for each image, whoever asks and when."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from tui_trainer.train.randomness import key

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray

# Never the run's own seed: all runs are to be measured on the same images.
_SEED = 0


class Draws:
    """Draws for a batch of images, the first axis of everything that comes back.

    A stream is Philox at a key of its own. NumPy keeps what `RandomState` makes of it as it is for
    all time (NEP 19); of the newer `Generator` it does not promise that.

    Args:
        corruption: What the draws are for.
        severity: From 1 to 5.
        indices: Each image's place in its split.
    """

    def __init__(self, corruption: str, severity: int, indices: Iterable[int]) -> None:
        purpose = f"ood/{corruption}"
        keys = (key(_SEED, purpose, severity, int(index)) for index in indices)
        self._streams = [np.random.RandomState(np.random.Philox(key=each)) for each in keys]

    def normal(
        self, shape: tuple[int, ...], loc: float = 0.0, scale: float = 1.0
    ) -> NDArray[np.float64]:
        """From a normal distribution, (count, *shape)."""
        return np.stack([stream.normal(loc, scale, shape) for stream in self._streams])

    def uniform(
        self, shape: tuple[int, ...], low: float = 0.0, high: float = 1.0
    ) -> NDArray[np.float64]:
        """Evenly from [low, high), (count, *shape)."""
        return np.stack([stream.uniform(low, high, shape) for stream in self._streams])

    def integers(self, low: int, high: int, shape: tuple[int, ...]) -> NDArray[np.int64]:
        """Evenly out of low, …, high - 1, (count, *shape)."""
        return np.stack([stream.randint(low, high, shape) for stream in self._streams])

    def poisson(self, means: NDArray[np.floating[Any]]) -> NDArray[np.int64]:
        """From Poisson distributions of these means, which hold one image after the other."""
        pairs = zip(self._streams, means, strict=True)
        return np.stack([stream.poisson(mean) for stream, mean in pairs])
