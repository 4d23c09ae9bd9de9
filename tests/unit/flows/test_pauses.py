"""A flow waits for times and events, sends events, and limits the time of its steps."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from backend.execution.flows.pauses import Event, accepts, emit_of, pause_of, required_values, result_of
from backend.execution.flows.state import Pause, StoredPause, StoredStep
from backend.skills.flows.cel.budget import EvaluationError
from tests.unit.flows.test_advance import ID, LOOP, done, flow, plan, running

WAIT = "{id: w, wait: {event: {type: paid%s}}%s}"
ENDED = StoredPause(is_over=True)


def waiting(pause: StoredPause | None = None, step: str = "w") -> StoredStep:
    """Return a step that waits."""
    return StoredStep(step, -1, "running", pause=pause)


def pause_with(match: str, **inputs: Any) -> Pause:
    """Return a wait for an event with a condition."""
    step = flow(f'{{id: w, wait: {{event: {{type: paid, match: "{match}"}}}}}}').steps[0]
    return pause_of(step, {"inputs": inputs, "steps": {}, "job": {"id": "j"}}, frozenset())


def event(data: Any, event_id: str = "e") -> Event:
    """Return an event."""
    return Event(1, event_id, "paid", data)


def test_time_is_registered_once_and_ends_the_step() -> None:
    one = flow("{id: w, wait: {duration: 2h}}", output="{r: '${{ steps.w }}'}")
    [pause] = plan(one).pauses
    assert (pause.after_s, pause.until, pause.event_type) == (7200, None, None)
    assert plan(one, waiting(StoredPause(is_over=False))).pauses == []
    last = plan(one, waiting(ENDED))
    assert [(end.status, end.result) for end in last.ends] == [("succeeded", {})]
    assert last.output == {"r": {}}


@pytest.mark.parametrize(
    ("value", "expected"),
    [(90, 90.0), ("15m", 900.0), (0.5, 0.5)],
)
def test_duration_may_be_computed(value: Any, expected: float) -> None:
    [pause] = plan(flow("{id: w, wait: {duration: '${{ inputs.d }}'}}"), d=value).pauses
    assert pause.after_s == expected


@pytest.mark.parametrize("value", [0, -1, "soon", True, None, [], 1e12])
def test_duration_that_is_none_fails_the_step(value: Any) -> None:
    failure = plan(flow("{id: w, wait: {duration: '${{ inputs.d }}'}}"), d=value).failure
    assert failure is not None
    assert "flow_expression_failed: A duration is a number of seconds above 0" in failure.message


def test_time_needs_a_zone() -> None:
    one = flow("{id: w, wait: {until: '${{ inputs.t }}'}}")
    [pause] = plan(one, t="2026-01-31T09:00:00Z").pauses
    assert pause.until == datetime(2026, 1, 31, 9, tzinfo=UTC)
    for value in ("2026-01-31T09:00:00", "tomorrow", 5):
        failure = plan(one, t=value).failure
        assert failure is not None
        assert "A time is text with a time zone" in failure.message


def test_event_that_has_come_is_examined() -> None:
    one = flow(WAIT % ("", ""), output="{r: '${{ steps.w.data }}'}")
    [pause] = plan(one).pauses
    assert (pause.event_type, pause.after_s) == ("paid", None)
    assert plan(one, waiting(StoredPause(is_over=False))).pauses == []
    found = plan(one, waiting(StoredPause(is_over=True, has_event=True)))
    assert (len(found.pauses), found.ends) == (1, [])
    assert plan(one, done("w", result={"id": "e", "type": "paid", "data": 5})).output == {"r": 5}


def test_event_that_does_not_come_fails_the_step_or_is_reported() -> None:
    failure = plan(flow(WAIT % ("", ", timeout: 1m")), waiting(ENDED)).failure
    assert failure is not None
    assert "'w' failed with step_timeout: The event was not received within 60 seconds." in failure.message
    one = flow(WAIT % ("", ", timeout: 1m, on_error: continue"), output="{r: '${{ steps.w }}'}")
    assert plan(one, waiting(ENDED)).output == {"r": {"timed_out": True}}
    assert result_of(one.steps[0], event(1))["timed_out"] is False


def test_event_ends_one_wait_of_a_branch() -> None:
    wait = "{id: %s, wait: {event: {type: paid}}}"
    both = f"{{id: p, parallel: [{{steps: [{wait % 'b'}]}}, {{steps: [{wait % 'c'}]}}]}}"
    one = flow(wait % "a", both, wait % "d")
    first, second, third = (done(name, result={"id": name.upper()}) for name in "abc")
    assert [pause.received for pause in plan(one, first).pauses] == [frozenset("A")] * 2
    assert [pause.received for pause in plan(one, first, second).pauses] == [frozenset("A")]
    assert [pause.received for pause in plan(one, first, second, third).pauses] == [frozenset("ABC")]


def test_condition_decides_about_events() -> None:
    pause = pause_with("${{ event.data.order == inputs.order && event.data.total > 5 }}", order=7)
    assert accepts(pause, event({"order": 7, "total": 6}))[0]
    for data in ({"order": 8, "total": 6}, {"order": 7, "total": 5}, {"order": 7}, None, "x", {"order": {}}):
        assert not accepts(pause, event(data))[0], data
    assert accepts(replace(pause, condition=None), event(None)) == (True, 0)
    assert accepts(pause_with("${{ event.id == 'e' }}"), event(None))[0]


def test_expensive_condition_accepts_nothing() -> None:
    pause = pause_with("${{ event.data.all(x, event.data.all(y, x == y)) }}")
    is_accepted, steps = accepts(pause, event([1] * 10_000))
    assert not is_accepted
    assert steps > 200_000


@pytest.mark.parametrize(
    ("match", "expected"),
    [
        ("${{ event.data.order == inputs.order }}", {"order": 7}),
        ("${{ inputs.order + 1 == event.data.order.id && event.data.x > 1 }}", {"order.id": 8}),
        ("${{ event.data.a == 'x' && (event.data.b == true && event.id == 'y') }}", {"a": "x", "b": True}),
        ("${{ event.data.a == 'x' || event.data.b == 1 }}", {}),
        ("${{ event.data.a == event.data.b }}", {}),
        ("${{ event.data == 'x' }}", {}),
        ("${{ event.data.a == 1.5 }}", {}),
        ("${{ event.data.a == inputs.missing }}", {}),
        ("${{ event.data.a == 9007199254740993 }}", {}),
        ("${{ !(event.data.a == 1) }}", {}),
    ],
)
def test_values_that_a_condition_requires(match: str, expected: dict[str, Any]) -> None:
    assert required_values(pause_with(match, order=7)) == expected


def test_event_is_sent_with_an_id_of_the_step() -> None:
    one = flow("{id: e, emit: {type: 'a.${{ inputs.n }}', data: {n: '${{ inputs.n }}'}}}")
    [emit] = plan(one, n=1).emits
    assert (emit.type, emit.data, emit.id) == ("a.1", {"n": 1}, "j:e")
    assert plan(one, done("e", result={"id": "j:e"}), n=1).output == {"id": "j:e"}
    failed = StoredStep("e", -1, "failed", error="used", error_code="event_id_used")
    failure = plan(one, failed, n=1).failure
    assert failure is not None
    assert "'e' failed with event_id_used: used" in failure.message


@pytest.mark.parametrize("value", ["", "x" * 201, 5, "a\0b"])
def test_type_of_an_event_is_checked(value: Any) -> None:
    step = flow("{id: e, emit: {type: '${{ inputs.t }}'}}").steps[0]
    with pytest.raises(EvaluationError, match="The type of an event"):
        emit_of(step, {"inputs": {"t": value}, "job": {"id": "j"}})


def test_step_whose_time_is_over_is_cancelled_and_fails() -> None:
    one = flow("{id: a, skill: t, timeout: 5}")
    over = replace(running("a"), pause=ENDED)
    found = plan(one, over)
    assert (found.stops, found.expired, found.has_ended) == ([ID], [("a", -1)], False)
    assert plan(one, replace(running("a"), pause=StoredPause(is_over=False))).stops == []
    failure = plan(one, replace(running("a", ended="cancelled"), pause=ENDED)).failure
    assert failure is not None
    assert "'a' failed with step_timeout: Its time of 5 seconds is over (job " in failure.message
    assert plan(one, replace(running("a", ended="succeeded", result={"n": 1}), pause=ENDED)).output == {
        "n": 1
    }


def test_step_whose_time_is_over_is_repeated() -> None:
    one = flow("{id: a, skill: t, timeout: 5, retries: {max: 1, backoff: 3}}")
    stopped = replace(running("a", ended="cancelled"), pause=ENDED)
    [again] = plan(one, stopped).starts
    assert (again.tries, again.delay_s) == (2, 3)
    assert plan(one, replace(stopped, tries=2)).failure is not None


def test_time_limits_elements() -> None:
    one = flow(LOOP % ", timeout: 5, on_error: continue", output="{r: '${{ steps.e }}'}")
    rows = (done("e", 0, 1), replace(running("e", 1, ended="cancelled"), pause=ENDED))
    last = plan(one, *rows, l=["p", "q"])
    assert last.failure is None
    assert "Its time of 5 seconds is over" in last.output["r"][1]["error"]


def test_failure_ends_other_waits() -> None:
    one = flow(
        "{id: p, parallel: [{steps: [{id: w, wait: {duration: 1h}}]}, "
        "{steps: [{id: x, emit: {type: t}}]}, {steps: [{id: a, skill: t}]}]}"
    )
    found = plan(one, running("a", ended="failed"))
    assert (found.pauses, found.emits, found.is_failing, found.has_ended) == ([], [], True, True)
