"""The door of evaluations: `python -m tui_trainer.train.assess RUN_FOLDER …`.

A run is looked at as it stands, whoever owns it: checkpoints are read, results are added.
"""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from tui_trainer.errors import ExitCode, TuiTrainerError, UsageError
from tui_trainer.record import own_files
from tui_trainer.record.epochs import best_epoch, read_epochs
from tui_trainer.record.experiment_file import read_experiment
from tui_trainer.record.fields import number
from tui_trainer.record.run_folder import CheckpointName, RunFolder
from tui_trainer.record.words import percent
from tui_trainer.spec.ood import Ood
from tui_trainer.train import hardware, models, sources
from tui_trainer.train.checkpoint import DamagedCheckpointError, Loaded, read_checkpoint
from tui_trainer.train.evaluate import predictions
from tui_trainer.train.ood import OodSource, Tools
from tui_trainer.train.ood_files import open_folder
from tui_trainer.train.ood_results import (
    SUBMISSION,
    judge_ood,
    predict_all,
    words_beside,
)
from tui_trainer.train.pipeline import ImagePipeline
from tui_trainer.train.reporter import Reporter
from tui_trainer.train.result import Results
from tui_trainer.train.staging import Stage
from tui_trainer.train.state import load_weights

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tui_trainer.train.metrics import Predictions

# A run that trains may remove the checkpoint that was chosen; then the choice is made anew.
_TRIES = 5


class Wish(NamedTuple):
    """What the command line asks for."""

    run: RunFolder
    predicts: bool
    """Write predictions, instead of measuring."""
    checkpoint: str
    """`best`, `last` or an epoch."""
    folder: Path | None
    """Images in place of those that the experiment names."""
    output: Path | None
    """The file of the plain predictions, in place of one among the results."""


class Assessment:
    """One look at one checkpoint of a run.

    Raises:
        UsageError: There is no such checkpoint.
        PreflightError: The data set is missing or damaged.
        RunCrashedError: The checkpoint does not fit the network.
    """

    def __init__(self, wish: Wish, reporter: Reporter) -> None:
        self.wish = wish
        self.launched = read_experiment(wish.run)
        experiment = self.launched.experiment
        hardware.settle()
        device = hardware.choose_device(experiment.resources.device)
        size, project = experiment.pipeline.size, wish.run.project
        stage = Stage(reporter.say, lambda message: reporter.say(f"warning: {message}"))
        self.data = sources.load(experiment.data, project, size, stage).to(device)
        classes = self.data.classes
        network = models.build(experiment.model, size, classes, project).to(device)
        loaded, is_best = choose(wish.run, wish.checkpoint, self.launched.fingerprint)
        load_weights(network, loaded.content["model"])
        reporter.say(f"{wish.run.run}: {loaded.name}")
        trained_with = loaded.content["circumstances"].get("own_files", {})
        now = own_files.digests(project, trained_with)
        for change in own_files.changes(trained_with, now):
            reporter.say(f"warning: {change} since {loaded.name} was trained")
        pipeline = ImagePipeline(experiment.pipeline, device)
        self.tools = Tools.of(experiment, network, pipeline, lambda: None, reporter.say)
        trained = len(read_epochs(wish.run.epochs_file))
        attempt = wish.run.newest_attempt()
        self.results = Results(
            wish.run,
            attempt.number if attempt else 0,
            loaded.name,
            self.launched.plan.fingerprint,
            is_final=is_best and trained >= self.launched.plan.epochs,
        )

    def evaluate(self) -> None:
        """Measure on clean images and out of distribution; what stands is not measured again.

        Raises:
            PreflightError: The images are missing or damaged.
            UsageError: They have no labels, or a result of others has their name.
        """
        results = self.results
        if not results.clean_file.exists():
            tools = self.tools
            beside = {
                n: self._predictions(way) for n, way in tools.beside.items() if not way.together
            }
            results.write_clean(self._predictions(tools), beside, self.data.names)
        clean = results.announce(results.clean_file)
        self.tools.tell(
            f"clean: accuracy {percent(number(clean, 'accuracy'))}, "
            f"top-5 {percent(number(clean, 'top5_accuracy'))}, "
            f"calibration error {percent(number(clean, 'calibration_error'))}"
        )
        for line in words_beside(clean):
            self.tools.tell(f"clean {line}")
        declared, folder = self.launched.experiment.ood or Ood(), self.wish.folder
        settings = declared if folder is None else Ood(folder=str(folder))
        name = "ood" if folder is None else f"ood-{folder.name}"
        size = self.launched.experiment.pipeline.size
        source = OodSource(settings, self.data, self.wish.run.project, size)
        if folder is not None and not source.is_labelled:
            raise UsageError(
                f"{folder} has no labels.npy, so that nothing can be measured on it",
                hint=f"tui-trainer predict {self.wish.run.run} --folder {folder}",
            )
        judge_ood(results, source, self.data.classes, self.tools, name)
        self.tools.tell(f"results: {results.place}")

    def _predictions(self, tools: Tools) -> Predictions:
        return predictions(tools.network, self.data.test, tools.pipeline, tools.after_batch)

    def predict(self) -> None:
        """Write what the network says about images without labels.

        Raises:
            UsageError: No folder is named, or other predictions stand in a file's place.
            PreflightError: The images are missing or damaged.
        """
        declared = self.launched.experiment.ood
        folder = self.wish.folder or (declared.folder if declared else None)
        if folder is None:
            raise UsageError(
                "there are no images to predict",
                hint="name their folder: --folder FOLDER, or ood.folder in experiments.toml",
            )
        images = open_folder(self.wish.run.project / folder, self.data.classes)
        plain = self.wish.output or self.results.place / SUBMISSION
        predict_all(plain, self.results, images, self.data.classes, self.tools)


def choose(run: RunFolder, wanted: str, fingerprint: str) -> tuple[Loaded, bool]:
    """The checkpoint that is meant, read and verified, and whether it is the best epoch's.

    Raises:
        UsageError: There is none, or it is damaged.
    """
    cause = ""
    for _ in range(_TRIES):
        best = best_epoch(read_epochs(run.epochs_file))
        best_name = CheckpointName(best.epoch, 0) if best else None
        name = best_name if wanted == "best" else _named(run, wanted)
        if name is None:
            raise UsageError(f"{run.run} has no checkpoint yet", hint="wait for its first epoch")
        try:
            return read_checkpoint(run.checkpoints, name, fingerprint), name == best_name
        except DamagedCheckpointError as error:
            cause = f"{name} cannot be used: {error}"
    standing = ", ".join(map(str, _standing(run))) or "none"
    raise UsageError(cause, hint=f"what stands in {run.checkpoints}: {standing}")


def _named(run: RunFolder, wanted: str) -> CheckpointName | None:
    if wanted == "last":
        return max(_standing(run), default=None)
    return CheckpointName(int(wanted), 0)


def _standing(run: RunFolder) -> list[CheckpointName]:
    parsed = (CheckpointName.parse(path.name) for path in run.checkpoints.glob("*.pt"))
    return sorted(name for name in parsed if name is not None)


def main(arguments: Sequence[str] | None = None) -> ExitCode:
    """Do what the command line asks for."""
    reporter = Reporter()
    try:
        wish = _wish(arguments)
        assessment = Assessment(wish, reporter)
        (assessment.predict if wish.predicts else assessment.evaluate)()
    except TuiTrainerError as error:
        hint = f"\nhint: {error.hint}" if error.hint else ""
        reporter.complain(f"error: {error.message}{hint}")
        return error.exit_code
    except OSError as error:
        said = UsageError.of_system(error).message
        reporter.complain(f"error: {said}; what was not finished is not kept, try it again")
        return ExitCode.CRASHED
    except KeyboardInterrupt:
        return ExitCode.STOPPED
    return ExitCode.DONE


def _wish(arguments: Sequence[str] | None) -> Wish:
    parser = argparse.ArgumentParser(prog="python -m tui_trainer.train.assess")
    parser.add_argument("run", type=Path)
    parser.add_argument("what", choices=("evaluate", "predict"))
    parser.add_argument("--checkpoint", default="best")
    parser.add_argument("--folder", type=Path)
    parser.add_argument("--output", type=Path)
    given = parser.parse_args(arguments)
    if given.checkpoint not in {"best", "last"} and not given.checkpoint.isdecimal():
        raise UsageError(f"a checkpoint is `best`, `last` or an epoch, not `{given.checkpoint}`")
    folder, output = (path and path.resolve() for path in (given.folder, given.output))
    run = RunFolder(given.run.resolve())
    if output is not None:
        _check_output(output)
    return Wish(run, given.what == "predict", given.checkpoint, folder, output)


def _check_output(output: Path) -> None:
    """Before anything is loaded: a file that can be written, and nobody's typing error."""
    if not output.parent.is_dir():
        raise UsageError(
            f"--output: there is no folder {output.parent}",
            hint="make it, or name a file in one that is there",
        )
    if output.exists() and not output.is_file():
        raise UsageError(
            f"--output: {output} is no file", hint=f"name a file: --output {output / SUBMISSION}"
        )


if __name__ == "__main__":
    # cuBLAS is deterministic only with this, and reads it when it is first used.
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    sys.exit(main())
