"""Errors of the kind that ended a night after a hundred epochs: found before the first.

The eighth of ten, skew between pipelines, cannot be had from experiments.toml, because a run has
one pipeline: there the object under test is broken. The others are real files, modules and mounts.
"""

from __future__ import annotations

import errno
import itertools
import os
import random
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import torch

from tests.faults.small_disk import SmallDisk
from tests.train.cifar_files import write_cifar
from tests.train.conftest import events_of, experiment_of, new_run, train
from tests.train.test_loop import StopAt, assert_same
from tests.train.test_ood_files import POINTER, labelled, unlabelled
from tests.train.test_process import ENDING_FORWARD, Core
from tui_trainer.errors import ExitCode, PreflightError
from tui_trainer.record.epochs import read_epochs
from tui_trainer.record.events import AttemptEnded, TrainingBegan, Warned, append_event
from tui_trainer.record.failure import Hope
from tui_trainer.record.preflight import Preflight
from tui_trainer.spec.snapshot import experiment_to_toml
from tui_trainer.train import preflight, sources
from tui_trainer.train.checks import Check, tabulate
from tui_trainer.train.loop import Stopped
from tui_trainer.train.pipeline import ImagePipeline
from tui_trainer.train.reporter import Reporter

if TYPE_CHECKING:
    from pathlib import Path

    from torch import Tensor

    from tui_trainer.record.events import Event
    from tui_trainer.record.finding import Finding
    from tui_trainer.record.run_folder import RunFolder

ALL = [
    *("device", "folder", "results", "weights", "data", "ood files", "schedule", "pipeline"),
    *("augmentation", "network", "step", "validation", "disk", "checkpoint", "test", "ood", "time"),
]
_numbers = itertools.count()
WRONG_HEAD = """
from torch import nn

def build(classes, size):
    return nn.Sequential(nn.Flatten(), nn.Linear(3 * size * size, 7))
"""


def own_model(project: Path, code: str) -> dict[str, Any]:
    """A network of the user's, in a module whose name no other test has."""
    name = f"preflight_{next(_numbers)}"
    (project / f"{name}.py").write_text(code)
    return {"name": f"{name}:build"}


def rehearsed_run(project: Path, **changes: Any) -> RunFolder:
    """A run of the small experiment that begins as runs do."""
    folder = new_run(project, **changes)
    folder.experiment_file.write_text(experiment_to_toml(experiment_of(**changes), {}))
    return folder


def table_of(folder: RunFolder, attempt: int = 1) -> Preflight:
    table = Preflight.read(folder.attempt(attempt).preflight_file)
    assert table is not None
    return table


def refused(folder: RunFolder) -> tuple[Finding, ...]:
    """The errors of a run that is refused before its first epoch, and leaves no trace."""
    with pytest.raises(PreflightError) as error:
        train(folder)
    table = table_of(folder)
    assert error.value.message == "; ".join(finding.found for finding in table.errors)
    assert error.value.exit_code is ExitCode.PREFLIGHT
    assert not read_epochs(folder.epochs_file)
    assert not list(folder.path.glob("checkpoints/*.pt"))
    assert not list(folder.path.rglob("*.tmp"))
    return table.errors


def test_a_run_that_is_in_order_has_seventeen_good_lines_and_begins(project: Path) -> None:
    folder = rehearsed_run(project)
    train(folder)
    table = table_of(folder)
    assert [finding.subject for finding in table.findings] == ALL
    assert {finding.level for finding in table.findings} == {"ok"}
    assert table.rehearsed
    assert len(read_epochs(folder.epochs_file)) == 2
    assert not list(folder.path.rglob("*.tmp"))


def test_1_the_wrong_head(project: Path) -> None:
    (error,) = refused(rehearsed_run(project, model=own_model(project, WRONG_HEAD)))
    assert error.subject == "network"
    assert "logits of shape (8, 10), not (8, 7)" in error.found
    assert "with `classes` outputs: here 10" in error.cure


def test_2_a_missing_file_among_those_out_of_distribution(project: Path) -> None:
    files = unlabelled(project / "ood", files=4)
    (files / "distortion01.npy").unlink()
    (error,) = refused(rehearsed_run(project, ood={"folder": "ood"}))
    assert error.subject == "ood files"
    assert error.found == f"{files} has no distortion01.npy, but later ones"


def test_3_a_git_lfs_pointer_among_them(project: Path) -> None:
    (unlabelled(project / "ood") / "distortion01.npy").write_bytes(POINTER)
    (error,) = refused(rehearsed_run(project, ood={"folder": "ood"}))
    assert (error.subject, error.cure) == ("ood files", "in that repository: git lfs pull")
    assert "distortion01.npy cannot be used: it is a Git LFS pointer" in error.found


def test_4_weights_that_are_not_in_the_cache(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TORCH_HOME", str(project / "torch"))
    model = {"name": "resnet18", "weights": "default"}
    (error,) = refused(rehearsed_run(project, model=model))
    assert error.subject == "weights"
    assert "the ImageNet weights of resnet18 are not on this machine" in error.found
    assert "curl" in error.cure


def test_4_weights_of_ones_own_that_are_cut_off(project: Path) -> None:
    torch.save({"conv1.weight": torch.ones(9999)}, project / "mine.pt")
    (project / "mine.pt").write_bytes((project / "mine.pt").read_bytes()[:5000])
    model = {"name": "resnet18", "weights": "./mine.pt"}
    (error,) = refused(rehearsed_run(project, model=model))
    assert error.subject == "weights"
    assert "it is cut off or damaged" in error.found


def test_5_skew_between_the_pipelines(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def other(pipeline: ImagePipeline, images: Tensor) -> Tensor:
        # Mean and deviation of 0.5, as a second script of the user's may have them.
        return pipeline.to_unit(images).sub(0.5).div(0.5)

    monkeypatch.setattr(ImagePipeline, "__call__", other)
    (error,) = refused(rehearsed_run(project))
    assert error.subject == "pipeline"
    assert "one image differs by" in error.found
    assert "between training and validation" in error.found


def test_6_a_folder_that_cannot_be_written_to(project: Path) -> None:
    folder = rehearsed_run(project)
    with SmallDisk.mounted(folder.checkpoints, "size=1m,ro"):
        (error,) = refused(folder)
    assert error.subject == "folder"
    assert "Read-only file system" in error.found
    assert "remount it for writing" in error.cure
    assert "checkpoints" in error.found


def test_7_a_submission_that_stands_already(project: Path) -> None:
    unlabelled(project / "ood")
    folder = rehearsed_run(project, ood={"folder": "ood"})
    folder.results.mkdir()
    submission = folder.results / "submission_ood.csv"
    submission.write_text("id,label\n")
    (error,) = refused(folder)
    assert error.subject == "results"
    assert "holds submission_ood.csv before the run has begun" in error.found
    assert submission.read_text() == "id,label\n"


def test_8_a_schedule_that_is_shorter_than_the_run(project: Path) -> None:
    scheduler = {
        "name": "torch.optim.lr_scheduler.OneCycleLR",
        "max_lr": 0.01,
        "total_steps": 5,
    }
    (error,) = refused(rehearsed_run(project, scheduler=scheduler))
    assert error.subject == "schedule"
    assert "is laid out for 5 steps, but the run takes 8" in error.found
    assert "scheduler.total_steps = 8" in error.cure


def test_9_more_classes_in_the_files_than_the_network_has(tmp_path: Path) -> None:
    write_cifar(tmp_path / "data", "cifar100", train=240, test=120, classes=120)
    data = {"name": "cifar100", "verify": "shape"}
    (error,) = refused(rehearsed_run(tmp_path, data=data))
    assert error.subject == "data"
    assert "label" in error.found


def test_10_a_disk_without_room_for_the_checkpoints(project: Path) -> None:
    with SmallDisk.mounted(project / "runs", "size=400k"):
        model = {"name": "cnn", "depth": 2, "width": 32}
        (error,) = refused(rehearsed_run(project, model=model))
    assert error.subject == "disk"
    assert "will be needed" in error.found
    assert "are free" in error.found


@pytest.mark.parametrize(
    "event",
    [
        TrainingBegan(attempt=1, epoch=1, step=0, checkpoint=""),
        AttemptEnded(attempt=1, exit_code=1, cause="voll", peak_memory_bytes=0, hope="room"),
    ],
)
def test_a_full_disk_is_waited_for_by_a_run_that_has_no_checkpoint_yet(
    project: Path, event: Event
) -> None:
    with SmallDisk.mounted(project / "runs", "size=400k"):
        folder = rehearsed_run(project, model={"name": "cnn", "depth": 2, "width": 32})
        refused(folder)
        append_event(folder.events_file, event)
        with pytest.raises(OSError, match="will be needed") as error:
            train(folder)
    assert Hope.after(error.value) is Hope.ROOM


def test_two_errors_are_told_at_once_and_the_rest_is_named(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TORCH_HOME", str(project / "torch"))
    model = {"name": "resnet18", "weights": "default"}
    folder = rehearsed_run(project, model=model, ood={"folder": "nowhere"})
    assert [error.subject for error in refused(folder)] == ["weights", "ood files"]
    rest = table_of(folder).findings[-2]
    assert (
        rest.found
        == (
            "not rehearsed after the errors above: "
            "network, step, validation, disk, checkpoint, test, ood, time"
        )
        or table_of(folder).findings[-1].subject == "the rest"
    )


def test_the_core_ends_with_3_and_says_why(project: Path) -> None:
    (unlabelled(project / "ood") / "distortion00.npy").write_bytes(POINTER)
    core = Core(rehearsed_run(project, ood={"folder": "ood"}))
    code, out, err = core.end()
    assert code == ExitCode.PREFLIGHT
    assert "preflight ok       data" in out
    assert "preflight error    ood files" in out
    assert "hint: in that repository: git lfs pull" in err
    assert "Traceback" not in err
    assert "is a Git LFS pointer" in core.said[-1]["cause"]
    assert core.said[0]["stage"] == "rehearsing"


@pytest.mark.parametrize(
    "changes",
    [
        {"ood": {"probe": 4, "corruptions": ["fog", "snow"]}, "ema": {"decay": 0.9}},
        {"training": {"accumulate": 3}, "warmup": {"steps": 3}, "augment": [{"name": "mixup"}]},
        {"scheduler": {"name": "reduce_lr_on_plateau"}, "optimizer": {"name": "rmsprop"}},
    ],
    ids=["one cycle", "accumulate", "plateau"],
)
def test_the_result_is_the_same_with_and_without_a_rehearsal(
    project: Path, changes: dict[str, Any]
) -> None:
    with_one, without = rehearsed_run(project, **changes), new_run(project, **changes)
    train(with_one)
    train(without)
    assert table_of(with_one).rehearsed
    assert not without.attempt(1).preflight_file.exists()
    assert_same(with_one, without)


def test_code_of_ones_own_draws_the_same_after_a_rehearsal(project: Path) -> None:
    model = own_model(
        project,
        "import random\nimport numpy as np\nimport torch\nfrom torch import nn\n"
        "def build(classes, size):\n"
        "    network = nn.Sequential(nn.Flatten(), nn.Linear(3 * size * size, classes))\n"
        "    drawn = np.random.rand() + random.random()\n"
        "    nn.init.constant_(network[1].bias, drawn)\n"
        "    return network\n",
    )
    runs = []
    for make in (rehearsed_run, new_run):
        runs.append(make(project, model=model))
        random.seed(5)
        np.random.seed(5)  # noqa: NPY002  as a user's code does
        train(runs[-1])
    assert_same(*runs)


def test_files_out_of_distribution_are_measured_or_predicted_in_part(project: Path) -> None:
    labelled(project / "c", count=100)
    unlabelled(project / "u", files=3, count=50)
    measured = rehearsed_run(project, ood={"folder": "c"}, epochs=1)
    predicted = rehearsed_run(project, ood={"folder": "u"}, epochs=1)
    found: dict[str, str] = {}
    for folder in (measured, predicted):
        train(folder)
        found |= {finding.subject: finding.found for finding in table_of(folder).findings}
    # Twelve of each of the five severities; of the second, ten, which is all there are.
    assert found["ood"] == "120 images of fog, snow measured"
    assert found["submission"] == "submission_ood.csv: 100 rows written and checked"
    assert found["ood files"] == "3 with 150 images, without labels"


def test_a_network_whose_loss_no_step_lowers(project: Path) -> None:
    optimizer = {"name": "torch.optim.SGD", "lr": 0.01, "maximize": True}
    (error,) = refused(rehearsed_run(project, optimizer=optimizer))
    assert error.subject == "step"
    assert "no step lowers the loss of one batch" in error.found


def test_a_network_that_learns_nothing(project: Path) -> None:
    model = own_model(
        project,
        "from torch import nn\n"
        "class Deaf(nn.Sequential):\n"
        "    def forward(self, images):\n"
        "        return super().forward(images).detach() + 0 * self[1].bias\n"
        "def build(classes, size):\n"
        "    return Deaf(nn.Flatten(), nn.Linear(3 * size * size, classes))\n",
    )
    (error,) = refused(rehearsed_run(project, model=model))
    assert (error.subject, error.found) == ("step", "no gradient reaches the weights")


def test_a_network_with_a_state_that_no_checkpoint_holds(project: Path) -> None:
    model = own_model(
        project,
        "import torch\nfrom torch import nn\n"
        "class Forgetful(nn.Module):\n"
        "    def __init__(self, size, classes):\n"
        "        super().__init__()\n"
        "        self.linear = nn.Linear(3 * size * size, classes)\n"
        "        self.seen = 0\n"
        "    def forward(self, images):\n"
        "        self.seen += self.training\n"
        "        return self.linear(images.flatten(1)) + self.seen\n"
        "def build(classes, size):\n"
        "    return Forgetful(size, classes)\n",
    )
    (error,) = refused(rehearsed_run(project, model=model))
    assert error.subject == "checkpoint"
    assert "says something else than before" in error.found


def test_own_code_that_breaks_down_is_an_error_with_its_name(
    project: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    model = own_model(
        project,
        "from torch import nn\n"
        "class Moody(nn.Sequential):\n"
        "    def forward(self, images):\n"
        "        if not self.training: raise KeyError('only in evaluation')\n"
        "        return super().forward(images)\n"
        "def build(classes, size):\n"
        "    return Moody(nn.Flatten(), nn.Linear(3 * size * size, classes))\n",
    )
    (error,) = refused(rehearsed_run(project, model=model))
    place = f"({model['name'].partition(':')[0]}.py, line 4)"
    assert error.subject == "validation"
    assert error.found == f"KeyError: 'only in evaluation' {place}"
    assert "tui-trainer logs" in error.cure
    assert "Traceback" in capfd.readouterr().err


@pytest.mark.parametrize(
    ("module", "found", "cure"),
    [
        (
            "linear.requires_grad_(False)",
            "no parameter of {} takes gradients",
            "requires_grad=True",
        ),
        ("nn.Conv2d(3, 4, 3, groups=2)", "fails: ValueError: in_channels", "python -c"),
        ("Detached(linear)", "no gradient goes from the logits of {} to", "detach()"),
        ("Bare()", "{} has no parameters", "attributes of the module"),
    ],
    ids=["frozen", "raises", "detached", "without parameters"],
)
def test_a_network_that_cannot_learn_is_told_in_words(
    project: Path, capfd: pytest.CaptureFixture[str], module: str, found: str, cure: str
) -> None:
    model = own_model(
        project,
        "from torch import nn\n"
        "class Detached(nn.Sequential):\n"
        "    def forward(self, images): return super().forward(images).detach()\n"
        "class Bare(nn.Module):\n"
        "    def forward(self, images): return images.flatten(1)[:, :10]\n"
        "def build(classes, size):\n"
        "    linear = nn.Sequential(nn.Flatten(), nn.Linear(3 * size * size, classes))\n"
        f"    return {module}\n",
    )
    (error,) = refused(rehearsed_run(project, model=model))
    assert error.subject == "network"
    assert found.format(model["name"]) in error.found
    assert cure in error.cure
    assert "Traceback" not in capfd.readouterr().err


@pytest.mark.parametrize(
    ("code", "subject", "found"),
    [
        ("raise SystemExit(3)", "network", "sys.exit(3) ({}, line 1)"),
        ("import sys\ndef build(classes, size): sys.exit()", "network", "sys.exit() ({}, line 2)"),
        (ENDING_FORWARD.format("True", "SystemExit(0)"), "network", "sys.exit(0) ({}, line 4)"),
        (
            ENDING_FORWARD.format("not self.training", "SystemExit(0)"),
            "validation",
            "sys.exit(0) ({}, line 4)",
        ),
    ],
    ids=["import", "build", "forward", "evaluation"],
)
def test_own_code_that_ends_the_program_is_told_with_its_line(
    project: Path, code: str, subject: str, found: str
) -> None:
    model = own_model(project, code)
    (error,) = refused(rehearsed_run(project, model=model))
    assert error.subject == subject
    place = f"{model['name'].partition(':')[0]}.py"
    assert f"it ends the program with {found.format(place)}" in error.found


def test_own_data_that_end_the_program_are_told_with_their_line(project: Path) -> None:
    data = own_model(project, "def build(size):\n    raise SystemExit('no data here')\n")
    (error,) = refused(rehearsed_run(project, data=data))
    assert error.subject == "data"
    assert "it ends the program with sys.exit(no data here) (preflight_" in error.found


def test_a_network_to_compile_where_there_is_no_compiler(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CXX", "/nonexistent/g++")
    monkeypatch.setenv("TORCHINDUCTOR_CACHE_DIR", str(project / "inductor"))
    folder = rehearsed_run(project, training={"compile": True}, resources={"device": "cpu"})
    code, _, err = Core(folder).end()
    assert code == ExitCode.PREFLIGHT
    (error,) = table_of(folder).errors
    assert error.subject == "compiler"
    assert "nothing can be compiled here: InvalidCxxCompiler: No working C++" in error.found
    assert "leave training.compile at false" in error.cure
    assert "Traceback" not in err


def test_augmentation_that_leaves_nothing_is_an_error_that_names_the_step(project: Path) -> None:
    noise = {"name": "gaussian_noise", "sigma": 1e4}
    (error,) = refused(rehearsed_run(project, augment=[{"name": "rotation"}, noise]))
    assert error.subject == "augmentation"
    assert error.found.startswith("nothing is left of 64 of 64 images")
    assert error.cure == "is it gaussian_noise? weaken it"


def test_augmentation_that_often_leaves_nothing_is_a_warning(project: Path) -> None:
    step = {"name": "affine", "degrees": 0, "scale": [0.3, 0.3], "translate": [1, 1]}
    folder = rehearsed_run(project, augment=[step])
    train(folder)
    (warning,) = table_of(folder).warnings
    assert warning.subject == "augmentation"
    assert "of 64 images; their labels are trained on all the same" in warning.found


def write_npz(project: Path, labels: Any, **parts: Any) -> dict[str, Any]:
    images = np.random.default_rng(0).integers(0, 256, (len(labels), 32, 32, 3), np.uint8)
    np.savez(project / "mine.npz", images=images, labels=labels, **parts)
    return {"name": "npz", "path": "mine.npz"}


def test_a_single_class_is_told_of_the_data(project: Path) -> None:
    (error,) = refused(rehearsed_run(project, data=write_npz(project, np.zeros(40, int))))
    assert (error.subject, error.found) == (
        "data",
        "all images to train on are of a single class: every label is 0",
    )
    assert "two classes at least" in error.cure


def test_arrays_that_are_missing_or_wrongly_labelled_have_a_cure(project: Path) -> None:
    (missing,) = refused(rehearsed_run(project, data={"name": "npz", "path": "none.npz"}))
    assert "none.npz: No such file" in missing.found
    assert "data.path names the file, from the project's folder" in missing.cure
    tested = {"test_images": np.zeros((4, 32, 32, 3), np.uint8), "test_labels": np.full(4, 7)}
    data = write_npz(project, np.arange(40) % 3, **tested)
    (beyond,) = refused(rehearsed_run(project, data=data))
    assert "label 7 of image 0 in `test_labels`" in beyond.found
    assert "labels from 0, alike in all parts" in beyond.cure


@pytest.mark.parametrize(
    "data",
    [
        {"name": "npz", "path": "absent.npz"},
        {"name": "npz", "path": "mine.npz"},
        {"name": "folder", "path": "absent"},
        {"name": "folder", "path": "empty"},
        {"name": "preflight_absent:data"},
        {"name": "cifar100"},
    ],
    ids=str,
)
def test_a_run_without_a_preflight_is_refused_with_the_same_cure(
    project: Path, data: dict[str, Any]
) -> None:
    (project / "empty").mkdir()
    np.savez(project / "mine.npz", images=np.zeros((4, 8, 9, 3), np.uint8), labels=np.arange(4))
    (told,) = refused(rehearsed_run(project, data=data))
    with pytest.raises(PreflightError) as error:
        train(new_run(project, data=data))
    assert (error.value.message, error.value.hint) == (told.found, told.cure)
    assert told.cure


@pytest.mark.parametrize(
    ("number", "cure"),
    [
        (errno.EROFS, "mounted read-only"),
        (errno.EACCES, "ask the owner for the permission"),
        (errno.ENOSPC, "make room"),
        (errno.EIO, "disk failing"),
    ],
)
def test_what_the_system_refuses_has_the_cure_of_its_kind(number: int, cure: str) -> None:
    def look() -> Finding:
        raise OSError(number, os.strerror(number), "/somewhere")

    (finding,) = tabulate([Check("folder", look)], lambda: None, Reporter())
    assert cure in finding.cure


def test_a_resume_looks_only_at_what_may_have_changed(project: Path) -> None:
    whole, folder = new_run(project), rehearsed_run(project)
    train(whole)
    stops = 0
    # Beyond the rehearsal's own looks, into the training.
    while not list(folder.path.glob("checkpoints/epoch-0001*")):
        with pytest.raises(Stopped):
            train(folder, StopAt(40 + stops))
        stops += 1
    train(folder)
    table = table_of(folder, stops + 1)
    assert not table.rehearsed
    assert [finding.subject for finding in table.findings] == [
        "folder",
        "results",
        "disk",
        "time",
    ]
    assert table.findings[1].level == "ok"
    assert_same(folder, whole)


def test_a_submission_that_came_into_the_way_is_told_at_the_resume(project: Path) -> None:
    folder = new_run(project)
    with pytest.raises(Stopped):
        train(folder, StopAt(6))
    text = folder.experiment_file.read_text()
    folder.experiment_file.write_text(text.replace("preflight = false", "preflight = true"))
    folder.results.mkdir()
    (folder.results / "submission_ood.csv").write_text("id,label\n")
    train(folder)
    told = table_of(folder, 2).findings[1]
    assert (told.subject, told.level) == ("results", "warning")
    assert "holds submission_ood.csv, which is not this run's" in told.found
    assert "move it away" in told.cure


@pytest.mark.parametrize("at", [1, 5, 20])
def test_stopped_in_its_rehearsal_it_is_rehearsed_again_and_as_if_never_stopped(
    project: Path, at: int
) -> None:
    whole, folder = new_run(project), rehearsed_run(project)
    train(whole)
    with pytest.raises(Stopped):
        train(folder, StopAt(at))
    assert not folder.attempt(1).preflight_file.exists()
    assert not list(folder.path.rglob("*.tmp"))
    train(folder)
    assert table_of(folder, 2).rehearsed
    assert_same(folder, whole)


def test_what_a_killed_rehearsal_left_is_swept_and_that_of_a_living_one_is_not(
    project: Path,
) -> None:
    folder = rehearsed_run(project, epochs=1)
    dead = folder.path / f".{preflight._SCRATCH}.999999999.ab.tmp" / "checkpoints"
    alive = folder.path / f".{preflight._SCRATCH}.{os.getpid()}.ab.tmp"
    dead.mkdir(parents=True)
    alive.mkdir()
    train(folder)
    assert (dead.exists(), alive.exists()) == (False, True)


def test_warnings_are_kept_with_the_run_and_do_not_end_it(project: Path) -> None:
    scheduler = {"name": "step_lr", "step_size": 30}
    folder = rehearsed_run(project, scheduler=scheduler)
    train(folder)
    (warned,) = (event for event in events_of(folder) if isinstance(event, Warned))
    assert warned.message == "preflight: step_lr changes nothing within 2 epochs"
    assert [finding.subject for finding in table_of(folder).warnings] == ["schedule"]


def test_labels_that_a_reader_let_pass_are_found(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    load = sources.load

    def spoilt(*arguments: Any) -> Any:
        data = load(*arguments)
        data.test.labels[3] = 10
        return data

    monkeypatch.setattr(sources, "load", spoilt)
    (error,) = refused(rehearsed_run(project))
    assert error.subject == "data"
    assert "labels of test are from 0 to 10, but the network has 10 classes" in error.found
