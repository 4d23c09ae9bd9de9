"""Routes of a job's events: list, stream, spans."""

from __future__ import annotations

from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Header, Query, Request
from fastapi.responses import StreamingResponse

from backend.execution.events import queries, spans
from backend.execution.events.follow import stream
from backend.execution.events.schemas import EventRead, SpanRead
from backend.execution.jobs.access import events as event_access
from backend.execution.jobs.queries import get_job
from backend.identity.auth import permissions
from backend.identity.auth.dependencies import ContextDep, PrincipalDep, SessionDep
from backend.identity.auth.permissions import AuthorizedRoute

router = APIRouter(route_class=AuthorizedRoute, tags=["jobs"])

AfterParam = Annotated[
    int,
    Query(
        ge=0,
        le=queries.MAX_SEQ,
        description="Number of the last event that you received; 0: start at the first.",
    ),
]
_FRAMES = """\
id: 1
event: queued
data: {"id":1,"job_id":"3f2c…","ts":"2026-01-31T09:00:00Z","type":"queued","payload":{"skill":"greet"}}

event: delta
data: {"job_id":"3f2c…","step":1,"text":"Once upon"}

event: end
data: {}
"""
_STREAM: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "One frame per event, with an `EventRead` as data; `JobEvent` describes the known types. A "
        "comment every 15 seconds keeps the connection alive; `event: end` is the last frame. When the caller loses "
        "the permission to read the job, the last frame is `event: error` with `{code, detail}`. While a model "
        "replies, `event: delta` frames without an ID contain the new text: `{job_id, step, text}`. With "
        "`restart: true`, the text replaces the earlier parts of the reply: a client that connects during a reply "
        "first receives the whole text so far, and a broken reply starts again. The event `model_response` has the "
        "whole reply.",
        "content": {"text/event-stream": {"schema": {"type": "string"}, "example": _FRAMES}},
    }
}


@router.get("/jobs/{job_id}/events", summary="Events of a job")
@permissions.needs("jobs:read_own")
async def list_job_events(
    job_id: UUID,
    session: SessionDep,
    principal: PrincipalDep,
    *,
    after: AfterParam = 0,
    limit: Annotated[int, Query(ge=1, le=queries.MAX_EVENTS)] = queries.MAX_EVENTS,
) -> list[EventRead]:
    """List the events of a job with numbers above `after`, in order."""
    events = await event_access.list_events(session, principal, job_id, after=after, limit=limit)
    return [EventRead.of(event) for event in events]


@router.get(
    "/jobs/{job_id}/stream",
    summary="Live events of a job",
    response_class=StreamingResponse,
    responses=_STREAM,
)
@permissions.needs("jobs:read_own")
async def stream_job_events(
    job_id: UUID,
    context: ContextDep,
    principal: PrincipalDep,
    request: Request,
    *,
    after: AfterParam = 0,
    last_event_id: Annotated[
        int | None,
        Header(alias="Last-Event-ID", ge=0, le=queries.MAX_SEQ, description="Takes precedence over `after`."),
    ] = None,
) -> StreamingResponse:
    """Stream the events of a job as they happen. `Last-Event-ID` or `after` resumes without gaps or repetitions."""
    after = after if last_event_id is None else last_event_id
    async with context.database.transaction() as session:
        cursor = await event_access.event_cursor(session, principal, job_id, after=after)
    permissions.while_streaming(
        request,
        lambda session, caller: event_access.event_cursor(session, caller, job_id, after=queries.MAX_SEQ),
    )
    frames = stream(context.database, context.wakeups, job_id, cursor)
    return StreamingResponse(
        frames,
        media_type="text/event-stream",
        headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"},
    )


@router.get("/jobs/{job_id}/spans", summary="Spans of a job")
@permissions.needs("jobs:read_own")
async def list_job_spans(job_id: UUID, session: SessionDep, principal: PrincipalDep) -> list[SpanRead]:
    """List the spans of a job. `parent_span_id` forms the tree."""
    job = await get_job(session, principal, job_id)
    events = await event_access.list_events(session, principal, job_id)
    return spans.fold(job_id, job.skill_name, [EventRead.of(event) for event in events])
