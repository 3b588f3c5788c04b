"""Seconds to corrupt 10,000 images of 32x32, by corruption, mean over the five severities.

python benchmarks/corruptions.py [--images 500]
"""

from __future__ import annotations

import argparse
import time

import numpy as np

from tui_trainer.train.corruptions import CORRUPTIONS, SIDE, corrupted

BATCH = 256


def seconds(images: np.ndarray, name: str) -> float:
    """For one severity of all images, in the batches that evaluations use."""
    begun = time.perf_counter()
    for severity in range(1, 6):
        for start in range(0, len(images), BATCH):
            batch = images[start : start + BATCH]
            corrupted(batch, range(start, start + len(batch)), name, severity)
    return (time.perf_counter() - begun) / 5


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--images", type=int, default=512)
    count = parser.parse_args().images
    random = np.random.default_rng(0)
    images = random.integers(0, 256, (count, SIDE, SIDE, 3), dtype=np.uint8)
    total = 0.0
    for name in CORRUPTIONS:
        taken = seconds(images, name) * 10_000 / count
        total += taken
        print(f"{name:<20}{taken:6.2f} s")
    print(f"{'all, one severity':<20}{total:6.2f} s")


if __name__ == "__main__":
    main()
