"""Files that are made for a user: written over while they are as they were made, and not later."""

from __future__ import annotations

import io
import struct
import zlib
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tui_trainer.errors import UsageError
from tui_trainer.study.seal import is_as_made, sealed, write_sealed

if TYPE_CHECKING:
    from pathlib import Path


def small_png() -> bytes:
    def chunk(kind: bytes, data: bytes) -> bytes:
        check = struct.pack(">I", zlib.crc32(kind + data))
        return struct.pack(">I", len(data)) + kind + data + check

    head = struct.pack(">IIBBBBB", 1, 1, 8, 0, 0, 0, 0)
    pixels = zlib.compress(b"\0\0")
    whole = chunk(b"IHDR", head) + chunk(b"IDAT", pixels) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + whole


def test_a_sealed_png_is_a_png() -> None:
    from PIL import Image

    content = sealed(small_png(), ".png")
    assert is_as_made(content)
    image = Image.open(io.BytesIO(content))
    image.load()
    assert str(image.info["Comment"]).startswith("made by tui-trainer")


@given(st.binary(max_size=200), st.sampled_from([".html", ".md", ".svg", ".pdf"]), st.data())
def test_any_edit_is_seen(content: bytes, suffix: str, data: st.DataObject) -> None:
    whole = sealed(content, suffix)
    assert is_as_made(whole)
    at = data.draw(st.integers(0, len(whole)))
    assert not is_as_made(whole[:at] + b"x" + whole[at:])


def test_what_was_edited_is_left_as_it_is(tmp_path: Path) -> None:
    mine, fresh = tmp_path / "report.md", tmp_path / "figures" / "new.png"
    write_sealed({mine: b"first\n"}, force=False)
    write_sealed({mine: b"second\n"}, force=False)
    assert mine.read_bytes().startswith(b"second\n<!-- made by tui-trainer")
    mine.write_bytes(mine.read_bytes() + b"And what I think of it.\n")
    with pytest.raises(UsageError, match="is not as tui-trainer made it") as refused:
        write_sealed({fresh: small_png(), mine: b"third\n"}, force=False)
    assert "--force" in refused.value.hint
    assert not fresh.exists()
    write_sealed({mine: b"third\n"}, force=True)
    assert mine.read_bytes().startswith(b"third\n")


def test_what_refers_to_others_stands_only_where_they_do(tmp_path: Path) -> None:
    (tmp_path / "figures").write_text("in the way")
    page, figure = tmp_path / "report.md", tmp_path / "figures" / "new.png"
    with pytest.raises(OSError, match="figures"):
        write_sealed({page: b"see new.png\n", figure: small_png()}, force=False)
    assert not page.exists()


def test_a_link_or_a_folder_is_nobody_to_write_over(tmp_path: Path) -> None:
    (tmp_path / "link.md").symlink_to(tmp_path / "nowhere")
    (tmp_path / "folder.md").mkdir()
    for name in ("link.md", "folder.md"):
        with pytest.raises(UsageError):
            write_sealed({tmp_path / name: b"x"}, force=False)
