"""Create, read, change and delete sessions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final, NamedTuple
from uuid import UUID

from sqlalchemy import Select, text, tuple_
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from backend.core.clock import now
from backend.core.db.paging import Page, Slice
from backend.core.errors import Invalid, NotAllowed, Problem
from backend.execution.jobs import cancel as cancellation
from backend.execution.jobs.submit import check_name, environment_of
from backend.execution.jobs.validation import MAX_METADATA_BYTES
from backend.execution.sessions import advance
from backend.execution.sessions.errors import SessionNotFound, SkillNotAgentic
from backend.execution.sessions.schemas import AgentSessionRead, SessionCreate, SessionUpdate
from backend.execution.sessions.search import matching
from backend.execution.sessions.tables import AgentSession
from backend.identity.auth import audit
from backend.identity.auth.principal import Principal, Role
from backend.identity.auth.principal import visible as visible_rows
from backend.identity.environments import Environment
from backend.skills.deployments.active import ResolvedSkill, resolve_skill
from backend.skills.skillpacks.tables import full_name

_FACTS: Final = text("""
select s.id, p.slug, p.is_default,
       s.cost_micros + coalesce(sum(j.cost_micros + j.called_cost_micros), 0) as cost_micros,
       (array_agg(t.job_id order by t.number) filter (where j.finished_at is null and j.id is not null))[1]
         as running_job_id
from agent_sessions s
left join skillpacks p on p.id = s.skillpack_id and p.project_id = s.project_id
left join session_turns t on t.session_id = s.id and t.project_id = s.project_id and t.ended_at is null
left join jobs j on j.id = t.job_id and j.project_id = s.project_id
where s.project_id = :project_id and s.id = any(:ids)
group by s.id, p.slug, p.is_default
""")


@dataclass(frozen=True, slots=True)
class SessionFilter:
    """Conditions that the sessions of a list meet."""

    skill: str | None = None
    """Name of the agent in its skillpack."""
    end_user: str | None = None
    text: str | None = None
    """Beginnings of words of the title, or of a message with its reply."""
    environment: Environment | None = None


def visible(principal: Principal, end_user: str | None) -> Select[Any]:
    """Return a query for the sessions that the caller may see; every query starts with it."""
    query = visible_rows(AgentSession, principal)
    return query if end_user is None else query.where(col(AgentSession.end_user) == end_user)


class DraftOfSession(NamedTuple):
    """The stored state of a draft that all turns of a session run."""

    skillpack_id: UUID
    deployment_id: UUID


async def create(
    session: AsyncSession,
    principal: Principal,
    end_user: str | None,
    request: SessionCreate,
    *,
    draft: DraftOfSession | None = None,
) -> AgentSession:
    """Create a session with an agent, of a version or of a draft.

    Raises:
        NotAllowed: The caller may not run the skill.
        Missing: There is no such skill or version.
        SkillNotAgentic: The skill is a function.
        Invalid: The metadata are too long.
    """
    principal.require(Role.DEVELOPER, "jobs:submit", "jobs:read_own")
    if principal.kind == "job":
        raise NotAllowed("A running job cannot have sessions. Call other agents as subagents.")
    _check_metadata(request.metadata)
    check_name(principal, request.skill, None)
    environment = environment_of(principal, request.environment)
    resolved = await resolve_agent(
        session,
        principal,
        request.skill,
        skillpack=None if draft is None else str(draft.skillpack_id),
        version=request.version,
        deployment_id=None if draft is None else draft.deployment_id,
        environment=environment,
    )
    created = AgentSession(
        project_id=principal.project_id,
        skillpack_id=resolved.skillpack_id,
        skill_name=resolved.skill.name,
        version=request.version,
        deployment_id=None if draft is None else draft.deployment_id,
        title=(request.title or "").strip(),
        session_metadata=request.metadata,
        end_user=end_user,
        api_key_id=principal.session_owner_id if principal.kind.endswith("_key") else None,
        created_by=principal.label,
        environment=environment,
    )
    session.add(created)
    await session.flush()
    await audit.record(
        session, principal, "agent_session.created", f"session:{created.id}", skill=created.skill_name
    )
    return created


async def resolve_agent(
    session: AsyncSession,
    principal: Principal,
    skill: str,
    *,
    skillpack: str | None = None,
    version: int | None = None,
    deployment_id: UUID | None = None,
    environment: Environment | None = None,
) -> ResolvedSkill:
    """Return the agent of that name, as a job would run it.

    Raises:
        NotAllowed: The caller may not run the skill.
        Missing: There is no such skill or version.
        SkillNotAgentic: The skill is a function.
    """
    resolved = await resolve_skill(
        session,
        principal,
        skill=skill,
        skillpack=skillpack,
        version=version,
        deployment_id=deployment_id,
        environment=environment,
        is_for_run=True,
    )
    if not resolved.skill.is_agentic:
        raise SkillNotAgentic(resolved.full_name)
    return resolved


async def get(
    session: AsyncSession, principal: Principal, end_user: str | None, session_id: UUID
) -> AgentSession:
    """Return a session.

    Raises:
        SessionNotFound: The caller can see no such session.
    """
    principal.require(Role.VIEWER, "jobs:read_own")
    query = visible(principal, end_user).where(col(AgentSession.id) == session_id)
    found: AgentSession | None = (await session.execute(query)).scalar_one_or_none()
    if found is None:
        raise SessionNotFound(session_id)
    return found


async def locked(
    session: AsyncSession, principal: Principal, end_user: str | None, session_id: UUID
) -> AgentSession:
    """Return a session, locked until the transaction ends: before any other row, as `advance` does.

    Raises:
        SessionNotFound: The caller can see no such session.
    """
    principal.require(Role.DEVELOPER, "jobs:submit", "jobs:read_own")
    query = visible(principal, end_user).where(col(AgentSession.id) == session_id)
    found: AgentSession | None = (await session.execute(query.with_for_update())).scalar_one_or_none()
    if found is None:
        raise SessionNotFound(session_id)
    return found


async def list_page(
    session: AsyncSession, principal: Principal, end_user: str | None, filters: SessionFilter, page: Page
) -> Slice[AgentSession]:
    """Return a page of the sessions that the caller can see, the ones with the newest messages first."""
    principal.require(Role.VIEWER, "jobs:read_own")
    query = visible(principal, end_user)
    if filters.skill is not None:
        query = query.where(col(AgentSession.skill_name) == filters.skill.rpartition("/")[2])
    if filters.environment is not None:
        query = query.where(col(AgentSession.environment) == filters.environment)
    if filters.end_user is not None:
        query = query.where(col(AgentSession.end_user) == filters.end_user)
    if filters.text:
        query = query.where(matching(principal.project_id, filters.text))
    below = page.time_position()
    if below is not None:
        query = query.where(tuple_(col(AgentSession.updated_at), col(AgentSession.id)) < (below.at, below.id))
    query = query.order_by(col(AgentSession.updated_at).desc(), col(AgentSession.id).desc())
    rows = (await session.scalars(query.limit(page.limit + 1))).all()
    return page.slice(rows, lambda row: (row.updated_at, row.id))


async def read(session: AsyncSession, rows: Sequence[AgentSession]) -> list[AgentSessionRead]:
    """Return sessions as the API shows them, with their cost."""
    if not rows:
        return []
    values = {"project_id": rows[0].project_id, "ids": [row.id for row in rows]}
    facts = {one.id: one for one in (await session.execute(_FACTS, values)).all()}
    return [_view(row, facts[row.id]) for row in rows]


async def update(
    session: AsyncSession,
    principal: Principal,
    end_user: str | None,
    session_id: UUID,
    request: SessionUpdate,
) -> AgentSession:
    """Change the title, the metadata or the version of a session.

    Raises:
        SessionNotFound: The caller can see no such session.
        Missing: There is no such version.
        Invalid: The metadata are too long.
    """
    found = await locked(session, principal, end_user, session_id)
    if request.title is not None:
        found.title = request.title.strip()
    if request.metadata is not None:
        _check_metadata(request.metadata)
        found.session_metadata = request.metadata
    if "version" in request.model_fields_set and request.version != found.version:
        if request.version is not None:
            await resolve_agent(
                session,
                principal,
                found.skill_name,
                skillpack=str(found.skillpack_id),
                version=request.version,
            )
        found.version, found.deployment_id = request.version, None
    await session.flush()
    changed = sorted(request.model_fields_set)
    await audit.record(session, principal, "agent_session.changed", f"session:{found.id}", changed=changed)
    return found


async def delete(session: AsyncSession, principal: Principal, end_user: str | None, session_id: UUID) -> None:
    """Delete a session: it is invisible immediately. Its unfinished turns are canceled, and its jobs are removed after.

    Raises:
        SessionNotFound: The caller can see no such session.
    """
    found = await locked(session, principal, end_user, session_id)
    for job_id in await advance.settle(session, found.project_id, found.id):
        await cancellation.cancel_by(session, job_id, actor=principal.label)
    found.deleted_at = now()
    await audit.record(
        session, principal, "agent_session.deleted", f"session:{found.id}", skill=found.skill_name
    )


def _check_metadata(metadata: dict[str, Any]) -> None:
    if len(str(metadata)) > MAX_METADATA_BYTES:
        why = f"This has more than {MAX_METADATA_BYTES:,} bytes. Store it elsewhere, and send its ID instead."
        raise Invalid(f"metadata: {why}", [Problem("metadata", why)])


def _view(row: AgentSession, facts: Any) -> AgentSessionRead:
    slug = facts.slug or str(row.skillpack_id)
    return AgentSessionRead(
        id=row.id,
        skill=full_name(row.skill_name, slug, is_default=bool(facts.is_default)),
        version=row.version,
        is_draft=row.deployment_id is not None,
        environment=row.environment,
        title=row.title,
        metadata=row.session_metadata,
        end_user=row.end_user,
        created_by=row.created_by,
        message_count=row.message_count,
        cost_micros=int(facts.cost_micros),
        cost_usd=int(facts.cost_micros) / 1e6,
        running_job_id=facts.running_job_id,
        created_at=row.created_at,
        updated_at=row.updated_at,
    )
