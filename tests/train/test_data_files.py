from __future__ import annotations

import functools
import hashlib
import os
import tarfile
import threading
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from torchvision import datasets

from tests.train.cifar_files import write_cifar
from tui_trainer.errors import PreflightError
from tui_trainer.spec.choices import CIFAR_FOLDER
from tui_trainer.train import data_files

if TYPE_CHECKING:
    from collections.abc import Iterator

ARCHIVE = "cifar-100-python.tar.gz"


class Server(ThreadingHTTPServer):
    """Serves a folder on the loopback; can be told to send parts, or to break off."""

    daemon_threads = True
    sends_parts = True
    breaks_off_after: int | None = None
    asked: list[str]


class Handler(SimpleHTTPRequestHandler):
    server: Server

    def do_GET(self) -> None:
        wanted = self.headers.get("Range", "") if self.server.sends_parts else ""
        self.server.asked.append(wanted)
        file = Path(self.translate_path(self.path))
        if not file.exists():
            self.send_error(404)
            return
        content = file.read_bytes()
        start = int(wanted.removeprefix("bytes=").rstrip("-") or 0)
        if start >= len(content):
            self.send_error(416)
            return
        self.send_response(206 if wanted else 200)
        self.send_header("Content-Length", str(len(content) - start))
        self.end_headers()
        end = None if self.server.breaks_off_after is None else start + self.server.breaks_off_after
        self.wfile.write(content[start:end])

    def log_message(self, *_: Any) -> None:
        pass


def md5(path: Path) -> str:
    return hashlib.md5(path.read_bytes(), usedforsecurity=False).hexdigest()


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    """Small files in CIFAR-100's form at the place that torchvision fetches them from."""
    folder = write_cifar(tmp_path / "made", "cifar100", train=300, test=100)
    (folder / "meta").write_bytes(b"\x80\x02}q\x00U\x10fine_label_namesq\x01]q\x02U\x01aq\x03as.")
    (tmp_path / "served").mkdir()
    archive = tmp_path / "served" / ARCHIVE
    with tarfile.open(archive, "w:gz") as tar:
        tar.add(folder, "cifar-100-python")
    handler = functools.partial(Handler, directory=str(archive.parent))
    with Server(("127.0.0.1", 0), handler) as server:
        server.asked = []
        kind = datasets.CIFAR100
        monkeypatch.setattr(kind, "url", f"http://127.0.0.1:{server.server_port}/{ARCHIVE}")
        monkeypatch.setattr(kind, "tgz_md5", md5(archive))
        monkeypatch.setattr(kind, "train_list", [["train", md5(folder / "train")]])
        monkeypatch.setattr(kind, "test_list", [["test", md5(folder / "test")]])
        monkeypatch.setattr(kind, "meta", {**kind.meta, "md5": md5(folder / "meta")})
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@pytest.fixture
def served(tmp_path: Path) -> Path:
    return tmp_path / "served" / ARCHIVE


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "data"


def faults(root: Path) -> list[str]:
    return [file["fault"] for file in data_files.verify("cifar100", root)]


def test_the_sets_are_those_that_are_read() -> None:
    assert data_files.SETS.keys() == CIFAR_FOLDER.keys()
    for name, kind in data_files.SETS.items():
        assert kind.base_folder == CIFAR_FOLDER[name]


def test_what_is_fetched_is_as_published_and_fetched_once(server: Server, root: Path) -> None:
    assert faults(root) == ["is missing"] * 3
    files = data_files.fetch("cifar100", root)
    assert [file["fault"] for file in files] == [""] * 3
    assert [file["path"].rpartition("/")[2] for file in files] == ["train", "test", "meta"]
    asked = len(server.asked)
    data_files.fetch("cifar100", root)
    assert len(server.asked) == asked


@pytest.mark.parametrize("place", ["cifar-100-python/meta", "cifar-100-python.tar.gz"])
def test_nobody_waits_for_a_fifo_in_place_of_a_file(server: Server, root: Path, place: str) -> None:
    (root / place).parent.mkdir(parents=True)
    os.mkfifo(root / place)
    is_meta = place.endswith("meta")
    assert faults(root)[-1] == (
        "cannot be read: it is no regular file" if is_meta else "is missing"
    )
    with pytest.raises(PreflightError, match="is no regular file"):
        data_files.fetch("cifar100", root)
    assert not server.asked


def test_a_download_that_is_cut_off_goes_on_where_it_stopped(
    server: Server, served: Path, root: Path
) -> None:
    server.breaks_off_after = 5000
    with pytest.raises(PreflightError, match="cannot be fetched") as error:
        data_files.fetch("cifar100", root)
    assert "run it again to go on" in error.value.hint
    assert (root / ARCHIVE).read_bytes() == served.read_bytes()[:5000]
    with pytest.raises(PreflightError, match=r"cut off after 10,000 of [0-9,]+ bytes"):
        data_files.fetch("cifar100", root)
    assert (root / ARCHIVE).read_bytes() == served.read_bytes()[:10000]
    server.breaks_off_after = None
    data_files.fetch("cifar100", root)
    assert list(filter(None, server.asked)) == ["bytes=5000-", "bytes=10000-"]
    assert faults(root) == [""] * 3


def test_a_server_that_sends_no_parts_is_asked_for_the_whole(
    server: Server, served: Path, root: Path
) -> None:
    root.mkdir()
    (root / ARCHIVE).write_bytes(served.read_bytes()[:5000])
    server.sends_parts = False
    data_files.fetch("cifar100", root)
    assert faults(root) == [""] * 3


@pytest.mark.parametrize(
    "content",
    [
        b"<html>sign in</html>",
        b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 169001437\n",
        b"\x1f\x8b" + bytes(10**6),
    ],
    ids=["web page", "pointer", "longer and another"],
)
def test_what_lies_there_and_is_no_archive_is_replaced(
    server: Server, root: Path, content: bytes
) -> None:
    root.mkdir()
    (root / ARCHIVE).write_bytes(content)
    data_files.fetch("cifar100", root)
    assert server.asked
    assert faults(root) == [""] * 3


def test_a_web_page_in_place_of_the_archive_is_named_and_not_kept(
    server: Server, served: Path, root: Path
) -> None:
    assert server
    served.write_bytes(b"<!DOCTYPE html><html>please sign in</html>")
    with pytest.raises(PreflightError, match="what the server sent is a web page"):
        data_files.fetch("cifar100", root)
    assert not (root / ARCHIVE).exists()


def test_a_file_damaged_after_unpacking_is_named_and_mended(server: Server, root: Path) -> None:
    assert server
    data_files.fetch("cifar100", root)
    folder = root / "cifar-100-python"
    (folder / "train").write_bytes((folder / "train").read_bytes()[:-1])
    (folder / "test").write_bytes(b"version https://git-lfs.github.com/spec/v1\n")
    (folder / "meta").write_bytes(b"")
    train, test, meta = faults(root)
    assert train.startswith("is cut off or not the published file: its MD5 is ")
    assert test == "is a Git LFS pointer, not the file itself"
    assert meta == "is empty"
    data_files.fetch("cifar100", root)
    assert faults(root) == [""] * 3


def test_without_a_network_it_says_what_to_put_where(
    server: Server, served: Path, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert server
    url = f"http://127.0.0.1:1/{ARCHIVE}"
    monkeypatch.setattr(datasets.CIFAR100, "url", url)
    with pytest.raises(PreflightError, match=f"cannot be fetched from {url}: .*refused") as error:
        data_files.fetch("cifar100", root)
    assert f"fetch {url} (169 MB) where there is a network" in error.value.hint
    assert f"put it at {root / ARCHIVE}" in error.value.hint
    (root / ARCHIVE).write_bytes(served.read_bytes())
    data_files.fetch("cifar100", root)
    assert faults(root) == [""] * 3


def test_a_file_that_is_not_on_the_server_is_named(
    server: Server, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = f"http://127.0.0.1:{server.server_port}/none.tar.gz"
    monkeypatch.setattr(datasets.CIFAR100, "url", url)
    with pytest.raises(PreflightError, match="the server says 404"):
        data_files.fetch("cifar100", root)
