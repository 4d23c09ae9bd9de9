"""One attempt of one job: prepare what the runner needs, run it, store how it ended."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Collection, Sequence
from dataclasses import replace
from datetime import timedelta
from enum import Enum
from functools import partial

from backend.context import AppContext
from backend.core import logs
from backend.core.clock import now
from backend.core.errors import PurasError
from backend.core.tracing import spans
from backend.data.secrets.scrub import Scrubber
from backend.execution.approvals.worker import wait_for_consent
from backend.execution.events.append import NewEvent
from backend.execution.jobs.claim import Claimed
from backend.execution.jobs.errors import ApiKeyEnded
from backend.execution.jobs.finish import Ending, finish
from backend.execution.jobs.requeue import requeue
from backend.execution.jobs.reservations import nothing_left
from backend.execution.jobs.retry import TryAgain, after_absence, after_failure
from backend.execution.journal import service as journal
from backend.execution.worker_registry.errors import HostExhausted
from backend.money.ledger.service import Used
from backend.money.pricing import NANOS_PER_MICRO, PriceList
from backend.skills import job_ceilings
from backend.skills.manifest.types import Skill
from backend.storage.paths import DrivePath
from workers import listing_redaction
from workers.agent.journal import Journal
from workers.attempt import traces
from workers.attempt.grading.graded import Graded
from workers.attempt.grading.graders import Graders
from workers.attempt.guardrails import within_rails
from workers.attempt.persist import FAULT, Storing
from workers.attempt.prepare import Prepared, prepare
from workers.attempt.result_files import kept_files
from workers.attempt.result_validation import judged
from workers.attempt.start_approval import await_approval
from workers.db_retry import DatabaseRetry
from workers.drives.deletions import Deletions
from workers.drives.errors import AttemptLost
from workers.drives.growth import watched
from workers.drives.staged import OwnDrives
from workers.guardrails.redaction import Telling
from workers.host_resources import Host, fault_of
from workers.recorder import BufferedRecorder
from workers.types import Outcome, Postponed, Recorder, Runner

log = logs.get(__name__)

MOST_ERROR_CHARACTERS = 8_000


CALLS_AFTER_S = 1.0
"""How long a function has run before its worker looks for jobs that it has called."""
HELD_PAUSE_S = 5.0
TOO_SMALL = (
    "The wallet holds less than what this run may cost with the price of its listing, so it did not begin and cost "
    "nothing. Top the wallet up, or lower `limits.cost_usd`, and replay it."
)
NOTHING_LEFT = (
    "Nothing was left for this job: it is paid from what is reserved for the job that called it. Raise "
    "`limits.cost_usd` in that one's skill.yaml; a function reserves money only where that is written."
)


class EndedBy(Enum):
    """Why an attempt was ended from outside."""

    CANCEL = "cancel"
    DRAIN = "drain"
    LOSS = "loss"


class Attempt:
    """One attempt, from its claim to its stored end."""

    def __init__(
        self,
        context: AppContext,
        runners: dict[str, Runner],
        claimed: Claimed,
        drives: OwnDrives | None = None,
        *,
        look: Callable[[], None] = lambda: None,
        graders: Graders | None = None,
        host: Host | None = None,
    ) -> None:
        self._host = host
        self._look = look
        self._graders = graders
        self.claimed = claimed
        self._drives = drives
        self.task: asyncio.Task[None] | None = None
        self._context = context
        self._runners = runners
        self._ended_by: EndedBy | None = None
        self._has_begun = False
        self._is_storing = False
        self._began = time.monotonic()
        self.pushed: Collection[DrivePath] = ()
        """What it has put into a drive that is elsewhere."""
        self.outcome = "lost"
        """Its end in one word, once it is known."""
        self.error_code: str | None = None
        self._recorder = BufferedRecorder(
            context.database, claimed, on_refused=lambda: self.end(EndedBy.LOSS)
        )
        self._journal = Journal(context.database, claimed, self._recorder)
        self._leaving = asyncio.Event()
        self._log = log.bind(
            job_id=str(claimed.job_id),
            attempt=claimed.attempt,
            skill=claimed.skill_name,
            request_id=claimed.request_id,
            **traces.log_fields(claimed),
        )
        self._storing = Storing(context.database, claimed, self._log)

    @property
    def told(self) -> Sequence[NewEvent]:
        """The events that spans are made of, while somebody wants spans."""
        return self._recorder.told

    def end(self, by: EndedBy) -> None:
        """End the attempt from outside; only the first reason counts, and none once its own end is being stored."""
        is_over = self._is_storing or self._ended_by is not None
        if not is_over and self.task is not None and not self.task.done():
            self._ended_by = by
            if self._has_begun:  # else nothing of the task would ever run, and nobody would store the end
                self.task.cancel()

    @property
    def may_call(self) -> bool:
        """Whether it is worth a look if it has called other jobs: most functions are over before they could."""
        return self.claimed.type == "agentic" or time.monotonic() - self._began > CALLS_AFTER_S

    def leave(self) -> None:
        """This worker leaves: an agent hands its run over before its next step, and everything else goes on."""
        self._leaving.set()

    async def run(self) -> None:
        """Run to a stored end. Whatever the skill does, this does not raise."""
        self._has_begun = True
        if self._ended_by is not None:
            await self._store_ended_from_outside(0.0)
            return
        is_unpaid = self.claimed.cap_micros > 0 and self.claimed.reserved_micros == 0
        is_unpaid = is_unpaid and self.claimed.key_ended is None
        if is_unpaid and self.claimed.price_micros and not self.claimed.lowered_by:
            await self._await_price()
        elif is_unpaid and self.claimed.type != "agentic" and not self.claimed.lowered_by:
            await self._postpone(
                Postponed("wallet_empty")
            )  # agents look themselves: a rehearsal needs no money
        else:
            await self._run()

    async def _await_price(self) -> None:
        """What the wallet holds for other runs comes back; without enough in it, the run would never begin."""
        if self.claimed.is_wallet_too_small:
            await self._store(None, Ending("failed", error=TOO_SMALL, error_code="wallet_too_small"))
        else:
            await self._postpone(Postponed("wallet_held", after_s=HELD_PAUSE_S))

    async def _run(self) -> None:
        started = time.monotonic()
        prepared: Prepared | None = None
        ending: Ending | Postponed
        try:
            with spans.span("prepare"):
                prepared = await self._prepare()
            self._recorder.hide(Scrubber(prepared.assignment.secrets.values()), Telling(prepared.skill))
            noting = Deletions(self._recorder)
            outcome = await watched(prepared.held_drive, self._ran(prepared, noting))
            keep = partial(kept_files, self._context, self._drives, self.claimed, prepared, recorder=noting)
            if isinstance(outcome, Postponed):
                await keep(value=None)
                ending = outcome
            else:
                used = self._compute(outcome.measured.wall_s)
                ending = await judged(prepared.skill, outcome, keep, used=used, hide=self._without_secrets)
                ending = await self._graded(prepared, ending)
        except asyncio.CancelledError:
            await self._store_ended_from_outside(time.monotonic() - started)
            return
        except AttemptLost:
            await self._recorder.rest()
            self._log.warning("files refused: the job runs elsewhere or has ended")
            return
        except PurasError as error:
            ending = Ending("failed", error=self._without_secrets(error.detail), error_code=error.code)
        except Exception as error:  # noqa: BLE001 - the last resort: a fault of ours ends the job, not the worker
            self._log.exception("fault of the worker", error=str(error))
            ending = _fault(error)
        finally:
            if prepared is not None and prepared.own_drive is not None and self._drives is not None:
                self.pushed = prepared.own_drive.placed
                self._drives.release(prepared.own_drive)
        if isinstance(ending, Postponed):
            await self._postpone(ending)
        else:
            ending = self._without_blame(ending)
            await self._store(None if prepared is None else prepared.skill, ending)

    def _without_blame(self, ending: Ending) -> Ending:
        """Return the ending, or the host's fault where that has caused it: the job then runs again."""
        if self._host is None or ending.status != "failed":
            return ending
        fault = self._host.why_failed(ending.error_code, ending.error)
        if fault is None:
            return ending
        self._log.error("the host has too little for this job", reason=fault.reason, code=ending.error_code)
        return _failed(fault)

    async def _ran(self, prepared: Prepared, recorder: Recorder) -> Outcome | Postponed:
        """How the run ends, within the rails of its skill; it starts only with the approval that it needs."""
        stopped = await await_approval(self._context.database, self.claimed, prepared.assignment.inputs)
        if stopped is not None:
            return stopped
        return await within_rails(
            partial(self._runners[self.claimed.type].run, prepared.assignment, recorder),
            prepared.skill,
            prepared.assignment,
            recorder,
            database=self._context.database,
            runners=self._runners,
        )

    async def _graded(self, prepared: Prepared, ending: Ending) -> Ending:
        """The ending with what the skill's graders say of it."""
        if self._graders is None or ending.status != "succeeded" or not prepared.skill.evals:
            return ending
        if self.claimed.publisher_id is not None:  # its graders are the publisher's, and would tell of it
            return ending
        run = Graded(prepared, self.claimed, ending.result, self._journal, self._recorder)
        facts = self._recorder.scrubber.scrub((await self._graders.grade(run)).as_facts())
        self._recorder.record("evals", {"score": facts["score"], "graders": facts["graders"]})
        return replace(ending, evals=facts)

    async def _prepare(self) -> Prepared:
        """Gather what the attempt needs, through any absence of the database."""
        if self.claimed.key_ended:
            raise ApiKeyEnded(self.claimed.key_ended)
        if self.claimed.lowered_by and self.claimed.reserved_micros == 0:
            raise nothing_left(self.claimed.lowered_by)
        retry = DatabaseRetry("not prepared yet", job_id=str(self.claimed.job_id))
        while True:
            async with retry:
                return await prepare(
                    self._context,
                    self.claimed,
                    self._drives,
                    journal=self._journal,
                    leaving=self._leaving,
                    look=self._look,
                )

    async def _store(self, skill: Skill | None, ending: Ending) -> None:
        self._is_storing = True  # broken off now, a finished job would run again, and count as lost
        if self.claimed.publisher_id is not None:
            ending = listing_redaction.ending(ending, self._recorder.scrubber)
        events = await self._recorder.rest()
        claimed = self.claimed
        again = self._again(skill, ending)
        is_retry = skill is not None and ending.error_code != HostExhausted.code

        async def write() -> bool:
            if again is None:
                async with self._storing.unit_for(ending)() as session:
                    return await finish(session, claimed, ending, events)
            async with self._context.database.transaction() as session:
                is_back = await requeue(
                    session,
                    job_id=claimed.job_id,
                    attempt=claimed.attempt,
                    reason=f"{ending.error_code}: {ending.error}",
                    events=events,
                    is_retry=is_retry,
                    not_before=again.not_before,
                )
                if is_back and is_retry:  # else an agent would arrive at the same failure again
                    await journal.forget(session, claimed.job_id)
                return is_back

        self.outcome, self.error_code = "queued again" if again else ending.status, ending.error_code
        await self._storing.until_stored(write, self.outcome)

    def _again(self, skill: Skill | None, ending: Ending) -> TryAgain | None:
        """Whether the job runs again: by its own rule, or because it could not begin for want of the storage."""
        if ending.status != "failed":
            return None
        code = str(ending.error_code)
        if skill is None or code == HostExhausted.code:
            return after_absence(code=code, attempt=self.claimed.attempt, at=now())
        return after_failure(
            job_ceilings.current().declared_retries(skill.retries),
            code=code,
            retries=self.claimed.retries,
            at=now(),
        )

    async def _postpone(self, postponed: Postponed) -> None:
        """Back into the queue, or to wait for people, with what it has done so far; not counted as a try."""
        if postponed.reason == "wallet_empty" and self.claimed.parent_job_id is not None:
            await self._store(None, Ending("failed", error=NOTHING_LEFT, error_code="cost_capped"))
            return
        self._is_storing = True
        events = await self._recorder.rest()
        not_before = now() + timedelta(seconds=postponed.after_s) if postponed.after_s else None
        scrub = self._recorder.scrubber.scrub
        wanted = [replace(one, input=scrub(one.input)) for one in postponed.wanted]
        expires_at = now() + timedelta(seconds=self._context.settings.approval_timeout_s)

        async def write() -> bool:
            async with self._context.database.transaction() as session:
                if wanted:
                    return await wait_for_consent(
                        session,
                        job_id=self.claimed.job_id,
                        attempt=self.claimed.attempt,
                        wanted=wanted,
                        expires_at=expires_at,
                        events=events,
                    )
                return await requeue(
                    session,
                    job_id=self.claimed.job_id,
                    attempt=self.claimed.attempt,
                    reason=postponed.reason,
                    events=events,
                    not_before=not_before,
                )

        self.outcome = "waits for people" if wanted else "handed over"
        await self._storing.until_stored(write, self.outcome)

    async def _store_ended_from_outside(self, ran_s: float) -> None:
        events = await self._recorder.rest()
        claimed, by = self.claimed, self._ended_by or EndedBy.DRAIN
        if by is EndedBy.LOSS:
            return

        async def write() -> bool:
            async with self._context.database.transaction() as session:
                if by is EndedBy.DRAIN:
                    return await requeue(
                        session, job_id=claimed.job_id, attempt=claimed.attempt, reason="drain", events=events
                    )
                ending = Ending(
                    "cancelled",
                    error="Cancelled while it ran.",
                    error_code="cancelled",
                    used=self._compute(ran_s),
                )
                return await finish(session, claimed, ending, events)

        self.outcome = "handed over" if by is EndedBy.DRAIN else "cancelled"
        await self._storing.until_stored(write, self.outcome)

    def _without_secrets(self, text: str) -> str:
        return self._recorder.tellable_text(text).replace("\0", "\ufffd")[:MOST_ERROR_CHARACTERS]

    def _compute(self, wall_s: float) -> tuple[Used, ...]:
        """What so many seconds of a function cost; an agent waits for its model most of the time."""
        micros = PriceList.of(self._context.settings).compute_micros(wall_s)
        if not micros or self.claimed.type == "agentic":
            return ()
        return (Used("compute", {"seconds": round(wall_s, 4)}, micros * NANOS_PER_MICRO, micros),)


def _fault(error: Exception) -> Ending:
    """Return the end of a job that an error of ours has broken off: the host's fault where the error shows one."""
    fault = fault_of(error) if isinstance(error, OSError) else None
    return FAULT if fault is None else _failed(fault)


def _failed(fault: HostExhausted) -> Ending:
    return Ending("failed", error=fault.detail, error_code=fault.code)
