"""The completed steps of a failed flow are undone, the last one first, each once."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from backend.execution.flows.state import UNDO, ChildEnd, Decision, Plan, StoredStep
from tests.unit.flows.test_advance import ID, LOOP, done, flow, plan, running, starts

NOON = datetime(2026, 1, 31, 12, tzinfo=UTC)
STEP = "{id: %s, skill: t, compensate: {skill: u, inputs: {r: '${{ steps.%s }}'}}}"
FAILED = StoredStep("z", -1, "failed", 1, ID, error="it broke", error_code="exception")


def ended_at(row: StoredStep, minute: int) -> StoredStep:
    """Return a step that ended at a minute."""
    return replace(row, finished_at=NOON + timedelta(minutes=minute))


def undone(step: str, status: Any = "succeeded", error: str | None = None) -> StoredStep:
    """Return the ended compensation of a step."""
    return StoredStep(step, UNDO, status, 1, ID, error=error, error_code=error and "exception")


def message(found: Plan) -> str:
    """Return the error of a failed flow."""
    assert found.has_ended
    assert found.failure is not None
    return found.failure.message


def test_steps_are_undone_in_reverse_order_of_their_ends() -> None:
    branches = f"{{id: p, parallel: [{{steps: [{STEP % ('a', 'a')}]}}, {{steps: [{STEP % ('b', 'b')}]}}]}}"
    one = flow(branches, STEP % ("c", "c"), "{id: z, skill: t}")
    rows = (
        ended_at(done("a", result=1), 2),
        ended_at(done("b", result=2), 1),
        ended_at(done("c", result=3), 3),
    )
    first = plan(one, *rows, running("z", ended="failed"))
    assert (starts(first), first.has_ended, first.is_failing) == ([("c", UNDO, {"r": 3})], False, True)
    assert (first.starts[0].step.skill, first.starts[0].step.title) == ("u", "Undo c")
    runs = StoredStep("c", UNDO, "running", 1, ID)
    assert plan(one, *rows, FAILED, runs).starts == []
    assert plan(one, *rows, FAILED, runs).stops == []
    ended = replace(runs, child=ChildEnd("succeeded", {}, None, None))
    assert starts(plan(one, *rows, FAILED, ended)) == [("a", UNDO, {"r": 1})]
    assert starts(plan(one, *rows, FAILED, undone("c"), undone("a"))) == [("b", UNDO, {"r": 2})]
    last = plan(one, *rows, FAILED, undone("c"), undone("a"), undone("b"))
    assert message(last) == "The step 'z' failed with exception: it broke"


def test_steps_that_have_not_succeeded_are_not_undone() -> None:
    one = flow("{id: s, if: false, skill: t, compensate: {skill: u}}", STEP % ("z", "z"))
    assert plan(one, StoredStep("s", -1, "skipped"), running("z", ended="failed")).has_ended
    good = flow(STEP % ("a", "a"))
    assert plan(good, running("a", ended="succeeded", result={})).failure is None


def test_copied_steps_of_a_fork_are_not_undone() -> None:
    """Another job has run them, and may need what they did."""
    one = flow(STEP % ("a", "a"), STEP % ("b", "b"), "{id: z, skill: t}")
    copied = replace(ended_at(done("a", result=1), 1), is_copied=True)
    own = ended_at(done("b", result=2), 2)
    assert starts(plan(one, copied, own, running("z", ended="failed"))) == [("b", UNDO, {"r": 2})]
    assert plan(one, copied, own, FAILED, undone("b")).has_ended


def test_failed_compensation_is_reported_and_the_others_run() -> None:
    one = flow(STEP % ("a", "a"), STEP % ("b", "nothing"), STEP % ("c", "c"), "{id: z, skill: t}")
    rows = [ended_at(done(name), at) for at, name in enumerate("abc")]
    broken = StoredStep("c", UNDO, "running", 1, ID, child=ChildEnd("failed", None, "no way", "exception"))
    found = plan(one, *rows, FAILED, broken)
    assert [(end.step.id, end.status) for end in found.ends] == [("c", "failed"), ("b", "failed")]
    assert starts(found) == [("a", UNDO, {"r": None})]
    last = plan(one, *rows, FAILED, undone("c", "failed", "no way"), undone("b", "failed", "x"), undone("a"))
    assert "it broke. Not undone: 'c' failed with exception: no way; 'b' failed with" in message(last)


def test_flow_is_undone_after_its_jobs_have_ended() -> None:
    one = flow(
        f"{{id: p, parallel: [{{steps: [{STEP % ('a', 'a')}]}}, {{steps: [{{id: z, skill: t}}]}}]}}",
    )
    first = plan(one, running("a"), running("z", ended="failed"))
    assert (first.stops, first.starts, first.has_ended) == ([ID], [], False)
    # It has returned a result before it could be cancelled.
    assert starts(plan(one, running("a", ended="succeeded", result=1), FAILED)) == [("a", UNDO, {"r": 1})]
    assert plan(one, running("a", ended="cancelled"), FAILED).has_ended


def test_elements_that_have_succeeded_are_undone_together() -> None:
    undo = ", compensate: {skill: u, inputs: {r: '${{ steps.e }}'}}"
    one = flow(LOOP % undo, "{id: z, skill: t}")
    found = plan(one, done("e", -1, [1, 2]), running("z", ended="failed"), l=["p", "q"])
    assert starts(found) == [("e", UNDO, {"r": [1, 2]})]
    broken = StoredStep("e", 1, "failed", 1, ID, error="it broke", error_code="exception")
    unread = replace(done("e", 0), has_result=False)
    assert plan(one, unread, broken, l=["p", "q"]).needed == {"e"}
    assert starts(plan(one, done("e", 0, 1), broken, l=["p", "q"])) == [("e", UNDO, {"r": [1]})]
    assert plan(one, broken, l=["p", "q"]).has_ended
    lenient = flow(LOOP % (", on_error: continue" + undo), "{id: z, skill: t}")
    results = [{"status": "succeeded", "result": 1}, {"status": "failed", "result": None}]
    found = plan(lenient, done("e", -1, results), running("z", ended="failed"), l=["p", "q"])
    assert starts(found) == [("e", UNDO, {"r": [1]})]


def test_flow_whose_output_has_no_value_is_undone() -> None:
    one = flow(STEP % ("a", "a"), output="{r: '${{ 1 / inputs.n }}'}")
    assert starts(plan(one, done("a", result=1), n=0)) == [("a", UNDO, {"r": 1})]
    last = plan(one, done("a", result=1), undone("a"), n=0)
    assert message(last).startswith("The output of the flow: ")


def test_approval_that_the_failure_has_closed_is_not_its_cause() -> None:
    one = flow(
        "{id: p, parallel: [{steps: [{id: q, approval: {message: x}}]}, {steps: [{id: z, skill: t}]}]}"
    )
    closed = StoredStep("q", -1, "running", decision=Decision("cancelled", "", ""))
    assert message(plan(one, closed, FAILED)).startswith("The step 'z' failed")
