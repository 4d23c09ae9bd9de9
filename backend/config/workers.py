"""The workers of a machine, and what jobs may use of it."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from backend.config.group import Group


class Workers(Group):
    """The processes that run jobs."""

    worker_processes: int = Field(default=1, ge=0, le=64)
    """Worker processes that `up` keeps alive."""

    worker_jobs: int = Field(default=16, ge=1, le=500)
    """Jobs that one worker process runs at the same time."""

    worker_min_disk_mb: int = Field(default=256, ge=0)
    """MiB that must be free where the home is: a worker claims no jobs while there are fewer."""

    worker_min_memory_mb: int = Field(default=128, ge=0)
    """MiB of memory that must be available on the host: a worker claims no jobs while there are fewer."""

    worker_health_port: int | None = Field(default=None, ge=1, le=65535)
    """TCP port on `PURAS_HOST` where the pool of workers serves `/live` and `/ready`, for orchestrators: see
    `docs/operations.md`. Default: no port."""

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

    max_job_timeout_s: int = Field(default=86_400, ge=1, le=86_400)
    """Ceiling of the seconds that a skill may let its jobs run, and a notebook its kernel."""

    max_job_memory_mb: int = Field(default=1_048_576, ge=64, le=1_048_576)
    """Ceiling of the MiB of memory that a skill may let its jobs use: lower it to what one job may take of a worker's
    host."""

    max_job_output_mb: int = Field(default=64, ge=1, le=64)
    """Ceiling of the MiB that a skill may let its results have."""

    max_job_cost_usd: float = Field(default=10_000.0, gt=0, le=10_000)
    """Ceiling of the US dollars that a skill may let a job cost."""

    max_job_steps: int = Field(default=10_000, ge=1, le=10_000)
    """Ceiling of the replies of the model that a skill may let an agent have."""

    max_job_tokens: int = Field(default=1_000_000_000, ge=1, le=1_000_000_000)
    """Ceiling of the tokens that a skill may let an agent use."""

    max_job_retries: int = Field(default=100, ge=0, le=100)
    """Ceiling of the retries that a skill may ask for."""

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

    max_environment_mb: int = Field(default=8_192, ge=16)
    """MiB that one environment of packages may have. A larger one is rejected, and its jobs fail."""

    max_environment_files: int = Field(default=200_000, ge=1_000)
    """Files that one environment of packages may have. One with more is rejected, and its jobs fail."""

    max_project_environments_mb: int = Field(default=16_384, ge=16)
    """MiB of environments of packages that one project may build in an hour on one machine. Until they are an hour old,
    nothing removes them."""

    environment_unused_days: float = Field(default=30.0, gt=0)
    """Days after which an environment of packages that no job used is removed; the next job builds it anew."""

    bundles_mb: int = Field(default=5_120, ge=64)
    """MiB that unpacked bundles may use together on one machine; those unused for longest go first."""

    bundle_unused_days: float = Field(default=30.0, gt=0)
    """Days after which an unpacked bundle that no job used is removed; the next job unpacks it anew."""
