"""The workers of a machine, and what jobs may use of it."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from backend.settings.group import Group


class Workers(Group):
    """The processes that run jobs."""

    worker_processes: int = Field(default=1, ge=0, le=64)
    """Worker processes that `up` keeps alive."""

    worker_jobs: int = Field(default=16, ge=1, le=500)
    """Jobs that one worker process runs at the same time."""

    lanes: str = "default"
    """Comma-separated lanes that this machine's workers serve."""

    sandbox: Literal["auto", "strict", "off"] = "auto"
    """`auto` uses every layer the machine has, and is `strict` a moment after a second person has an account; `strict`
    refuses jobs without file and network layers; `off` runs them unconfined (development only)."""


class Notebooks(Group):
    """The Python kernels of notebooks, each of which is a job."""

    notebook_idle_s: float = Field(default=900.0, gt=0)
    """Seconds after which a kernel that runs nothing ends."""

    notebook_kernel_s: float = Field(default=28_800.0, gt=0, le=28_800)
    """Seconds after which a kernel ends, whoever still uses it. Where seconds cost something, so much is reserved in
    the wallet when it begins."""

    notebook_kernels: int = Field(default=5, ge=0)
    """Kernels of notebooks that one project may have at once: each takes the place of a job in a worker process."""


class Jobs(Group):
    """What a job may use, and what stays on the machine for the next one."""

    job_timeout_s: int = Field(default=1800, ge=1)
    """Seconds that a job may run when its skill does not say."""

    job_memory_mb: int = Field(default=1024, ge=64)
    """MiB of memory that a job may use in total when its skill does not say."""

    job_cpus: float | None = Field(default=None, gt=0)
    """Processors that one job may keep busy, where the worker has control groups of its own; default: all."""

    job_disk_mb: int = Field(default=1024, ge=16)
    """MiB that a job's working folder may hold."""

    job_output_mb: int = Field(default=8, ge=1)
    """MiB that a job's result may have as JSON when its skill does not say."""

    idle_runner_s: float = Field(default=120.0, gt=0)
    """Seconds after which an unused warm parent process ends."""

    runner_pool_mb: int = Field(default=2048, ge=64)
    """MiB that all idle warm parents of one worker process may use together."""

    environments_mb: int = Field(default=20_480, ge=256)
    """MiB that environments of packages may use together on one machine; those unused for longest go first."""

    environment_unused_days: float = Field(default=30.0, gt=0)
    """Days after which an environment of packages that no job used is removed; the next job builds it anew."""

    bundles_mb: int = Field(default=5_120, ge=64)
    """MiB that unpacked bundles may use together on one machine; those unused for longest go first."""

    bundle_unused_days: float = Field(default=30.0, gt=0)
    """Days after which an unpacked bundle that no job used is removed; the next job unpacks it anew."""
