"""Following a job while it runs, in calls that end in time for every client."""

from __future__ import annotations

import json
import time
from typing import Annotated, Any

from pydantic import Field

from puras_mcp.api import segment
from puras_mcp.cutting import MAX_CHARS, fit
from puras_mcp.offer import READ, Offer
from puras_mcp.shapes import Event, Tail
from puras_mcp.tools.about import JobId
from puras_mcp.tools.jobs import MAX_WAIT_S, detail, has_ended
from puras_mcp.world import Call, api_of

LOOK_EVERY_S = 2
EVENTS_AT_ONCE = 100


async def tail_job(
    call: Call,
    job_id: JobId,
    max_seconds: Annotated[
        int, Field(description="Seconds to follow at most.", ge=0, le=MAX_WAIT_S)
    ] = MAX_WAIT_S,
    after: Annotated[
        int, Field(description="`next_cursor` of the answer before; 0: from the start.", ge=0)
    ] = 0,
) -> Tail:
    """Follow a job: its events since a cursor, until it ends, waits for a person, or the time is over.

    When `timed_out` is true, call again with `after` = `next_cursor`; no event is lost or told twice. Only look with
    `max_seconds=0`.
    """
    api = api_of(call)
    address = f"/v1/jobs/{segment(job_id)}"
    deadline = time.monotonic() + max_seconds
    events: list[Event] = []
    room = MAX_CHARS
    while True:
        left_s = max(0.0, deadline - time.monotonic())
        waits = {"wait": True, "timeout": min(LOOK_EVERY_S, left_s)} if left_s else {}
        job = await api.get(address, **waits)  # before the events, so that an end is never told without them
        found = await api.get(f"{address}/events", after=after, limit=EVENTS_AT_ONCE)
        for one in found:
            event = Event(**{**one, "payload": fit(one["payload"]).value})
            room -= len(json.dumps(event.payload)) + 60
            if events and room < 0:
                break
            events.append(event)
            after = event.id
        is_all = not found or found[-1]["id"] == after
        has_more = not is_all or len(found) == EVENTS_AT_ONCE
        if has_more or _rests(job) or time.monotonic() >= deadline:
            break
        await call.report_progress(float(after), message=f"{job['status']}, {len(events)} events")
    return Tail(
        job=await detail(api, job),
        events=events,
        next_cursor=after,
        timed_out=has_more or not _rests(job),
    )


def _rests(job: dict[str, Any]) -> bool:
    """Whether nothing happens to the job until somebody does something."""
    return has_ended(job) or job["status"] == "waiting"


LOCAL = HOSTED = (Offer(tail_job, "Follow a job", READ),)
