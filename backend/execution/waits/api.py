"""Routes of the events of a project, which end the waits of its jobs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated
from uuid import uuid4

from fastapi import APIRouter, Query, Request, Response

from backend.core.http.paging import PageDep, linked
from backend.execution.jobs.submit import environment_of
from backend.execution.waits import project_events
from backend.execution.waits.schemas import EventCreate, ProjectEventRead
from backend.identity.auth import audit, permissions
from backend.identity.auth.dependencies import PrincipalDep, SessionDep
from backend.identity.auth.permissions import AuthorizedRoute
from backend.identity.auth.principal import Role

router = APIRouter(route_class=AuthorizedRoute, prefix="/events", tags=["events"])


@router.post(
    "",
    status_code=201,
    summary="Send an event",
    responses={200: {"description": "An equal event with this ID was received before."}},
)
@permissions.needs("events:send", role=Role.DEVELOPER, is_for_publishable=False)
async def send_event(
    body: EventCreate, principal: PrincipalDep, session: SessionDep, response: Response
) -> ProjectEventRead:
    """Send an event to the project. Jobs continue that wait for it.

    A wait receives events that arrive after its job was submitted, also before the wait starts. With an `id`, the
    request can be repeated: the event is stored once.
    """
    environment = environment_of(principal, body.environment)
    sent = await project_events.send(
        session,
        project_id=principal.project_id,
        environment=environment,
        event_id=body.id if body.id is not None else str(uuid4()),
        event_type=body.type,
        data=body.data,
        sent_by=principal.label,
    )
    if sent.is_new:
        await audit.record(session, principal, "event.sent", sent.id, type=sent.type)
    else:
        response.status_code = 200
    return ProjectEventRead(
        id=sent.id,
        type=sent.type,
        data=sent.data,
        sent_by=sent.sent_by,
        environment=environment,
        received_at=sent.received_at,
    )


@router.get("", summary="List events")
@permissions.needs("events:read", is_for_publishable=False)
async def list_events(
    principal: PrincipalDep,
    session: SessionDep,
    page: PageDep,
    request: Request,
    response: Response,
    *,
    event_type: Annotated[
        str | None, Query(alias="type", max_length=200, description="Only events of this type.")
    ] = None,
) -> Sequence[ProjectEventRead]:
    """List the events of the project, newest first. Old events are deleted after the retention period."""
    rows = await project_events.list_newest(
        session, principal, event_type=event_type, limit=page.limit + 1, below=page.number()
    )
    found = page.slice(rows, lambda row: (row.seq,))
    return [
        ProjectEventRead(
            id=row.id,
            type=row.type,
            data=row.data,
            sent_by=row.sent_by,
            environment=row.environment,
            received_at=row.received_at,
        )
        for row in linked(request, response, found)
    ]
