"""Compute what a step waits for and which event it sends. Pure functions without a database."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from backend.core.schemas import unstorable
from backend.execution.flows.state import Emit, Pause
from backend.execution.waits.project_events import MAX_ID_CHARACTERS, MAX_TYPE_CHARACTERS
from backend.skills.flows.cel.budget import MAX_STEPS, Budget, EvaluationError
from backend.skills.flows.cel.evaluate import evaluate
from backend.skills.flows.cel.syntax import Call, Name, Node, Select, children
from backend.skills.flows.templates import read_template, render
from backend.skills.flows.types import Step, seconds_of
from backend.skills.schemas.messages import shown

_MAX_VALUE_CHARACTERS: Final = 1_000
_MAX_EXACT_INT: Final = 1 << 53
"""Larger integers may be equal to a decimal number that differs as text."""


@dataclass(frozen=True, slots=True)
class Event:
    """An event of the project."""

    seq: int
    id: str
    type: str
    data: Any


def pause_of(step: Step, variables: Mapping[str, Any], received: frozenset[str]) -> Pause:
    """Return what a step with `wait` waits for.

    Args:
        step: The step.
        variables: The variables of its expressions.
        received: IDs of the events that earlier waits have received.

    Raises:
        EvaluationError: An expression has no value, or not one of a time or a type.
    """
    wait = step.wait
    if wait is None:
        raise LookupError(f"the step {step.id!r} does not wait")
    if wait.event is not None:
        event_type = _text(render(wait.event.type, variables), "The type of an event", MAX_TYPE_CHARACTERS)
        return Pause(
            step,
            after_s=step.timeout_s,
            event_type=event_type,
            condition=wait.event.match,
            variables=variables,
            received=received,
        )
    if wait.until is not None:
        return Pause(step, until=_time(render(wait.until, variables)))
    duration = render(wait.duration, variables)
    seconds = seconds_of(duration)
    if seconds is None:
        forms = "a number of seconds above 0, or text such as 90s, 15m, 2h or 3d, up to 366 days"
        raise EvaluationError(f"A duration is {forms}, not {shown(duration)}.")
    return Pause(step, after_s=seconds)


def emit_of(step: Step, variables: Mapping[str, Any]) -> Emit:
    """Return the event that a step sends. Without an `id` it has one of the step in its job.

    Raises:
        EvaluationError: An expression has no value, or not that of a type or an ID.
    """
    emit = step.emit
    if emit is None:
        raise LookupError(f"the step {step.id!r} sends no event")
    event_id = f"{variables['job']['id']}:{step.id}" if emit.id is None else render(emit.id, variables)
    return Emit(
        step,
        _text(render(emit.type, variables), "The type of an event", MAX_TYPE_CHARACTERS),
        render(emit.data, variables),
        _text(event_id, "The ID of an event", MAX_ID_CHARACTERS),
    )


def result_of(step: Step, event: Event) -> dict[str, Any]:
    """Return the result of a wait that has received an event."""
    result = {"id": event.id, "type": event.type, "data": event.data}
    return {**result, "timed_out": False} if step.on_error == "continue" else result


def accepts(pause: Pause, event: Event) -> tuple[bool, int]:
    """Return whether an event ends a wait, and the steps of the evaluation.

    An event for which the condition has no value does not end it: anyone who may send events could otherwise make
    each flow fail.
    """
    if pause.condition is None:
        return True, 0
    budget = Budget()
    variables = {**pause.variables, "event": {"id": event.id, "type": event.type, "data": event.data}}
    try:
        is_accepted = render(pause.condition, variables, budget) is True
    except EvaluationError:
        is_accepted = False
    return is_accepted, MAX_STEPS - budget.steps_left


def required_values(pause: Pause) -> dict[str, Any]:
    """Return values that the data of an event must have for the condition to be true, by their paths.

    They follow from `event.data.path == value`, alone or joined by `&&`, if the value does not depend on the event. So
    most events queue only the flows that wait for them.
    """
    template = read_template(pause.condition) if isinstance(pause.condition, str) else None
    if template is None or template.lone is None:
        return {}
    found: dict[str, Any] = {}
    for node in _conjuncts(template.lone.node):
        if not isinstance(node, Call) or node.function != "_==_":
            continue
        for one, other in (node.arguments, node.arguments[::-1]):
            path = _path(one)
            if path and not _depends_on_event(other):
                try:
                    value = evaluate(other, pause.variables)
                except EvaluationError:
                    continue
                if _is_exact(value):
                    found.setdefault(".".join(path), value)
    return found


def _conjuncts(node: Node) -> Iterator[Node]:
    if isinstance(node, Call) and node.function == "_&&_":
        for one in node.arguments:
            yield from _conjuncts(one)
    else:
        yield node


def _path(node: Node) -> list[str]:
    """Return the path of a field in the data of the event; an empty one if the expression is something else."""
    fields: list[str] = []
    while isinstance(node, Select):
        fields.append(node.field)
        node = node.operand
    if isinstance(node, Name) and node.name == "event" and fields and fields[-1] == "data":
        return fields[-2::-1]
    return []


def _depends_on_event(node: Node) -> bool:
    if isinstance(node, Name):
        return node.name == "event"
    return any(map(_depends_on_event, children(node)))


def _is_exact(value: Any) -> bool:
    if isinstance(value, str):
        return len(value) <= _MAX_VALUE_CHARACTERS and not unstorable(value)
    return isinstance(value, int) and abs(value) < _MAX_EXACT_INT


def _text(value: Any, what: str, most: int) -> str:
    if not isinstance(value, str) or not 0 < len(value) <= most:
        raise EvaluationError(f"{what} is text of 1 to {most} characters, not {shown(value)}.")
    problem = unstorable(value)
    if problem:
        raise EvaluationError(f"{what} cannot be stored: {problem}.")
    return value


def _time(value: Any) -> datetime:
    try:
        found = datetime.fromisoformat(value)
    except (ValueError, TypeError):
        found = None
    if found is None or found.tzinfo is None:
        raise EvaluationError(
            f"A time is text with a time zone such as '2026-01-31T09:00:00Z', not {shown(value)}."
        )
    return found
