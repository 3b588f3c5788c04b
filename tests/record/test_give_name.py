"""A name is given in one step, and never one that something has already."""

from __future__ import annotations

import errno
import os
from typing import TYPE_CHECKING, NoReturn

import pytest

from tui_trainer.record import durable
from tui_trainer.record.durable import give_name

if TYPE_CHECKING:
    from pathlib import Path


def prepare(tmp_path: Path, *, is_folder: bool) -> Path:
    prepared = tmp_path / "prepared"
    if is_folder:
        prepared.mkdir()
        (prepared / "content").write_text("content")
    else:
        prepared.write_text("content")
    return prepared


@pytest.fixture(params=["renameat2", "without"])
def _file_system(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """One that knows such a rename, and one that does not, as some network file systems."""

    def refuse(*_paths: Path) -> NoReturn:
        raise OSError(errno.EINVAL, os.strerror(errno.EINVAL))

    if request.param == "without":
        monkeypatch.setattr(durable, "_rename_onto_nothing", refuse)


@pytest.mark.usefixtures("_file_system")
@pytest.mark.parametrize("is_folder", [True, False])
def test_what_was_prepared_has_the_name(tmp_path: Path, *, is_folder: bool) -> None:
    prepared, name = prepare(tmp_path, is_folder=is_folder), tmp_path / "name"
    give_name(prepared, name)
    assert (name / "content" if is_folder else name).read_text() == "content"
    assert not prepared.exists()


@pytest.mark.usefixtures("_file_system")
@pytest.mark.parametrize("is_folder", [True, False])
def test_not_even_an_empty_folder_is_replaced(tmp_path: Path, *, is_folder: bool) -> None:
    prepared, name = prepare(tmp_path, is_folder=is_folder), tmp_path / "name"
    name.mkdir()
    with pytest.raises(FileExistsError):
        give_name(prepared, name)
    assert list(name.iterdir()) == []
    assert prepared.exists()
