"""Routes of a job's events: list, stream, spans."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Header, Query
from fastapi.responses import StreamingResponse

from backend.auth.dependencies import InstanceDep, PrincipalDep, SessionDep
from backend.events import queries, spans, sse
from backend.events.schemas import EventView, SpanView
from backend.jobs.queries import get_job

router = APIRouter(tags=["jobs"])


@router.get("/jobs/{job_id}/events", summary="Events of a job")
async def list_events(
    job_id: UUID,
    session: SessionDep,
    principal: PrincipalDep,
    *,
    after: Annotated[int, Query(ge=0)] = 0,
    limit: Annotated[int, Query(ge=1, le=queries.MAX_EVENTS)] = queries.MAX_EVENTS,
) -> list[EventView]:
    """The job's events with numbers above `after`, in order."""
    events = await queries.list_events(session, principal, job_id, after=after, limit=limit)
    return [EventView.of(event) for event in events]


@router.get(
    "/jobs/{job_id}/stream",
    summary="Live events of a job",
    response_class=StreamingResponse,
    responses={200: {"content": {"text/event-stream": {}}}},
)
async def stream_events(
    job_id: UUID,
    instance: InstanceDep,
    principal: PrincipalDep,
    *,
    after: Annotated[int, Query(ge=0)] = 0,
    last_event_id: Annotated[int | None, Header(ge=0)] = None,
) -> StreamingResponse:
    """The job's events as they happen; `Last-Event-ID` or `after` goes on without gap or repeat."""
    async with instance.database.transaction() as session:
        await queries.check_visible(session, principal, job_id)
    frames = sse.stream(
        instance.database, instance.wakeups, job_id, after=after if last_event_id is None else last_event_id
    )
    return StreamingResponse(
        frames,
        media_type="text/event-stream",
        headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"},
    )


@router.get("/jobs/{job_id}/spans", summary="Spans of a job")
async def list_spans(job_id: UUID, session: SessionDep, principal: PrincipalDep) -> list[SpanView]:
    """What the job spent its time on, as a flat list."""
    job = await get_job(session, principal, job_id)
    events = await queries.read_after(session, job_id)
    return spans.fold(job_id, job.skill_name, [EventView.of(event) for event in events])
