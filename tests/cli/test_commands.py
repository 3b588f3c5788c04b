"""The commands as a user types them."""

from __future__ import annotations

import contextlib
import json
import os
import pty
import re
import signal
import subprocess
import sys
import threading
import time
from typing import TYPE_CHECKING

import pytest

from tests.conftest import ROOT, CommandLine, end_everything, trains
from tui_trainer.errors import ExitCode
from tui_trainer.launch.launcher import prepare
from tui_trainer.record.durable import replace_quickly
from tui_trainer.record.events import Alarmed, Extended, append_event
from tui_trainer.record.experiment_file import read_experiment
from tui_trainer.record.state import State
from tui_trainer.spec.project import load_project

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

TEN_MISTAKES = ROOT / "tests" / "data" / "projects" / "ten_mistakes"


def test_init_writes_the_worked_example_once(tmp_path: Path) -> None:
    command_line = CommandLine(tmp_path, {})
    done = command_line("init")
    assert done.returncode == ExitCode.DONE, done.stderr
    written = (tmp_path / "experiments.toml").read_bytes()
    assert written == (ROOT / "experiments.toml").read_bytes()
    (tmp_path / "experiments.toml").write_text("mine = 1")
    again = command_line("init")
    assert again.returncode == ExitCode.USAGE
    assert "left as it is" in again.stderr
    assert (tmp_path / "experiments.toml").read_text() == "mine = 1"


def test_list_shows_every_experiment(tui_trainer: CommandLine) -> None:
    tui_trainer.fake()("run", "one")
    assert [row["experiment"] for row in tui_trainer.json("list")] == ["one", "two"]
    lines = tui_trainer("list").stdout.splitlines()
    assert re.match(r"one\s+cnn depth 1\s+digits\s+4\s+1", lines[1])
    assert re.match(r"two\s+one\s+cnn depth 2\s+digits\s+4\s+0", lines[2])


def test_ten_mistakes_are_named_in_one_go_with_their_lines(tmp_path: Path) -> None:
    (tmp_path / "experiments.toml").write_bytes((TEN_MISTAKES / "experiments.toml").read_bytes())
    done = CommandLine(tmp_path, {})("list")
    assert done.returncode == ExitCode.USAGE
    named = re.findall(r"^experiments\.toml:(\d+): ", done.stderr, re.MULTILINE)
    assert len(named) == 10
    assert all(int(line) > 0 for line in named)
    assert "Traceback" not in done.stderr


def test_a_bad_experiment_does_not_hide_a_good_one(project: Path) -> None:
    file = project / "experiments.toml"
    file.write_text(file.read_text() + "\n[experiments.bad]\nepoch = 3\n")
    command_line = CommandLine(project, {}).fake()
    assert command_line("list").returncode == ExitCode.USAGE
    assert command_line("run", "one").returncode == ExitCode.DONE
    refused = command_line("run", "bad")
    assert refused.returncode == ExitCode.USAGE
    assert "epochs" in refused.stderr


def test_run_prints_one_plain_line_per_epoch_and_closes_with_the_result(
    tui_trainer: CommandLine,
) -> None:
    done = tui_trainer.fake()("run", "one")
    assert done.returncode == ExitCode.DONE
    *epochs, last = done.stdout.splitlines()
    assert [line.split()[1] for line in epochs] == ["1/4", "2/4", "3/4", "4/4"]
    assert "\x1b" not in done.stdout
    assert last.startswith("one/1 finished, test accuracy 90.0 %")
    assert last.endswith(str(tui_trainer.folder / "runs" / "one" / "1"))


def test_run_takes_changes_and_several_experiments(tui_trainer: CommandLine) -> None:
    command_line = tui_trainer.fake()
    done = command_line("run", "one", "two", "--set", "epochs=2", "--set", "optimizer.name=adam")
    assert done.returncode == ExitCode.DONE
    for name in ("one", "two"):
        run = command_line.look(name)
        assert len(run.epochs) == 2
        assert read_experiment(run.folder).experiment.optimizer.name == "adam"


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("run", "onw"), "one"),
        (("run", "one", "--set", "epochs=many"), "epochs"),
        (("run", "one", "--set", "epoch=3"), "epochs"),
        (("run", "one", "--set", "epochs"), "epochs"),
        (("show", "one"), "one"),
        (("logs", "one/7"), "one/7"),
        (("resume",), "--all"),
        (("resume", "../one"), "not a run's name"),
        (("stop", "two"), "two"),
    ],
)
def test_what_cannot_be_meant_is_refused_in_words(
    tui_trainer: CommandLine, arguments: tuple[str, ...], says: str
) -> None:
    done = tui_trainer(*arguments)
    assert done.returncode == ExitCode.USAGE
    assert says in done.stderr
    assert "Traceback" not in done.stderr
    assert not (tui_trainer.folder / "runs").exists()


def test_outside_a_project_the_way_in_is_told(tmp_path: Path) -> None:
    done = CommandLine(tmp_path, {})("list")
    assert done.returncode == ExitCode.USAGE
    assert "tui-trainer init" in done.stderr


def test_a_project_is_found_from_below_and_by_option(project: Path) -> None:
    below = project / "notes" / "deep"
    below.mkdir(parents=True)
    assert len(CommandLine(below, {}).json("list")) == 2
    done = CommandLine(ROOT.parent, {})("-C", str(project), "list")
    assert "two" in done.stdout


def test_a_crash_shows_the_end_of_the_log_and_the_way_on(tui_trainer: CommandLine) -> None:
    done = tui_trainer.fake(crash_at=2)("run", "one")
    assert done.returncode == ExitCode.CRASHED
    assert "RuntimeError: planted at epoch 2" in done.stderr
    assert "tui-trainer resume one/1" in done.stderr
    assert "one/1 crashed" in done.stdout


def test_resume_all_takes_what_died_and_only_that(tui_trainer: CommandLine) -> None:
    tui_trainer.fake()("run", "two")
    for _ in range(2):
        tui_trainer.fake(crash_at=2)("run", "one")
    done = tui_trainer.fake()("resume", "--all")
    assert done.returncode == ExitCode.DONE
    states = {run["run"]: (run["state"], run["attempts"]) for run in tui_trainer.json("runs")}
    assert states == {
        "one/1": ("finished", 2),
        "one/2": ("finished", 2),
        "two/1": ("finished", 1),
    }
    assert "no run" in tui_trainer.fake()("resume", "--all").stdout


def test_a_finished_run_is_not_resumed(tui_trainer: CommandLine) -> None:
    tui_trainer.fake()("run", "one")
    done = tui_trainer.fake()("resume", "one")
    assert done.returncode == ExitCode.USAGE
    assert "finished" in done.stderr


def test_a_finished_run_goes_on_to_more_epochs(tui_trainer: CommandLine) -> None:
    tui_trainer.fake()("run", "one")
    launched = tui_trainer.look("one").folder.experiment_file.read_bytes()
    done = tui_trainer.fake()("resume", "one", "--epochs", "6")
    assert done.returncode == ExitCode.DONE, done.stderr
    assert "6/6" in done.stdout
    (run,) = tui_trainer.json("runs")
    assert (run["state"], run["epoch"], run["epochs"]) == ("finished", 6, 6)
    assert tui_trainer.look("one").folder.experiment_file.read_bytes() == launched
    assert len(tui_trainer.look("one").epochs) == 6


def test_what_cannot_be_extended_is_refused_and_left_alone(tui_trainer: CommandLine) -> None:
    fake = tui_trainer.fake(seconds=0.02)
    fake("run", "one")
    cosine = 'scheduler={ name = "cosine_annealing_lr" }'
    fake("run", "two", "--set", cosine)
    long = tui_trainer.fake(hold_at=1)
    long("run", "one", "--detach")
    long.wait("one/2", trains)
    project = load_project(tui_trainer.folder / "experiments.toml")
    prepare(project, "two", project.experiment("two"))
    names = ("one/1", "two/1", "two/2")
    events = {name: tui_trainer.look(name).folder.events_file for name in names}
    before = {name: file.read_bytes() for name, file in events.items()}
    for arguments, words, code in (
        (("one/1", "--epochs", "4"), "4 epochs of 4", ExitCode.USAGE),
        (("one/1", "--epochs", "2"), "more than 4", ExitCode.USAGE),
        (("one/1", "--epochs", "0"), "0", ExitCode.USAGE),
        (("one/2", "--epochs", "9"), "only a run that is over", ExitCode.OWNED),
        (("two/1", "--epochs", "9"), "learning rate is 0", ExitCode.USAGE),
        (("two/2", "--epochs", "9"), "has not begun", ExitCode.USAGE),
        (("--all", "--epochs", "9"), "--epochs", ExitCode.USAGE),
    ):
        done = fake("resume", *arguments)
        assert (done.returncode, words in done.stderr) == (code, True), (arguments, done.stderr)
    assert {name: file.read_bytes() for name, file in events.items()} == before


def test_an_extension_whose_supervisor_died_is_resumed(tui_trainer: CommandLine) -> None:
    fake = tui_trainer.fake()
    fake("run", "one")
    folder = tui_trainer.look("one").folder
    append_event(folder.events_file, Extended(after=1, epochs=5))
    (run,) = tui_trainer.json("runs")
    assert (run["state"], run["epochs"]) == ("stopped", 5)
    assert "5 epochs" in run["cause"]
    assert fake("resume", "one").returncode == ExitCode.DONE
    assert [epoch.epoch for epoch in tui_trainer.look("one").epochs] == [1, 2, 3, 4, 5]


def test_the_first_interrupt_stops_with_a_checkpoint(tui_trainer: CommandLine) -> None:
    command_line = tui_trainer.fake(hold_at=1)
    process = command_line.start("run", "one")
    command_line.wait("one", trains)
    process.send_signal(signal.SIGINT)
    output, errors = process.communicate(timeout=60)
    assert process.returncode == ExitCode.STOPPED
    assert "one/1 stopped" in output
    assert "tui-trainer resume one/1" in errors


def test_the_second_interrupt_leaves_the_run_and_says_so(tui_trainer: CommandLine) -> None:
    command_line = tui_trainer.fake(hold_at=1, deaf=True)
    process = command_line.start("run", "one")
    command_line.wait("one", trains)
    process.send_signal(signal.SIGINT)
    command_line.wait("one", lambda run: run.state is State.STOPPING)
    time.sleep(0.5)
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == ExitCode.STOPPED
    assert "goes on without this terminal" in errors
    assert command_line.look("one").state.is_live


def test_two_interrupts_at_once_ask_first_and_then_leave(tui_trainer: CommandLine) -> None:
    command_line = tui_trainer.fake(hold_at=1)
    process = command_line.start("run", "one")
    command_line.wait("one", trains)
    process.send_signal(signal.SIGINT)
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=60)
    attempt = command_line.look("one").folder.newest_attempt()
    assert attempt is not None
    assert attempt.stop_request() is False


def break_runs_file(project: Path) -> None:
    (project / "runs").write_text("")


def break_runs_link(project: Path) -> None:
    (project / "runs").symlink_to(project / "nowhere" / "deep")


def break_family(project: Path) -> None:
    (project / "runs").mkdir()
    (project / "runs" / "one").write_text("")


@pytest.mark.parametrize("broken", [break_runs_file, break_runs_link, break_family])
def test_a_runs_folder_that_is_none_is_named(
    tui_trainer: CommandLine, broken: Callable[[Path], None]
) -> None:
    broken(tui_trainer.folder)
    for command in (("run", "one"), ("runs",), ("list",)):
        done = tui_trainer.fake()(*command)
        assert "Traceback" not in done.stderr
        if command[0] == "run":
            assert done.returncode == ExitCode.USAGE
            assert "runs" in done.stderr


def test_one_bad_run_does_not_keep_the_others_from_resuming(tui_trainer: CommandLine) -> None:
    for name in ("one", "two"):
        tui_trainer.fake(crash_at=2)("run", name)
    tui_trainer.look("one").folder.experiment_file.write_text("")
    done = tui_trainer.fake()("resume", "--all")
    assert done.returncode == ExitCode.USAGE
    assert "experiment.toml" in done.stderr
    assert tui_trainer.look("two").state is State.FINISHED


def test_a_run_whose_experiment_cannot_be_read_says_so_among_the_runs(
    tui_trainer: CommandLine,
) -> None:
    tui_trainer.fake()("run", "one")
    tui_trainer.look("one").folder.experiment_file.write_text("damaged")
    listed = " ".join(tui_trainer("runs").stdout.split())
    assert "4/?" in listed
    assert "experiment.toml cannot be read" in listed


def test_show_bears_with_files_that_come_and_go(tui_trainer: CommandLine) -> None:
    command_line = tui_trainer.fake(hold_at=1)
    command_line("run", "one", "--detach")
    run = command_line.wait("one", trains)
    stop = threading.Event()
    busy = threading.Thread(target=write_again_and_again, args=(run.folder.path, stop))
    busy.start()
    try:
        for _ in range(5):
            assert command_line("show", "one").returncode == ExitCode.DONE
            assert not [f for f in command_line.json("show", "one")["files"] if f.endswith(".tmp")]
    finally:
        stop.set()
        busy.join()


def write_again_and_again(folder: Path, stop: threading.Event) -> None:
    while not stop.is_set():
        replace_quickly(folder / "busy.json", b"{}")


def test_show_tells_what_is_known_of_an_attempt_without_a_recorded_end(
    tui_trainer: CommandLine,
) -> None:
    command_line = tui_trainer.fake(hold_at=1)
    command_line("run", "one", "--detach")
    command_line.wait("one", trains)
    shown = command_line("show", "one").stdout
    since = r"^attempt 1: pid \d+ on .*, runs since \d{4}-\d\d-\d\d \d\d:\d\d$"
    assert re.search(since, shown, re.MULTILINE)
    end_everything(tui_trainer.folder)
    tui_trainer.wait("one", lambda run: not run.state.is_live)
    shown = command_line("show", "one").stdout
    assert re.search("^attempt 1: .* vanished without a word$", shown, re.MULTILINE)


def test_show_json_bears_with_a_run_cut_off_at_its_launch(tui_trainer: CommandLine) -> None:
    (tui_trainer.folder / "runs" / "one" / "1").mkdir(parents=True)
    whole = tui_trainer.json("show", "one")
    assert whole["state"] == "failed"
    assert whole["experiment_resolved"] is None


def test_a_reader_that_goes_away_does_not_end_the_run(tui_trainer: CommandLine) -> None:
    command_line = tui_trainer.fake(hold_at=2)
    process = command_line.start("run", "one")
    assert process.stdout is not None
    process.stdout.readline()
    process.stdout.close()
    command_line.let_go()
    run = command_line.wait("one", lambda run: run.state is State.FINISHED)
    assert len(run.epochs) == 4
    assert process.stderr is not None
    assert "Traceback" not in process.stderr.read()
    process.stderr.close()
    process.wait(timeout=60)


def test_show_tells_alarms(tui_trainer: CommandLine, project: Path) -> None:
    tui_trainer.fake()("run", "one")
    alarm = Alarmed(attempt=1, epoch=2, kind="plateau", message="no better accuracy")
    append_event(project / "runs" / "one" / "1" / "events.jsonl", alarm)
    assert ": no better accuracy" in tui_trainer("show", "one").stdout
    told = {"kind": "plateau", "epoch": 2, "message": "no better accuracy"}
    assert tui_trainer.json("show", "one")["alarms"] == [told]


def test_show_gives_a_run_whole(tui_trainer: CommandLine) -> None:
    tui_trainer.fake()("run", "one")
    whole = tui_trainer.json("show", "one")
    assert whole["run"] == "one/1"
    assert whole["weights_sha256"] == f"{4:064x}"
    assert whole["experiment_resolved"]["model"]["width"] == 2
    assert whole["provenance"]["packages"]["torch"]
    assert [epoch["epoch"] for epoch in whole["epochs_measured"]] == [1, 2, 3, 4]
    assert "epochs.jsonl" in whole["files"]
    text = tui_trainer("show", "one").stdout
    assert "attempt 1" in text
    assert "epoch 4/4" in text


def test_runs_has_the_fields_that_programs_rely_on(tui_trainer: CommandLine) -> None:
    tui_trainer.fake()("run", "one")
    (run,) = tui_trainer.json("runs")
    assert run["best"] == {"epoch": 4, "validation_accuracy": pytest.approx(0.8)}
    measured = {"path", "best", "fingerprint", "trained_seconds"}
    assert {key: run[key] for key in run.keys() - measured} == {
        "run": "one/1",
        "experiment": "one",
        "state": "finished",
        "cause": "",
        "epoch": 4,
        "epochs": 4,
        "attempts": 1,
        "validation_accuracy": pytest.approx(0.8),
        "clean_accuracy": 0.9,
        "ood_accuracy": None,
        "ood_gap": None,
        "eta_seconds": None,
        "skipped_lines": 0,
        "damaged_checkpoints": [],
        "tags": [],
        "note": "",
        "scores": [],
        "parameters": None,
        "flops": None,
    }


def test_runs_are_picked_by_a_filter(tui_trainer: CommandLine) -> None:
    tui_trainer.fake()("run", "one", "two")
    picked = tui_trainer.json("runs", "--filter", "state:finished model.depth=2")
    assert [run["run"] for run in picked] == ["two/1"]
    assert "two/1" not in tui_trainer("runs", "--filter", "depth<2").stdout
    assert "none of 2 runs" in tui_trainer("runs", "--filter", "three").stdout
    refused = tui_trainer("runs", "--filter", "model.dept=2")
    assert refused.returncode == 2
    assert "did you mean `model.depth`?" in refused.stderr


def test_runs_are_compared(tui_trainer: CommandLine) -> None:
    tui_trainer.fake()("run", "one", "two")
    told = tui_trainer("compare", "one/1", "two").stdout
    assert "model.depth" in told
    assert "model.width" not in told
    record = tui_trainer.json("compare", "one/1", "two")
    assert record["differences"] == ["model.depth"]
    assert [run["settings"] for run in record["runs"]] == [{"model.depth": 1}, {"model.depth": 2}]
    assert "same settings" in tui_trainer("compare", "one", "one/1").stdout
    assert tui_trainer("compare", "three").returncode == 2


def test_accuracy_out_of_distribution_stands_beside_clean_where_there_is_one(
    tui_trainer: CommandLine,
) -> None:
    tui_trainer.fake()("run", "two")
    assert " ood " not in tui_trainer("runs").stdout
    assert "distribution" not in tui_trainer("show", "two").stdout

    printed = tui_trainer.fake(ood=0.4125)("run", "one").stdout
    assert len(re.findall(r"accuracy  80.0 %  ood accuracy  41.2 %  lr", printed)) == 1
    closing = "one/1 finished, test accuracy 90.0 % (epoch 4, best), "
    assert f"{closing}out of distribution 41.2 % (48.8 pt below clean); files:" in printed

    header, *rows = tui_trainer("runs").stdout.splitlines()
    one, two = (next(row for row in rows if row.startswith(name)) for name in ("one", "two"))
    for title, figure in (("ood", "41.2 %"), ("gap", "48.8 pt")):
        end = header.index(f" {title} ") + len(title) + 1
        assert one[:end].endswith(figure)
        assert two[:end].endswith(" -")
    shown = tui_trainer("show", "one").stdout
    assert "ood accuracy  41.2 %" in shown
    assert "out of distribution: accuracy 41.2 %, gap to clean 48.8 pt\n      41.2 % fog" in shown
    (run, _) = tui_trainer.json("runs")
    assert (run["ood_accuracy"], run["ood_gap"]) == (0.4125, pytest.approx(0.4875))


def test_logs_are_literal_and_harmless(tui_trainer: CommandLine) -> None:
    noise = "[/bold] [@click=app.quit]x[/] \x1b]52;c;aGk=\x07\x9b2J done"
    tui_trainer.fake(noise=noise)("run", "one")
    printed = tui_trainer("logs", "one").stdout
    assert "[/bold] [@click=app.quit]x[/] ]52;c;aGk=2J done" in printed
    assert not re.search(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]", printed)


def test_logs_follow_until_the_end(tui_trainer: CommandLine) -> None:
    command_line = tui_trainer.fake(hold_at=2)
    command_line("run", "one", "--detach")
    process = command_line.start("logs", "one", "-f")
    assert process.stdout is not None
    process.stdout.readline()
    command_line.let_go()
    said, _ = process.communicate(timeout=60)
    assert "attempt 1 ended: done" in said


def test_doctor_names_what_it_sees(tui_trainer: CommandLine) -> None:
    findings = {finding["subject"]: finding for finding in tui_trainer.json("doctor")}
    assert findings["torch"]["level"] == "ok"
    assert findings["project"]["found"].endswith("2 experiments, 0 problems")
    assert "allotted" in findings["cores"]["found"]


@pytest.fixture
def instant_torch(tmp_path: Path) -> Path:
    """A folder with a pair of packages that load at once, where torch is not looked at."""
    folder = tmp_path / "instant"
    folder.mkdir()
    (folder / "torch.py").write_text(
        "from types import SimpleNamespace\n"
        "__version__, zeros = '0', lambda *_: None\n"
        "cuda = SimpleNamespace(is_available=lambda: False)\n"
    )
    (folder / "torchvision.py").write_text(
        "from types import SimpleNamespace\n"
        "__version__, ops = '0', SimpleNamespace(nms=lambda *_: None)\n"
    )
    return folder


def importing_first(folder: Path) -> dict[str, str]:
    """The environment in which a folder's modules come before those that are installed."""
    return {"PYTHONPATH": f"{folder}{os.pathsep}{ROOT}"}


def test_doctor_names_a_pair_that_does_not_load_and_its_cure(
    project: Path, instant_torch: Path
) -> None:
    message = "operator torchvision::nms does not exist"
    (instant_torch / "torchvision.py").write_text(f"raise RuntimeError({message!r})")
    done = CommandLine(project, importing_first(instant_torch))("doctor")
    assert done.returncode == 1
    assert message in done.stdout
    assert "pip install --upgrade --force-reinstall torch torchvision" in done.stdout


def test_doctor_tells_data_from_what_lies_in_its_place(project: Path, instant_torch: Path) -> None:
    file = project / "experiments.toml"
    file.write_text(file.read_text() + '\n[experiments.far]\ndata = { name = "cifar100" }\n')
    folder = project / "data" / "cifar-100-python"
    folder.mkdir(parents=True)
    levels = []
    for content in (b"<html>", b"\x80\x02"):
        for name in ("train", "test"):
            (folder / name).write_bytes(content)
        done = CommandLine(project, importing_first(instant_torch))("doctor", "--json")
        found = {finding["subject"]: finding for finding in json.loads(done.stdout)}
        levels.append(found["data cifar100"]["level"])
    assert levels == ["error", "ok"]


def test_doctor_counts_the_slots_of_a_job(project: Path, instant_torch: Path) -> None:
    done = CommandLine(project, {"NSLOTS": "1", **importing_first(instant_torch)}).json("doctor")
    cores = next(finding for finding in done if finding["subject"] == "cores")
    assert cores["found"].startswith("1 allotted (NSLOTS)")


def test_without_command_and_terminal_the_list_is_printed(tui_trainer: CommandLine) -> None:
    done = tui_trainer()
    assert done.returncode == ExitCode.DONE
    assert "two" in done.stdout
    assert "tui-trainer run EXPERIMENT" in done.stdout


def test_completion_knows_experiments_studies_and_runs(tui_trainer: CommandLine) -> None:
    tui_trainer.fake()("run", "one")
    with (tui_trainer.folder / "experiments.toml").open("a") as file:
        file.write('[studies.wide]\nbase = "one"\nseeds = 2\n')
    known = {"run ": {"one", "two", "wide"}, "study ": {"wide"}, "show ": {"one/1"}}
    for words, found in known.items():
        environment = {
            **tui_trainer.environment,
            "_TUI_TRAINER_COMPLETE": "complete_bash",
            "COMP_WORDS": f"tui-trainer {words}",
            "COMP_CWORD": "2",
        }
        script = (
            "import sys; sys.argv[0] = 'tui-trainer'; from tui_trainer.cli.main import main; main()"
        )
        done = subprocess.run(
            [sys.executable, "-c", script],
            cwd=tui_trainer.folder,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )
        assert set(done.stdout.split()) == found, done.stderr


def on_a_terminal(
    command_line: CommandLine, *arguments: str, columns: int, moving: re.Pattern[str]
) -> tuple[list[str], int]:
    """Lines that a command sends to a terminal, without colours, and its exit code.

    A core that is held is let go once a line was drawn that moves.
    """
    process, descriptor = pty.fork()
    if process == 0:
        os.chdir(command_line.folder)
        environment = {
            **command_line.environment,
            "TERM": "xterm-256color",
            "LC_ALL": "C.UTF-8",
            "COLUMNS": str(columns),
        }
        os.execve(sys.executable, command_line.command(*arguments), environment)  # noqa: S606
    sent, lines = b"", [""]
    with contextlib.suppress(OSError):  # it has ended, and its side is closed
        while piece := os.read(descriptor, 1 << 16):
            sent += piece
            text = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", sent.decode(errors="replace"))
            lines = [line.rstrip() for line in re.split(r"[\r\n]+", text)]
            if any(map(moving.match, lines)):
                command_line.let_go()
    _, status = os.waitpid(process, 0)
    os.close(descriptor)
    return lines, os.waitstatus_to_exitcode(status)


@pytest.mark.parametrize(
    ("columns", "speed", "knobs"),
    [(120, r"\s+123 images/s", {}), (80, "", {}), (80, "", {"ood": 0.4125})],
)
def test_on_a_terminal_a_line_moves_below_a_table_of_epochs(
    tui_trainer: CommandLine, columns: int, speed: str, knobs: dict[str, float]
) -> None:
    core = tui_trainer.fake(hold_at=2, **knobs)
    moving = re.compile(rf"one/1\s+[━╸╺]+\s+● running\s+epoch 2/4\s+\d+/10\s+ETA \d+s{speed}$")
    lines, code = on_a_terminal(core, "run", "one", columns=columns, moving=moving)
    assert code == ExitCode.DONE
    assert [line for line in lines if moving.match(line)]
    rows = [line.split()[0] for line in lines if re.match(r" +\d/4 ", line)]
    assert rows == ["1/4", "2/4", "3/4", "4/4"]
    (header,) = (line for line in lines if line.split()[:3] == ["epoch", "train", "loss"])
    assert ("ood" in header) == any(" 41.2 % " in line for line in lines) == bool(knobs)
    files = str(tui_trainer.folder)
    assert all(len(line) <= columns for line in lines if files not in line)
    assert lines[-1 if lines[-1] else -2].endswith(f"{files}/runs/one/1")


def test_json_is_ascii_so_that_any_locale_can_print_it(project: Path) -> None:
    file = project / "experiments.toml"
    file.write_text(file.read_text() + '\ndescription = "größer"\n')
    done = CommandLine(project, {"PYTHONIOENCODING": "ascii"})("list", "--json")
    assert json.loads(done.stdout)[1]["description"] == "größer"
    assert done.stdout.isascii()


def test_a_terminal_without_unicode_breaks_nothing(
    tui_trainer: CommandLine, instant_torch: Path
) -> None:
    ascii_only = {"PYTHONIOENCODING": "ascii", "LC_ALL": "C"}
    plain = CommandLine(tui_trainer.folder, {**ascii_only, **importing_first(instant_torch)})
    assert plain.fake()("run", "one").returncode == ExitCode.DONE
    for command in (("runs",), ("show", "one"), ("doctor",), ("list",)):
        done = plain(*command)
        assert "Traceback" not in done.stderr
