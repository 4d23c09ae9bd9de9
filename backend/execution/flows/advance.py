"""Decide what a flow does next, from its stored steps. Pure functions without a database."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from enum import Enum
from typing import Any, Final

from backend.execution.flows.compensation import completed_steps, undo_step
from backend.execution.flows.pauses import emit_of, pause_of
from backend.execution.flows.state import (
    APPROVAL_DENIED,
    CANCELLED,
    EXPRESSION_FAILED,
    NO_ITEM,
    STEP_FAILED,
    STEP_TIMEOUT,
    UNDO,
    Ask,
    End,
    FlowFailure,
    Plan,
    Rows,
    Start,
    StoredStep,
)
from backend.skills.bundles.inline_skills import MAX_PROMPT_CHARACTERS
from backend.skills.flows import reviewers
from backend.skills.flows.cel.budget import EvaluationError
from backend.skills.flows.templates import render, render_text
from backend.skills.flows.types import CALLS, ApprovalStep, Flow, Step

MAX_ELEMENTS: Final = 10_000
"""Maximum elements of one step with `for_each`."""
_MAX_ERROR: Final = 500
_MAX_PROBLEMS: Final = 2_000


class _Progress(Enum):
    DONE = "done"
    WAITING = "waiting"
    FAILED = "failed"


def advance(flow: Flow, *, inputs: Mapping[str, Any], job: Mapping[str, Any], rows: Rows) -> Plan:
    """Return what the flow does next.

    Args:
        flow: The flow.
        inputs: The inputs of its job.
        job: The value of the variable `job`.
        rows: The stored steps.
    """
    return _Advance(flow, {"inputs": inputs, "job": job}, rows).run()


class _Advance:
    """One pass over the steps of a flow, in their order."""

    def __init__(self, flow: Flow, variables: Mapping[str, Any], rows: Rows) -> None:
        self._flow = flow
        self._variables = variables
        self._rows = rows
        self._results: dict[str, Any] = {}
        self._positions = {step.id: position for position, step in enumerate(flow.walk(), start=1)}
        self._plan = Plan()
        self._ended: dict[tuple[str, int], End] = {}
        self._failure: FlowFailure | None = None
        self._is_by_cancellation = False
        self._received: frozenset[str] = frozenset()
        """The IDs of the events that waits before the current step have received."""

    def run(self) -> Plan:
        progress = self._block(self._flow.steps)
        if progress is _Progress.DONE:
            self._finish()
        if progress is _Progress.FAILED or (progress is _Progress.DONE and not self._plan.has_ended):
            self._stop()
        return self._plan

    def _finish(self) -> None:
        try:
            if self._flow.output is not None:
                self._plan.output = render(self._flow.output, self._scope())
            else:
                self._plan.output = self._results.get(self._flow.steps[-1].id, {})
            self._plan.has_ended = True
        except EvaluationError as error:
            self._failure = FlowFailure(EXPRESSION_FAILED, f"The output of the flow: {error.message}")

    def _stop(self) -> None:
        """Stop the jobs of a flow that fails, then undo its steps, and then end it."""
        plan = self._plan
        plan.is_failing = True
        plan.starts, plan.asks, plan.pauses, plan.emits = [], [], [], []
        plan.stops = [
            row.child_job_id
            for key, row in self._rows.items()
            if row.status == "running"
            and row.child_job_id
            and row.child is None
            and row.item != UNDO
            and key not in self._ended
        ]
        if plan.stops or self._failure is None:
            return
        problems = self._undo()
        if problems is not None:
            plan.has_ended = True
            plan.failure = self._failure
            if problems:
                not_undone = "; ".join(problems)[:_MAX_PROBLEMS]
                message = f"{self._failure.message.rstrip('.')}. Not undone: {not_undone}"
                plan.failure = replace(self._failure, message=message)

    def _undo(self) -> list[str] | None:
        """Undo the completed steps, the last one first; return what could not be undone, or None until the end."""
        completed, needed = completed_steps(self._flow, self._rows, self._ended)
        if needed:
            self._plan.needed |= needed
            return None
        problems: list[str] = []
        for step, result in completed:
            end = self._undone(step, result)
            if end is None:
                return None
            if end.status != "succeeded":
                problems.append(f"{step.id!r} failed with {end.error_code}: {end.error}")
        return problems

    def _undone(self, step: Step, result: Any) -> End | StoredStep | None:
        """Start the job that undoes a step, or return how it has ended."""
        row, compensate = self._rows.get((step.id, UNDO)), step.compensate
        if row is not None and row.status != "running":
            return row
        if row is not None and row.child is None:
            return None
        if row is not None and row.child is not None:
            child = row.child
            if child.status == "succeeded":
                end = End(step, UNDO, "succeeded", child.result)
            else:
                message = f"{child.error or child.status} (job {row.child_job_id})"[:_MAX_ERROR]
                end = End(step, UNDO, "failed", error=message, error_code=child.error_code or STEP_FAILED)
            self._end(end)
            return end
        try:
            steps = {**self._results, step.id: result}
            inputs = render({} if compensate is None else compensate.inputs, self._scope(steps=steps))
        except EvaluationError as error:
            end = End(step, UNDO, "failed", error=error.message[:_MAX_ERROR], error_code=EXPRESSION_FAILED)
            self._end(end)
            return end
        self._plan.starts.append(Start(undo_step(step), UNDO, 1, inputs))
        return None

    def _scope(self, **more: Any) -> dict[str, Any]:
        return {**self._variables, "steps": self._results, **more}

    def _block(self, steps: tuple[Step, ...]) -> _Progress:
        for step in steps:
            progress = self._step(step)
            if progress is not _Progress.DONE:
                return progress
        return _Progress.DONE

    def _step(self, step: Step) -> _Progress:
        row = self._rows.get((step.id, NO_ITEM))
        if row is not None and row.status == "skipped":
            return _Progress.DONE
        try:
            if row is None and step.condition is not None and not self._is_true(step.condition):
                self._end(End(step, NO_ITEM, "skipped"))
                return _Progress.DONE
            if step.for_each is not None:
                return self._loop(step)
            return self._one(step)
        except EvaluationError as error:
            return self._fail(step, NO_ITEM, EXPRESSION_FAILED, error.message)

    def _one(self, step: Step) -> _Progress:
        """Advance a step that is not skipped and has no elements."""
        if step.kind in CALLS:
            return self._call(step, NO_ITEM, self._scope())
        if step.kind == "approval":
            return self._approval(step)
        if step.kind == "wait":
            return self._wait(step)
        if step.kind == "emit":
            return self._emit(step)
        return self._branches(step)

    def _is_true(self, condition: bool | str) -> bool:
        value = render(condition, self._scope())
        if not isinstance(value, bool):
            raise EvaluationError("The condition is neither true nor false.")
        return value

    def _call(self, step: Step, item: int, scope: Mapping[str, Any]) -> _Progress:
        """Start the job of a step or an element, or read how it has ended."""
        row = self._rows.get((step.id, item))
        if row is None:
            self._plan.starts.append(_start(step, item, 1, scope))
            return _Progress.WAITING
        if row.status == "running" and row.child is None:
            if row.pause is not None and row.pause.is_over and row.child_job_id is not None:
                self._plan.stops.append(row.child_job_id)
                self._plan.expired.append((step.id, item))
            return _Progress.WAITING
        if row.status == "running":
            return self._after_child(step, item, row, scope)
        if row.status == "succeeded":
            return self._succeed(step, item, row.result)
        return self._fail(step, item, row.error_code or STEP_FAILED, row.error or "", is_stored=True)

    def _after_child(self, step: Step, item: int, row: StoredStep, scope: Mapping[str, Any]) -> _Progress:
        child = row.child
        if child is None:
            raise LookupError("the job of the step runs")
        if child.status == "succeeded":
            self._end(End(step, item, "succeeded", child.result))
            return self._succeed(step, item, child.result)
        # Its job was cancelled for that; a result that it returned before counts.
        is_timeout = child.status == "cancelled" and row.pause is not None and row.pause.is_over
        retries = step.retries
        if (child.status == "failed" or is_timeout) and retries is not None and row.tries <= retries.max:
            delay_s = retries.backoff.delay_s(row.tries - 1)
            self._plan.starts.append(_start(step, item, row.tries + 1, scope, delay_s))
            return _Progress.WAITING
        if is_timeout:
            message = f"Its time of {step.timeout_s:g} seconds is over (job {row.child_job_id})"
            return self._fail(step, item, STEP_TIMEOUT, message)
        message = f"{child.error or child.status} (job {row.child_job_id})"
        return self._fail(step, item, child.error_code or STEP_FAILED, message)

    def _end(self, end: End) -> None:
        self._plan.ends.append(end)
        self._ended[end.step.id, end.item] = end

    def _succeed(self, step: Step, item: int, result: Any) -> _Progress:
        if item == NO_ITEM:
            self._results[step.id] = result
        return _Progress.DONE

    def _fail(self, step: Step, item: int, code: str, message: str, *, is_stored: bool = False) -> _Progress:
        """Store a failure. It fails the flow unless the step is an element that may fail."""
        if not is_stored:
            self._end(End(step, item, "failed", error=message[:_MAX_ERROR], error_code=code))
        # People count from 1, as the form of the inputs does.
        where = f"The step {step.id!r}" if item == NO_ITEM else f"Element {item + 1} of the step {step.id!r}"
        if self._failure is None or (self._is_by_cancellation and code != CANCELLED):
            # After a failure, the flow cancels its other jobs. They are not the cause.
            self._failure = FlowFailure(STEP_FAILED, f"{where} failed with {code}: {message[:_MAX_ERROR]}")
            self._is_by_cancellation = code == CANCELLED
        return _Progress.FAILED

    def _loop(self, step: Step) -> _Progress:
        """Advance the elements of a step: at most `concurrency` of them run at the same time."""
        done = self._rows.get((step.id, NO_ITEM))
        if done is not None and done.status == "succeeded":
            return self._succeed(step, NO_ITEM, done.result)
        if done is not None:
            return self._fail(step, NO_ITEM, done.error_code or STEP_FAILED, done.error or "", is_stored=True)
        elements = render(step.for_each, self._scope())
        if not isinstance(elements, list):
            raise EvaluationError("'for_each' needs a list.")
        if len(elements) > MAX_ELEMENTS:
            raise EvaluationError(
                f"'for_each' has {len(elements):,} elements; at most {MAX_ELEMENTS:,} are allowed."
            )
        progresses = self._elements(step, elements)
        if step.on_error == "fail" and _Progress.FAILED in progresses:
            return _Progress.FAILED
        return _Progress.WAITING if _Progress.WAITING in progresses else self._collect(step, len(elements))

    def _elements(self, step: Step, elements: list[Any]) -> set[_Progress]:
        """Advance each element, and return what they do."""
        rows = [self._rows.get((step.id, item)) for item in range(len(elements))]
        free = step.concurrency - sum(map(_is_active, rows))
        progresses: set[_Progress] = set()
        for item, (element, row) in enumerate(zip(elements, rows, strict=True)):
            if row is not None and row.status == "succeeded":
                continue
            if row is None:
                free -= 1
                if free < 0:
                    progresses.add(_Progress.WAITING)
                    continue
            progresses.add(self._element(step, item, element))
        return progresses

    def _collect(self, step: Step, count: int) -> _Progress:
        """Store the results of all elements as that of the step."""
        rows = (self._rows.get((step.id, item)) for item in range(count))
        if any(row is not None and not row.has_result for row in rows):
            self._plan.needed.add(step.id)
            return _Progress.WAITING
        results = [self._of_element(step, item) for item in range(count)]
        self._end(End(step, NO_ITEM, "succeeded", results))
        return self._succeed(step, NO_ITEM, results)

    def _element(self, step: Step, item: int, element: Any) -> _Progress:
        before = self._failure, self._is_by_cancellation
        try:
            progress = self._call(step, item, self._scope(item=element, index=item))
        except EvaluationError as error:
            progress = self._fail(step, item, EXPRESSION_FAILED, error.message)
        if step.on_error == "continue":
            self._failure, self._is_by_cancellation = before
        return progress

    def _of_element(self, step: Step, item: int) -> Any:
        """Return the result of an element that has ended, in this pass or before."""
        one = self._ended.get((step.id, item)) or self._rows[step.id, item]
        if step.on_error == "fail":
            return one.result
        return {"status": one.status, "result": one.result, "error": one.error}

    def _approval(self, step: Step) -> _Progress:
        row, approval = self._rows.get((step.id, NO_ITEM)), step.approval
        if row is None and approval is not None:
            scope = self._scope()
            ask = Ask(
                step,
                self._positions[step.id],
                render_text(approval.message, scope),
                render(approval.show, scope),
                _reviewers(approval, scope),
            )
            self._plan.asks.append(ask)
            return _Progress.WAITING
        if row is None or (row.status == "running" and row.decision is None):
            return _Progress.WAITING
        if row.status == "running" and row.decision is not None:
            decision = row.decision
            is_approved = decision.status == "approved"
            result: dict[str, Any] = {
                "approved": is_approved,
                "decided_by": decision.decided_by,
                "reason": decision.reason,
            }
            if is_approved and approval is not None and approval.form is not None:
                result["form"] = decision.form or {}
            if is_approved or step.on_error == "continue":
                self._end(End(step, NO_ITEM, "succeeded", result))
                return self._succeed(step, NO_ITEM, result)
            if decision.status == CANCELLED:
                return self._fail(step, NO_ITEM, CANCELLED, "Another step has failed.")
            said = f": {decision.reason}" if decision.reason else ""
            why = "It expired." if decision.status == "expired" else f"A user rejected it{said}."
            return self._fail(step, NO_ITEM, APPROVAL_DENIED, why)
        if row.status == "succeeded":
            return self._succeed(step, NO_ITEM, row.result)
        return self._fail(step, NO_ITEM, row.error_code or APPROVAL_DENIED, row.error or "", is_stored=True)

    def _wait(self, step: Step) -> _Progress:
        """Wait for a time or an event, or read how the wait has ended."""
        row, wait = self._rows.get((step.id, NO_ITEM)), step.wait
        if row is not None and row.status == "failed":
            return self._fail(step, NO_ITEM, row.error_code or STEP_FAILED, row.error or "", is_stored=True)
        if row is not None and row.status == "succeeded":
            if wait is not None and wait.event is not None and "id" in row.result:
                self._received |= {row.result["id"]}
            return self._succeed(step, NO_ITEM, row.result)
        pause = None if row is None else row.pause
        if pause is None or pause.has_event:
            self._plan.pauses.append(pause_of(step, self._scope(), self._received))
            return _Progress.WAITING
        if not pause.is_over:
            return _Progress.WAITING
        if wait is not None and wait.event is not None and step.on_error == "fail":
            message = f"The event was not received within {step.timeout_s:g} seconds."
            return self._fail(step, NO_ITEM, STEP_TIMEOUT, message)
        result = {} if wait is None or wait.event is None else {"timed_out": True}
        self._end(End(step, NO_ITEM, "succeeded", result))
        return self._succeed(step, NO_ITEM, result)

    def _emit(self, step: Step) -> _Progress:
        """Send an event, or read that it was sent."""
        row = self._rows.get((step.id, NO_ITEM))
        if row is None:
            self._plan.emits.append(emit_of(step, self._scope()))
            return _Progress.WAITING
        if row.status == "succeeded":
            return self._succeed(step, NO_ITEM, row.result)
        return self._fail(step, NO_ITEM, row.error_code or STEP_FAILED, row.error or "", is_stored=True)

    def _branches(self, step: Step) -> _Progress:
        """Advance the chosen case of a switch, or all branches."""
        if step.kind == "switch":
            return self._switch(step)
        before = after = self._received
        progresses = []
        for branch in step.parallel:
            self._received = before  # branches receive the same events
            progresses.append(self._block(branch.steps))
            after |= self._received
        self._received = after
        for progress in (_Progress.FAILED, _Progress.WAITING):
            if progress in progresses:
                return progress
        return self._end_block(step, {})

    def _switch(self, step: Step) -> _Progress:
        whens = [case.when for case in step.switch]
        chosen = next((index for index, when in enumerate(whens) if self._is_true(when)), len(whens))
        progress = self._block(step.switch[chosen].steps if chosen < len(whens) else step.default)
        return progress if progress is not _Progress.DONE else self._end_block(step, {"case": chosen})

    def _end_block(self, step: Step, result: dict[str, Any]) -> _Progress:
        if (step.id, NO_ITEM) not in self._rows:
            self._end(End(step, NO_ITEM, "succeeded", result))
        return self._succeed(step, NO_ITEM, result)


def _start(step: Step, item: int, tries: int, scope: Mapping[str, Any], delay_s: float = 0.0) -> Start:
    prompt = None if step.prompt is None else _prompt(render_text(step.prompt, scope))
    return Start(step, item, tries, render(step.inputs, scope), delay_s, prompt)


def _reviewers(approval: ApprovalStep, scope: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the reviewers of an approval; an expression may return one, or a list of them."""
    values = [render(one, scope) for one in approval.reviewers]
    found = [one for value in values for one in (value if isinstance(value, list) else [value])]
    for one in found:
        problem = reviewers.problem_of(one)
        if problem is not None:
            raise EvaluationError(f"'reviewers': {problem}")
    if approval.reviewers and not found:
        raise EvaluationError(
            "'reviewers' is an empty list, so no user could decide. Name at least one reviewer."
        )
    if len(found) > reviewers.MAX_REVIEWERS:
        raise EvaluationError(
            f"'reviewers' has {len(found):,} entries; at most {reviewers.MAX_REVIEWERS} are allowed. Use a role."
        )
    return tuple(dict.fromkeys(reviewers.as_stored(one) for one in found))


def _prompt(text: str) -> str:
    if not text.strip():
        raise EvaluationError("The prompt is empty.")
    if len(text) > MAX_PROMPT_CHARACTERS:
        raise EvaluationError(
            f"The prompt has {len(text):,} characters; at most {MAX_PROMPT_CHARACTERS:,} are allowed. Pass long values "
            "as inputs of the step."
        )
    if "\0" in text or any("\ud800" <= character <= "\udfff" for character in text):
        raise EvaluationError("The prompt contains a NUL character or an unpaired surrogate. Remove it.")
    return text


def _is_active(row: StoredStep | None) -> bool:
    """Return whether an element has a job that runs, or that may be repeated."""
    if row is None or row.status != "running":
        return False
    return row.child is None or row.child.status != "succeeded"
