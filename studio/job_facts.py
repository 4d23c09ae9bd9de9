"""The details of a job that the pages show."""

from __future__ import annotations

from dataclasses import dataclass

from backend.execution.jobs.schemas import JobRead
from studio.formatting import usd

_ENDED = ("succeeded", "failed", "cancelled")


@dataclass
class JobFacts:
    """The details in the header of a job, as text. Times are in ISO 8601, and empty until they are known."""

    id: str = ""
    status: str = "queued"
    reason: str = ""
    error: str = ""
    error_code: str = ""
    error_signature: str = ""
    skill: str = ""
    """The full name of the skill."""
    version: str = ""
    environment: str = "production"
    attempt: int = 0
    submitted_by: str = ""
    source: str = ""
    created_at: str = ""
    started_at: str = ""
    finished_at: str = ""
    steps: int = 0
    tokens: int = 0
    cost: str = ""
    called_cost: str = ""
    """The part of the cost that belongs to subjobs; empty if there are none."""
    parent: str = ""
    """The ID of the parent job."""
    is_paid_with_parent: bool = False
    replay_of: str = ""
    is_over: bool = False
    is_agentic: bool = False
    simulation: str = ""
    """The source of the result of a simulated job; empty for other jobs."""
    is_kernel: bool = False
    """Whether the job is the kernel of a notebook."""


def facts_of(job: JobRead, skill: str = "") -> JobFacts:
    """Return the details of a job; `skill` is the full name of its skill, if it differs from the stored name."""
    return JobFacts(
        id=str(job.id),
        status=job.status,
        reason="" if job.status == "failed" else reason_of(job),
        error=job.error or "",
        error_code=job.error_code or "",
        error_signature=job.error_signature or "",
        skill=skill or job.skill_name,
        version=version_of(job),
        environment=job.environment,
        attempt=job.attempt,
        submitted_by=job.submitted_by,
        source=job.source,
        created_at=job.created_at.isoformat(),
        started_at=job.started_at.isoformat() if job.started_at else "",
        finished_at=job.finished_at.isoformat() if job.finished_at else "",
        steps=job.steps,
        tokens=sum(int(job.usage.get(name) or 0) for name in ("input_tokens", "output_tokens")),
        cost=usd(job.cost_micros),
        called_cost=usd(job.subjob_cost_micros) if job.subjob_cost_micros else "",
        parent=str(job.parent_job_id or ""),
        is_paid_with_parent=job.billed_to_job_id is not None,
        replay_of=str(job.replay_of or ""),
        is_over=job.status in _ENDED,
        is_agentic=job.type == "agentic",
        simulation=job.simulation or "",
        is_kernel=job.type == "kernel",
    )


def reason_of(job: JobRead) -> str:
    """Return the reason for the status of a job, or an empty text."""
    if job.status in ("failed", "cancelled"):
        return job.error or ""
    if job.status == "running":
        return f"attempt {job.attempt}" if job.attempt > 1 else ""
    return (job.waiting_reason or "") if job.status in ("queued", "waiting") else ""


def version_of(job: JobRead) -> str:
    """Return `v14` or `draft`; for a run of a listing of another project, the version of the listing."""
    version = job.deployment_version or job.listing_version
    return "draft" if version is None else f"v{version}"
