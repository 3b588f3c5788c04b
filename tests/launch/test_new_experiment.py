"""A new experiment is written whole or not at all, and never over somebody else's edit."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tui_trainer.errors import UsageError
from tui_trainer.launch.new_experiment import write_experiment
from tui_trainer.spec.addition import addition
from tui_trainer.spec.project import load_project

if TYPE_CHECKING:
    from tui_trainer.spec.addition import Addition
    from tui_trainer.spec.project import Project


def ready(project: Path) -> tuple[Project, Addition]:
    loaded = load_project(project / "experiments.toml")
    return loaded, addition(loaded, "new", "one", loaded.experiment("one", ["epochs=9"]))


def test_it_stands_behind_what_was_there_with_its_rights(project: Path) -> None:
    file = project / "experiments.toml"
    file.chmod(0o640)
    before = file.read_bytes()
    write_experiment(*ready(project))
    assert file.read_bytes() == before + b'\n[experiments.new]\nbase = "one"\nepochs = 9\n'
    assert file.stat().st_mode & 0o777 == 0o640
    assert [path.name for path in project.iterdir()] == ["experiments.toml"]


def test_nobody_else_can_read_it_at_any_moment(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (project / "experiments.toml").chmod(0o600)
    seen, replace = list[int](), Path.replace

    def look_and_replace(path: Path, target: Path) -> Path:
        seen.append(path.stat().st_mode & 0o777)
        return replace(path, target)

    monkeypatch.setattr(Path, "replace", look_and_replace)
    write_experiment(*ready(project))
    assert seen == [0o600]


def test_a_link_stays_a_link(project: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    file = project / "experiments.toml"
    target = tmp_path_factory.mktemp("elsewhere") / "shared.toml"
    file.rename(target)
    file.symlink_to(target)
    write_experiment(*ready(project))
    assert file.is_symlink()
    assert "[experiments.new]" in target.read_text()


def test_an_edit_that_came_in_between_stays(project: Path) -> None:
    prepared = ready(project)
    file = project / "experiments.toml"
    edited = file.read_text() + "# somebody's\n"
    file.write_text(edited)
    with pytest.raises(UsageError, match="changed meanwhile"):
        write_experiment(*prepared)
    file.write_text("no toml [")
    with pytest.raises(UsageError, match="cannot be read any more"):
        write_experiment(*prepared)
    assert file.read_text() == "no toml ["


def test_a_read_only_file_is_meant_so(project: Path) -> None:
    prepared = ready(project)
    (project / "experiments.toml").chmod(0o444)
    with pytest.raises(UsageError, match="read-only"):
        write_experiment(*prepared)


def test_two_of_us_do_not_write_at_once(project: Path) -> None:
    prepared = ready(project)
    descriptor = os.open(project / "experiments.toml", os.O_RDONLY)
    fcntl.flock(descriptor, fcntl.LOCK_EX)
    with pytest.raises(UsageError, match="at this moment"):
        write_experiment(*prepared)
    os.close(descriptor)
    write_experiment(*prepared)


def test_runs_of_one_that_is_gone_are_not_its_own(project: Path) -> None:
    prepared = ready(project)
    (project / "runs" / "new" / "1").mkdir(parents=True)
    with pytest.raises(UsageError, match="holds runs of an experiment"):
        write_experiment(*prepared)
    assert "[experiments.new]" not in (project / "experiments.toml").read_text()
