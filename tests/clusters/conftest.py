"""Brings real schedulers up on this machine, once for all tests; without them tests are skipped."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.conftest import CommandLine, end_everything

if TYPE_CHECKING:
    from collections.abc import Iterator

HERE = Path(__file__).parent


@dataclass(frozen=True)
class Cluster:
    """A scheduler that runs on this machine, with one node."""

    kind: str
    home: Path
    environment: dict[str, str]

    @property
    def controller(self) -> int:
        """The process that knows the queue."""
        name = "slurmctld" if self.kind == "slurm" else "sge_qmaster"
        return int((self.folder / "run" / f"{name}.pid").read_text())

    @property
    def folder(self) -> Path:
        return self.home / ("slurm" if self.kind == "slurm" else "sge")

    def ask(self, *command: str) -> str:
        """What one of the scheduler's programs prints."""
        done = subprocess.run(
            command,
            env={**os.environ, **self.environment},
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        # Grid Engine's qmod ends with 1 where it did as it was told.
        assert done.returncode == 0 or "cleared" in done.stdout, f"{command}: {done}"
        return done.stdout

    def release(self, job_id: str) -> None:
        """Let a held job begin."""
        slurm = self.kind == "slurm"
        self.ask(*(("scontrol", "release") if slurm else ("qrls",)), job_id)

    def put_back(self, job_id: str) -> None:
        """End a job that runs, to begin anew."""
        slurm = self.kind == "slurm"
        self.ask(*(("scontrol", "requeue") if slurm else ("qmod", "-rj")), job_id)


@dataclass(frozen=True)
class Site:
    """A project whose runs are jobs of a cluster."""

    cluster: Cluster
    folder: Path
    command: CommandLine

    def configure(self, *extra: str, **resources: Any) -> None:
        """Write what the site wants said, and what runs need."""
        directives = ", ".join(f'"{each}"' for each in extra)
        needed = {"slots": 1, "max_restarts": 0, **resources}
        wanted = "".join(f"resources.{key} = {_toml(value)}\n" for key, value in needed.items())
        self.folder.joinpath("experiments.toml").write_text(
            f'[cluster]\nkind = "{self.cluster.kind}"\nnotice = 45\nextra = [{directives}]\n'
            f'[defaults]\nlauncher = "{self.cluster.kind}"\nepochs = 4\nbatch_size = 256\n'
            f"{wanted}"
            "[experiments.one]\nmodel = { name = 'cnn', depth = 1, width = 2 }\n"
        )

    @property
    def held(self) -> str:
        """The directive with which a job waits until it is released."""
        return "--hold" if self.cluster.kind == "slurm" else "-h"

    def fake(self, **knobs: Any) -> CommandLine:
        """The command line, with a fake core."""
        return self.command.fake(**knobs)


@pytest.fixture(scope="session")
def slurm() -> Iterator[Cluster]:
    """A Slurm that forgets a job two seconds after its end."""
    yield from _up("slurm", "sbatch", {"TT_MINJOBAGE": "2"})


@pytest.fixture(scope="session")
def grid_engine() -> Iterator[Cluster]:
    """A Grid Engine that gives five seconds' notice before it kills."""
    yield from _up("grid_engine", "qsub", {})


@pytest.fixture
def site(cluster: Cluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    """A project for the cluster of the test's class; its jobs are ended afterwards."""
    variables = {
        **cluster.environment,
        "XDG_CACHE_HOME": str(tmp_path / "cache"),
        "TUI_TRAINER_SECONDS_BETWEEN_POLLS": "0.5",
        "COLUMNS": "200",
    }
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    made = Site(cluster, tmp_path, CommandLine(tmp_path, {"PYTHONPATH": str(HERE.parents[1])}))
    made.configure()
    yield made
    everything = ("scancel", "--user=root") if cluster.kind == "slurm" else ("qdel", "-u", "root")
    subprocess.run(everything, env={**os.environ}, capture_output=True, check=False, timeout=60)
    end_everything(tmp_path)


def _up(kind: str, program: str, knobs: dict[str, str]) -> Iterator[Cluster]:
    if shutil.which(program) is None:
        pytest.skip(f"{kind} is not installed: tests/clusters/install does that, as root on Debian")
    if os.geteuid():
        pytest.skip(f"{kind} is brought up by root only")
    # Not below pytest's own folder, which Grid Engine's daemons may not enter.
    home = Path(tempfile.mkdtemp(prefix="tui-trainer-clusters-"))
    home.chmod(0o755)
    name = "slurm" if kind == "slurm" else "sge"
    port = str(_two_free_ports())
    own = {"TT_CLUSTER_HOME": str(home), f"TT_{name.upper()}_PORT": port, **knobs}
    environment = {**os.environ, **own}
    try:
        up = _script(f"{name}-up", environment, "-q")
        assert up.returncode == 0, up.stderr
        words = up.stdout.removeprefix("export ").split()
        yield Cluster(kind, home, dict(word.split("=", 1) for word in words))
    finally:
        _script(f"{name}-down", environment, "--purge")
        shutil.rmtree(home, ignore_errors=True)


def _script(
    name: str, environment: dict[str, str], *arguments: str
) -> subprocess.CompletedProcess[str]:
    # Daemons keep the pipes of whoever started them.
    with tempfile.TemporaryFile("w+") as said, tempfile.TemporaryFile("w+") as complained:
        command = [str(HERE / name), *arguments]
        done = subprocess.run(
            command, env=environment, stdout=said, stderr=complained, check=False, timeout=180
        )
        said.seek(0)
        complained.seek(0)
        return subprocess.CompletedProcess(command, done.returncode, said.read(), complained.read())


def _two_free_ports() -> int:
    """The first of two ports in a row that nobody has."""
    while True:
        with socket.socket() as first, socket.socket() as second:
            first.bind(("127.0.0.1", 0))
            port: int = first.getsockname()[1]
            try:
                second.bind(("127.0.0.1", port + 1))
            except OSError:
                continue
            return port


def _toml(value: Any) -> str:
    return f'"{value}"' if isinstance(value, str) else str(value)


def kill_hard(pid: int) -> None:
    """SIGKILL a process that is there."""
    os.kill(pid, signal.SIGKILL)
