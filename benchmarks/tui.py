"""The app side by side with LEET, wandb's terminal app, and TensorBoard, on the same runs.

    python benchmarks/tui.py [--runs N…] [--rounds N] [--leet PATH] [--tensorboard PATH]

Peers take part where they are installed, best in an environment of their own, and are named by the
path of their program: python -m venv peers && peers/bin/pip install wandb tensorboard, then
`--leet peers/bin/wandb --tensorboard peers/bin/tensorboard`. The same runs are written for each in
its own form, by its own library. A round starts each on them, one at a time: terminal apps in a
terminal of 120 x 40 that reads and answers as a terminal does; keys are pressed, then it is left
alone, then one run finishes an epoch every second. Figures are of a program and what it started.
"""

from __future__ import annotations

import argparse
import http.client
import json
import os
import re
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.parse
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from peers.contenders import (
    DOTS_OF_A_CURVE,
    Peer,
    Runs,
    environment,
    found,
    leet_command,
    our_command,
    tensorboard_command,
)
from peers.processes import Memory, Tree

from tests.tui.terminal import ROOT, Arrival, Terminal, program_in_terminal

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

OURS, LEET, TENSORBOARD = "tui-trainer", "LEET", "TensorBoard"
SECONDS_TO_START, SECONDS_TO_SETTLE = 40.0, 1.5
DOWN, UP = "\x1b[B", "\x1b[A"
KEYS = [*[DOWN] * 6, *[UP] * 6]
# An answer is over when nothing more came for so long: LEET's spinner turns every 0.12 s.
QUIET_SECONDS, ANSWER_SECONDS, SECONDS_BETWEEN_KEYS = 0.1, 1.0, 0.2
# The bars, on an idle machine.
KEY_MEDIAN, KEY_WORST = 0.010, 0.030
IDLE_CPU, LIVE_CPU, LIVE_BYTES, MEMORY = 0.005, 0.02, 1000, 60e6
MEGA = 1e6


class Key(NamedTuple):
    """What came of one key; seconds from the keystroke on."""

    changed: float
    """Until the screen began to change."""
    settled: float
    """Until it had been changed."""
    bytes: int


class Phase(NamedTuple):
    """A program watched for a while."""

    cpu: float
    """Of one core."""
    bytes: float
    """To the terminal, a second."""


class Watched(NamedTuple):
    """One contender in one round."""

    first_frame: float
    """Seconds from its start until runs and a curve are shown, or until it answers with one."""
    idle: Phase
    live: Phase
    memory: Memory
    heavy: Sequence[str] = ()
    keys: Sequence[Key] = ()
    followed: bool = True
    """Whether the screen showed anything of the epochs that were added."""


@dataclass
class Stage:
    """The same runs in every form, and what each contender did with them."""

    runs: Runs
    peers: dict[str, Peer]
    environment: dict[str, str]
    seconds: int
    """That each phase takes."""
    rounds: dict[str, list[Watched]] = field(default_factory=dict)

    def train_each_second(self, wait: Callable[[float], object]) -> None:
        """One run finishes an epoch a second, in every form."""
        self.runs.resume()
        wait(0.5)
        for _ in range(self.seconds):
            began = time.monotonic()
            epoch = self.runs.train()
            for peer in self.peers.values():
                peer.write(epoch)
            wait(1.0 - (time.monotonic() - began))
        self.runs.kill()


@contextmanager
def stage(count: int, programs: dict[str, Path], seconds: int) -> Iterator[Stage]:
    """Write the runs for all who take part."""
    scripts = {LEET: "wandb_files.py", TENSORBOARD: "tensorboard_files.py"}
    with tempfile.TemporaryDirectory() as place, ExitStack() as at_end:
        folder = Path(place)
        runs = Runs(folder / "ours", count)
        peers = {
            name: Peer(name, program, scripts[name], folder / name.lower())
            for name, program in programs.items()
        }
        for peer in peers.values():
            at_end.callback(peer.close)
            for run in runs.each():
                peer.write(run)
        yield Stage(runs, peers, environment(folder / "home"), seconds)


def watch_ours(stage: Stage) -> Watched:
    """The app, as a user starts it in the project."""
    label = re.escape(stage.runs.killed)
    return watch_screen(stage, our_command(), stage.runs.project, re.compile(label))


def watch_leet(stage: Stage) -> Watched:
    """LEET on a folder of offline runs, of which it shows the newest."""
    peer = stage.peers[LEET]
    command = leet_command(peer.program, peer.folder)
    return watch_screen(stage, command, peer.folder, re.compile("offline-run"))


def watch_screen(
    stage: Stage, command: list[str], folder: Path, listed: re.Pattern[str]
) -> Watched:
    """Start a terminal app, press keys, leave it alone, then let a run go on before its eyes."""
    began = time.monotonic()
    with program_in_terminal(command, folder, stage.environment) as terminal:
        first_frame = time_of_first_frame(terminal, listed) - began
        terminal.read(SECONDS_TO_SETTLE)
        keys = [key for text in KEYS if (key := press(terminal, text))]
        terminal.read(SECONDS_TO_SETTLE)
        tree = Tree(terminal.process.pid)
        idle = watch_phase(terminal, tree, lambda: terminal.read(stage.seconds))
        before = screen_of(terminal)
        live = watch_phase(terminal, tree, lambda: stage.train_each_second(terminal.read))
        followed = screen_of(terminal) != before
        memory, heavy = tree.memory(), tree.heavy_modules()
    return Watched(first_frame, idle, live, memory, heavy, keys, followed)


def time_of_first_frame(terminal: Terminal, listed: re.Pattern[str]) -> float:
    """When what arrived showed a run in the list and a curve, for the first time."""
    deadline = time.monotonic() + SECONDS_TO_START
    while time.monotonic() < deadline:
        # Drawn afterwards: a terminal reads faster than this one draws.
        for arrival in list(terminal.arrivals(SECONDS_TO_SETTLE)):
            terminal.draw(arrival.data)
            shown = terminal.screen()
            if listed.search(shown) and DOTS_OF_A_CURVE.search(shown):
                return arrival.at
    raise SystemExit(f"nothing useful within {SECONDS_TO_START} s:\n{terminal.screen()}")


def press(terminal: Terminal, text: str) -> Key | None:
    """Press a key; None where it changed nothing."""
    terminal.read(SECONDS_BETWEEN_KEYS)
    before, began = screen_of(terminal), time.monotonic()
    terminal.press(text)
    answer = answer_of(terminal)
    changed = None
    for arrival in answer:
        terminal.draw(arrival.data)
        if changed is None and screen_of(terminal) != before:
            changed = arrival.at - began
    if changed is None:
        return None
    return Key(changed, answer[-1].at - began, sum(len(arrival.data) for arrival in answer))


def answer_of(terminal: Terminal) -> list[Arrival]:
    """What comes until it is quiet; not drawn in between, which would make the next piece late."""
    first = next(terminal.arrivals(ANSWER_SECONDS), None)
    return [] if first is None else [first, *terminal.arrivals(ANSWER_SECONDS, QUIET_SECONDS)]


def screen_of(terminal: Terminal) -> tuple[object, ...]:
    """All but the last line, where LEET has a spinner that turns without any reason."""
    return terminal.display.look()[:-1]


def watch_phase(terminal: Terminal | None, tree: Tree, happen: Callable[[], object]) -> Phase:
    """What a program takes while something happens."""
    sent = len(terminal.sent) if terminal else 0
    began, used = time.monotonic(), tree.cpu_seconds()
    happen()
    seconds = time.monotonic() - began
    more = len(terminal.sent) - sent if terminal else 0
    return Phase((tree.cpu_seconds() - used) / seconds, more / seconds)


def watch_tensorboard(stage: Stage) -> Watched:
    """The server, without a browser: until it answers with a curve, and what it takes then."""
    peer, port = stage.peers[TENSORBOARD], free_port()
    command = tensorboard_command(peer.program, peer.folder, port)
    began = time.monotonic()
    with subprocess.Popen(
        command,
        env={**os.environ, **stage.environment},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    ) as server:
        try:
            while not answers_with_curve(port, stage.runs.killed):
                if time.monotonic() - began > SECONDS_TO_START or server.poll() is not None:
                    raise SystemExit("TensorBoard does not answer with a curve")
                time.sleep(0.02)
            first_frame = time.monotonic() - began
            time.sleep(SECONDS_TO_SETTLE)
            tree = Tree(server.pid)
            idle = watch_phase(None, tree, lambda: time.sleep(stage.seconds))
            live = watch_phase(None, tree, lambda: stage.train_each_second(time.sleep))
            return Watched(first_frame, idle, live, tree.memory())
        finally:
            server.terminate()


def answers_with_curve(port: int, run: str) -> bool:
    """Whether a run's validation accuracy can be had from the server."""
    query = urllib.parse.urlencode({"tag": "validation_accuracy", "run": run})
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        connection.request("GET", f"/data/plugin/scalars/scalars?{query}")
        answer = connection.getresponse()
        return answer.status == http.HTTPStatus.OK and bool(json.load(answer))
    except (OSError, ValueError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def free_port() -> int:
    """One that nobody listens on now."""
    with socket.socket() as asked:
        asked.bind(("127.0.0.1", 0))
        return int(asked.getsockname()[1])


WATCH = {OURS: watch_ours, LEET: watch_leet, TENSORBOARD: watch_tensorboard}


def print_table(count: int, rounds: dict[str, list[Watched]]) -> None:
    """Medians, and in brackets the least and the most."""
    print(f"| {count} run{'s' * (count > 1)} | " + " | ".join(rounds) + " |")
    print("|---" * (len(rounds) + 1) + "|")
    for title, cell in ROWS.items():
        print(f"| {title} | " + " | ".join(cell(watched) for watched in rounds.values()) + " |")
    print()


def spread(values: Sequence[float], digits: int) -> str:
    """Median, least and most."""
    if not values:
        return "n/a"
    middle, least, most = statistics.median(values), min(values), max(values)
    return f"{middle:,.{digits}f} ({least:,.{digits}f} to {most:,.{digits}f})"


def keys_of(rounds: Sequence[Watched]) -> list[Key]:
    """Of all rounds."""
    return [key for watched in rounds for key in watched.keys]


def to_screen(rounds: Sequence[Watched], bytes_of: Callable[[Watched], float]) -> str:
    """Bytes that a terminal got; a server has none."""
    return spread([bytes_of(watched) for watched in rounds if watched.keys], 0)


ROWS: dict[str, Callable[[Sequence[Watched]], str]] = {
    "first useful frame, s": lambda rounds: spread([w.first_frame for w in rounds], 2),
    "key to screen, ms": lambda rounds: spread([1e3 * key.changed for key in keys_of(rounds)], 1),
    "key to the whole answer, ms": lambda rounds: spread(
        [1e3 * key.settled for key in keys_of(rounds)], 1
    ),
    "bytes a key": lambda rounds: spread([key.bytes for key in keys_of(rounds)], 0),
    "idle CPU, %": lambda rounds: spread([100 * w.idle.cpu for w in rounds], 2),
    "live CPU, %": lambda rounds: spread([100 * w.live.cpu for w in rounds], 2),
    "idle bytes/s": lambda rounds: to_screen(rounds, lambda w: w.idle.bytes),
    "live bytes/s": lambda rounds: to_screen(rounds, lambda w: w.live.bytes),
    "memory, MB": lambda rounds: spread([w.memory.resident / MEGA for w in rounds], 0),
    "shared pages divided, MB": lambda rounds: spread(
        [w.memory.proportional / MEGA for w in rounds], 0
    ),
}


def verdicts(rounds: dict[str, list[Watched]]) -> Iterator[tuple[str, bool]]:
    """Each bar, and whether we meet it."""
    ours = rounds[OURS]
    keys = [key.changed for key in keys_of(ours)]
    heavy = sorted({name for watched in ours for name in watched.heavy})
    yield (
        f"no torch, numpy or sklearn in the process{': ' * bool(heavy)}{', '.join(heavy)}",
        not heavy,
    )
    if LEET in rounds:
        theirs = middle(rounds[LEET], lambda w: w.first_frame)
        yield "first frame no later than LEET's", middle(ours, lambda w: w.first_frame) <= theirs
    yield "key p50 ≤ 10 ms", statistics.median(keys) <= KEY_MEDIAN
    yield "key max ≤ 30 ms", max(keys) <= KEY_WORST
    yield "new epochs are shown as they come", all(watched.followed for watched in ours)
    yield "idle 0 bytes", not any(watched.idle.bytes for watched in ours)
    yield "idle ≤ 0.5 % CPU", middle(ours, lambda w: w.idle.cpu) <= IDLE_CPU
    yield "live ≤ 1 kB/s", middle(ours, lambda w: w.live.bytes) <= LIVE_BYTES
    yield "live ≤ 2 % CPU", middle(ours, lambda w: w.live.cpu) <= LIVE_CPU
    yield "≤ 60 MB", max(watched.memory.resident for watched in ours) <= MEMORY


def middle(rounds: Sequence[Watched], figure: Callable[[Watched], float]) -> float:
    """Median over the rounds."""
    return statistics.median(map(figure, rounds))


def machine() -> str:
    """What it was measured on, and what else it did."""
    lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    name = next((line.partition(": ")[2] for line in lines if line.startswith("model name")), "?")
    python = ".".join(map(str, sys.version_info[:2]))
    return f"{os.cpu_count()} cores of {name}, Python {python}, load {os.getloadavg()[0]:.1f}"


def talk(line: str) -> None:
    """For who watches; the figures go to standard output."""
    print(line, file=sys.stderr, flush=True)


def main() -> None:
    """Watch each in turn, round by round, and print the tables."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--runs", type=int, nargs="+", default=[1, 20, 200])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=int, default=6, help="that each phase is watched")
    parser.add_argument("--leet", metavar="PATH", help="the program wandb; default: on the path")
    parser.add_argument("--tensorboard", metavar="PATH", help="default: on the path")
    options = parser.parse_args()
    asked = {
        LEET: found("wandb", options.leet),
        TENSORBOARD: found("tensorboard", options.tensorboard),
    }
    for name, program in asked.items():
        if program is None:
            talk(f"{name} is not installed, so it is left out: see --help")
    programs = {name: program for name, program in asked.items() if program is not None}
    os.environ.setdefault("PYTHONPATH", str(ROOT))
    with ExitStack() as at_end:
        talk("writing the runs")
        stages = {
            count: at_end.enter_context(stage(count, programs, options.seconds))
            for count in options.runs
        }
        print(f"{options.rounds} rounds, phases of {options.seconds} s, {machine()}\n", flush=True)
        for number in range(1, options.rounds + 1):
            for count, each in stages.items():
                for name in (OURS, *programs):
                    watched = WATCH[name](each)
                    each.rounds.setdefault(name, []).append(watched)
                    talk(f"round {number}, {count} runs, {name}: {brief(watched)}")
        for count, each in stages.items():
            print_table(count, each.rounds)
        print(f"after it: load {os.getloadavg()[0]:.1f}\n")
        for count, each in stages.items():
            for bar, is_met in verdicts(each.rounds):
                print(f"{count:>4} runs: {bar}: {'met' if is_met else 'MISSED'}")


def brief(watched: Watched) -> str:
    """One line while it is measured."""
    words = f"first frame {watched.first_frame:.2f} s, live {100 * watched.live.cpu:.1f} % CPU"
    return words if watched.followed else f"{words}; THE NEW EPOCHS WERE NOT SHOWN"


if __name__ == "__main__":
    main()
