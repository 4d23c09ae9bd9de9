"""Decide which records a principal may use: those of its project, and a job none of another skillpack."""

from __future__ import annotations

from typing import Any, Final, NamedTuple
from uuid import UUID

from sqlalchemy import Select, text
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import defer
from sqlmodel import col

from backend.data.memory.errors import ListingHasNoMemory
from backend.data.memory.tables import MemoryRecord
from backend.identity.auth.errors import InvalidJobToken
from backend.identity.auth.principal import Principal, Role, visible

READ: Final = "memory:read"
WRITE: Final = "memory:write"

IN_REACH: Final = (
    "(cast(:own_pack as uuid) is null or m.skillpack_id is null or m.skillpack_id = cast(:own_pack as uuid))"
)
"""SQL condition for rows `m` of the project that a `Reach` includes."""

_OF_JOB: Final = text("""
select skillpack_id, listing_id from jobs
where id = :job_id and project_id = :project_id and attempt = :attempt and status = 'running'
""")
# The lock keeps a lost attempt from writing after its successor.
_OF_WRITING_JOB: Final = text(f"{_OF_JOB.text} for share")


class Reach(NamedTuple):
    """Which records a principal may use."""

    project_id: UUID
    job_id: UUID | None = None
    own_pack: UUID | None = None
    """Of a job: among the records of skillpacks, only those of this one."""

    def as_values(self) -> dict[str, Any]:
        """Return the parameters for SQL."""
        return {"project_id": self.project_id, "own_pack": self.own_pack}


async def reach_of(session: AsyncSession, principal: Principal, *, writes: bool = False) -> Reach:
    """Return which records the principal may use.

    Raises:
        NotAllowed: It lacks the role or the scope.
        ListingHasNoMemory: It is a job of another project's skill.
        InvalidJobToken: It is a job that does not run any more, or another attempt runs.
    """
    principal.require(Role.DEVELOPER if writes else Role.VIEWER, WRITE if writes else READ)
    if principal.kind != "job":
        return Reach(principal.project_id)
    values = {
        "job_id": principal.id,
        "project_id": principal.project_id,
        "attempt": principal.facts["attempt"],
    }
    row = (await session.execute(_OF_WRITING_JOB if writes else _OF_JOB, values)).one_or_none()
    if row is None:
        raise InvalidJobToken("The job of this token is not running any more, or another attempt runs.")
    if row.listing_id is not None:
        raise ListingHasNoMemory
    return Reach(principal.project_id, principal.id, row.skillpack_id)


def records(principal: Principal, reach: Reach) -> Select[Any]:
    """Return the query for records within reach, from which every query for rows starts."""
    unread = [defer(getattr(MemoryRecord, name)) for name in ("words", "names")]
    query = visible(MemoryRecord, principal).options(*unread)
    if reach.own_pack is None:
        return query
    pack = col(MemoryRecord.skillpack_id)
    return query.where(pack.is_(None) | (pack == reach.own_pack))


def job_principal(*, job_id: UUID, project_id: UUID, attempt: int) -> Principal:
    """Return the principal of a running attempt, for what its worker writes and searches on its behalf."""
    return Principal(
        kind="job",
        id=job_id,
        project_id=project_id,
        label=f"job:{job_id}",
        role=Role.DEVELOPER,
        scopes=frozenset({READ, WRITE}),
        facts={"attempt": attempt},
    )
