from __future__ import annotations

import os
import time
import zlib
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import torch
from PIL import Image, ImageOps
from torchvision import datasets

from tests.train.conftest import new_run, train
from tui_trainer.errors import PreflightError
from tui_trainer.record.tail import read_json
from tui_trainer.spec.data import ImageFolder
from tui_trainer.train import image_folder, sources
from tui_trainer.train.checks import Interrupted
from tui_trainer.train.staging import Stage

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

SETTINGS = ImageFolder(name="folder", path="images")


def write(folder: Path, count: int, mode: str = "RGB", **options: Any) -> list[Path]:
    """Images of random pixels, 12 wide and 10 high."""
    folder.mkdir(parents=True, exist_ok=True)
    generator = np.random.default_rng(zlib.crc32(bytes(folder)))
    paths = [folder / f"{index:03}.png" for index in range(count)]
    for path in paths:
        pixels = generator.integers(0, 256, (10, 12, 3), np.uint8)
        Image.fromarray(pixels).convert(mode).save(path, **options)
    return paths


def parted(root: Path) -> Path:
    for part, count in (("train", 6), ("validation", 2), ("test", 3)):
        for name in ("ape", "bee"):
            write(root / "images" / part / name, count)
    return root


def caches(root: Path) -> list[Path]:
    return list((root / "cache").iterdir())


@pytest.fixture(autouse=True)
def _decoded_by_two_threads() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    yield
    torch.set_num_threads(before)


def test_parts_and_labels_are_those_of_torchvision(tmp_path: Path) -> None:
    data = sources.load(SETTINGS, parted(tmp_path), 8)
    assert (len(data.train), len(data.validation), len(data.test)) == (12, 4, 6)
    theirs = datasets.ImageFolder(
        tmp_path / "images" / "test",
        transform=lambda image: np.array(
            ImageOps.fit(image, (8, 8), Image.Resampling.BILINEAR)
        ).copy(),
    )
    for index, (pixels, label) in enumerate(theirs):
        ours = data.test.take(torch.tensor([index]))[0].permute(1, 2, 0).numpy()
        assert np.array_equal(ours, pixels)
        assert data.test.labels[index] == label
    assert image_folder.EXTENSIONS == datasets.folder.IMG_EXTENSIONS


def test_one_folder_is_split_by_the_seed_alone(tmp_path: Path) -> None:
    for name in ("ape", "bee"):
        write(tmp_path / "images" / name, 10)
    data = sources.load(SETTINGS, tmp_path, 4)
    assert (len(data.train), len(data.validation), len(data.test)) == (16, 2, 2)
    images = {
        bytes(part.take(torch.tensor([index])).flatten().tolist())
        for part in (data.train, data.validation, data.test)
        for index in range(len(part))
    }
    assert len(images) == 20
    again = sources.load(SETTINGS, tmp_path, 4)
    assert torch.equal(again.test.pixels, data.test.pixels)
    other = ImageFolder(name="folder", path="images", split_seed=1)
    assert not torch.equal(sources.load(other, tmp_path, 4).test.pixels, data.test.pixels)


def test_images_are_decoded_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = sources.load(SETTINGS, parted(tmp_path), 8)
    monkeypatch.setattr(image_folder, "_square", None)
    again = sources.load(SETTINGS, tmp_path, 8)
    assert torch.equal(first.train.pixels, again.train.pixels)
    assert len(caches(tmp_path)) == 1


def test_another_size_or_a_changed_file_is_decoded_anew(tmp_path: Path) -> None:
    before = sources.load(SETTINGS, parted(tmp_path), 8)
    assert sources.load(SETTINGS, tmp_path, 4).train.side == 4
    path = tmp_path / "images" / "test" / "ape" / "000.png"
    Image.new("RGB", (3, 3), (1, 2, 3)).save(path)
    after = sources.load(SETTINGS, tmp_path, 8)
    assert after.test.take(torch.tensor([0]))[0, :, 0, 0].tolist() == [1, 2, 3]
    assert torch.equal(after.train.pixels, before.train.pixels)
    assert len(caches(tmp_path)) == 3


def test_what_is_no_plain_image_is_named_and_nothing_is_kept(tmp_path: Path) -> None:
    parted(tmp_path)
    folder = tmp_path / "images" / "train" / "ape"
    whole = (folder / "000.png").read_bytes()
    (folder / "000.png").write_bytes(whole[:80])
    (folder / "001.png").write_bytes(b"<html>")
    Image.fromarray(np.zeros((4, 4), np.uint16)).save(folder / "002.png")
    with pytest.raises(PreflightError, match="3 images cannot be used") as error:
        sources.load(SETTINGS, tmp_path, 8)
    lines = error.value.message.splitlines()[1:]
    assert [line.split(": ")[0].strip() for line in lines] == [
        str(folder / f"00{index}.png") for index in range(3)
    ]
    assert "I;16" in lines[2]
    assert caches(tmp_path) == []


@pytest.mark.parametrize("mode", ["L", "LA", "P", "RGBA", "1"])
def test_other_modes_are_shown_as_rgb(tmp_path: Path, mode: str) -> None:
    for name in ("ape", "bee"):
        write(tmp_path / "images" / name, 3, mode)
    data = sources.load(SETTINGS, tmp_path, 8)
    assert data.train.take(torch.tensor([0])).shape == (1, 3, 8, 8)


def test_a_photograph_taken_sideways_stands_upright(tmp_path: Path) -> None:
    for name in ("ape", "bee"):
        write(tmp_path / "images" / name, 3)
    exif = Image.Exif()
    exif[0x0112] = 3  # turned by half a circle
    pixels = np.zeros((4, 4, 3), np.uint8)
    pixels[0] = 255
    path = tmp_path / "turned.png"
    Image.fromarray(pixels).save(path, exif=exif)
    assert np.array_equal(image_folder._square(path, 4), pixels[::-1])


def test_what_is_wrong_with_the_folders_is_named(tmp_path: Path) -> None:
    with pytest.raises(PreflightError, match=r"cannot read .*images: No such file"):
        sources.load(SETTINGS, tmp_path, 8)
    (tmp_path / "images").mkdir()
    with pytest.raises(PreflightError, match="no folders of images"):
        sources.load(SETTINGS, tmp_path, 8)
    (tmp_path / "images" / "ape").mkdir()
    with pytest.raises(PreflightError, match="ape holds no images"):
        sources.load(SETTINGS, tmp_path, 8)
    write(tmp_path / "images" / "ape", 2)
    with pytest.raises(PreflightError, match="2 training images are too few"):
        sources.load(SETTINGS, tmp_path, 8)


def test_a_class_without_training_images_is_named(tmp_path: Path) -> None:
    parted(tmp_path)
    write(tmp_path / "images" / "test" / "cow", 1)
    with pytest.raises(PreflightError, match="cow is a class without training images"):
        sources.load(SETTINGS, tmp_path, 8)


def test_a_cache_that_cannot_be_written_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("TUI_TRAINER_CACHE", str(tmp_path / "file"))
    with pytest.raises(PreflightError, match="cannot keep the decoded images") as error:
        sources.load(SETTINGS, parted(tmp_path), 8)
    assert "TUI_TRAINER_CACHE" in error.value.hint


def test_a_damaged_cache_is_named(tmp_path: Path) -> None:
    sources.load(SETTINGS, parted(tmp_path), 8)
    file = caches(tmp_path)[0] / "train.pixels"
    os.truncate(file, 100)
    with pytest.raises(PreflightError, match="the cache is damaged"):
        sources.load(SETTINGS, tmp_path, 8)


def test_a_faster_twin_wins_and_old_leftovers_go(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    parted(tmp_path)
    old, new = (tmp_path / "cache" / f"folder-{name}.part" for name in ("old", "new"))
    for leftover in (old, new):
        leftover.mkdir(parents=True)
    os.utime(old, (time.time() - 10**6,) * 2)
    decode = image_folder._decode

    def slowly(*arguments: Any) -> list[str]:
        monkeypatch.setattr(image_folder, "_decode", decode)
        sources.load(SETTINGS, tmp_path, 8)
        return decode(*arguments)

    monkeypatch.setattr(image_folder, "_decode", slowly)
    assert len(sources.load(SETTINGS, tmp_path, 8).train) == 12
    names = {path.name for path in caches(tmp_path)}
    assert new.name in names
    assert len(names) == 2


def test_a_run_trains_on_a_folder(project: Path) -> None:
    parted(project)
    data = {"name": "folder", "path": "images"}
    folder = new_run(project, data=data, pipeline={"size": 8}, epochs=1)
    train(folder)
    clean = read_json(folder.clean_results_file) or {}
    assert clean["class_names"] == image_folder.class_names(SETTINGS, project)


@pytest.mark.parametrize("files", [1, 10, 23, 30])
def test_a_stop_is_obeyed_while_files_are_only_listed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, files: int
) -> None:
    """Which takes minutes on a file server that holds a million."""
    heard = 0

    def stop() -> None:
        nonlocal heard
        heard += 1
        if heard == files:
            raise Interrupted

    monkeypatch.setattr(image_folder, "_build", lambda *_: pytest.fail("it went on"))
    with pytest.raises(Interrupted):
        sources.load(SETTINGS, parted(tmp_path), 8, Stage(alive=stop))
    assert heard == files
