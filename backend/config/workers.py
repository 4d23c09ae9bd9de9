"""Settings of workers, notebooks and resources of jobs."""

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
    """Free MiB on the disk of the home below which a worker claims no jobs."""

    worker_min_memory_mb: int = Field(default=128, ge=0)
    """Available MiB of memory on the host below which a worker claims no jobs."""

    worker_health_port: int | None = Field(default=None, ge=1, le=65535)
    """TCP port on `PURAS_HOST` where the pool of workers serves `/live` and `/ready`, for orchestrators: see
    `docs/guides/self-host.md`. Default: no port."""

    lanes: str = "default"
    """Comma-separated lanes that workers of this host serve."""

    sandbox: Literal["auto", "strict", "off"] = "auto"
    """`auto`: use all layers that the host has; becomes `strict` soon after a second user has an account. `strict`:
    reject jobs without file and network layers. `off`: run jobs unconfined (development only)."""


class Notebooks(Group):
    """The Python kernels of notebooks, each of which is a job."""

    notebook_idle_s: float = Field(default=900.0, gt=0)
    """Seconds after which an idle kernel ends."""

    notebook_kernel_s: float = Field(default=28_800.0, gt=0, le=28_800)
    """Seconds after which a kernel ends, even if it is in use. If seconds have a price, the price of this time is
    reserved in the wallet when the kernel starts."""

    notebook_kernels: int = Field(default=5, ge=0)
    """Maximum concurrent notebook kernels of one project; each uses the slot of a job in a worker process."""


class Jobs(Group):
    """Resources of jobs, and caches on the host."""

    job_timeout_s: int = Field(default=1800, ge=1)
    """Maximum runtime of a job in seconds, unless its skill sets one."""

    job_memory_mb: int = Field(default=1024, ge=64)
    """Maximum memory of a job in MiB, unless its skill sets one."""

    job_cpus: float | None = Field(default=None, gt=0)
    """Maximum processors of one job, if the worker has its own control groups; default: all."""

    max_job_timeout_s: int = Field(default=86_400, ge=1, le=86_400)
    """Maximum runtime in seconds that a skill can set for its jobs, or a notebook for its kernel."""

    max_job_memory_mb: int = Field(default=1_048_576, ge=64, le=1_048_576)
    """Maximum memory in MiB that a skill can set for its jobs. Lower it to what one job may use of a worker's host."""

    max_job_output_mb: int = Field(default=64, ge=1, le=64)
    """Maximum size of results in MiB that a skill can set."""

    max_job_cost_usd: float = Field(default=10_000.0, gt=0, le=10_000)
    """Maximum cost of a job in US dollars that a skill can set."""

    max_job_steps: int = Field(default=10_000, ge=1, le=10_000)
    """Maximum number of model replies that a skill can set for an agent."""

    max_job_tokens: int = Field(default=1_000_000_000, ge=1, le=1_000_000_000)
    """Maximum number of tokens that a skill can set for an agent."""

    max_job_retries: int = Field(default=100, ge=0, le=100)
    """Maximum number of retries that a skill can set."""

    job_disk_mb: int = Field(default=1024, ge=16)
    """Maximum size of a job's working folder in MiB."""

    job_output_mb: int = Field(default=8, ge=1)
    """Maximum size of a job's result as JSON in MiB, unless its skill sets one."""

    idle_runner_s: float = Field(default=120.0, gt=0)
    """Seconds after which an unused zygote ends."""

    runner_pool_mb: int = Field(default=2048, ge=64)
    """Maximum memory of all idle zygotes of one worker process in MiB; memory that processes share counts once."""

    environments_mb: int = Field(default=20_480, ge=256)
    """Maximum size of all environments on one host in MiB; the least recently used are removed first."""

    max_environment_mb: int = Field(default=8_192, ge=16)
    """Maximum size of one environment in MiB. A larger one is rejected, and its jobs fail."""

    max_environment_files: int = Field(default=200_000, ge=1_000)
    """Maximum files in one environment. One with more is rejected, and its jobs fail."""

    max_project_environments_mb: int = Field(default=16_384, ge=16)
    """Maximum size in MiB of the environments that one project can build per hour on one host. They are not removed
    before they are an hour old."""

    environment_unused_days: float = Field(default=30.0, gt=0)
    """Days after which an unused environment is removed; the next job builds it again."""

    bundles_mb: int = Field(default=5_120, ge=64)
    """Maximum size of all unpacked bundles on one host in MiB; the least recently used are removed first."""

    bundle_unused_days: float = Field(default=30.0, gt=0)
    """Days after which an unused unpacked bundle is removed; the next job unpacks it again."""
