"""What schedulers' programs say, as it was recorded, and what it means."""

from __future__ import annotations

import os
import stat
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.conftest import wait_until
from tui_trainer.launch.clusters import scheduler, watch
from tui_trainer.launch.clusters.grid_engine import (
    GridEngine,
    ended_words,
    error_reason,
    seen_in_xml,
)
from tui_trainer.launch.clusters.scheduler import (
    RefusedError,
    UnreachableError,
    ask,
    environment_of_submission,
)
from tui_trainer.launch.clusters.slurm import Slurm, explained, seen_in_line
from tui_trainer.launch.clusters.submission import cancel, name_of_answers, name_of_job
from tui_trainer.record.events import JobRequested, JobSubmitted, append_event, read_events
from tui_trainer.record.index import Index
from tui_trainer.record.owner import Owner
from tui_trainer.record.run_folder import claim_run, find_run
from tui_trainer.record.sighting import Answer, Answers, Seen, Word, answers_file
from tui_trainer.record.state import State, fold
from tui_trainer.tui.store import Store

if TYPE_CHECKING:
    from collections.abc import Callable

SAMPLES = Path(__file__).parent / "samples"


@pytest.fixture
def plant(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str, str], Path]:
    """Puts programs of the schedulers' names before the real ones; answers are kept apart."""
    programs = tmp_path / "programs"
    programs.mkdir()
    monkeypatch.setenv("PATH", f"{programs}:{os.environ['PATH']}")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))

    def write(name: str, script: str) -> Path:
        program = programs / name
        program.write_text(f"#!/bin/sh\necho {name} >> {programs}/asked\n{script}\n")
        program.chmod(program.stat().st_mode | stat.S_IXUSR)
        return programs / "asked"

    return write


def test_every_state_of_squeue_has_its_word_and_its_reason() -> None:
    lines = (SAMPLES / "squeue.txt").read_text().splitlines()
    seen = {each.job_id: each for each in filter(None, map(seen_in_line, lines))}
    assert {job_id: each.word for job_id, each in seen.items()} == {
        "1": Word.OVER,
        "5": Word.OVER,
        "4": Word.WAITS,
        "8": Word.WAITS,
        "3": Word.HELD,
        "2": Word.BEGUN,
        "11": Word.WAITS,
        "12": Word.HELD,
        "13": Word.OVER,
        "14": Word.OVER,
        "15": Word.ENDS,
    }
    assert seen["2"].name == 'name with spaces; "q" ü | and more'
    assert "ask for less" in seen["4"].reason
    assert seen["8"].reason == "what it needs is in use"
    assert seen["14"].reason == "TIMEOUT: its wall-time ended"
    assert seen["11"].reason.startswith("Nodes required")


def test_every_state_of_qstat_has_its_word() -> None:
    text = (SAMPLES / "qstat.xml").read_text()
    seen = [(each.job_id, each.word) for each in seen_in_xml(text)]
    assert ("5", Word.BEGUN) in seen
    assert ("8", Word.WAITS) in seen
    assert ("6", Word.HELD) in seen
    assert len(seen) == 10
    letters = {"Eqw": Word.CANNOT, "dr": Word.ENDS, "Rq": Word.WAITS, "Rr": Word.BEGUN}
    for letter, word in letters.items():
        (job,) = seen_in_xml(f"<x><job_list><state>{letter}</state></job_list></x>")
        assert job.word is word, letter
    with pytest.raises(UnreachableError, match="no XML"):
        list(seen_in_xml("error: commlib error"))


def test_how_a_job_ended_is_told_in_words() -> None:
    assert explained("CANCELLED by 1000", "0:0") == (True, "CANCELLED: it was cancelled")
    assert explained("TIMEOUT", "0:0").words == "TIMEOUT: its wall-time ended"
    assert explained("FAILED", "3:0").words == "FAILED: exit code 3"
    assert explained("FAILED", "0:9").words == "FAILED: killed by signal 9"
    assert "could not be launched" in explained("FAILED", "0:53").words
    # Of a job that was put back there is a block for each start; the last one counts.
    assert ended_words((SAMPLES / "qacct-rerun.txt").read_text()) == "exit code 0"
    limit = "failed       37  : qmaster enforced h_rt, h_cpu, or h_vmem limit\nexit_status  137"
    assert ended_words(limit).startswith("killed at a limit: wall-time")
    reason = error_reason((SAMPLES / "qstat-j-eqw.txt").read_text())
    assert reason == 'can\'t open output file "/nonexistent/x.out": No such file or directory'


def test_a_scheduler_that_hangs_is_not_waited_for_and_leaves_nothing_behind(
    plant: Callable[[str, str], Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    plant("qstat", 'sh -c "sleep 4321; :" &\necho $! > "$0.pid"; wait')
    began = time.monotonic()
    with pytest.raises(UnreachableError, match="no answer within 1 s"):
        ask(["qstat"], seconds=1.0)
    assert time.monotonic() - began < 5
    pid_file = next(Path(os.environ["PATH"].split(":", maxsplit=1)[0]).glob("*.pid"))
    assert not Path(f"/proc/{pid_file.read_text().strip()}/exe").exists()
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(UnreachableError, match="not on this machine's PATH"):
        Slurm().poll()


def test_no_answer_is_never_taken_for_no_job_nor_for_a_refusal(
    plant: Callable[[str, str], Path], tmp_path: Path
) -> None:
    away = "Unable to contact slurm controller (connect failure)"
    plant("squeue", f"echo 'slurm_load_jobs error: {away}' >&2; exit 1")
    plant("sbatch", f"echo 'sbatch: error: Batch job submission failed: {away}' >&2; exit 1")
    plant("qsub", "echo 'error: commlib error: got select error (Connection refused)'; exit 1")
    with pytest.raises(UnreachableError):
        Slurm().poll()
    for each in (Slurm(), GridEngine()):
        with pytest.raises(UnreachableError):
            each.submit("job.sh", tmp_path)
    plant("sbatch", "echo 'sbatch: error: invalid partition specified: nope' >&2; exit 1")
    rejected = "Unable to run job: Job was rejected because job requests unknown queue"
    plant("qsub", f"echo '{rejected} \"nope.q\"'; echo Exiting.; exit 1")
    with pytest.raises(RefusedError, match="invalid partition"):
        Slurm().submit("job.sh", tmp_path)
    with pytest.raises(RefusedError, match=r"unknown queue .nope\.q.$"):
        GridEngine().submit("job.sh", tmp_path)


def test_a_job_is_gone_only_where_two_answers_in_a_row_lack_it() -> None:
    seen = Seen("7", "mine", Word.BEGUN, "")
    other = Seen("7", "another cluster's", Word.BEGUN, "")

    def answer(began: float, *jobs: Seen) -> Answer:
        return Answer(began=began, host="here", jobs={job.job_id: job for job in jobs})

    def word(newest: Answer, before: Answer, host: str = "here") -> Word:
        answers = Answers(newest=newest, before=before)
        return answers.sighting("7", "mine", since=10.0, host=host).word

    assert word(answer(12, seen), answer(11)) is Word.BEGUN
    assert word(answer(12), answer(11, seen)) is Word.ENDS
    assert word(answer(12), answer(9)) is Word.UNKNOWN
    assert word(answer(12), answer(11)) is Word.GONE
    assert word(answer(12, other), answer(11, other)) is Word.UNKNOWN
    assert word(answer(12), answer(11), host="a host with a clock of its own") is Word.UNKNOWN


def test_a_job_of_another_name_is_not_cancelled(
    plant: Callable[[str, str], Path], tmp_path: Path
) -> None:
    asked = plant_jobs(plant, tmp_path, 1)
    plant("scancel", "")
    (tmp_path / "jobs").write_text("1|RUNNING|None|somebody's, since the cluster began anew\n")
    run = find_run(tmp_path / "runs", "one")
    job = fold(read_events(run.events_file)).job
    assert job is not None
    with pytest.raises(RefusedError, match="is another job by now"):
        cancel(run, job)
    assert "scancel" not in asked.read_text()


def test_what_belongs_to_a_job_is_not_passed_on_to_the_next() -> None:
    mine = {
        "PATH": "/bin",
        "SLURM_CONF": "/etc/slurm.conf",
        "SGE_ROOT": "/sge",
        "SLURM_CPUS_PER_TASK": "4",
        "SQUEUE_FORMAT": "%i",
        "SBATCH_PARTITION": "x",
        "NSLOTS": "4",
        "CUDA_VISIBLE_DEVICES": "0",
        "SGE_TASK_ID": "undefined",
    }
    assert set(environment_of_submission(mine)) == {"PATH", "SLURM_CONF", "SGE_ROOT"}


def test_a_job_is_called_what_every_scheduler_takes() -> None:
    name = name_of_job("3 wide/ü/7", "0123456789abcdef")
    assert name.startswith("tt-")
    assert name.endswith("-0123456789abcdef")
    assert all(c.isascii() and (c.isalnum() or c in "-._") for c in name)


def test_many_runs_cost_one_question_however_many_ask(
    plant: Callable[[str, str], Path], tmp_path: Path
) -> None:
    asked = plant_jobs(plant, tmp_path, 60)
    index = Index(tmp_path / "runs")
    runs = watch.look_and_ask(index.look)
    assert {run.state for run in runs} == {State.QUEUED}
    assert {run.cause.partition("slurm ")[2] for run in runs} == {"waits: others come first"}
    before = time.process_time()
    assert not watch.ask_about(Index(tmp_path / "runs").look())
    watch.ask_about(runs)
    assert time.process_time() - before < 3
    assert asked.read_text().split() == ["squeue"]


def plant_jobs(plant: Callable[[str, str], Path], folder: Path, count: int) -> Path:
    """Runs whose jobs wait, and an squeue that lists them; where it notes that it was asked."""
    jobs = "\n".join(f"{n}|PENDING|Priority|tt-{n}" for n in range(1, count + 1))
    (folder / "jobs").write_text(f"{jobs}\n")
    for number in range(1, count + 1):
        run = claim_run(folder / "runs", "one")
        run.experiment_file.touch()
        requested = JobRequested(
            token=f"{number}",
            kind="slurm",
            scheduler=name_of_answers(Slurm()),
            name=f"tt-{number}",
            number=1,
            after=0,
            owner=Owner.of_process(os.getpid()),
        )
        append_event(run.events_file, requested)
        append_event(run.events_file, JobSubmitted(token=f"{number}", job_id=f"{number}"))
    return plant("squeue", f"cat {folder}/jobs")


def test_the_app_asks_by_itself(plant: Callable[[str, str], Path], project: Path) -> None:
    plant_jobs(plant, project, 1)
    store = Store(project)
    thread = threading.Thread(target=store.watch, args=(lambda _message: None,))
    thread.start()
    try:
        wait_until(lambda: any("others come first" in run.cause for run in store.seen.runs))
    finally:
        store.close()
        thread.join()


def test_a_scheduler_that_does_not_answer_is_asked_less_and_less_often(
    plant: Callable[[str, str], Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(watch.SECONDS_VARIABLE, "1000")
    asked = plant("squeue", "exit 1")
    path = answers_file(name_of_answers(Slurm()))
    assert watch.poll(Slurm())
    assert not watch.poll(Slurm())
    known = Answers.read(path)
    assert known.failures == 1
    assert known.silent_since
    # A thousand seconds would do for one that answers, and not for one that did not.
    for age, again in ((1500, False), (2500, True)):
        record = Answers(asked=time.time() - age, failures=1, silent_since=known.silent_since)
        record.write(path)
        assert watch.poll(Slurm()) is again
    assert asked.read_text().split() == ["squeue"] * 2
    assert Answers.read(path).silent_since == known.silent_since


def test_answers_that_are_damaged_say_nothing(plant: Callable[[str, str], Path]) -> None:
    plant("squeue", "exit 1")
    path = answers_file("slurm-12345678")
    path.parent.mkdir(parents=True)
    for content in ("", "[]", '{"newest": {"jobs": [[1], 3, ["7", "x", "?", ""]]}, "asked": "x"}'):
        path.write_text(content)
        assert Answers.read(path).sighting("7", "y", 0.0, "").word is Word.UNKNOWN
    assert scheduler.ANSWER_SECONDS <= 20
