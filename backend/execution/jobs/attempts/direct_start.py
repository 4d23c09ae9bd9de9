"""Start a job in the transaction that submits it, in a slot that a worker has offered.

    worker ─ FreeWorker ─ list of slots in Redis ─ take_slot ─ submit.sql ─ StartedJob ─ Supervisor.receive_started

The worker that receives the job does not have to claim it, which saves a transaction. All other jobs wait in the queue
until a worker claims them: those that may cost something or need an approval, and those that must not run again after
the loss of a worker: it is not known whether a lost worker had received a job that was started for it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Final

from pydantic import TypeAdapter, ValidationError

from backend.core import notifications
from backend.core.db.engine import AnySession
from backend.core.metrics import transactional
from backend.core.metrics.instruments import EVENTS_APPENDED
from backend.core.notifications import StartedJob, WorkerSlot, take_slot
from backend.execution.jobs.attempts.claim import JobAttempt
from backend.skills.manifest.types import Skill

MAX_INPUT_CHARACTERS: Final = 16_384
"""A job whose inputs and prompt are longer is not sent over Redis."""
_AS_JSON: Final = ("inputs", "limits", "input_versions")
"""Values that the statement takes as text."""
_WRITTEN: Final = (
    "project_id",
    "skillpack_id",
    "deployment_id",
    "skill_name",
    "type",
    "cap_micros",
    "created_at",
    "request_id",
    "traceparent",
    "model",
    "prompt",
    "parent_job_id",
    "source",
    "listing_id",
    "listing",
    "listing_version",
    "publisher_id",
    "session_id",
    "environment",
    "price_micros",
    "earning_micros",
)
"""Fields of an attempt that are columns of the job. All others have their defaults at the start of a job."""
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


def note(session: AnySession, slot: WorkerSlot, row: Mapping[str, Any], started: Any) -> None:
    """Send a job to the worker that it was started for, when the submission has committed.

    Args:
        session: The session of the submission.
        slot: The slot of the worker.
        row: The values that the statement `start_free` has written.
        started: What it has returned.
    """
    attempt = {
        **{name: row[name] for name in _WRITTEN},
        **{name: json.loads(row[name]) for name in _AS_JSON if row[name] is not None},
        "job_id": row["id"],
        "attempt": 1,
        "reserved_micros": 0,
        "retries": 0,
        "stamp": 0,
        "due_at": row["created_at"],
        "project_number": started.project_number,
        "secrets_stamp": started.secrets_stamp,
        "reply_to": notifications.own_process(),
    }
    # Not pydantic, which does not write all numbers and characters that JSON inputs may contain.
    notifications.note(session, StartedJob(slot, row["lane"], row["id"], json.dumps(attempt, default=str)))
    transactional.note(session, EVENTS_APPENDED)


def read(text: str) -> JobAttempt | None:
    """Return the attempt; None if the text is not from this release."""
    try:
        return _JOB.validate_python(json.loads(text))
    except (ValidationError, ValueError):
        return None
