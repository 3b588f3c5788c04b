"""What a site calls things, in experiments.toml."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tui_trainer.errors import UsageError
from tui_trainer.spec.project import load_project

if TYPE_CHECKING:
    from pathlib import Path

    from tui_trainer.spec.project import Project

ONE = "[experiments.one]\n"


def project(folder: Path, text: str) -> Project:
    path = folder / "experiments.toml"
    path.write_text(text)
    return load_project(path)


def test_the_cluster_of_the_launchers_kind_is_meant(tmp_path: Path) -> None:
    text = (
        '[cluster]\nkind = "slurm"\npartition = "short"\n'
        '[clusters.bu]\nkind = "grid_engine"\npe = "smp"\nextra = ["-l cpu=skylake"]\n'
        f'[clusters.big]\nkind = "slurm"\n{ONE}'
    )
    known = project(tmp_path, text)
    assert known.problems == ()
    slurm = known.cluster_for(known.experiment("one", ["launcher=slurm"]))
    assert (slurm.partition, slurm.pe) == ("short", "omp")
    named = ["launcher=slurm", "resources.cluster=big"]
    assert not known.cluster_for(known.experiment("one", named)).partition
    assert known.cluster_for(known.experiment("one", ["launcher=grid_engine"])).pe == "smp"


def test_a_site_that_says_nothing_is_asked_for_nothing(tmp_path: Path) -> None:
    known = project(tmp_path, ONE)
    cluster = known.cluster_for(known.experiment("one", ["launcher=grid_engine"]))
    assert (cluster.kind, cluster.queue, cluster.extra) == ("grid_engine", "", ())


def test_a_cluster_that_cannot_be_meant_is_told(tmp_path: Path) -> None:
    two = '[clusters.a]\nkind = "slurm"\n[clusters.b]\nkind = "slurm"\n'
    known = project(tmp_path, two + ONE)
    with pytest.raises(UsageError, match="several clusters are of the kind slurm"):
        known.cluster_for(known.experiment("one", ["launcher=slurm"]))
    with pytest.raises(UsageError, match='no cluster "c" of the kind slurm'):
        known.cluster_for(known.experiment("one", ["launcher=slurm", "resources.cluster=c"]))


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ('kind = "pbs"', "cluster.kind: "),
        ('kind = "slurm"\nqueue = "a"\npartition = "b"', "mean the same"),
        ('kind = "slurm"\npartition = "a b"', "must be one word"),
        ('kind = "slurm"\nextra = ["--qos=a\\nrm"]', "must be one directive"),
        ('kind = "slurm"\nextra = ["qos"]', "must be one directive"),
        ('kind = "slurm"\nparition = "x"', "did you mean `partition`"),
    ],
)
def test_a_mistake_is_named_on_its_line(tmp_path: Path, line: str, problem: str) -> None:
    (told,) = project(tmp_path, f"[cluster]\n{line}\n{ONE}").problem_lines
    assert problem in told
    assert told.startswith("experiments.toml:")


def test_memory_is_said_with_its_unit(tmp_path: Path) -> None:
    (told,) = project(tmp_path, f'{ONE}resources.memory = "16 GB"\n').problem_lines
    assert 'such as "16G"' in told
