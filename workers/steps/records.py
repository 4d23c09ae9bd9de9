"""Build the rows and the events of steps from the requests of the kit."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from backend.execution.events.types import OMITTED, JobEvent, StepFinishedEvent, StepStartedEvent
from backend.execution.steps.service import StepWrite, StoredStep
from backend.execution.waits.service import WaitState
from workers.steps.requests import Request


def without_retried(stored: list[StoredStep], retries: int) -> list[StoredStep]:
    """Return the steps without those that a retry of the job runs again: the last of a branch, if it has failed.

    If the function has handled a failure, other steps follow it. The failure is then part of what happened.
    """
    last = {step.branch: step.position for step in stored}
    return [
        step
        for step in stored
        if step.status != "failed" or step.retries >= retries or last[step.branch] != step.position
    ]


def step_of(
    request: Request,
    *,
    status: Any,
    result: str | None = None,
    error: dict[str, Any] | None = None,
    tries: int = 1,
    duration_s: float = 0.0,
) -> StepWrite:
    """Return the row of the step that a request names."""
    return StepWrite(
        request.text("branch"),
        request.number("position"),
        request.text("name"),
        request.number("occurrence"),
        request.kind,
        status,
        tries=tries,
        result=result,
        error=error,
        duration_s=duration_s,
    )


def started(request: Request) -> JobEvent:
    """Return the event of the start of a step."""
    return StepStartedEvent(
        name=request.text("name"),
        kind=request.kind,
        branch=request.text("branch"),
        position=request.number("position"),
    )


def finished(step: StepWrite, *, error: str | None = None, event_id: str | None = None) -> JobEvent:
    """Return the event of the end of a step."""
    return StepFinishedEvent(
        name=step.name,
        kind=step.kind,
        branch=step.branch,
        position=step.position,
        status=step.status,
        duration_ms=round(step.duration_s * 1000, 3),
        tries=step.tries if step.tries > 1 else OMITTED,
        error=OMITTED if error is None else error,
        event_id=OMITTED if event_id is None else event_id,
    )


def received(state: WaitState) -> dict[str, Any] | None:
    """Return what is stored of a received event; None: there is none."""
    event = state.event
    if event is None:
        return None
    received_at: datetime = event.received_at
    return {
        "id": event.id,
        "type": event.type,
        "data": event.data,
        "received_at": received_at.isoformat(),
        "seq": event.seq,
    }


def is_ancestor(branch: str, of: str) -> bool:
    """Return whether a branch is another one, or called `parallel` for it."""
    return branch in ("", of) or of.startswith(f"{branch}/")


def mismatch(step: StepWrite, state: WaitState) -> str:
    """Return the message for a wait that is not the stored one."""
    return (
        f"Step {step.position} was the wait {state.name!r} when the job ran before, and now the function waits for "
        f"{step.name!r}. The calls of steps must not depend on the time, on random numbers or on files: put what "
        "decides into a step of its own, so that its result is stored."
    )
