"""Who reaches which records: everybody those of their own project alone, and a job none of another skillpack's own."""

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
"""SQL of the project's rows `m` that a `Reach` reaches."""

_OF_JOB: Final = text("""
select skillpack_id, listing_id from jobs
where id = :job_id and project_id = :project_id and attempt = :attempt and status = 'running'
""")
_OF_WRITING_JOB: Final = text(
    f"{_OF_JOB.text} for share"
)  # else a lost attempt could write after its successor


class Reach(NamedTuple):
    """Whose records."""

    project_id: UUID
    job_id: UUID | None = None
    own_pack: UUID | None = None
    """Of a job: of the records that belong to a skillpack only those of this one."""

    def as_values(self) -> dict[str, Any]:
        """For SQL."""
        return {"project_id": self.project_id, "own_pack": self.own_pack}


async def reach_of(session: AsyncSession, principal: Principal, *, writes: bool = False) -> Reach:
    """What the principal reaches.

    Raises:
        NotAllowed: it has not the role or the scope.
        ListingHasNoMemory: it is a job of somebody else's skill.
        InvalidJobToken: it is a job that does not run any more, or runs elsewhere.
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
        raise InvalidJobToken("The job of this token does not run any more, or runs elsewhere.")
    if row.listing_id is not None:
        raise ListingHasNoMemory
    return Reach(principal.project_id, principal.id, row.skillpack_id)


def records(principal: Principal, reach: Reach) -> Select[Any]:
    """The records in reach; the start of every query for rows."""
    unread = [defer(getattr(MemoryRecord, name)) for name in ("words", "names")]
    query = visible(MemoryRecord, principal).options(*unread)
    if reach.own_pack is None:
        return query
    pack = col(MemoryRecord.skillpack_id)
    return query.where(pack.is_(None) | (pack == reach.own_pack))


def job_principal(*, job_id: UUID, project_id: UUID, attempt: int) -> Principal:
    """A running attempt of a job, for what its worker remembers and looks up for it."""
    return Principal(
        kind="job",
        id=job_id,
        project_id=project_id,
        label=f"job:{job_id}",
        role=Role.DEVELOPER,
        scopes=frozenset({READ, WRITE}),
        facts={"attempt": attempt},
    )
