"""The life of a job in a worker process: claim, run, finish. Read this page first.

A ticket (or a sweep, or a finished job) wakes `_claim_until_full`. It claims what fairness says, as many as the process
has room for, and starts a task for each. The task is `attempt.Attempt`: it prepares the assignment, hands it to the
runner of its type and stores the end. Every write carries the attempt's number; one that comes too late is refused.
"""

from __future__ import annotations

import asyncio
import contextlib
import math
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from uuid import UUID, uuid4

from sqlalchemy.exc import SQLAlchemyError

from backend import housekeeping
from backend.administration.retention.rules import Rules
from backend.context import AppContext
from backend.core import background_tasks, logs
from backend.core.clock import now
from backend.core.db.connections import why_away
from backend.core.metrics.instruments import (
    CLAIM,
    JOB_QUEUE_WAIT,
    JOBS_LOST,
    SWEEP,
    SWEEP_ADMITTED,
    WORKERS_LOST,
)
from backend.data.memory import embedding_queue
from backend.data.memory.embedding import Embedder
from backend.execution.approvals.expiry import expire_due
from backend.execution.jobs.claim import Claimed, claim, claim_held, hold_suspect
from backend.execution.jobs.recovery import send_on_unheld, sweep
from backend.execution.jobs.subjobs import calling, claim_child, end_orphans
from backend.execution.schedules.dispatcher import Terms, keep_time
from backend.execution.worker_registry import service as fleet
from backend.execution.worker_registry.database_clock import DatabaseClock
from backend.execution.worker_registry.identity import worker_ids
from backend.execution.worker_registry.service import LEASE, SWEEP_EVERY_S
from backend.identity.limits import service as limits
from backend.integrations.webhooks.addresses import Receivers
from backend.integrations.webhooks.dispatch import Dispatcher
from backend.integrations.webhooks.sending import Sender
from backend.money.pricing import PriceList
from workers.attempt import traces
from workers.attempt.attempt import Attempt, EndedBy
from workers.attempt.grading.graders import Graders
from workers.attempt.run import run_attempt
from workers.attempt.types import error_code_of, outcome_of
from workers.drives.change_tracking import Looks
from workers.drives.staged import OwnDrives
from workers.eval_runner import Suites
from workers.host_resources import Host
from workers.types import Runner

log = logs.get(__name__)

BATCH = 8
"""Most jobs of one claim: small, so that other processes get their share."""
MOST_CHILDREN = 4
"""Jobs that one job has called and that run at once."""


class Supervisor:
    """Runs jobs of the lanes, at most `capacity` at once, until it is told to stop."""

    def __init__(
        self,
        context: AppContext,
        runners: dict[str, Runner],
        *,
        lanes: list[str],
        capacity: int,
        drives: OwnDrives | None = None,
        graders: Graders | None = None,
        host: Host | None = None,
        launch_id: UUID | None = None,
    ) -> None:
        self._host = host
        self._is_short = False
        self._ids = worker_ids(launch_id or uuid4())
        self.worker_id = next(self._ids)
        self._context = context
        self._runners = runners
        self._lanes = lanes
        self._capacity = capacity
        self._drives = drives
        self._graders = graders
        self._looks = Looks(context)
        self._suites = Suites(context)
        self._attempts: dict[UUID, Attempt] = {}
        self._cancelled_early: set[UUID] = set()
        """Jobs of any worker that were cancelled while this one was claiming: one of them may be on its way to it."""
        self._tasks: set[asyncio.Task[None]] = set()
        self._wake = asyncio.Event()
        self._stopping = asyncio.Event()
        self._held_lane: str | None = None
        self._away_at = -math.inf
        self._clock = DatabaseClock()

    @property
    def running(self) -> int:
        """Jobs that run here now, without those that run in the slot of one that waits for them."""
        return sum(attempt.claimed.parent_job_id is None for attempt in self._attempts.values())

    def shortage(self) -> str | None:
        """Return what the host has too little of, so that nothing is claimed; none if nothing. From any thread."""
        found = None if self._host is None else self._host.shortage()
        return None if found is None else f"{found.resource}: {found.detail}"

    def why_no_claims(self) -> str | None:
        """Return why this process claims no jobs; none if it does."""
        if self._stopping.is_set():
            return f"it drains; jobs that still run: {self.running}"
        shortage = self.shortage()
        return None if shortage is None else f"its host is short of {shortage}"

    def ring(self) -> None:
        """There may be something to claim."""
        self._wake.set()

    def cancel(self, job_id: UUID) -> None:
        """End the job if it runs here."""
        attempt = self._attempts.get(job_id)
        if attempt is not None:
            attempt.end(EndedBy.CANCEL)
        else:
            self._cancelled_early.add(job_id)

    def stop(self) -> None:
        """Claim no more; `run` then drains and returns. Agents hand over before their next step."""
        for attempt in self._attempts.values():
            attempt.leave()
        self._stopping.set()
        self._wake.set()

    async def given_up(self, worker_id: UUID, layers: Sequence[str]) -> None:
        """The instance took this process for dead and has sent its jobs on: drop them and begin anew."""
        if worker_id != self.worker_id or self._stopping.is_set():
            return  # it has begun anew already, or has left by itself: late writes are refused either way
        log.warning("this process was given up; its jobs run elsewhere", worker_id=str(worker_id))
        for attempt in list(self._attempts.values()):
            attempt.end(EndedBy.LOSS)
        self.worker_id = next(self._ids)
        await self.join(layers)

    async def join(self, layers: Sequence[str]) -> None:
        """Enter the fleet."""
        async with self._context.database.transaction() as session:
            await fleet.join(
                session, self.worker_id, lanes=self._lanes, capacity=self._capacity, layers=list(layers)
            )

    async def run(self, *, drain_s: float) -> None:
        """Claim and run until `stop`; then let jobs end for `drain_s`, and hand over those that have not."""
        sweeper = asyncio.create_task(self._sweep_forever(), name="sweeper")
        housekeeper = asyncio.create_task(self._keep_tidy(), name="housekeeper")
        dispatcher = asyncio.create_task(self._send_webhooks(), name="webhooks")
        timekeeper = asyncio.create_task(self._keep_time(), name="schedules")
        driver = asyncio.create_task(self._suites.keep_driving(), name="suites")
        while not self._stopping.is_set():
            await self._wake.wait()
            self._wake.clear()
            self._cancelled_early.clear()
            with self._database_may_be_away():
                await self._claim_until_full()
                await self._claim_children()
        await _end(sweeper, housekeeper, timekeeper, driver)
        await self._drain(drain_s)
        await _end(dispatcher)  # after the jobs, whose ends it may have to tell
        await self._looks.close()
        with self._database_may_be_away():  # then the lease tells the others
            async with self._context.database.transaction() as session:
                await fleet.leave(session, self.worker_id)

    async def _claim_children(self) -> None:
        """Start what jobs that run here have called, beyond the capacity: its callers wait for it."""
        called = Counter(attempt.claimed.parent_job_id for attempt in self._attempts.values())
        may_call = [
            attempt.claimed.job_id
            for attempt in self._attempts.values()
            if attempt.may_have_children and called[attempt.claimed.job_id] < MOST_CHILDREN
        ]
        if not may_call:
            return
        async with self._context.database.reading() as reader:
            parents = await calling(reader, may_call)
        for parent_id in parents:
            while called[parent_id] < MOST_CHILDREN:
                began_ns = time.time_ns()
                async with self._context.database.transaction() as session:
                    child = await claim_child(session, worker_id=self.worker_id, parent_id=parent_id)
                if child is None:
                    break
                called[parent_id] += 1
                self._start(child, began_ns)

    async def _claim_until_full(self) -> None:
        if self._lacks_resources():
            return
        if self._held_lane is not None:
            await self._claim_held(self._held_lane)
            return
        for lane in self._lanes:
            while (room := self._capacity - self.running) > 0 and not self._stopping.is_set():
                most = min(room, BATCH)
                if len(await self._claim(lane, most)) < most:
                    break

    def _lacks_resources(self) -> bool:
        """Whether the host has too little for another job; the next sweep looks again."""
        shortage = self.shortage()
        if (shortage is not None) is not self._is_short:
            self._is_short = shortage is not None
            if shortage:
                log.error("the host has too little for jobs; this worker claims none", shortage=shortage)
            else:
                log.warning("the host has enough for jobs again; this worker claims")
        return self._is_short

    async def _claim(self, lane: str, most: int) -> list[Claimed]:
        began_ns = time.time_ns()
        async with self._context.database.single() as session:
            claimed = await claim(session, worker_id=self.worker_id, lane=lane, most=most)
        CLAIM.observe((time.time_ns() - began_ns) / 1e9)
        for job in claimed:
            self._start(job, began_ns)
            if job.attempt == 1:
                JOB_QUEUE_WAIT.labels(lane).observe(max(0.0, (now() - job.due_at).total_seconds()))
        return claimed

    async def _claim_held(self, lane: str) -> None:
        """A suspect runs alone: it waits for the process to be empty, and nothing else is claimed meanwhile."""
        if self.running:
            return
        began_ns = time.time_ns()
        async with self._context.database.transaction() as session:
            claimed = await claim_held(session, worker_id=self.worker_id, lane=lane)
        for job in claimed:
            self._start(job, began_ns)
        if not claimed:
            self._held_lane = None
            self._wake.set()

    def _start(self, job: Claimed, claim_began_ns: int) -> None:
        attempt = Attempt(
            self._context,
            self._runners,
            job,
            self._drives,
            poll_children=self.ring,
            graders=self._graders,
            host=self._host,
        )
        self._attempts[job.job_id] = attempt
        task = asyncio.create_task(self._see_through(attempt, claim_began_ns), name=f"job {job.job_id}")
        attempt.task = task
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        if job.job_id in self._cancelled_early:
            attempt.end(EndedBy.CANCEL)

    async def _see_through(self, attempt: Attempt, claim_began_ns: int) -> None:
        began = time.time()
        try:
            with traces.attempt(attempt.claimed, claim_began_ns=claim_began_ns) as span:
                end = await run_attempt(attempt)
                traces.ended(
                    span,
                    attempt.claimed,
                    outcome=outcome_of(end),
                    code=error_code_of(end),
                    events=attempt.span_events,
                )
        finally:
            claimed = attempt.claimed
            self._suites.note(claimed)
            self._looks.note(claimed.project_id, claimed.job_id, began, attempt.pushed)
            was_full = self.running >= self._capacity
            if self._attempts.get(attempt.claimed.job_id) is attempt:
                del self._attempts[attempt.claimed.job_id]
            has_siblings = claimed.parent_job_id is not None
            if (
                was_full or has_siblings or self._held_lane is not None
            ):  # else tickets have been answered all along
                self._wake.set()

    async def _sweep_forever(self) -> None:
        while True:
            with background_tasks.log_and_continue("sweep"), self._database_may_be_away():
                await self._sweep()
            self._wake.set()
            await asyncio.sleep(SWEEP_EVERY_S)

    async def _keep_tidy(self) -> None:
        context = self._context
        kept = [
            housekeeping.keep_tidy(context.database, context.storage, Rules.of(context.settings)),
            limits.keep_windows(context.database, concurrency=context.settings.project_concurrency),
        ]
        embedder = Embedder.of(context.settings)
        if embedder is not None:
            kept.append(embedding_queue.keep_embedded(context.database, embedder))
        await asyncio.gather(*kept)

    async def _send_webhooks(self) -> None:
        context = self._context
        sender = Sender.to_public(Receivers.of(context.settings))
        await Dispatcher(context.database, context.vault, sender).run()

    async def _keep_time(self) -> None:
        context = self._context
        await keep_time(
            context.database,
            Terms(PriceList.of(context.settings), context.settings.max_queued_jobs),
        )

    async def _sweep(self) -> None:
        with SWEEP.time():
            async with self._context.database.transaction() as session:
                if await self._clock.was_set(session):
                    self._away_at = time.monotonic()
                    log.warning("the clock of the database was set; leases count again after one lease")
                # A database that has not answered us has taken no beats either: they are missing for no fault of the
                # others. After its clock was set, beats of before say nothing until each worker has beaten again.
                are_beats_known = time.monotonic() - self._away_at > LEASE.total_seconds()
                swept = await sweep(session, are_beats_known=are_beats_known)
        await expire_due(self._context.database)
        await end_orphans(self._context.database)
        WORKERS_LOST.inc(swept.lost_workers)
        JOBS_LOST.inc(swept.lost_jobs)
        SWEEP_ADMITTED.inc(swept.admitted)
        async with self._context.database.transaction() as session:
            if are_beats_known:  # else what was claimed a moment ago may look old
                await send_on_unheld(session, self.worker_id, list(self._attempts))
            for job_id in await fleet.asked_to_cancel(session, self.worker_id):
                self.cancel(job_id)
            if self._held_lane is None:
                self._held_lane = await hold_suspect(session, worker_id=self.worker_id, lanes=self._lanes)

    async def _drain(self, drain_s: float) -> None:
        if self._tasks:
            log.info("draining", jobs=self.running, at_most_s=drain_s)
            await asyncio.wait(self._tasks, timeout=drain_s)
        for attempt in list(self._attempts.values()):
            attempt.end(EndedBy.DRAIN)
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=10)

    @contextlib.contextmanager
    def _database_may_be_away(self) -> Iterator[None]:
        try:
            yield
        except SQLAlchemyError as error:
            self._away_at = time.monotonic()
            log.warning("the database does not answer; trying again", error=why_away(error))


async def _end(*ending: asyncio.Task[None]) -> None:
    for duty in ending:
        duty.cancel()
    for duty in ending:
        with contextlib.suppress(asyncio.CancelledError):
            await duty
