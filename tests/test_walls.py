"""The walls between the rooms, and the manners of the whole house."""

from __future__ import annotations

import json
import pkgutil
import re
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

import tui_trainer
from tests.conftest import ROOT, CommandLine
from tui_trainer.cli.main import app

if TYPE_CHECKING:
    from pathlib import Path

HEAVY = ("torch", "torchvision", "sklearn", "numpy", "scipy", "textual", "matplotlib", "jinja2")
MODULES = sorted(
    module.name for module in pkgutil.walk_packages(tui_trainer.__path__, "tui_trainer.")
)
MAY_IMPORT = {
    "tui_trainer.train": {"torch", "torchvision", "sklearn", "numpy", "scipy"},
    "tui_trainer.tui": {"textual", "rich", "jinja2"},  # which textual-serve imports
    "tui_trainer.cli": {"rich", "typer"},
}
WATCHED = {*HEAVY, "rich", "typer"}


def run(*command: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", *command], cwd=ROOT, capture_output=True, text=True, check=False
    )


@pytest.mark.parametrize(
    "command",
    [
        ("ruff", "check"),
        ("ruff", "format", "--check"),
        ("mypy",),
    ],
    ids=["ruff check", "ruff format", "mypy"],
)
def test_the_house_is_clean(command: tuple[str, ...]) -> None:
    done = run(*command)
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_walls_hold() -> None:
    # As its command does; the module alone does nothing, and says that all is well.
    command = "from importlinter.cli import lint_imports_command; lint_imports_command()"
    done = subprocess.run(
        [sys.executable, "-c", command], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert " kept, 0 broken." in done.stdout


def imported_by(*modules: str) -> set[str]:
    """What of the watched packages a fresh interpreter holds after importing these modules."""
    script = (
        f"import json, sys, importlib\n"
        f"for name in {list(modules)!r}: importlib.import_module(name)\n"
        f"print(json.dumps([name for name in {sorted(WATCHED)!r} if name in sys.modules]))"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True, cwd=ROOT
    )
    return set(json.loads(done.stdout))


@pytest.mark.parametrize(
    "room",
    [
        "tui_trainer.errors",
        "tui_trainer.spec",
        "tui_trainer.record",
        "tui_trainer.launch",
        "tui_trainer.study",
        "tui_trainer.train",
        "tui_trainer.tui",
        "tui_trainer.cli",
    ],
)
def test_a_fresh_interpreter_holds_only_what_the_room_may_import(room: str) -> None:
    modules = [name for name in MODULES if name == room or name.startswith(room + ".")]
    assert modules
    assert imported_by(*modules) <= MAY_IMPORT.get(room, set())


@pytest.mark.parametrize(
    "arguments", [("--help",), ("runs", "--json"), ("list", "--json"), ("data", "list")]
)
def test_a_light_command_imports_nothing_heavy(project: Path, arguments: tuple[str, ...]) -> None:
    probe = (
        "import atexit, sys; sys.argv = ['tui-trainer', *sys.argv[1:]]\n"
        f"held = lambda: [name for name in {HEAVY!r} if name in sys.modules]\n"
        "atexit.register(lambda: print(held(), file=sys.stderr))\n"
        "from tui_trainer.cli.main import main; main()"
    )
    command_line = CommandLine(project, {"PYTHONPATH": str(ROOT)})
    command_line.fake()("run", "one")
    done = subprocess.run(
        [sys.executable, "-c", probe, *arguments],
        cwd=project,
        env=command_line.environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0
    assert done.stderr.splitlines()[-1] == "[]"


def test_there_is_no_room_for_odds_and_ends() -> None:
    names = {name.rpartition(".")[2] for name in MODULES}
    assert not names & {"utils", "common", "helpers", "misc"}


def test_every_module_says_what_it_owns() -> None:
    for path in (ROOT / "tui_trainer").rglob("*.py"):
        first = path.read_text().splitlines()[0]
        assert re.match(r'"""[A-Z`].*[.:](""")?$', first), f"{path}: {first}"


def test_the_map_shows_every_module() -> None:
    text = (ROOT / "docs" / "architecture.md").read_text()
    for path in (ROOT / "tui_trainer").rglob("*.py"):
        if path.name not in {"__init__.py", "__main__.py"}:
            name = path.relative_to(ROOT / "tui_trainer").as_posix()
            assert f"`{name}`" in text, f"docs/architecture.md does not name {name}"


def test_every_command_and_option_is_documented() -> None:
    documented = (ROOT / "docs" / "cli.md").read_text()
    listing = CommandLine(ROOT, {"COLUMNS": "200", "NO_COLOR": "1"})
    commands = [str(command.name) for command in app.registered_commands]
    assert {"run", "resume", "doctor"} <= set(commands)
    for command in commands:
        options = re.findall(r"(--[a-z-]+)", listing(command, "--help").stdout)
        # What follows the name, so that `score` is not looked for under `scores`.
        begin = re.search(f"## `tui-trainer {command}[ `]", documented)
        assert begin, f"docs/cli.md has no section for {command}"
        section = documented[begin.end() :].partition("\n## ")[0]
        for option in set(options) - {"--help"}:
            assert f"`{option}" in section, f"docs/cli.md misses {command} {option}"


def test_every_dependency_has_its_reason() -> None:
    decision = (ROOT / "docs" / "decisions" / "001-dependencies.md").read_text()
    project = (ROOT / "pyproject.toml").read_text()
    names = re.findall(r'^    "([a-z-]+)(?:>=[0-9.]+)?",$', project, re.MULTILINE)
    assert "torch" in names
    for name in names:
        assert f"**{name}**" in decision, f"no reason is given for {name}"


def test_the_readme_and_the_checks_run_the_same_commands() -> None:
    readme = (ROOT / "README.md").read_text()
    for mark in ("run", "test"):
        assert readme.count(f"<!-- command: {mark} -->\n```sh\n") == 1
