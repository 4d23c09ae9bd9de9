"""Start a job in the transaction that submits it, in a slot that a worker has offered.

    worker ─ FreeWorker ─ list of slots in Redis ─ take_slot ─ submit.sql ─ StartedJob ─ Supervisor.receive_started

The worker that receives the job does not have to claim it, which saves a transaction. All other jobs wait in the queue
until a worker claims them: those that may cost something or need an approval, and those that must not run again after
the loss of a worker: it is not known whether a lost worker had received a job that was started for it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import fields
from typing import Any, Final

from pydantic import TypeAdapter, ValidationError

from backend.core import notifications
from backend.core.db.engine import AnySession
from backend.core.metrics import transactional
from backend.core.metrics.instruments import EVENTS_APPENDED
from backend.core.notifications import StartedJob, WorkerSlot, take_slot
from backend.execution.jobs.attempts.claim import JobAttempt, attempt_of
from backend.execution.jobs.reservations import NONE
from backend.skills.manifest.types import Skill

MAX_INPUT_CHARACTERS: Final = 16_384
"""A job whose inputs and prompt are longer is not sent over Redis."""
_NAMES: Final = tuple(field.name for field in fields(JobAttempt))
_JOB: Final = TypeAdapter(JobAttempt)


async def slot_for(skill: Skill, job: Mapping[str, Any]) -> WorkerSlot | None:
    """Take a slot for a job that costs nothing; None if it has to wait in the queue."""
    rule = skill.retries
    may_start = (
        job["approval"] == "none"
        and "worker_lost" in rule.on
        and rule.max > 0
        and len(job["inputs"]) + len(job["prompt"] or "") <= MAX_INPUT_CHARACTERS
    )
    return await take_slot(job["lane"]) if may_start else None


def note(session: AnySession, slot: WorkerSlot, lane: str, row: Any) -> None:
    """Send the job of a row to the worker that it was started for, when the submission has committed."""
    attempt = attempt_of(row, reserved=NONE, reply_to=notifications.own_process())
    # Not pydantic, which does not write all numbers and characters that JSON inputs may contain.
    job = json.dumps({name: getattr(attempt, name) for name in _NAMES}, default=str)
    notifications.note(session, StartedJob(slot, lane, job))
    transactional.note(session, EVENTS_APPENDED)


def read(text: str) -> JobAttempt | None:
    """Return the attempt; None if the text is not from this release."""
    try:
        return _JOB.validate_python(json.loads(text))
    except (ValidationError, ValueError):
        return None
