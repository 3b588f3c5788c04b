"""A submission of the full challenge's size: rows, seconds of writing, and peak memory.

    python benchmarks/submission.py [--folder /tmp] [--files 19] [--images 50000]

Makes the files (2.9 GB of noise) and removes them. The network is the smallest that there is, since
what is measured is everything around it.
"""

from __future__ import annotations

import argparse
import multiprocessing
import resource
import tempfile
import time
from pathlib import Path

import numpy as np
import torch
from torch import nn

from tui_trainer.spec.data import Pipeline
from tui_trainer.train.ood import Tools
from tui_trainer.train.ood_files import open_folder
from tui_trainer.train.pipeline import ImagePipeline
from tui_trainer.train.submission import predicted_labels, write_submission

CLASSES = 100
BLOCK = 10_000


def make(folder: Path, files: int, images: int) -> None:
    """Write the files in the challenge's form, a block at a time."""
    random = np.random.default_rng(0)
    for number in range(files):
        shape = (images, 32, 32, 3)
        path = folder / f"distortion{number:02d}.npy"
        array = np.lib.format.open_memmap(path, mode="w+", dtype=np.uint8, shape=shape)
        for start in range(0, images, BLOCK):
            block = array[start : start + BLOCK]
            block[:] = random.integers(0, 256, block.shape, dtype=np.uint8)


def peak_mib() -> float:
    """The largest resident set of this process so far."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def measure(folder: Path) -> None:
    """Predict, then write once more what was predicted, and print both."""
    begun = time.perf_counter()
    images = open_folder(folder, CLASSES)
    print(f"checking {len(images.files)} files: {time.perf_counter() - begun:.2f} s")
    network = nn.Sequential(nn.AvgPool2d(8), nn.Flatten(), nn.Linear(48, CLASSES))
    pipeline = ImagePipeline(Pipeline(32, (0.5, 0.5, 0.5), (0.25, 0.25, 0.25)), torch.device("cpu"))
    before = peak_mib()
    tools = Tools(network, pipeline, lambda: None, lambda _: None)
    begun = time.perf_counter()
    labels = list(predicted_labels(images, tools))
    print(f"predicting {images.images:,} images: {time.perf_counter() - begun:.1f} s")
    begun = time.perf_counter()
    path = folder / "submission_ood.csv"
    write_submission(path, labels, images, CLASSES)
    seconds, size = time.perf_counter() - begun, path.stat().st_size / 1e6
    print(f"writing, syncing and checking {images.images:,} rows: {seconds:.2f} s, {size:.1f} MB")
    print(f"peak memory: {before:.0f} MiB before, {peak_mib():.0f} MiB at the end")


def main() -> None:
    """Make, measure, remove."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folder", type=Path, default=Path(tempfile.gettempdir()))
    parser.add_argument("--files", type=int, default=19)
    parser.add_argument("--images", type=int, default=50_000)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=given.folder) as folder:
        # In a process of its own, so that its memory does not count.
        maker = multiprocessing.get_context("spawn").Process(
            target=make, args=(Path(folder), given.files, given.images)
        )
        maker.start()
        maker.join()
        measure(Path(folder))


if __name__ == "__main__":
    main()
