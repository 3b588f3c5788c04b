"""What a site calls things: the tables `[cluster]` and `[clusters.NAME]` of experiments.toml."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta

from tui_trainer.spec.table import Table


class Cluster(Table, frozen=True):
    """A cluster as its users know it; what is left out is for the site to decide."""

    kind: Literal["slurm", "grid_engine"]
    queue: str = ""
    """The queue, which Slurm calls partition."""
    partition: str = ""
    """The same in Slurm's word."""
    account: str = ""
    """Who pays, which Grid Engine calls project."""
    project: str = ""
    """The same in Grid Engine's word."""
    pe: str = "omp"
    """Grid Engine's parallel environment that gives all slots on one host."""
    gpu_resource: str = "gpus"
    """Grid Engine's name for GPUs."""
    memory_resource: str = "h_vmem"
    """Grid Engine's name for the memory of a slot."""
    notice: Annotated[int, Meta(ge=10, le=3600)] = 120
    """Seconds before the end of its wall-time at which a job saves, ends and goes on as the next
    one; never more than half of the wall-time."""
    extra: tuple[str, ...] = ()
    """More directives, each as the scheduler takes it: `"--qos=long"`, `"-l cpu_arch=skylake"`."""

    def notice_seconds(self, wall_seconds: int | None) -> int:
        """The notice before the end of a wall-time; None for one that is not known."""
        return self.notice if wall_seconds is None else min(self.notice, wall_seconds // 2)
