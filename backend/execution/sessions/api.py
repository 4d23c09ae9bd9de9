"""Routes of sessions: conversations with agents."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Header, Query, Request, Response
from fastapi.responses import StreamingResponse

from backend.core.db.paging import Page
from backend.core.http.paging import PageDep, linked
from backend.execution.sessions import queries, service, stream, turns
from backend.execution.sessions.end_users import EndUserDep, idempotent_for
from backend.execution.sessions.schemas import (
    AgentSessionRead,
    MessageCreate,
    MessageRead,
    MessageSent,
    SessionCreate,
    SessionUpdate,
)
from backend.execution.sessions.service import SessionFilter
from backend.execution.sessions.tables import AgentSession
from backend.identity.auth import permissions
from backend.identity.auth.dependencies import ContextDep, PrincipalDep, SessionDep
from backend.identity.auth.permissions import AuthorizedRoute
from backend.identity.auth.principal import Role
from backend.identity.environments import Environment
from backend.identity.idempotency.dependencies import IdempotencyDep

router = APIRouter(route_class=AuthorizedRoute, prefix="/sessions", tags=["sessions"])

MAX_ATTACHED_BYTES = 64 * 1024 * 1024
_FRAMES = """\
id: 1.0
event: message
data: {"id":"…","turn":1,"role":"user","content":[{"type":"text","text":"Which owls hunt by day?"}]}

event: delta
data: {"job_id":"…","step":1,"text":"The hawk","turn":1}

id: 1.7
event: succeeded
data: {"id":7,"job_id":"…","ts":"2026-01-31T09:00:00Z","type":"succeeded","payload":{},"turn":1}

id: 1.end
event: message
data: {"id":"…","turn":1,"role":"assistant","content":[{"type":"text","text":"The hawk owl."}]}
"""
_STREAM: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "For each turn: `event: message` with the message (`MessageRead`), the events of its job as in "
        "`GET /v1/jobs/{id}/stream` with the number of the `turn`, and `event: message` with the reply. While a model "
        "replies, `event: delta` frames without an ID contain the new text. With `restart: true`, it replaces the "
        "earlier parts of the reply: a client that connects during a reply first receives the whole text so far. A "
        "comment every 15 seconds keeps the connection alive. With `follow=false` the last frame is `event: end`.",
        "content": {"text/event-stream": {"schema": {"type": "string"}, "example": _FRAMES}},
    }
}


@router.post("", status_code=201, summary="Start a session", response_model=AgentSessionRead)
@permissions.needs("jobs:submit", "jobs:read_own", role=Role.DEVELOPER)
async def create_agent_session(
    body: SessionCreate,
    principal: PrincipalDep,
    session: SessionDep,
    end_user: EndUserDep,
    *,
    idempotent: IdempotencyDep,
) -> Response:
    """Start a conversation with an agent. Nothing runs until the first message."""

    async def create() -> AgentSessionRead:
        return await _read(session, await service.create(session, principal, end_user, body))

    return await idempotent_for(idempotent, end_user).run(session, principal, create)


@router.get("", summary="List sessions")
@permissions.needs("jobs:read_own")
async def list_agent_sessions(
    request: Request,
    response: Response,
    principal: PrincipalDep,
    session: SessionDep,
    caller_user: EndUserDep,
    *,
    page: PageDep,
    skill: Annotated[str | None, Query(max_length=200, description="Name of the agent.")] = None,
    end_user: Annotated[str | None, Query(max_length=200, description="User of your application.")] = None,
    q: Annotated[
        str | None,
        Query(
            max_length=200,
            description="Words, or their beginnings, of the title or of a message with its reply.",
        ),
    ] = None,
    environment: Environment | None = None,
) -> Sequence[AgentSessionRead]:
    """List the sessions of the project that the caller can see, those with the newest messages first."""
    filters = SessionFilter(skill, end_user, q, environment)
    found = await service.list_page(session, principal, caller_user, filters, page)
    rows = linked(request, response, found)
    return await service.read(session, rows)


@router.get("/{session_id}", summary="Read a session")
@permissions.needs("jobs:read_own")
async def get_agent_session(
    session_id: UUID, principal: PrincipalDep, session: SessionDep, end_user: EndUserDep
) -> AgentSessionRead:
    """Read a session with the cost of its turns."""
    return await _read(session, await service.get(session, principal, end_user, session_id))


@router.patch("/{session_id}", summary="Change a session")
@permissions.needs("jobs:submit", "jobs:read_own", role=Role.DEVELOPER)
async def update_agent_session(
    session_id: UUID, body: SessionUpdate, principal: PrincipalDep, session: SessionDep, end_user: EndUserDep
) -> AgentSessionRead:
    """Change the title, the metadata or the version of a session."""
    return await _read(session, await service.update(session, principal, end_user, session_id, body))


@router.delete("/{session_id}", status_code=204, summary="Delete a session")
@permissions.needs("jobs:submit", "jobs:read_own", role=Role.DEVELOPER)
async def delete_agent_session(
    session_id: UUID, principal: PrincipalDep, session: SessionDep, end_user: EndUserDep
) -> None:
    """Delete a session with its messages and its jobs. A turn that runs is canceled. The ledger is not affected."""
    await service.delete(session, principal, end_user, session_id)


@router.post(
    "/{session_id}/messages",
    status_code=201,
    summary="Send a message",
    response_model=MessageSent,
    max_body_size=MAX_ATTACHED_BYTES,
)
@permissions.needs("jobs:submit", "jobs:read_own", role=Role.DEVELOPER)
async def send_session_message(
    session_id: UUID,
    body: MessageCreate,
    context: ContextDep,
    principal: PrincipalDep,
    *,
    session: SessionDep,
    end_user: EndUserDep,
    idempotent: IdempotencyDep,
) -> Response:
    """Send a message, which starts the next turn of the session: a job. While a turn runs, the message is queued."""

    async def create() -> MessageSent:
        return await turns.send(session, principal, end_user, session_id, body, settings=context.settings)

    return await idempotent_for(idempotent, end_user).run(session, principal, create)


@router.get("/{session_id}/messages", summary="List the messages of a session")
@permissions.needs("jobs:read_own")
async def list_session_messages(
    request: Request,
    response: Response,
    session_id: UUID,
    principal: PrincipalDep,
    *,
    session: SessionDep,
    end_user: EndUserDep,
    page: PageDep,
    after: Annotated[
        int, Query(ge=0, le=2**31 - 1, description="Only the turns after the one with this number.")
    ] = 0,
) -> Sequence[MessageRead]:
    """List the messages and replies of a session, the oldest first. A page has up to `limit` turns."""
    found = await service.get(session, principal, end_user, session_id)
    rows = await queries.turns_after(
        session, found.project_id, found.id, after=max(after, page.number() or 0), limit=page.limit + 1
    )
    turns_of_page = linked(request, response, Page(page.limit).slice(rows, lambda row: (row.number,)))
    return [message for row in turns_of_page for message in queries.messages_of(row)]


@router.post("/{session_id}/cancel", summary="Cancel the turn that runs")
@permissions.needs("jobs:submit", "jobs:read_own", role=Role.DEVELOPER)
async def cancel_session_turn(
    session_id: UUID, principal: PrincipalDep, session: SessionDep, end_user: EndUserDep
) -> AgentSessionRead:
    """Cancel the turn that runs, and keep what the agent has written. The next queued message then starts."""
    await turns.cancel(session, principal, end_user, session_id)
    return await _read(session, await service.get(session, principal, end_user, session_id))


@router.get(
    "/{session_id}/stream",
    summary="Live events of a session",
    response_class=StreamingResponse,
    responses=_STREAM,
)
@permissions.needs("jobs:read_own")
async def stream_session(
    session_id: UUID,
    context: ContextDep,
    principal: PrincipalDep,
    request: Request,
    end_user: EndUserDep,
    *,
    follow: Annotated[
        bool, Query(description="`false`: end when no turn runs. `true`: wait for further messages.")
    ] = True,
    after: Annotated[
        str | None, Query(max_length=30, description="ID of the last frame that you received.")
    ] = None,
    last_event_id: Annotated[
        str | None, Header(alias="Last-Event-ID", max_length=30, description="Takes precedence over `after`.")
    ] = None,
) -> StreamingResponse:
    """Stream all turns of a session as they happen. `Last-Event-ID` or `after` resumes without gaps or repetitions."""
    position = stream.Position.parse(last_event_id or after)
    async with context.database.transaction() as session:
        found = await service.get(session, principal, end_user, session_id)
    permissions.while_streaming(
        request, lambda session, caller: service.get(session, caller, end_user, session_id)
    )
    followed = stream.Followed(found.project_id, found.id)
    frames = stream.stream(context.database, context.wakeups, followed, position, is_endless=follow)
    return StreamingResponse(
        frames,
        media_type="text/event-stream",
        headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"},
    )


async def _read(session: SessionDep, row: AgentSession) -> AgentSessionRead:
    [read] = await service.read(session, [row])
    return read
