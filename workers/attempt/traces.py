"""Record the spans of one attempt, in the trace of the request that submitted its job."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from backend.core.tracing import spans, traceparent
from backend.core.tracing.spans import Attribute, Span
from backend.execution.events import otel_spans
from backend.execution.events.append import TERMINAL_TYPES, EncodedEvent
from backend.execution.jobs.attempts.claim import JobAttempt


@contextmanager
def attempt(job_attempt: JobAttempt, *, claim_started_ns: int) -> Iterator[Span]:
    """Open a span for the attempt, and record spans for the time in the queue."""
    attributes: dict[str, Attribute] = {
        "puras.job.id": str(job_attempt.job_id),
        "puras.project.id": str(job_attempt.project_id),
        "puras.skill": job_attempt.skill_name,
        "puras.attempt": job_attempt.attempt,
    }
    claimed_ns = time.time_ns()
    if spans.is_on():
        due_ns = int(job_attempt.due_at.timestamp() * 1_000_000) * 1_000
        spans.record(
            "queue",
            parent=job_attempt.traceparent,
            started_ns=due_ns,
            ended_ns=claim_started_ns,
            **attributes,
        )
        spans.record(
            "claim",
            parent=job_attempt.traceparent,
            started_ns=claim_started_ns,
            ended_ns=claimed_ns,
            **attributes,
        )
    with spans.span(
        "attempt", "consumer", parent=job_attempt.traceparent, at_ns=claimed_ns, **attributes
    ) as span:
        yield span


def ended(
    span: Span, job_attempt: JobAttempt, *, outcome: str, code: str | None, events: Sequence[EncodedEvent]
) -> None:
    """Record how the attempt ended, and export the spans that follow from the events of its job."""
    if not span.traceparent:
        return
    span.note(puras__outcome=outcome)
    if code is not None:
        span.fail(code)
    if events:
        last = EncodedEvent(outcome if outcome in TERMINAL_TYPES else "requeued", {})
        otel_spans.export(
            job_attempt.job_id, job_attempt.skill_name, [*events, last], parent=span.traceparent
        )


def log_fields(job_attempt: JobAttempt) -> dict[str, str]:
    """Return the fields of log lines about the attempt that name its trace, if it has one."""
    return {"trace_id": traceparent.trace_id_of(job_attempt.traceparent)} if job_attempt.traceparent else {}
