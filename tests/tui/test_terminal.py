"""The app on a real pseudo-terminal: what it sends, and that it goes when the terminal goes."""

from __future__ import annotations

import re
import signal
import subprocess
import sys
import termios
import time
from typing import TYPE_CHECKING

import pytest

from tests.tui.run_folders import EXPERIMENTS, RunWriter, write_project, write_torn
from tests.tui.terminal import ROOT, START, Display, program_in_terminal, terminal
from tui_trainer.tui.terminal import terminal_is_light, terminal_speaks_unicode

if TYPE_CHECKING:
    from pathlib import Path

# The run's row and the status line, each with its colours; the whole screen is 14,000 bytes.
LIVE_BYTES_PER_SECOND = 1000


@pytest.mark.parametrize("without_hangups", [False, True], ids=["plain", "nohup"])
def test_it_ends_within_three_seconds_of_its_terminal(study: Path, without_hangups: bool) -> None:  # noqa: FBT001
    with terminal(study, without_hangups=without_hangups) as shown:
        shown.sees("1 running")
        shown.close()
        shown.process.wait(timeout=3)


def test_it_sends_nothing_while_nothing_changes(tmp_path: Path) -> None:
    project = write_project(tmp_path)
    RunWriter(project, "cnn2").start().train(14).end(0)
    RunWriter(project, "cnn4").start().train(3).beat()
    RunWriter(project, "cnn8")  # while one waits, no time is told that the clock would move on
    with terminal(project) as shown:
        shown.sees("1 running")
        shown.settle()
        assert shown.read(4) == b""


def test_a_live_run_costs_few_bytes(tmp_path: Path) -> None:
    project = write_project(tmp_path)
    run = RunWriter(project, "cnn2").start().train(3).beat(step=1)
    with terminal(project) as shown:
        shown.sees("1 running")
        shown.press("j")
        shown.sees("epoch 4/14")
        shown.settle()
        sent = 0
        for step in range(3, 19, 3):  # each moves the estimate in the list, too
            run.beat(step=step)
            sent += len(shown.read(1))
        shown.sees("18/19")
        assert 0 < sent / 6 < LIVE_BYTES_PER_SECOND


def test_a_run_that_finishes_an_epoch_a_second_costs_few_bytes(tmp_path: Path) -> None:
    project = write_project(tmp_path, EXPERIMENTS.replace("epochs = 14", "epochs = 200"))
    run = RunWriter(project, "cnn2").start().train(60, rate=0.03).beat(step=1)
    with terminal(project) as shown:
        shown.sees("epoch 61/200")
        shown.settle()
        sent = 0
        for _ in range(6):
            run.train(1, rate=0.03).beat(step=1)
            sent += len(shown.read(1))
        shown.sees("epoch 67/200")
        assert 0 < sent / 6 < LIVE_BYTES_PER_SECOND


def test_the_page_of_a_live_run_costs_few_bytes_and_a_log_adds_nothing_raw(tmp_path: Path) -> None:
    project = write_project(tmp_path)
    run = RunWriter(project, "cnn2").start().train(3).beat(step=1)
    log = run.folder.attempt(1).log_file
    log.write_bytes(b"\x1b]0;owned\x07\x1b[2J\xc2\x9b5m the last line\n")
    with terminal(project) as shown:
        shown.sees("1 running")
        shown.press("j")
        shown.sees("epoch 4/14")
        shown.press("\r")
        shown.sees("[1 curves]")
        shown.settle()
        sent = 0
        for step in range(3, 19, 3):
            run.beat(step=step)
            sent += len(shown.read(1))
        shown.sees("18/19")
        assert 0 < sent / 6 < LIVE_BYTES_PER_SECOND
        shown.press("2")
        shown.sees("the last line")
        shown.settle()
        assert not shown.read(2)
        assert b"\x1b]0;owned" not in shown.sent
        assert b"\xc2\x9b5m" not in shown.sent


def test_nothing_from_names_or_logs_reaches_the_terminal_raw(tmp_path: Path) -> None:
    project = write_project(tmp_path)
    write_torn(project)
    for name in ("[bold]", "a\x1b[2Jb", "c\x1b]0;owned\x07d", "e\u202ef", "g\x9b31mh"):
        write_torn(project).path.parent.rename(project / "runs" / name)
    with terminal(project) as shown:
        shown.sees("[bold]")
        shown.sees("a[2Jb")
        shown.press("jjjjjjjjjjj")
        shown.settle()
    sent = shown.sent.replace(b"\x1b]22;default\x07", b"")  # Textual's own: the mouse pointer
    assert b"[2Jb" in sent
    for evil in (b"\x1b[2J", b"\x1b]0;", b"\x07", "\u202e".encode(), "\u009b".encode()):
        assert evil not in sent


def test_without_colours_none_are_sent(study: Path) -> None:
    with terminal(study, {"NO_COLOR": "1"}) as shown:
        shown.sees("1 running")
        shown.press("jjj")
        shown.sees("step 12/19")
        shown.press("/")
        shown.sees("keeps")
        shown.press("cnn4\r")
        shown.sees("Esc all")
        shown.press("\r")
        shown.sees("[1 curves]")
        shown.read(1)
    numbers = {
        number
        for sequence in re.findall(rb"\x1b\[([0-9;:]*)m", shown.sent)
        for number in re.split(rb"[;:]", sequence)
    }
    assert numbers <= {b"", b"0", b"1", b"2", b"4", b"7"}
    assert {b"1", b"2", b"7"} <= numbers


def test_the_c_locale_gets_ascii(study: Path) -> None:
    with terminal(study, {"LC_ALL": "C"}) as shown:
        shown.sees("* 1 running")
        shown.press("jjj")
        shown.read(1)
    assert shown.sent.isascii()


def test_q_leaves_and_says_what_goes_on(study: Path) -> None:
    with terminal(study) as shown:
        shown.sees("1 running")
        shown.press("q")
        shown.read(3)
        assert shown.process.wait(timeout=60) == 0
    assert b"cnn4/3, cnn8/2, cnn8/1 go on; tui-trainer shows them again" in shown.sent


# As soon as it is told to, the disk answers the app's threads nothing.
DISK_THAT_HANGS = """
import os, signal, threading, time
hangs = threading.Event()
signal.signal(signal.SIGUSR1, lambda *_: hangs.set())
def hanging(call):
    def wait(*arguments, **named):
        if hangs.is_set() and threading.current_thread() is not threading.main_thread():
            time.sleep(60)
        return call(*arguments, **named)
    return wait
for name in ("stat", "lstat", "scandir", "listdir", "open"):
    setattr(os, name, hanging(getattr(os, name)))
"""
# Screen, mouse, cursor and what is pasted, as they were.
GIVEN_BACK = (b"\x1b[?1049l", b"\x1b[?1000l", b"\x1b[?1003l", b"\x1b[?25h", b"\x1b[?2004l")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP], ids=["TERM", "HUP"])
@pytest.mark.parametrize("hangs", [False, True], ids=["plain", "slow-disk"])
def test_a_signal_ends_it_and_gives_the_terminal_back(
    study: Path,
    number: signal.Signals,
    hangs: bool,  # noqa: FBT001
) -> None:
    with program_in_terminal([sys.executable, "-c", DISK_THAT_HANGS + START], study) as shown:
        before = termios.tcgetattr(shown.master)
        shown.sees("1 running")
        if hangs:
            shown.process.send_signal(signal.SIGUSR1)
            shown.read(1.5)  # the store looks every second
        shown.process.send_signal(number)
        began = time.monotonic()
        shown.read(2.5)
        assert shown.process.wait(timeout=1) == 128 + number
        assert time.monotonic() - began < 3
        assert termios.tcgetattr(shown.master) == before
    ends = [shown.sent.rindex(sequence) for sequence in GIVEN_BACK]
    words = b"cnn4/3, cnn8/2, cnn8/1 go on; tui-trainer shows them again"
    assert shown.sent.count(words) == 1
    assert max(ends) < shown.sent.index(words)
    for sequence in GIVEN_BACK:
        taken = sequence[:-1] + (b"h" if sequence.endswith(b"l") else b"l")
        assert taken not in shown.sent[min(ends) :]


def test_a_signal_ends_it_while_its_own_thread_waits(study: Path) -> None:
    stuck = "import signal, time; signal.signal(signal.SIGUSR1, lambda *_: time.sleep(60)); "
    with program_in_terminal([sys.executable, "-c", stuck + START], study) as shown:
        shown.sees("1 running")
        shown.process.send_signal(signal.SIGUSR1)
        shown.read(0.5)
        shown.process.send_signal(signal.SIGTERM)
        shown.read(2.5)
        assert shown.process.wait(timeout=1) == 128 + signal.SIGTERM
    for sequence in GIVEN_BACK:
        assert sequence in shown.sent
    assert shown.sent.endswith(b"cnn4/3, cnn8/2, cnn8/1 go on; tui-trainer shows them again\r\n")


def test_what_is_no_terminal_cannot_show_it() -> None:
    code = "from tui_trainer.tui.terminal import *; print(terminal_can_show_app())"
    run = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert run.stdout.strip() == "False"


@pytest.mark.parametrize(
    ("term", "can"), [("xterm-256color", True), ("screen", True), ("dumb", False), ("", False)]
)
def test_a_dumb_terminal_cannot_show_it(
    monkeypatch: pytest.MonkeyPatch, term: str, *, can: bool
) -> None:
    from tui_trainer.tui import terminal as room

    class Tty:
        def isatty(self) -> bool:
            return True

    for stream in ("__stdin__", "__stdout__", "__stderr__"):
        monkeypatch.setattr(sys, stream, Tty())
    monkeypatch.setenv("TERM", term)
    assert room.terminal_can_show_app() is can


@pytest.mark.parametrize(
    ("variables", "speaks"),
    [
        ({"LC_ALL": "C"}, False),
        ({"LC_ALL": "C", "LANG": "de_DE.UTF-8"}, False),
        ({"LC_ALL": "", "LC_CTYPE": "", "LANG": "de_DE.utf8"}, True),
        ({"LC_ALL": "C.UTF-8"}, True),
        ({"LC_ALL": "de_DE.ISO-8859-1"}, False),
    ],
)
def test_the_locale_decides_about_unicode(
    monkeypatch: pytest.MonkeyPatch, variables: dict[str, str], *, speaks: bool
) -> None:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    assert terminal_speaks_unicode() is speaks


def test_a_light_terminal_is_recognised(monkeypatch: pytest.MonkeyPatch) -> None:
    assert not terminal_is_light()
    monkeypatch.setenv("COLORFGBG", "0;15")
    assert terminal_is_light()


def test_it_starts_without_torch_numpy_and_typer() -> None:
    code = (
        "import sys, tui_trainer.tui.app\n"
        "heavy = {'torch', 'torchvision', 'numpy', 'sklearn', 'typer', 'tui_trainer.train'}\n"
        "print(sorted(heavy & set(sys.modules)))"
    )
    began = time.monotonic()
    run = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert run.stdout.strip() == "[]", f"after {time.monotonic() - began:.1f} s"


def test_the_terminal_of_the_tests_understands_what_programs_send() -> None:
    display = Display(10, 2)
    repeated, title = "\u28ff\x1b[3b".encode(), b"\x1b]0;ti"
    for piece in (
        b"\x1b[?10",
        b"49h\x1b[38:5:1mab\x1b[2b",
        title,
        b"tle\x07c\xe2\xa3",
        b"\xbf",
        repeated,
    ):
        display.draw(piece)
    assert display.text.splitlines()[0] == "abbbc" + 5 * "\u28ff"
