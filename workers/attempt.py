"""One attempt of one job: prepare what the runner needs, run it, store how it ended."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from enum import Enum
from typing import Any

from sqlalchemy.exc import DBAPIError

from backend import logs
from backend.bundles.manifest import Skill
from backend.clock import now
from backend.errors import PurasError
from backend.instance import Instance
from backend.jobs.claim import Claimed
from backend.jobs.finish import Ending, finish
from backend.jobs.requeue import requeue
from backend.jobs.retry import after_failure
from backend.ledger.pricing import NANOS_PER_MICRO
from backend.ledger.service import Used
from backend.secrets.scrub import Scrubber
from workers.outputs import output_files
from workers.prepare import Prepared, prepare
from workers.recorder import BufferedRecorder
from workers.runners import Failure, Measured, Outcome, Runner, Success

log = logs.get(__name__)

RETRY_STORE_S = 0.5
GIVE_UP_STORING_S = 120.0
"""After this the process stops trying to store an end: its job has long been sent on."""


class EndedBy(Enum):
    """Why an attempt was ended from outside."""

    CANCEL = "cancel"
    DRAIN = "drain"
    LOSS = "loss"


class Attempt:
    """One attempt, from its claim to its stored end."""

    def __init__(self, instance: Instance, runners: dict[str, Runner], claimed: Claimed) -> None:
        self.claimed = claimed
        self.task: asyncio.Task[None] | None = None
        self._instance = instance
        self._runners = runners
        self._ended_by: EndedBy | None = None
        self._recorder = BufferedRecorder(
            instance.database, claimed, Scrubber(()), on_refused=lambda: self.end(EndedBy.LOSS)
        )
        self._log = log.bind(job_id=str(claimed.job_id), attempt=claimed.attempt, skill=claimed.skill_name)

    def end(self, by: EndedBy) -> None:
        """End the attempt from outside; only the first reason counts."""
        if self._ended_by is None and self.task is not None and not self.task.done():
            self._ended_by = by
            self.task.cancel()

    async def run(self) -> None:
        """Run to a stored end. Whatever happens, it does not raise."""
        started = time.monotonic()
        prepared: Prepared | None = None
        try:
            prepared = await prepare(self._instance, self.claimed)
            self._recorder.hide(Scrubber(prepared.assignment.secrets.values()))
            outcome = await self._runners[self.claimed.type].run(prepared.assignment, self._recorder)
        except asyncio.CancelledError:
            await self._store_ended_from_outside(started)
            return
        except PurasError as error:
            outcome = Failure(error.code, error.detail, Measured(time.monotonic() - started))
        except Exception as error:  # noqa: BLE001 - the last resort: a fault of ours must end the job, not the worker
            self._log.exception("fault of the worker", error=str(error))
            outcome = Failure(
                "internal_error", "The worker failed to run this job. See its log.", Measured(0.0)
            )
        await self._store(prepared.skill if prepared else None, outcome)

    async def _store(self, skill: Skill | None, outcome: Outcome) -> None:
        ending = await self._ending(skill, outcome)
        events = await self._recorder.rest()
        again = self._tried_again(skill, outcome, ending)

        async def write() -> bool:
            async with self._instance.database.transaction() as session:
                if again is not None:
                    return await requeue(
                        session,
                        job_id=self.claimed.job_id,
                        attempt=self.claimed.attempt,
                        reason=f"{ending.error_code}: {ending.error}",
                        events=events,
                        is_retry=True,
                        not_before=again.not_before,
                    )
                return await finish(session, self.claimed, ending, events)

        await self._until_stored(write, "queued again" if again else ending.status)

    async def _store_ended_from_outside(self, started: float) -> None:
        events = await self._recorder.rest()
        claimed = self.claimed

        async def write() -> bool:
            async with self._instance.database.transaction() as session:
                if self._ended_by is EndedBy.CANCEL:
                    used = self._compute(time.monotonic() - started)
                    ending = Ending(
                        "cancelled", error="Cancelled while it ran.", error_code="cancelled", used=used
                    )
                    return await finish(session, claimed, ending, events)
                return await requeue(
                    session, job_id=claimed.job_id, attempt=claimed.attempt, reason="drain", events=events
                )

        if self._ended_by is not EndedBy.LOSS:
            await self._until_stored(write, self._ended_by.value if self._ended_by else "drain")

    async def _until_stored(self, write: Callable[[], Awaitable[bool]], what: str) -> None:
        """Store through any absence of the database; the attempt's number makes a second write harmless."""
        deadline = time.monotonic() + GIVE_UP_STORING_S
        while time.monotonic() < deadline:
            try:
                if await write():
                    self._log.info(f"job {what}")
                else:
                    self._log.warning("end refused: the job runs elsewhere or has ended", end=what)
                return
            except DBAPIError as error:
                self._log.warning("end not stored yet; trying again", error=str(error.orig).strip())
                await asyncio.sleep(RETRY_STORE_S)

    def _tried_again(self, skill: Skill | None, outcome: Outcome, ending: Ending) -> Any:
        if skill is None or ending.status != "failed":
            return None
        code = outcome.code if isinstance(outcome, Failure) else str(ending.error_code)
        return after_failure(skill.retries, code=code, retries=self.claimed.retries, at=now())

    async def _ending(self, skill: Skill | None, outcome: Outcome) -> Ending:
        used = self._compute(outcome.measured.wall_s)
        usage = {
            "wall_s": round(outcome.measured.wall_s, 4),
            "cpu_s": round(outcome.measured.cpu_s, 4),
            "peak_memory_mb": round(outcome.measured.peak_memory_mb, 1),
        }
        if isinstance(outcome, Success) and skill is not None:
            checked = skill.output.check(outcome.value)
            if not checked.problems:
                files = await output_files(
                    self._instance.storage, self.claimed.project_id, skill, checked.value
                )
                return Ending("succeeded", result=checked.value, outputs=files, usage=usage, used=used)
            first = checked.problems[0]
            message = f"The result does not fit the skill's output_schema: {first.path}: {first.message}"
            return Ending(
                "failed", error=self._hidden(message), error_code="bad_output", usage=usage, used=used
            )
        if isinstance(outcome, Success):
            raise TypeError("a success without a skill cannot be")
        return Ending(
            "failed", error=self._hidden(outcome.message), error_code=outcome.code, usage=usage, used=used
        )

    def _hidden(self, text: str) -> str:
        hidden = self._recorder.scrubber.scrub(text)
        return str(hidden)[:8000]

    def _compute(self, wall_s: float) -> tuple[Used, ...]:
        micros = self._instance.prices.compute_micros(wall_s)
        if not micros:
            return ()
        return (Used("compute", {"seconds": round(wall_s, 4)}, micros * NANOS_PER_MICRO, micros),)
