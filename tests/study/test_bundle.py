"""A run comes out of its bundle as it went in, and nothing else ever comes out of one."""

from __future__ import annotations

import json
import os
import re
import shutil
import stat
import subprocess
import sys
import time
import zipfile
from typing import TYPE_CHECKING, Any

import pytest

from tests.conftest import ROOT
from tests.tui.run_folders import RunWriter
from tui_trainer.errors import OwnedByAnotherError, UsageError
from tui_trainer.record.imported import Imported
from tui_trainer.record.index import Index, RunReader
from tui_trainer.record.prune import prunable
from tui_trainer.record.run_folder import RunFolder, find_run, is_file_of_run
from tui_trainer.record.state import State
from tui_trainer.record.verify import verify
from tui_trainer.study.export import unbundle
from tui_trainer.study.export.target import export
from tui_trainer.study.export.targets import bundle
from tui_trainer.study.export.unbundle import import_run

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tui_trainer.study.export.bundle import Checkpoints

OF_A_LIFE = {"heartbeat.json", "queue.json"}
"""What tells only of processes that worked on a run, or waited to."""


def bundled(folder: RunFolder, to: Path, checkpoints: Checkpoints = "needed") -> Path:
    export(bundle(checkpoints), [folder], to)
    return to


def files_of(folder: RunFolder) -> dict[str, bytes]:
    return {
        path.relative_to(folder.path).as_posix(): path.read_bytes()
        for path in folder.path.rglob("*")
        if path.is_file()
    }


@pytest.fixture
def elsewhere(tmp_path: Path) -> Path:
    """The runs of another project, which has none yet."""
    (tmp_path / "elsewhere").mkdir()
    return tmp_path / "elsewhere" / "runs"


def test_a_run_comes_out_as_it_went_in(runs: Path, tmp_path: Path, elsewhere: Path) -> None:
    folder = find_run(runs, "one")
    imported = import_run(bundled(folder, tmp_path / "one.bundle", "all"), elsewhere)
    assert imported.run == "one/1"
    before, after = files_of(folder), files_of(imported)
    assert set(before) - set(after) == OF_A_LIFE
    assert set(after) - set(before) == {"imported.json"}
    assert {name: before[name] for name in after if name in before} == {
        name: content for name, content in after.items() if name in before
    }
    run = RunReader(imported).look()
    assert run.state is State.FINISHED
    assert not any(file.fault for file in verify(imported))
    origin = Imported.of(imported)
    assert origin is not None
    assert origin.run == "one/1"
    assert origin.left_out == ()


def test_every_file_that_a_run_may_have_goes_along(runs: Path) -> None:
    left_behind = {
        name
        for folder in (find_run(runs, "one"), find_run(runs, "two"))
        for name in files_of(folder)
        if not is_file_of_run(name)
    }
    assert left_behind == OF_A_LIFE


def test_the_same_run_makes_the_same_bytes(runs: Path, tmp_path: Path) -> None:
    folder = find_run(runs, "one")
    first = bundled(folder, tmp_path / "first").read_bytes()
    os.utime(folder.experiment_file, (0, 0))
    assert bundled(folder, tmp_path / "second").read_bytes() == first


def test_it_takes_the_next_number_and_no_run_is_touched(runs: Path, tmp_path: Path) -> None:
    folder = find_run(runs, "one")
    before = files_of(folder)
    first = bundled(folder, tmp_path / "first")
    second = import_run(first, runs)
    assert second.run == "one/2"
    assert import_run(bundled(second, tmp_path / "second"), runs).run == "one/3"
    assert files_of(folder) == before
    last = Imported.of(find_run(runs, "one"))
    assert last is not None
    assert last.run == "one/2"
    assert last.before["run"] == "one/1"


def test_of_a_finished_run_only_the_best_checkpoint_is_needed(
    runs: Path, tmp_path: Path, elsewhere: Path
) -> None:
    imported = import_run(bundled(find_run(runs, "one"), tmp_path / "b"), elsewhere)
    assert [path.name for path in imported.checkpoints.glob("*.pt")] == ["epoch-0004.pt"]
    assert not any(file.fault for file in verify(imported))


def test_without_checkpoints_nothing_is_missed_that_was_left_out(
    runs: Path, tmp_path: Path, elsewhere: Path
) -> None:
    imported = import_run(bundled(find_run(runs, "two"), tmp_path / "b", "none"), elsewhere)
    assert not imported.checkpoints.exists()
    assert not any(file.fault for file in verify(imported))


def test_a_checkpoint_that_is_lost_after_the_import_is_missed(
    runs: Path, tmp_path: Path, elsewhere: Path
) -> None:
    imported = import_run(bundled(find_run(runs, "two"), tmp_path / "b"), elsewhere)
    (imported.checkpoints / "epoch-0002.pt").unlink()
    assert any(file.fault == "it is gone" for file in verify(imported))


def test_a_run_without_an_end_is_over_at_once(runs: Path, tmp_path: Path, elsewhere: Path) -> None:
    folder = find_run(runs, "two")
    lines = folder.events_file.read_text().splitlines(keepends=True)
    folder.events_file.write_text("".join(line for line in lines if "attempt_ended" not in line))
    (folder.attempt(1).core_ended_file).unlink(missing_ok=True)
    path = bundled(folder, tmp_path / "b")
    imported = import_run(path, elsewhere)
    # Here it would be on another host: for ten seconds nobody could tell that it is over.
    owner = imported.attempt(1).owner_file
    owner.write_text(json.dumps(json.loads(owner.read_text()) | {"boot_id": "of another"}))
    run = RunReader(imported).look()
    assert run.state is State.CRASHED
    assert run.cause == "no end of it was recorded where it ran"


def test_a_run_that_is_worked_on_is_not_bundled(tmp_path: Path) -> None:
    (tmp_path / "experiments.toml").write_text("[experiments.one]\n")
    folder = RunWriter(tmp_path, "one").start().train(1).folder
    with pytest.raises(OwnedByAnotherError, match="one/1 is running; a bundle is made of a run"):
        bundled(folder, tmp_path / "b")
    assert [path.name for path in tmp_path.iterdir() if "b" in path.name.split(".")] == []


def test_a_damaged_checkpoint_is_not_bundled(runs: Path, tmp_path: Path) -> None:
    folder = find_run(runs, "one")
    (folder.checkpoints / "epoch-0004.pt").write_bytes(b"x")
    with pytest.raises(UsageError, match=r"epoch-0004\.pt is damaged: its bytes are not those"):
        bundled(folder, tmp_path / "b")
    assert not (tmp_path / "b").exists()
    assert bundled(folder, tmp_path / "b", "none").exists()


def test_links_and_pipes_in_a_run_folder_stay_behind(runs: Path, tmp_path: Path) -> None:
    folder = find_run(runs, "one")
    (tmp_path / "secret").write_text("secret")
    (folder.results / "link.json").symlink_to(tmp_path / "secret")
    os.mkfifo(folder.results / "pipe.json")
    names = zipfile.ZipFile(bundled(folder, tmp_path / "b")).namelist()
    assert not {"results/link.json", "results/pipe.json"} & set(names)
    assert "results/clean.json" in names


def _rewritten(
    path: Path,
    change: Callable[[dict[str, Any]], object],
    *,
    more: tuple[tuple[zipfile.ZipInfo, bytes], ...] = (),
    kind: int = zipfile.ZIP_STORED,
) -> Path:
    """The bundle with other contents, or with more than they say."""
    with zipfile.ZipFile(path) as old:
        files = {name: old.read(name) for name in old.namelist()}
    contents = json.loads(files.pop("bundle.json"))
    change(contents)
    with zipfile.ZipFile(path, "w", kind) as new:
        for name, content in files.items():
            new.writestr(name, content)
        for entry, content in more:
            new.writestr(entry, content)
        new.writestr(zipfile.ZipInfo("bundle.json"), json.dumps(contents))
    return path


def nothing(_contents: dict[str, Any]) -> None:
    """Change nothing."""


def says(**words: object) -> Callable[[dict[str, Any]], object]:
    return lambda contents: contents.update(words)


def adds(name: str, content: bytes) -> Callable[[dict[str, Any]], object]:
    from hashlib import sha256

    digest = sha256(content).hexdigest()
    file = {"path": name, "bytes": len(content), "sha256": digest}
    return lambda contents: contents["files"].append(file)


def entry(name: str, kind: int = stat.S_IFREG) -> zipfile.ZipInfo:
    info = zipfile.ZipInfo(name)
    info.external_attr = (kind | 0o644) << 16
    return info


def holds(name: str, kind: int = stat.S_IFREG) -> Callable[[Path], object]:
    """A bundle with one more file, of which its contents tell."""
    return lambda path: _rewritten(path, adds(name, b"x"), more=((entry(name, kind), b"x"),))


def first_file(**words: object) -> Callable[[dict[str, Any]], object]:
    return lambda contents: contents["files"][0].update(words)


def overwrite(path: Path, at: int, content: bytes) -> None:
    whole = bytearray(path.read_bytes())
    at %= len(whole)
    whole[at : at + len(content)] = content
    path.write_bytes(whole)


def listed(path: Path) -> int:
    """Where the list of files has its last entry, the contents."""
    return path.read_bytes().rindex(b"PK\x01\x02")


HOSTILE: dict[str, tuple[Callable[[Path], object], str]] = {
    "up": (holds("../../experiments.toml"), "no run has a file `../../experiments.toml`"),
    "absolute": (holds("/tmp/x"), "no run has a file `/tmp/x`"),  # noqa: S108
    "hidden": (holds("results/.bashrc"), "no run has a file"),
    "foreign": (holds("results/a/b/c.json"), "no run has a file"),
    "link": (holds("results/x", stat.S_IFLNK), "results/x in it is no plain file"),
    "device": (holds("results/x", stat.S_IFCHR), "results/x in it is no plain file"),
    "same name": (holds("results/CLEAN.json"), "two of its files have"),
    "unsaid": (
        lambda path: _rewritten(path, nothing, more=((entry("results/x"), b"x"),)),
        "it holds other files than it says",
    ),
    "missing": (
        lambda path: _rewritten(path, adds("results/x", b"x")),
        "it holds other files than it says",
    ),
    "bomb": (
        lambda path: _rewritten(path, nothing, kind=zipfile.ZIP_DEFLATED),
        "in it is no plain file",
    ),
    "size": (lambda path: _rewritten(path, first_file(bytes=1 << 40)), "has not the size"),
    "digest": (lambda path: _rewritten(path, first_file(sha256="0" * 64)), "is not what was put"),
    "no digest": (lambda path: _rewritten(path, first_file(sha256=None)), "is not what was put"),
    "no files": (lambda path: _rewritten(path, says(files=7)), "it does not say what it holds"),
    "strange files": (lambda path: _rewritten(path, says(files=[7])), "no run has a file"),
    "many files": (lambda path: _rewritten(path, says(files=[7] * 10_001)), "10,000 files"),
    "name": (lambda path: _rewritten(path, says(run="../../x/1")), "does not say which run"),
    "no run": (lambda path: _rewritten(path, says(run=None)), "does not say which run"),
    "newer": (lambda path: _rewritten(path, says(format=2)), "a newer tui-trainer made it"),
    "cut": (lambda path: path.write_bytes(path.read_bytes()[:-9]), "no zip file that ends"),
    "text": (lambda path: path.write_text("no bundle"), "no zip file that ends"),
    "place": (lambda path: overwrite(path, -4, b"\x10"), "cannot be imported: "),
    "password": (lambda path: overwrite(path, listed(path) + 8, b"\x01"), "is encrypted"),
    "empty": (lambda path: path.write_bytes(b""), "no zip file that ends"),
    "other zip": (lambda path: zipfile.ZipFile(path, "w").writestr("a", "b"), "no bundle.json"),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_what_is_no_bundle_leaves_nothing(
    name: str, runs: Path, tmp_path: Path, elsewhere: Path
) -> None:
    make, why = HOSTILE[name]
    path = bundled(find_run(runs, "one"), tmp_path / "b")
    make(path)
    before = {path: path.lstat().st_mtime_ns for path in tmp_path.rglob("*")}
    with pytest.raises(UsageError, match=re.escape(why)):
        import_run(path, elsewhere)
    assert not elsewhere.exists() or not list(elsewhere.iterdir())
    shutil.rmtree(elsewhere, ignore_errors=True)
    left = {path: path.lstat().st_mtime_ns for path in tmp_path.rglob("*")}
    assert {path: time for path, time in left.items() if path != elsewhere.parent} == {
        path: time for path, time in before.items() if path != elsewhere.parent
    }


def test_any_changed_byte_is_noticed(runs: Path, tmp_path: Path, elsewhere: Path) -> None:
    path = bundled(find_run(runs, "two"), tmp_path / "b")
    content = path.read_bytes()
    with zipfile.ZipFile(path) as whole:
        about = whole.getinfo("events.jsonl")
    at = about.header_offset + 30 + len(about.filename) + 5
    path.write_bytes(content[:at] + bytes([content[at] ^ 1]) + content[at + 1 :])
    with pytest.raises(UsageError, match="cannot be imported: Bad CRC-32"):
        import_run(path, elsewhere)
    assert not list(elsewhere.iterdir())


def test_a_pipe_is_not_waited_for(tmp_path: Path, elsewhere: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(UsageError, match="no file, and so no bundle"):
        import_run(tmp_path / "pipe", elsewhere)


def test_a_list_of_files_without_end_is_not_read(
    runs: Path, tmp_path: Path, elsewhere: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = bundled(find_run(runs, "one"), tmp_path / "b")
    monkeypatch.setattr(unbundle, "MOST_BYTES_OF_CONTENTS", 500)
    monkeypatch.setattr(zipfile, "ZipFile", None)
    with pytest.raises(UsageError, match="its list of files is longer than that of any run"):
        import_run(path, elsewhere)


def test_it_is_not_begun_without_room(
    runs: Path, tmp_path: Path, elsewhere: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = bundled(find_run(runs, "one"), tmp_path / "b")
    monkeypatch.setattr(shutil, "disk_usage", lambda _path: shutil._ntuple_diskusage(9, 8, 1))
    with pytest.raises(UsageError, match=r"the run needs .* bytes, and 1 are free"):
        import_run(path, elsewhere)
    assert not elsewhere.exists()


def test_a_bundle_beyond_four_gigabytes_is_read(
    runs: Path, tmp_path: Path, elsewhere: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(zipfile, "ZIP64_LIMIT", 100)  # written as one is that is so large
    path = bundled(find_run(runs, "one"), tmp_path / "b")
    assert b"PK\x06\x06" in path.read_bytes()
    assert import_run(path, elsewhere).run == "one/1"


def killed_before(step: str, do: str) -> None:
    """Do it in a process that SIGKILL ends when it comes to a step."""
    module, _, function = step.rpartition(".")
    script = (
        f"import os, pathlib, {module} as module\n"
        f"module.{function} = lambda *_: os.kill(os.getpid(), 9)\n"
        "from tui_trainer.record.run_folder import find_run\n"
        "from tui_trainer.study.export.target import export\n"
        "from tui_trainer.study.export.targets import bundle\n"
        "from tui_trainer.study.export.unbundle import import_run\n"
        f"from pathlib import Path\n{do}"
    )
    done = subprocess.run([sys.executable, "-c", script], cwd=ROOT, check=False)
    assert done.returncode == -9


def test_a_killed_import_leaves_no_run(runs: Path, tmp_path: Path, elsewhere: Path) -> None:
    path = bundled(find_run(runs, "one"), tmp_path / "b")
    do = f"import_run(Path({str(path)!r}), Path({str(elsewhere)!r}))"
    killed_before("tui_trainer.study.export.unbundle.settle_run", do)
    assert Index(elsewhere).look() == []
    (left,) = elsewhere.iterdir()
    assert not list(prunable(elsewhere, 30))
    then = time.time() - 2 * 86_400
    os.utime(left, (then, then))
    (item,) = prunable(elsewhere, 30)
    item.remove()
    assert not left.exists()
    assert import_run(path, elsewhere).run == "one/1"


def test_a_killed_export_leaves_nothing_of_the_name(runs: Path, tmp_path: Path) -> None:
    do = (
        f"export(bundle('all'), [find_run(Path({str(runs)!r}), 'one')], "
        f"Path({str(tmp_path / 'b')!r}))"
    )
    killed_before("tui_trainer.study.export.target.give_name", do)
    assert not (tmp_path / "b").exists()
    assert bundled(find_run(runs, "one"), tmp_path / "b").exists()
