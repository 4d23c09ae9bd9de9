"""The rows of the list of jobs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from backend.core import ids
from backend.execution.jobs.schemas import JobRead
from backend.execution.jobs.status import TERMINAL
from backend.identity.api_keys import keys
from studio.formatting import usd
from studio.job_facts import reason_of, version_of
from studio.session import Act
from studio.skillpacks import job_names

_MAX_REASON_CHARACTERS: Final = 160
_LABEL: Final = "user:"


@dataclass
class JobItem:
    """The fields of a job that the list shows; neither inputs nor results are among them."""

    id: str
    short_id: str
    status: str
    reason: str
    is_simulated: bool
    simulation: str
    skill: str
    version: str
    environment: str
    source: str
    model: str
    submitted_by: str
    attempt: int
    started_at: str
    finished_at: str
    cost: str
    created_at: str
    is_over: bool


async def items_of(act: Act, jobs: Sequence[JobRead]) -> list[JobItem]:
    """Return the rows of jobs, with the names of their skills and of the keys that submitted them."""
    names = await job_names(act.session, act.principal)
    key_names = await keys.names_of(act.session, act.principal, [job.submitted_by for job in jobs])
    return [_item(job, names.of(job), key_names) for job in jobs]


def _item(job: JobRead, skill: str, key_names: dict[str, str]) -> JobItem:
    label = job.submitted_by
    return JobItem(
        id=str(job.id),
        short_id=ids.short(job.id),
        status=job.status,
        reason=reason_of(job)[:_MAX_REASON_CHARACTERS],
        is_simulated=job.simulated,
        simulation=job.simulation or "",
        skill=skill,
        version=version_of(job),
        environment=job.environment,
        source=job.source,
        model=job.model or "",
        submitted_by=key_names.get(label, label.removeprefix(_LABEL)),
        attempt=job.attempt,
        started_at=job.started_at.isoformat() if job.started_at else "",
        finished_at=job.finished_at.isoformat() if job.finished_at else "",
        cost=usd(job.cost_micros) if job.finished_at else "",
        created_at=job.created_at.isoformat(),
        is_over=job.status in TERMINAL,
    )
