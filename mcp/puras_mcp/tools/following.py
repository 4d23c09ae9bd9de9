"""Define the tool that follows a running job, in calls that end before clients abort them."""

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

POLL_S = 2
MAX_EVENTS = 100


async def tail_job(
    call: Call,
    job_id: JobId,
    max_seconds: Annotated[
        int, Field(description="Maximum seconds to follow the job.", ge=0, le=MAX_WAIT_S)
    ] = MAX_WAIT_S,
    after: Annotated[
        int, Field(description="`next_cursor` of the previous response; 0: from the start.", ge=0)
    ] = 0,
) -> Tail:
    """Follow a job: return its events since a cursor when it ends, awaits approval, or the time is over.

    If `timed_out` is true, call again with `after` = `next_cursor`; each event is returned exactly once. With
    `max_seconds=0`, the call returns immediately.
    """
    api = api_of(call)
    url = f"/v1/jobs/{segment(job_id)}"
    deadline = time.monotonic() + max_seconds
    events: list[Event] = []
    remaining_characters = MAX_CHARS
    while True:
        remaining_s = max(0.0, deadline - time.monotonic())
        waits = {"wait": True, "timeout": min(POLL_S, remaining_s)} if remaining_s else {}
        # Before the events, so that the end is never returned without them.
        job = await api.get(url, **waits)
        found = await api.get(f"{url}/events", after=after, limit=MAX_EVENTS)
        for one in found:
            event = Event(**{**one, "payload": fit(one["payload"]).value})
            remaining_characters -= len(json.dumps(event.payload)) + 60
            if events and remaining_characters < 0:
                break
            events.append(event)
            after = event.id
        is_all = not found or found[-1]["id"] == after
        has_more = not is_all or len(found) == MAX_EVENTS
        if has_more or _is_idle(job) or time.monotonic() >= deadline:
            break
        await call.report_progress(float(after), message=f"{job['status']}, {len(events)} events")
    return Tail(
        job=await detail(api, job),
        events=events,
        next_cursor=after,
        timed_out=has_more or not _is_idle(job),
    )


def _is_idle(job: dict[str, Any]) -> bool:
    """Return whether the job has ended or waits for a user."""
    return has_ended(job) or job["status"] == "waiting"


LOCAL = HOSTED = (Offer(tail_job, "Follow a job", READ),)
