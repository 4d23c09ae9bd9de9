"""Claim, start, cancel and drain the jobs of a worker process. Read this module first.

A wake-up message, a sweep or the end of a job wakes `run`. It claims jobs in the order of fair admission, as many as
the process has room for, and starts a task for each, in which `attempt.run` runs one attempt until its end is stored.
While there is room, the process also offers slots, and receives jobs that submissions have started in them. Every write
carries the number of the attempt; the database rejects late writes.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Callable, Sequence
from uuid import UUID, uuid4

from backend.context import AppContext
from backend.core import logs, notifications
from backend.core.background_tasks import PeriodicTask
from backend.core.clock import now
from backend.core.db.engine import AnySession
from backend.core.metrics.instruments import CLAIM, JOB_QUEUE_WAIT
from backend.execution.jobs.attempts import direct_start
from backend.execution.jobs.attempts.claim import JobAttempt, claim, claim_quarantined, reserve_quarantined
from backend.execution.jobs.attempts.recovery import recover_unreceived
from backend.execution.jobs.attempts.subjobs import claim_subjob, parents_of_queued
from backend.execution.waits.service import next_due_s, resume_due
from backend.execution.worker_registry import service as worker_registry
from backend.execution.worker_registry.identity import worker_ids
from backend.execution.worker_registry.service import SWEEP_INTERVAL_S
from workers import periodic
from workers.attempt import traces
from workers.attempt.attempt import Attempt, EndedBy
from workers.attempt.grading.graders import Graders
from workers.attempt.run import run_attempt
from workers.attempt.types import error_code_of, outcome_of
from workers.drives.change_tracking import ChangeTracker
from workers.drives.staged import StagedDrives
from workers.eval_runner import Suites
from workers.host_resources import Host
from workers.slots import SlotOffers
from workers.sweep import Sweeper
from workers.types import Runner

log = logs.get(__name__)

BATCH = 8
"""Maximum of one claim: small, so that other processes get their share."""
MAX_CHILDREN = 4
"""Maximum subjobs of one job that run concurrently."""
WAKE_DELAY_S = 0.02
"""Added to the time until a wait ends, so that it has ended then."""


class Supervisor:
    """Runs jobs of the lanes, at most `capacity` concurrently, until `stop`."""

    def __init__(
        self,
        context: AppContext,
        runners: dict[str, Runner],
        *,
        lanes: list[str],
        capacity: int,
        drives: StagedDrives | None = None,
        graders: Graders | None = None,
        host: Host | None = None,
        launch_id: UUID | None = None,
    ) -> None:
        self._host = host
        self._is_queue_empty = False
        """Whether the last claim found fewer jobs than it could take."""
        self._slots = SlotOffers(context.wakeups.process, lanes)
        self._is_short = False
        self._ids = worker_ids(launch_id or uuid4())
        self.worker_id = next(self._ids)
        self._context = context
        self._runners = runners
        self._lanes = lanes
        self._capacity = capacity
        self._drives = drives
        self._graders = graders
        self._change_tracker = ChangeTracker(context)
        self._suites = Suites(context)
        self._attempts: dict[UUID, Attempt] = {}
        self._cancelled_while_claiming: set[UUID] = set()
        """Jobs of any worker that were cancelled while this one was claiming: it may be about to start one of them."""
        self._tasks: set[asyncio.Task[None]] = set()
        self._wake = asyncio.Event()
        self._stopping = asyncio.Event()
        self._quarantine_lane: str | None = None
        """The lane of a quarantined job that this process must run alone."""
        self._sweeper = Sweeper(context.database)
        self.has_lease: Callable[[], bool] = lambda: True
        """Whether no other process can have declared this one lost."""
        self._recovered: set[UUID] = set()
        """Jobs that were started for this process, did not arrive in time, and are queued again."""
        self._has_left = False

    @property
    def running(self) -> int:
        """The number of jobs in this process, without subjobs, which use the slots of their parents."""
        return sum(attempt.job_attempt.uses_own_slot for attempt in self._attempts.values())

    def shortage(self) -> str | None:
        """Return the shortage of the host that prevents claims; none if there is none.

        May be called from any thread.
        """
        found = None if self._host is None else self._host.shortage()
        return None if found is None else f"{found.resource}: {found.detail}"

    def why_no_claims(self) -> str | None:
        """Return why this process claims no jobs; none if it claims them."""
        if self._stopping.is_set():
            return f"it is draining; running jobs: {self.running}"
        shortage = self.shortage()
        return None if shortage is None else f"its host is short of {shortage}"

    def wake(self) -> None:
        """Check whether there are jobs to claim."""
        self._wake.set()

    def receive_wakeup(self, lane: str) -> None:
        """Check whether there are jobs of a lane to claim, or let another process do so if this one takes none."""
        if lane in self._lanes and self._is_free():
            self._wake.set()
        else:
            self._report_capacity()
            notifications.send_now(notifications.WorkerWakeup(lane))

    def receive_subjob(self, parent_id: UUID) -> None:
        """Claim the subjob that a job of this process has called."""
        attempt = self._attempts.get(parent_id)
        if attempt is not None:
            attempt.has_called = True
            self._wake.set()

    def receive_started(self, lane: str, message: str) -> None:
        """Run a job that a submission has started in a slot of this process.

        Ignore a job that may run elsewhere by now; a sweep recovers it if it does not.
        """
        worker_id, _, text = message.partition(" ")
        is_member = worker_id == str(self.worker_id) and self.has_lease() and not self._has_left
        job = direct_start.read(text) if is_member else None
        if job is None or job.job_id in self._recovered or job.job_id in self._attempts:
            return
        self._slots.note_taken(job.reply_to)
        self._start(job, time.time_ns(), lane=lane)
        if self._stopping.is_set():
            self._attempts[job.job_id].leave()
        self._report_capacity()

    def cancel(self, job_id: UUID) -> None:
        """End the job if it runs in this process."""
        attempt = self._attempts.get(job_id)
        if attempt is not None:
            attempt.end(EndedBy.CANCEL)
        else:
            self._cancelled_while_claiming.add(job_id)

    def stop(self) -> None:
        """Stop claiming; `run` then drains and returns. Agents are requeued before their next step."""
        for attempt in self._attempts.values():
            attempt.leave()
        self._stopping.set()
        self._report_capacity()
        self._wake.set()

    async def rejoin(self, worker_id: UUID, layers: Sequence[str]) -> None:
        """Drop all jobs, since the lease has expired and other workers run them, and join with another ID."""
        if worker_id != self.worker_id or self._stopping.is_set():
            return  # it has already joined again, or it drains: late writes are rejected in both cases
        log.warning("lease of this process expired; its jobs run on other workers", worker_id=str(worker_id))
        for attempt in list(self._attempts.values()):
            attempt.end(EndedBy.LOSS)
        self.worker_id = next(self._ids)
        await self.join(layers)

    async def join(self, layers: Sequence[str]) -> None:
        """Enter the worker registry."""
        async with self._context.database.transaction() as session:
            await worker_registry.join(
                session, self.worker_id, lanes=self._lanes, capacity=self._capacity, layers=list(layers)
            )

    async def run(self, *, drain_s: float) -> None:
        """Claim and run until `stop`.

        Then let jobs end for `drain_s`, and requeue those that have not ended.
        """
        sweep = PeriodicTask("sweep", SWEEP_INTERVAL_S, self._sweep)
        resume = PeriodicTask("resume waiting jobs", SWEEP_INTERVAL_S, self._resume_waiting)
        suites = self._suites.periodic_task()
        until_drain = periodic.start([sweep, resume, suites, *periodic.tasks_until_drain(self._context)])
        until_exit = periodic.start(periodic.tasks_until_exit(self._context))
        while not self._stopping.is_set():
            await self._wake.wait()
            self._wake.clear()
            self._cancelled_while_claiming.clear()
            if not self.has_lease():
                self._report_capacity()
                continue  # a sweep of another process would take what it claims; its own next sweep checks again
            with self._sweeper.tolerate_outage():
                await self._claim_until_full()
                await self._claim_children()
        await periodic.stop(until_drain)
        await self._drain(drain_s)
        await periodic.stop(until_exit)
        await self._change_tracker.close()
        self._has_left = True
        with self._sweeper.tolerate_outage():  # otherwise the lease expires
            async with self._context.database.transaction() as session:
                await worker_registry.leave(session, self.worker_id)

    def _is_free(self) -> bool:
        is_available = not self._stopping.is_set() and self._quarantine_lane is None and not self._is_short
        return is_available and self.has_lease() and self.running < self._capacity

    def _report_capacity(self, *, is_repeated: bool = False) -> None:
        """Report whether this process can take jobs, and how many submissions may start in it."""
        is_free = self._is_free()
        self._is_queue_empty = self._is_queue_empty and is_free  # jobs may have been queued while it was full
        self._slots.report(self.worker_id, is_free=is_free, room=self._room(), is_repeated=is_repeated)

    def _room(self) -> int:
        """Return the number of jobs that submissions may start in this process: none while other jobs may wait."""
        return self._capacity - self.running if self._is_queue_empty and self._is_free() else 0

    async def _claim_children(self) -> None:
        """Start subjobs of this process' jobs, beyond the capacity, since their parents wait for them."""
        called = Counter(
            attempt.job_attempt.parent_job_id
            for attempt in self._attempts.values()
            if not attempt.job_attempt.uses_own_slot
        )
        may_call = [
            attempt.job_attempt.job_id
            for attempt in self._attempts.values()
            if attempt.may_have_children and called[attempt.job_attempt.job_id] < MAX_CHILDREN
        ]
        if not may_call:
            return
        async with self._context.database.reading() as reader:
            parents = await parents_of_queued(reader, may_call)
        for parent_id in parents:
            while called[parent_id] < MAX_CHILDREN:
                started_ns = time.time_ns()
                async with self._context.database.transaction() as session:
                    child = await claim_subjob(session, worker_id=self.worker_id, parent_id=parent_id)
                if child is None:
                    break
                called[parent_id] += 1
                self._start(child, started_ns)

    async def _claim_until_full(self) -> None:
        """Claim jobs, and report then whether there is room left.

        The message about a job that is submitted meanwhile is in the queue of Dramatiq, and wakes this process again.
        """
        try:
            await self._claim_from_lanes()
        finally:
            self._report_capacity()

    async def _claim_from_lanes(self) -> None:
        if self._lacks_resources():
            return
        if self._quarantine_lane is not None:
            await self._claim_quarantined(self._quarantine_lane)
            return
        for lane in self._lanes:
            while (free := self._capacity - self.running) > 0 and not self._stopping.is_set():
                limit = min(free, BATCH)
                self._is_queue_empty = len(await self._claim(lane, limit)) < limit
                if self._is_queue_empty:
                    break

    def _lacks_resources(self) -> bool:
        """Return whether the host lacks the resources for another job; the next sweep checks again."""
        shortage = self.shortage()
        if (shortage is not None) is not self._is_short:
            self._is_short = shortage is not None
            if shortage:
                log.error("host lacks resources for jobs; this worker claims none", shortage=shortage)
            else:
                log.warning("host has enough resources again; this worker claims jobs")
        return self._is_short

    async def _claim(self, lane: str, limit: int) -> list[JobAttempt]:
        started_ns = time.time_ns()
        async with self._context.database.single() as session:
            attempts = await claim(session, worker_id=self.worker_id, lane=lane, limit=limit)
        CLAIM.observe((time.time_ns() - started_ns) / 1e9)
        for job in attempts:
            self._start(job, started_ns, lane=lane)
        return attempts

    async def _claim_quarantined(self, lane: str) -> None:
        """Claim a quarantined job, which runs alone, once no other job runs.

        Until then, nothing else is claimed.
        """
        if self.running:
            return
        started_ns = time.time_ns()
        async with self._context.database.transaction() as session:
            attempts = await claim_quarantined(session, worker_id=self.worker_id, lane=lane)
        for job in attempts:
            self._start(job, started_ns)
        if not attempts:
            self._quarantine_lane = None
            self._wake.set()

    def _start(self, job: JobAttempt, claim_started_ns: int, *, lane: str | None = None) -> None:
        attempt = Attempt(
            self._context,
            self._runners,
            job,
            self._drives,
            poll_children=self.wake,
            graders=self._graders,
            host=self._host,
        )
        self._attempts[job.job_id] = attempt
        task = asyncio.create_task(
            self._run_attempt(attempt, claim_started_ns, lane), name=f"job {job.job_id}"
        )
        attempt.task = task
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        if job.attempt == 1 and lane is not None:
            JOB_QUEUE_WAIT.labels(lane).observe(max(0.0, (now() - job.due_at).total_seconds()))
        if job.job_id in self._cancelled_while_claiming:
            attempt.end(EndedBy.CANCEL)

    async def _run_attempt(self, attempt: Attempt, claim_started_ns: int, lane: str | None) -> None:
        started = time.time()
        try:
            with traces.attempt(attempt.job_attempt, claim_started_ns=claim_started_ns) as span:
                end = await run_attempt(attempt)
                traces.ended(
                    span,
                    attempt.job_attempt,
                    outcome=outcome_of(end),
                    code=error_code_of(end),
                    events=attempt.span_events,
                )
        finally:
            job_attempt = attempt.job_attempt
            self._suites.note(job_attempt)
            self._change_tracker.note(job_attempt.project_id, job_attempt.job_id, started, attempt.pushed)
            was_full = self.running >= self._capacity
            if self._attempts.get(attempt.job_attempt.job_id) is attempt:
                del self._attempts[attempt.job_attempt.job_id]
                if lane is not None:
                    self._pass_slot_on(job_attempt, lane)
            has_siblings = not job_attempt.uses_own_slot
            if (
                was_full or has_siblings or self._quarantine_lane is not None
            ):  # else each wake-up has led to a claim
                self._wake.set()
            if attempt.admitted_lane is not None:
                self.receive_wakeup(attempt.admitted_lane)

    def _pass_slot_on(self, ended: JobAttempt, lane: str) -> None:
        """Let the process that has started an ended job in a slot start its next one there."""
        if ended.reply_to and self._is_free():
            self._slots.pass_on(self.worker_id, ended.reply_to, lane=lane, room=self._room())

    async def _sweep(self) -> None:
        try:
            with self._sweeper.tolerate_outage():
                are_heartbeats_known = await self._sweeper.recover()
                await self._compare_with_database(are_heartbeats_known=are_heartbeats_known)
        finally:
            self._report_capacity(is_repeated=True)
            self._wake.set()

    async def _resume_waiting(self) -> float:
        """Resume the jobs whose waits have ended, and return how soon the next one ends."""
        pause_s = None
        with self._sweeper.tolerate_outage():
            if await resume_due(self._context.database):
                self._wake.set()
            pause_s = await next_due_s(self._context.database)
        return SWEEP_INTERVAL_S if pause_s is None else min(SWEEP_INTERVAL_S, pause_s + WAKE_DELAY_S)

    async def _compare_with_database(self, *, are_heartbeats_known: bool) -> None:
        """Requeue jobs that the database assigns to this process and that it does not run.

        Cancel and quarantine jobs.
        """
        async with self._context.database.transaction() as session:
            if are_heartbeats_known:  # otherwise a job that was just claimed could seem old
                recovered = await recover_unreceived(session, self.worker_id, list(self._attempts))
                self._recovered.update(recovered)
            await self._cancel_requested(session)
            if self._quarantine_lane is None:
                self._quarantine_lane = await reserve_quarantined(
                    session, worker_id=self.worker_id, lanes=self._lanes
                )

    async def _cancel_requested(self, session: AnySession) -> None:
        for job_id in await worker_registry.cancelled_jobs(session, self.worker_id):
            self.cancel(job_id)

    async def _drain(self, drain_s: float) -> None:
        """Let jobs end, also those that are canceled meanwhile, and requeue those that have not ended in time."""
        if self._tasks:
            log.info("draining", jobs=self.running, drain_s=drain_s)
            until = time.monotonic() + drain_s
            while self._tasks and (remaining_s := until - time.monotonic()) > 0:
                await asyncio.wait(self._tasks, timeout=min(remaining_s, SWEEP_INTERVAL_S))
                with self._sweeper.tolerate_outage():
                    async with self._context.database.transaction() as session:
                        await self._cancel_requested(session)
        for attempt in list(self._attempts.values()):
            attempt.end(EndedBy.DRAIN)
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=10)
