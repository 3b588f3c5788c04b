"""Brings a checkpoint to its results out of distribution: a table, or a file of predictions."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from tui_trainer.errors import PreflightError, RunCrashedError, UsageError
from tui_trainer.record.digest import file_digest
from tui_trainer.record.fields import number, table, text
from tui_trainer.record.words import percent, points
from tui_trainer.train.ood import measure_ood
from tui_trainer.train.submission import check_submission, predicted_labels, write_submission
from tui_trainer.train.ways import BATCH_NORM, FLIP

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray

    from tui_trainer.train.ood import OodSource, Tools
    from tui_trainer.train.ood_files import OodFile, OodFolder
    from tui_trainer.train.result import Results

SUBMISSION = "submission_ood.csv"


def judge_ood(
    results: Results, source: OodSource, classes: int, tools: Tools, name: str = "ood"
) -> None:
    """Measure what has labels, predict what has none; what stands already is left as it is.

    Raises:
        RunCrashedError: The images cannot be read any more; the run's training is done and whole.
    """
    try:
        if source.is_labelled:
            _measure(results, source, tools, name)
        elif source.folder is not None:
            submit_all(results, source.folder, classes, tools)
    except PreflightError as error:
        raise RunCrashedError(
            f"trained, but not measured out of distribution: {error.message}",
            hint=error.hint or "mend it, then resume the run: nothing is trained again",
        ) from error


def submit_all(results: Results, folder: OodFolder, classes: int, tools: Tools) -> None:
    """Write predictions in every way to look, among the results; what stands is left as it is.

    Raises:
        RunCrashedError: What stands there is not of this folder's form.
        PreflightError: The images cannot be read any more.
    """
    for path, way in _files(results.place / SUBMISSION, tools):
        if path.exists():
            check_submission(path, folder, classes)
            way.tell(f"it stands already: {path}")
        else:
            _submit(path, results, folder, classes, way)
        results.announce(path)


def predict_all(
    plain: Path, results: Results, folder: OodFolder, classes: int, tools: Tools
) -> None:
    """Write predictions in every way to look; what stands is predicted once more and compared.

    Args:
        plain: The file of the plain way; the others stand beside it, their way in their name.
        results: Of the checkpoint; files outside of them are not told in the events.
        folder: The images.
        classes: Labels are 0 to classes - 1.
        tools: What the network is looked at with.

    Raises:
        UsageError: A file stands and says something else; then nothing was written.
        PreflightError: The images cannot be read any more.
    """
    files = _files(plain, tools)
    standing = [(path, way) for path, way in files if path.exists()]
    differing = [path for path, way in standing if not _says_the_same(path, folder, classes, way)]
    if differing:
        stand = " and ".join(map(str, differing))
        verb = "stands and says" if len(differing) == 1 else "stand and say"
        raise UsageError(
            f"{stand} {verb} something else; nothing was written",
            hint="write elsewhere: --output FILE",
        )
    for path, way in files:
        if (path, way) not in standing:
            _submit(path, results, folder, classes, way)
        if path.is_relative_to(results.folder.results):
            results.announce(path)


def _files(plain: Path, tools: Tools) -> list[tuple[Path, Tools]]:
    """The file of each way to look."""
    beside = tools.beside.items()
    return [(plain, tools), *((plain.with_stem(f"{plain.stem}_{n}"), way) for n, way in beside)]


def _submit(path: Path, results: Results, folder: OodFolder, classes: int, tools: Tools) -> None:
    if path.is_relative_to(results.folder.results):
        results.make_place()
    labels = _while_owned(predicted_labels(folder, tools), results)
    digest = write_submission(path, labels, folder, classes)
    tools.tell(f"{folder.images:,} rows, checked: {path} (sha256 {digest})")


def _says_the_same(path: Path, folder: OodFolder, classes: int, tools: Tools) -> bool:
    """Whether predicting once more gives what stands in a file."""
    again = path.with_name(f".again.{os.getpid()}.{path.name}")
    try:
        digest = write_submission(again, predicted_labels(folder, tools), folder, classes)
    finally:
        again.unlink(missing_ok=True)
    if digest != file_digest(path):
        return False
    tools.tell(f"it stands already, and says the same: {path} (sha256 {digest})")
    return True


def _while_owned(
    labels: Iterator[tuple[OodFile, NDArray[np.int64]]], results: Results
) -> Iterator[tuple[OodFile, NDArray[np.int64]]]:
    """The same, as long as whoever predicts may write to the run: it takes minutes."""
    for one_file in labels:
        results.check_ownership()
        yield one_file
    results.check_ownership()


def _measure(results: Results, source: OodSource, tools: Tools, name: str) -> None:
    file = results.ood_file(name)
    if not file.exists():
        measured = measure_ood(source, tools)
        results.write_ood(measured, name)
    result = results.announce(file)
    if result.get("images_are") != source.describe()["images_are"]:
        raise UsageError(
            f"{file} stands and is about {text(result, 'images_are')}; it was left as it is",
            hint="rename the folder: the result bears its name",
        )
    tools.tell(f"out of distribution: {_words(result)}")
    for line in words_beside(result):
        tools.tell(f"out of distribution {line}")


def words_beside(result: Mapping[str, Any]) -> Iterator[str]:
    """A line for each other way to look that a result tells of."""
    for way in (FLIP, BATCH_NORM):
        if way in result:
            yield f"{way.replace('_', ' ')}: {_words(table(result, way))}"


def _words(result: Mapping[str, Any]) -> str:
    accuracy, gap = percent(number(result, "accuracy")), points(number(result, "gap"))
    return f"accuracy {accuracy}" + (f", {gap} below clean" if "gap" in result else "")
