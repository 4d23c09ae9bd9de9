"""Store the durable steps of one attempt of a function, and let it wait without a process."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Coroutine
from typing import Any, Final

from sqlalchemy.exc import SQLAlchemyError

from backend.core import logs
from backend.core.db.connections import error_summary
from backend.core.db.engine import AnySession, Database
from backend.core.errors import PurasError
from backend.execution.events.types import ResumedEvent
from backend.execution.jobs.attempts.claim import JobAttempt
from backend.execution.steps import service as steps
from backend.execution.steps.service import MAX_STEPS, StepWrite, StoredStep
from backend.execution.waits import project_events
from backend.execution.waits import service as waits
from backend.execution.waits.service import Wait, WaitState
from workers.db_retry import DatabaseRetry
from workers.drives.errors import AttemptLost
from workers.recorder import BufferedRecorder
from workers.steps.limits import Limits, Rejected
from workers.steps.records import finished, is_ancestor, mismatch, received, started, step_of, without_retried
from workers.steps.requests import BadRequest, Request
from workers.steps.writer import StepWriter
from workers.types import JobProcess, Postponed

log = logs.get(__name__)

SHORT_WAIT_S: Final = 2.0
"""A job waits in its process for a time that is nearer than this: to start again would take about as long."""
_CHECK_EVENTS_S: Final = 1.0
_LAST_WRITE_S: Final = 3.0
_MAX_LOGGED: Final = 10
"""Maximum bad requests of one attempt in the log of the worker."""
_MAX_OPEN: Final = 512
"""Maximum requests that are answered at the same time; the kit sends one for each of its threads."""


class JobSteps:
    """Answers the requests of one process."""

    def __init__(
        self,
        database: Database,
        job_attempt: JobAttempt,
        recorder: BufferedRecorder,
        *,
        is_trial: bool = False,
    ) -> None:
        """Store the steps of an attempt; a trial has no access to the events of the project."""
        self._database = database
        self._is_trial = is_trial
        self._job_attempt = job_attempt
        self._recorder = recorder
        self._writer = StepWriter(database, job_attempt, recorder)
        self._stored: dict[tuple[str, int], StoredStep] = {}
        self._limits = Limits()
        self._received: list[tuple[str, int]] = []
        """The branches that have received events, with the `seq` of each event."""
        self._answering: set[asyncio.Task[None]] = set()
        self._waiting: dict[int, WaitState] = {}
        """The waits that have not ended, by their requests."""
        self._idle: set[int] = set()
        """The waits of the process when it had nothing else to do."""
        self._suspension: Postponed | None = None
        self._start_count = 0
        self._bad_count = 0

    @property
    def suspension(self) -> Postponed | None:
        """What the job waits for, if the process was ended for that."""
        return self._suspension

    def receive(self, line: bytes, process: JobProcess) -> None:
        """Start to answer a request, which comes from tenant code."""
        if self._suspension is not None:
            return
        try:
            request = Request(line)
            if len(self._answering) >= _MAX_OPEN:
                raise BadRequest("The process sends too many requests at the same time.")
            if (
                request.operation == "begin" and not request.is_once
            ):  # the process does not wait for an answer
                self._start_count += 1
                if self._start_count > MAX_STEPS:  # the events of starts have no other limit
                    raise BadRequest("The function has started too many steps.")
                self._recorder.record(started(request))
                return
            if request.operation == "suspend":
                self._idle = request.waits
                self._suspend_if_idle(process)
                return
            answering = self._operation(request, process)
        except BadRequest as error:
            self._bad_count += 1
            if self._bad_count <= _MAX_LOGGED:
                job_id = str(self._job_attempt.job_id)
                log.warning("bad request of a function", job_id=job_id, reason=str(error))
            return
        task = asyncio.create_task(self._answer(request.id, answering, process), name="answer a step")
        self._answering.add(task)
        task.add_done_callback(self._answering.discard)

    async def close(self) -> None:
        """Stop answering, after writes that have started."""
        for task in self._answering:
            task.cancel()
        if self._answering:
            await asyncio.wait(set(self._answering), timeout=_LAST_WRITE_S)
        await self._writer.close(_LAST_WRITE_S)

    def _operation(self, request: Request, process: JobProcess) -> Coroutine[Any, Any, dict[str, Any]]:
        operations: dict[str, Callable[[], Coroutine[Any, Any, dict[str, Any]]]] = {
            "open": self._open,
            "outcome": lambda: self._outcome(request),
            "begin": lambda: self._begin_once(request),
            "finish": lambda: self._finish(request),
            "emit": lambda: self._emit(request),
            "wait": lambda: self._wait(request, process),
        }
        operation = operations.get(request.operation)
        if operation is None:
            raise BadRequest(f"There is no operation {request.operation!r}.")
        return operation()

    async def _answer(
        self, number: int, answering: Coroutine[Any, Any, dict[str, Any]], process: JobProcess
    ) -> None:
        try:
            body = await answering
        except Rejected as error:
            body = {"error": error.code, "message": str(error)}
        except PurasError as error:
            body = {"error": error.code, "message": error.detail}
        except BadRequest as error:
            body = {"error": "bad_request", "message": str(error)}
        except AttemptLost:
            return  # the process is about to be ended
        except SQLAlchemyError as error:
            log.error("step not stored", job_id=str(self._job_attempt.job_id), error=error_summary(error))
            body = {
                "error": "step_not_stored",
                "message": "The database does not store the step. The log of the worker contains the cause.",
            }
        except Exception as error:  # noqa: BLE001 - the last resort: without an answer, the function would wait forever
            log.error("request of a step failed", job_id=str(self._job_attempt.job_id), error=repr(error))
            body = {"error": "bad_request", "message": "The worker cannot process the request."}
        await process.answer(json.dumps({"id": number, **body}).encode() + b"\n")

    async def _open(self) -> dict[str, Any]:
        """Read what earlier attempts have stored, and return it without the results."""
        retry = DatabaseRetry("steps not read yet", job_id=str(self._job_attempt.job_id))
        while True:
            async with retry:
                async with self._database.reading() as session:
                    stored = await steps.read(session, self._job_attempt.job_id)
                break
        for step in without_retried(stored, self._job_attempt.retries):
            self._stored[step.branch, step.position] = step
            self._limits.count += 1
            self._limits.total_bytes += len(step.result or "")
            if step.kind == "event" and step.result is not None:
                self._received.append((step.branch, json.loads(step.result)["seq"]))
        if self._stored:
            self._recorder.record(ResumedEvent(from_step=self._limits.count))
        return {
            "steps": [
                [step.branch, step.position, step.name, step.kind, step.status]
                for step in self._stored.values()
            ]
        }

    async def _outcome(self, request: Request) -> dict[str, Any]:
        """Return the stored outcome of a step. Each is needed once, so its result is not kept in memory."""
        step = self._stored.pop((request.text("branch"), request.number("position")), None)
        if step is None:
            raise BadRequest("There is no such step.")
        return {"result": step.result} if step.error is None else {"failure": step.error}

    async def _begin_once(self, request: Request) -> dict[str, Any]:
        """Store that a step with `once` has started."""
        self._limits.add(None)
        await self._writer.write(step_of(request, status="started"), started(request))
        return {}

    async def _finish(self, request: Request) -> dict[str, Any]:
        """Store the outcome of a step."""
        result, failure = request.result, self._recorder.scrubber.scrub(request.failure)
        self._limits.add(result)
        status: Final = "failed" if failure is not None else "finished"
        tries, duration_s = request.number("tries"), request.seconds("duration_s") or 0.0
        step = step_of(
            request, status=status, result=result, error=failure, tries=tries, duration_s=duration_s
        )
        error = None if failure is None else f"{failure.get('type')}: {failure.get('message')}"
        await self._writer.write(step, finished(step, error=error))
        return {}

    async def _emit(self, request: Request) -> dict[str, Any]:
        """Send an event and store the step with it."""
        self._require_own_code()
        event_id, data = request.event_id, request.data
        if not request.text("name"):
            raise BadRequest("The event has no type.")
        result = json.dumps({"id": event_id})
        self._limits.add(result)
        step = step_of(request, status="finished", result=result)

        async def send(session: Any) -> None:
            await project_events.send(
                session,
                project_id=self._job_attempt.project_id,
                environment=self._job_attempt.environment,
                event_id=event_id,
                event_type=step.name,
                data=data,
                sent_by=f"job:{self._job_attempt.job_id}",
            )

        await self._writer.write_with(step, finished(step, event_id=event_id), send)
        return {}

    async def _wait(self, request: Request, process: JobProcess) -> dict[str, Any]:
        """Answer when the wait has ended, unless the process is ended before."""
        step = step_of(request, status="finished")
        if step.kind == "event":
            self._require_own_code()
        wait = self._wait_of(request, step)
        if wait.after_s is None and wait.until is None and wait.event_type is None:
            raise BadRequest("A sleep needs a time.")
        state = await self._register(wait)
        if (state.name, state.event_type is not None) != (wait.name, wait.event_type is not None):
            raise Rejected("step_mismatch", mismatch(step, state))
        self._recorder.record(started(request))
        try:
            while not state.has_ended:
                self._waiting[request.id] = state
                self._suspend_if_idle(process)
                await asyncio.sleep(_pause_s(state))
                state = await self._register(wait)
        finally:
            self._waiting.pop(request.id, None)
            self._idle = set()  # a thread of the process continues; it reports when all of them wait again
        return await self._end_wait(step, state)

    async def _end_wait(self, step: StepWrite, state: WaitState) -> dict[str, Any]:
        """Store the end of a wait as a step, and delete the wait."""
        result = None if step.kind == "sleep" else json.dumps(received(state))
        ended = StepWrite(
            step.branch,
            step.position,
            step.name,
            step.occurrence,
            step.kind,
            "finished",
            result=None if result == "null" else result,
            duration_s=max(0.0, state.waited_s),
        )
        self._limits.add(ended.result)

        async def delete(session: AnySession) -> None:
            await waits.delete(
                session,
                project_id=self._job_attempt.project_id,
                job_id=self._job_attempt.job_id,
                keys=[state.key],
            )

        event_id = None if state.event is None else state.event.id
        await self._writer.write_with(ended, finished(ended, event_id=event_id), delete)
        if state.event is not None:
            self._received.append((step.branch, state.event.seq))
        return {"result": ended.result}

    def _require_own_code(self) -> None:
        """Reject code without access to the events of the project: of a listing of another one, or of a trial."""
        if self._job_attempt.publisher_id is not None:
            raise Rejected(
                "not_allowed", "The code of a listing cannot send or receive events of the project."
            )
        if self._is_trial:
            raise Rejected(
                "not_allowed", "A run of the assistant's copy cannot send or receive events of the project."
            )

    def _wait_of(self, request: Request, step: StepWrite) -> Wait:
        is_event = step.kind == "event"
        seqs = [seq for branch, seq in self._received if is_ancestor(branch, step.branch)]
        return Wait(
            key=f"{step.branch}:{step.position}",
            name=step.name,
            after_s=request.seconds("after_s"),
            until=request.until,
            event_type=step.name if is_event else None,
            match=request.match if is_event else {},
            skipped=seqs if is_event else (),
        )

    async def _register(self, wait: Wait) -> WaitState:
        job_attempt = self._job_attempt
        retry = DatabaseRetry("wait not stored yet", job_id=str(job_attempt.job_id))
        while True:
            async with retry:
                async with self._database.transaction() as session:
                    state = await waits.register(
                        session,
                        project_id=job_attempt.project_id,
                        job_id=job_attempt.job_id,
                        attempt=job_attempt.attempt,
                        wait=wait,
                    )
                if state is None:
                    raise AttemptLost
                return state

    def _suspend_if_idle(self, process: JobProcess) -> None:
        """End the process if all that it does is to wait, for longer than a moment."""
        if not self._idle or not self._idle <= self._waiting.keys():
            return  # a wait is being registered, or has just ended
        states = [self._waiting[number] for number in self._idle]
        times_s = [state.remaining_s for state in states if state.remaining_s is not None]
        if times_s and min(times_s) < SHORT_WAIT_S:
            return
        ends = [state.wake_at for state in states if state.wake_at is not None]
        reason = "event" if any(state.event_type is not None for state in states) else "sleep"
        self._suspension = Postponed(reason, is_waiting=True, wake_at=min(ends, default=None))
        process.suspend()


def _pause_s(state: WaitState) -> float:
    if state.remaining_s is None:
        return _CHECK_EVENTS_S
    return min(state.remaining_s, _CHECK_EVENTS_S) if state.event_type is not None else state.remaining_s
