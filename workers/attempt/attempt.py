"""Represent one attempt of one job: what its steps need, and how it is ended from outside."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace
from enum import Enum
from typing import Final

from backend.context import AppContext
from backend.core import logs
from backend.execution.events.append import EncodedEvent
from backend.execution.jobs.attempts.claim import JobAttempt
from backend.storage.paths import DrivePath
from workers.agent.journal import Journal
from workers.attempt import traces
from workers.attempt.grading.graders import Graders
from workers.drives.staged import StagedDrives
from workers.host_resources import Host
from workers.recorder import BufferedRecorder
from workers.types import Runner

log = logs.get(__name__)

MAX_ERROR_CHARACTERS: Final = 8_000
CALLS_AFTER_S: Final = 1.0
"""How long a function runs until its worker checks whether it has called jobs of which no message has arrived."""


class EndedBy(Enum):
    """The reason why an attempt was ended from outside."""

    CANCEL = "cancel"
    DRAIN = "drain"
    LOSS = "loss"


class Attempt:
    """One attempt; `run.run_attempt` runs it, and other tasks of the worker end it with `end`."""

    def __init__(
        self,
        context: AppContext,
        runners: Mapping[str, Runner],
        job_attempt: JobAttempt,
        drives: StagedDrives | None = None,
        *,
        poll_children: Callable[[], None] = lambda: None,
        graders: Graders | None = None,
        host: Host | None = None,
    ) -> None:
        """Prepare an attempt.

        Args:
            context: The context of this worker process.
            runners: By type of job.
            job_attempt: The job.
            drives: Creates the folders of jobs that do not run in the live drive.
            poll_children: Lets the worker claim the subjobs of the job.
            graders: Grade results; without them, results are not graded.
            host: Checks whether this host lacks resources that the job needed.
        """
        self.context = context
        self.runners = runners
        self.job_attempt = job_attempt
        self.drives = drives
        self.poll_children = poll_children
        self.graders = graders
        self.host = host
        self.recorder = BufferedRecorder(
            context.database, job_attempt, on_refused=lambda: self.end(EndedBy.LOSS)
        )
        self.journal = Journal(context.database, job_attempt, self.recorder)
        self.leaving = asyncio.Event()
        self.log = log.bind(
            job_id=str(job_attempt.job_id),
            attempt=job_attempt.attempt,
            skill=job_attempt.skill_name,
            request_id=job_attempt.request_id,
            **traces.log_fields(job_attempt),
        )
        self.task: asyncio.Task[None] | None = None
        """The task that runs it."""
        self.has_called = False
        """Its job has called another job."""
        self.has_started = False
        self.is_storing = False
        """Its end is being stored: from then on it cannot be ended from outside."""
        self.admitted_lane: str | None = None
        """The lane of the job that its end has admitted, which this worker claims next if it has room."""
        self.ended_by: EndedBy | None = None
        self.pushed: Collection[DrivePath] = ()
        """The files that it has stored in a remote drive."""
        self._created_at = time.monotonic()

    @property
    def may_have_children(self) -> bool:
        """Whether the job can have subjobs by now: most functions call none."""
        is_agent = self.job_attempt.type == "agentic"
        return is_agent or self.has_called or time.monotonic() - self._created_at > CALLS_AFTER_S

    @property
    def span_events(self) -> Sequence[EncodedEvent]:
        """The events from which spans are derived, while tracing is on."""
        return self.recorder.span_events

    def end(self, by: EndedBy) -> None:
        """End the attempt from outside; only the first reason counts, and none while its own end is being stored."""
        is_over = self.is_storing or self.ended_by is not None
        if not is_over and self.task is not None and not self.task.done():
            self.ended_by = by
            if self.has_started:  # a task that is cancelled before its first step would not store the end
                self.task.cancel()

    def leave(self) -> None:
        """Let an agent requeue its run before its next step, since this worker drains; functions continue."""
        self.leaving.set()

    def note_admitted(self, lane: str) -> None:
        """Take note that the end of the job has admitted the next one of the project."""
        self.admitted_lane = lane

    def lower_reservation(self, reserved_micros: int) -> None:
        """Take note that a part of the reservation of the claim was released."""
        self.job_attempt = replace(self.job_attempt, reserved_micros=reserved_micros)
        self.journal.reserved_micros = reserved_micros

    def error_text(self, text: str) -> str:
        """Return an error as it may be stored: redacted, and shortened."""
        return self.recorder.redacted_text(text).replace("\0", "\ufffd")[:MAX_ERROR_CHARACTERS]
