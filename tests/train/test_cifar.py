from __future__ import annotations

import os
import pickle
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import torch
from torchvision import datasets

from tests.train.cifar_files import pickled, random_bytes, write_cifar
from tui_trainer.errors import PreflightError
from tui_trainer.spec.choices import CIFAR_FILES, CIFAR_FOLDER
from tui_trainer.spec.data import Cifar
from tui_trainer.train import cifar
from tui_trainer.train.cifar import FORMS

if TYPE_CHECKING:
    from tui_trainer.spec.choices import CifarName


def settings(name: CifarName = "cifar100", **changes: Any) -> Cifar:
    return Cifar(name, **{"verify": "shape", **changes})


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return write_cifar(tmp_path / "data", "cifar100", train=200, test=100)


def test_the_sums_are_torchvisions() -> None:
    for name, kind in (("cifar10", datasets.CIFAR10), ("cifar100", datasets.CIFAR100)):
        form = cifar.FORMS[name]  # type: ignore[index]
        assert form.folder == kind.base_folder
        assert form.archive == kind.url
        assert list(form.train.items()) == list(map(tuple, kind.train_list))
        assert list(form.test.items()) == list(map(tuple, kind.test_list))


@pytest.mark.parametrize("name", ["cifar10", "cifar100"])
def test_images_and_labels_come_out_as_they_went_in(tmp_path: Path, name: CifarName) -> None:
    write_cifar(tmp_path / "data", name, train=50, test=20)
    test = cifar.load(settings(name), tmp_path).test
    pixels = random_bytes(next(iter(cifar.FORMS[name].test)), 20)
    wanted = np.frombuffer(pixels, np.uint8).reshape(20, 3, 32, 32)
    assert np.array_equal(test.take(torch.arange(20)).numpy(), wanted)
    assert test.labels.tolist() == [i % (10 if name == "cifar10" else 100) for i in range(20)]


@pytest.mark.parametrize(
    ("content", "names"),
    [
        (pickle.dumps({"fine_label_names": [f"fish {n}" for n in range(100)]}, 2), 100),
        (pickle.dumps({b"fine_label_names": [b"fish %d" % n for n in range(100)]}, 5), 100),
        (pickle.dumps({"fine_label_names": ["too few"]}, 2), 0),
        (pickle.dumps({"label_names": []}, 2), 0),
        (pickle.dumps([]), 0),
        (b"garbage", 0),
        (None, 0),
    ],
)
def test_classes_have_the_names_that_stand_beside_the_images(
    tmp_path: Path, content: bytes | None, names: int
) -> None:
    folder = write_cifar(tmp_path / "data", "cifar100", train=100, test=100)
    if content is not None:
        (folder / "meta").write_bytes(content)
    data = cifar.load(settings(), tmp_path).to(torch.device("cpu"))
    assert data.names == tuple(f"fish {n}" for n in range(names))


def test_nobody_waits_for_names_that_never_come(tmp_path: Path) -> None:
    folder = write_cifar(tmp_path / "data", "cifar100", train=100, test=100)
    os.mkfifo(folder / "meta")
    assert cifar.load(settings(), tmp_path).names == ()


def test_all_five_batches_of_cifar10_are_read(tmp_path: Path) -> None:
    write_cifar(tmp_path / "data", "cifar10", train=50, test=10)
    data = cifar.load(settings("cifar10", validation_fraction=0.2), tmp_path)
    assert (len(data.train), len(data.validation), data.classes) == (40, 10, 10)
    images = torch.cat(
        [part.take(torch.arange(len(part))) for part in (data.train, data.validation)]
    )
    assert len({bytes(image.flatten().tolist()) for image in images}) == 50


def test_the_split_seed_alone_decides_what_is_set_aside(tmp_path: Path, folder: Path) -> None:
    assert folder.exists()
    first, again, other = (
        cifar.load(settings(split_seed=seed), tmp_path).validation for seed in (0, 0, 1)
    )
    assert torch.equal(first.pixels, again.pixels)
    assert not torch.equal(first.pixels, other.pixels)


def test_a_missing_folder_is_named_with_what_to_put_there(tmp_path: Path) -> None:
    with pytest.raises(PreflightError) as error:
        cifar.load(settings(), tmp_path)
    assert str(tmp_path / "data" / "cifar-100-python") in error.value.message
    assert "cifar-100-python.tar.gz" in error.value.hint


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
@pytest.mark.parametrize("encoding", ["bytes", "latin1"])
def test_files_that_were_read_and_saved_anew_hold_the_same(
    tmp_path: Path, folder: Path, encoding: str, protocol: int
) -> None:
    original = cifar.load(settings(), tmp_path)
    for file in (folder / "train", folder / "test"):
        tree = pickle.loads(file.read_bytes(), encoding=encoding)  # noqa: S301  we made it
        file.write_bytes(pickle.dumps(tree, protocol))
    again = cifar.load(settings(), tmp_path)
    assert torch.equal(again.train.pixels, original.train.pixels)
    assert torch.equal(again.test.labels, original.test.labels)


def test_labels_may_be_an_array(tmp_path: Path, folder: Path) -> None:
    pixels = np.frombuffer(random_bytes("x", 2), np.uint8).reshape(2, 3072)
    tree = {"data": pixels, "fine_labels": np.array([7, 7])}
    (folder / "test").write_bytes(pickle.dumps(tree))
    assert cifar.load(settings(), tmp_path).test.labels.tolist() == [7, 7]


def damages() -> dict[str, tuple[bytes, str]]:
    """What may stand in place of the file, and what the error must say."""
    two = random_bytes("x", 2)
    good = pickled("fine_labels", [1, 2], two)
    pointer = b"version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 5\n"
    return {
        "cut off": (good[:3000], "cut off after 3,000 bytes"),
        "empty": (b"", "is empty"),
        "cut off, by chance after a dot": (good[:3000] + b".", "cannot be read"),
        "pointer": (pointer, "Git LFS pointer"),
        "page": (b"<!DOCTYPE html><html>Moved.</html>", "web page"),
        "labels too large": (
            pickled("fine_labels", [1, 100], two),
            "label 100 of",
        ),
        "label below zero": (pickled("fine_labels", [-1, 1], two), "label -1 of"),
        "labels too few": (pickled("fine_labels", [1], two), "1 labels"),
        "no images": (pickled("fine_labels", [], b""), "0 images"),
        "labels of cifar10": (
            pickled("labels", [1, 2], two),
            r"must hold `data` and `fine_labels`; it has `labels`, as cifar10 has$",
        ),
        "other keys": (
            pickle.dumps({b"images": 1, b"labels_": 2}),
            r"`fine_labels`; it has `images`, `labels_`$",
        ),
        "labels of other numbers": (
            pickle.dumps({"data": np.zeros((1, 3072), np.uint8), "fine_labels": np.array([0.5])}),
            "label 0.5 of",
        ),
        "other width": (
            pickled("fine_labels", [1, 2], two, width=1024),
            r"\(6, 1024\)",
        ),
        "other type": (pickled("fine_labels", [1, 2], two, dtype="i1"), "int8"),
        "no table": (pickle.dumps([1, 2]), "no table of images but a list"),
    }


@pytest.mark.parametrize("damage", damages())
def test_damage_is_named_before_training(tmp_path: Path, folder: Path, damage: str) -> None:
    content, message = damages()[damage]
    (folder / "train").write_bytes(content)
    with pytest.raises(PreflightError, match=message) as error:
        cifar.load(settings(), tmp_path)
    assert str(folder / "train") in error.value.message
    assert error.value.hint


def test_md5_refuses_files_that_are_not_the_published_ones(tmp_path: Path, folder: Path) -> None:
    assert folder.exists()
    with pytest.raises(PreflightError, match=r"MD5 is [0-9a-f]{32}, not 16019d7e"):
        cifar.load(settings(verify="md5"), tmp_path)


class Payload:
    """Runs a command when a trusting reader unpickles it."""

    def __init__(self, trace: Path) -> None:
        self.trace = trace

    def __reduce__(self) -> tuple[Any, ...]:
        return Path.touch, (self.trace,)


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_a_malicious_pickle_leaves_no_trace(tmp_path: Path, folder: Path, protocol: int) -> None:
    trace = tmp_path / "trace"
    (folder / "train").write_bytes(pickle.dumps(Payload(trace), protocol))
    with pytest.raises(PreflightError, match="it asks for"):
        cifar.load(settings(), tmp_path)
    assert not trace.exists()
    pickle.loads((folder / "train").read_bytes())  # noqa: S301  to see that it would have bitten
    assert trace.exists()


@pytest.mark.parametrize("name", ["os.system", "builtins.eval", "numpy.load", "builtins.getattr"])
def test_only_arrays_can_be_asked_for(tmp_path: Path, folder: Path, name: str) -> None:
    module, _, function = name.rpartition(".")
    (folder / "train").write_bytes(f"c{module}\n{function}\n(S'true'\ntR.".encode())
    with pytest.raises(PreflightError, match=f"it asks for {name}"):
        cifar.load(settings(), tmp_path)


def test_arrays_of_either_numpy_are_read(tmp_path: Path, folder: Path) -> None:
    for module in (b"numpy.core.multiarray", b"numpy._core.multiarray"):
        content = pickled("fine_labels", [1, 2], random_bytes("x", 2))
        (folder / "train").write_bytes(content.replace(b"numpy.core.multiarray", module))
        assert len(cifar.load(settings(), tmp_path).train) == 1


def test_the_files_that_doctor_looks_for_are_those_that_are_read() -> None:
    for name, form in FORMS.items():
        assert CIFAR_FOLDER[name] == form.folder
        assert CIFAR_FILES[name] == (*form.train, *form.test)
