"""A flow advances from its stored steps: each step once, in order, as far as it can."""

from __future__ import annotations

from dataclasses import replace
from typing import Any
from uuid import UUID

import yaml

from backend.execution.flows.advance import advance
from backend.execution.flows.state import ChildEnd, Decision, Plan, StoredStep
from backend.skills.archives.archive import Archive
from backend.skills.archives.pack import pack_files
from backend.skills.flows.types import Flow
from backend.skills.manifest.findings import Findings
from backend.skills.manifest.reader import read_part
from backend.skills.manifest.skill_reader import Reading, Section, SkillFolder
from backend.skills.manifest.yaml_document import read_document

ID = UUID(int=1)
LOOP = "{id: e, for_each: '${{ inputs.l }}', concurrency: 2, skill: t, inputs: {w: '${{ item }}', i: '${{ index }}'}%s}"


def flow(*steps: str, output: str | None = None) -> Flow:
    """Return a flow."""
    text = "steps:\n" + "".join(f"- {step}\n" for step in steps) + (f"output: {output}\n" if output else "")
    document = read_document("flow.yaml", text.encode())
    assert document.problems == []
    findings = Findings()
    archive = Archive(pack_files({"SKILL.md": b"x"}))
    reading = Reading(archive, SkillFolder("s", ""), document, findings, frozenset())
    found = read_part(Flow, Section(document, findings, (), document.value, reading))
    assert findings.errors == [], yaml.safe_dump(document.value)
    return found


def plan(one: Flow, *rows: StoredStep, **inputs: Any) -> Plan:
    """Return what the flow does next."""
    stored = {(row.step, row.item): row for row in rows}
    return advance(one, inputs=inputs, job={"id": "j", "skill": "s"}, rows=stored)


def running(
    step: str, item: int = -1, *, ended: str | None = None, result: Any = None, tries: int = 1
) -> StoredStep:
    """Return a step whose job runs, or has ended."""
    child = ChildEnd(ended, result, "it broke", "exception") if ended else None
    return StoredStep(step, item, "running", tries, ID, child=child)


def done(step: str, item: int = -1, result: Any = None) -> StoredStep:
    """Return a step that has succeeded."""
    return StoredStep(step, item, "succeeded", 1, ID, result)


def starts(found: Plan) -> list[tuple[str, int, dict[str, Any]]]:
    """Return the jobs to start."""
    return [(one.step.id, one.item, one.inputs) for one in found.starts]


def test_steps_run_in_order() -> None:
    one = flow(
        "{id: a, skill: t, inputs: {w: x}}",
        "{id: b, skill: t, inputs: {w: '${{ steps.a.n + 1 }}'}}",
        output="{r: '${{ steps.b }}'}",
    )
    assert starts(plan(one)) == [("a", -1, {"w": "x"})]
    assert starts(plan(one, running("a"))) == []
    second = plan(one, running("a", ended="succeeded", result={"n": 1}))
    assert [(end.step.id, end.status, end.result) for end in second.ends] == [("a", "succeeded", {"n": 1})]
    assert starts(second) == [("b", -1, {"w": 2})]
    last = plan(one, done("a", result={"n": 1}), running("b", ended="succeeded", result=5))
    assert (last.has_ended, last.output, last.failure) == (True, {"r": 5}, None)


def test_elements_run_with_limited_concurrency() -> None:
    one = flow(LOOP % "", output="{r: '${{ steps.e }}'}")
    assert starts(plan(one, l=["p", "q", "r"])) == [
        ("e", 0, {"w": "p", "i": 0}),
        ("e", 1, {"w": "q", "i": 1}),
    ]
    assert starts(plan(one, running("e", 0), running("e", 1), l=["p", "q", "r"])) == []
    third = plan(one, running("e", 0, ended="succeeded", result=1), running("e", 1), l=["p", "q", "r"])
    assert starts(third) == [("e", 2, {"w": "r", "i": 2})]
    last = plan(
        one, done("e", 0, 1), done("e", 1, 2), running("e", 2, ended="succeeded", result=3), l=["p", "q", "r"]
    )
    assert last.output == {"r": [1, 2, 3]}
    assert plan(one, l=[]).output == {"r": []}


def test_results_of_elements_are_read_when_all_have_ended() -> None:
    one = flow(LOOP % "", output="{r: '${{ steps.e }}'}")
    unread = [replace(done("e", item), has_result=False) for item in range(2)]
    assert plan(one, *unread, l=["p", "q", "r"]).needed == set()
    found = plan(one, *unread, l=["p", "q"])
    assert (found.needed, found.has_ended, found.ends) == ({"e"}, False, [])
    last = plan(one, done("e", 0, 1), done("e", 1, 2), l=["p", "q"])
    assert [(end.step.id, end.item, end.result) for end in last.ends] == [("e", -1, [1, 2])]
    assert plan(one, done("e", -1, [1, 2]), l=["p", "q"]).output == {"r": [1, 2]}


def test_failed_element_fails_the_flow_after_the_others_have_stopped() -> None:
    one = flow(LOOP % "")
    first = plan(one, running("e", 0), running("e", 1, ended="failed"), l=["p", "q", "r"])
    assert (first.stops, first.starts, first.has_ended) == ([ID], [], False)
    stored = StoredStep("e", 1, "failed", 1, ID, error="it broke", error_code="exception")
    last = plan(one, running("e", 0, ended="cancelled"), stored, l=["p", "q", "r"])
    assert last.has_ended
    assert last.failure is not None
    assert last.failure.code == "flow_step_failed"
    assert "of the step 'e' failed with exception" in last.failure.message


def test_failed_element_may_be_accepted() -> None:
    one = flow(LOOP % ", on_error: continue", output="{r: '${{ steps.e }}'}")
    last = plan(one, done("e", 0, 1), running("e", 1, ended="failed"), l=["p", "q"])
    assert last.failure is None
    assert [item["status"] for item in last.output["r"]] == ["succeeded", "failed"]
    assert "it broke" in last.output["r"][1]["error"]


def test_failed_step_is_repeated() -> None:
    one = flow("{id: a, skill: t, retries: {max: 2, backoff: {initial_s: 3}}}")
    [again] = plan(one, running("a", ended="failed")).starts
    assert (again.tries, again.delay_s) == (2, 3)
    [last] = plan(one, running("a", ended="failed", tries=2)).starts
    assert (last.tries, last.delay_s) == (3, 6)
    assert plan(one, running("a", ended="failed", tries=3)).failure is not None
    assert plan(one, running("a", ended="cancelled")).failure is not None


def test_skipped_step_has_no_result() -> None:
    one = flow("{id: a, if: '${{ inputs.n > 1 }}', skill: t}", output="{r: '${{ has(steps.a) }}'}")
    found = plan(one, n=1)
    assert [(end.step.id, end.status) for end in found.ends] == [("a", "skipped")]
    assert (found.has_ended, found.output) == (True, {"r": False})
    assert starts(plan(one, n=2)) == [("a", -1, {})]
    assert plan(one, StoredStep("a", -1, "skipped"), n=2).output == {"r": False}


def test_first_true_case_runs() -> None:
    cases = ", ".join(
        f"{{when: '${{{{ inputs.n > {n} }}}}', steps: [{{id: {step}, skill: t}}]}}"
        for n, step in ((2, "a"), (1, "b"))
    )
    one = flow(
        f"{{id: s, switch: [{cases}], default: [{{id: c, skill: t}}]}}", output="{r: '${{ steps.s.case }}'}"
    )
    assert [starts(plan(one, n=n))[0][0] for n in (3, 2, 1)] == ["a", "b", "c"]
    assert plan(one, running("b", ended="succeeded"), n=2).output == {"r": 1}
    assert plan(one, running("c", ended="succeeded"), n=0).output == {"r": 2}


def test_branches_run_at_the_same_time() -> None:
    one = flow(
        "{id: p, parallel: [{steps: [{id: a, skill: t}, {id: b, skill: t}]}, {steps: [{id: c, skill: t}]}]}",
        "{id: d, skill: t}",
    )
    assert [step for step, _, _ in starts(plan(one))] == ["a", "c"]
    assert [step for step, _, _ in starts(plan(one, running("a", ended="succeeded"), running("c")))] == ["b"]
    assert [
        step for step, _, _ in starts(plan(one, done("a"), done("b"), running("c", ended="succeeded")))
    ] == ["d"]
    failed = plan(one, running("a", ended="failed"), running("c"))
    assert (failed.stops, failed.has_ended) == ([ID], False)


def test_approval_is_requested_once_and_decided() -> None:
    one = flow(
        "{id: a, approval: {message: 'Continue with ${{ inputs.n }}?'}}", output="{r: '${{ steps.a }}'}"
    )
    [ask] = plan(one, n=1).asks
    assert (ask.message, ask.position) == ("Continue with 1?", 1)
    waiting = StoredStep("a", -1, "running")
    assert plan(one, waiting, n=1).asks == []
    approved = StoredStep("a", -1, "running", decision=Decision("approved", "", "user:x"))
    assert plan(one, approved, n=1).output == {"r": {"approved": True, "decided_by": "user:x", "reason": ""}}
    denied = StoredStep("a", -1, "running", decision=Decision("denied", "No.", "user:x"))
    failure = plan(one, denied, n=1).failure
    assert failure is not None
    assert "approval_denied: A user rejected it: No." in failure.message
    lenient = flow(
        "{id: a, on_error: continue, approval: {message: Go?}}", output="{r: '${{ steps.a.approved }}'}"
    )
    assert plan(lenient, denied).output == {"r": False}


def test_data_of_an_approval_are_evaluated() -> None:
    one = flow("{id: a, approval: {message: Go?, show: {n: '${{ inputs.n + 1 }}', of: [texts]}}}")
    assert plan(one, n=1).asks[0].show == {"n": 2, "of": ["texts"]}
    assert plan(flow("{id: a, approval: {message: Go?}}")).asks[0].show is None


def test_values_of_a_form_are_part_of_the_result() -> None:
    one = flow(
        "{id: a, on_error: continue, approval: {message: Go?, form: {type: object, properties: {n: {}}}}}",
        output="{r: '${{ steps.a }}'}",
    )
    for status, values, expected in (
        ("approved", {"n": 2}, {"n": 2}),
        ("approved", None, {}),
        ("denied", None, None),
    ):
        decided = StoredStep("a", -1, "running", decision=Decision(status, "", "user:x", values))
        assert plan(one, decided).output["r"].get("form") == expected


def test_reviewers_are_evaluated() -> None:
    one = flow("{id: a, approval: {message: Go?, reviewers: [Ada@Example.org, '${{ inputs.who }}', admin]}}")
    [ask] = plan(one, who=["bob@example.org", " ada@example.org "]).asks
    assert ask.reviewers == ("ada@example.org", "bob@example.org", "admin")
    assert plan(one, who="bob@example.org").asks[0].reviewers[1] == "bob@example.org"
    only = flow("{id: a, approval: {message: Go?, reviewers: ['${{ inputs.who }}']}}")
    for who, said in (
        ([], "'reviewers' is an empty list"),
        ("everyone", "neither"),
        (3, "A reviewer is text"),
    ):
        failure = plan(only, who=who).failure
        assert failure is not None
        assert said in failure.message
        assert plan(only, who=who).asks == []


def test_prompt_is_rendered_once() -> None:
    one = flow(
        "{id: a, prompt: 'Judge ${{ inputs.text }} of ${{ inputs.l }}', output_schema: {}, inputs: {n: 1}}"
    )
    [start] = plan(one, text="${{ job.id }}", l=[1]).starts
    assert (start.prompt, start.inputs) == ("Judge ${{ job.id }} of [1]", {"n": 1})
    whole = flow("{id: a, prompt: '${{ inputs.text }}', output_schema: {}, retries: 1}")
    assert plan(whole, text=12).starts[0].prompt == "12"
    assert plan(whole, running("a", ended="failed"), text="again").starts[0].prompt == "again"


def test_prompt_that_no_agent_can_receive_fails_the_step() -> None:
    one = flow("{id: a, prompt: '${{ inputs.text }}', output_schema: {}}")
    for text, said in (
        (" ", "is empty"),
        ("x" * 200_001, "has 200,001 characters"),
        ("a\0b", "NUL"),
        ("\ud800", "NUL"),
    ):
        failure = plan(one, text=text).failure
        assert failure is not None
        assert said in failure.message


def test_expression_without_a_value_fails_the_step() -> None:
    one = flow("{id: a, skill: t, inputs: {w: '${{ inputs.l[5] }}'}}")
    failure = plan(one, l=[1]).failure
    assert failure is not None
    assert (
        "The step 'a' failed with flow_expression_failed: ${{ inputs.l[5] }}: The list has 1 elements"
        in failure.message
    )
    last = flow("{id: a, skill: t}", output="{r: '${{ 1 / inputs.n }}'}")
    failure = plan(last, done("a"), n=0).failure
    assert failure is not None
    assert failure.code == "flow_expression_failed"
