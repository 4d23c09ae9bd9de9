"""Flows run over REST: steps are jobs with one bill, approvals, cases, branches and failures."""

from __future__ import annotations

import asyncio

from tests.integration.flows.conftest import EXAMPLE, Flows, worker


async def test_example_runs(flows: Flows) -> None:
    await flows.push(EXAMPLE)
    async with worker(flows.instance):
        job_id = await flows.submit("a b", "c", "d e f")
        approval = await flows.approval(job_id)
        assert approval["input"] == {"message": "Post 3 results?"}
        assert (approval["job_id"], approval["tool"]) == (job_id, "sign")
        waiting = await flows.until(job_id, "waiting")
        assert waiting["type"] == "flow"
        await flows.decide(job_id)
        job = await flows.until(job_id)
    assert (job["status"], job["error"]) == ("succeeded", None)
    assert job["result"] == {"n": 3, "first": 2}
    assert type(job["result"]["n"]) is int
    children = await flows.children(job_id)
    assert [(one["skill_name"], one["status"]) for one in children] == [("tally", "succeeded")] * 3
    assert [one["result"]["total"] for one in sorted(children, key=lambda one: one["inputs"]["words"])] == [
        2,
        1,
        3,
    ]


async def test_failure_of_an_element_fails_the_flow(flows: Flows) -> None:
    await flows.push(EXAMPLE)
    async with worker(flows.instance):
        job = await flows.run("a", "fail", "sleep 60", "b", "c")
    assert (job["status"], job["error_code"]) == ("failed", "flow_step_failed")
    assert "Element 2 of the step 'each' failed with exception: " in job["error"]
    assert "cannot count this" in job["error"]
    children = await flows.children(job["id"])
    assert all(one["status"] in ("succeeded", "failed", "cancelled") for one in children)
    assert [one["status"] for one in children if one["inputs"]["words"] == "sleep 60"] == ["cancelled"]
    assert await flows.approvals(job["id"]) == []
    listed = {one["name"]: one for one in await flows.steps(job["id"])}
    assert listed["each"]["elements"]["failed"] == 1  # those that were cancelled therefore do not count
    assert listed["each"]["elements"]["cancelled"] >= 1
    failed = await flows.steps(job["id"], "?step=each&status=failed")
    assert [(one["item"], one["error_code"]) for one in failed] == [(1, "exception")]
    cancelled = await flows.steps(job["id"], "?step=each&status=cancelled")
    assert 2 in [one["item"] for one in cancelled]
    assert {one["status"] for one in cancelled} == {"cancelled"}


async def test_failure_of_an_element_may_be_accepted(flows: Flows) -> None:
    flow = EXAMPLE.replace("concurrency: 4", "on_error: continue").replace("[0].total", "[0].result.total")
    await flows.push(flow.replace('${{ size(steps.each) }}",', '${{ steps.each.map(e, e.status) }}",'))
    async with worker(flows.instance):
        job_id = await flows.submit("a b", "fail")
        await flows.decide(job_id)
        job = await flows.until(job_id)
    assert job["result"] == {"n": ["succeeded", "failed"], "first": 2}


async def test_denied_approval_fails_the_flow(flows: Flows) -> None:
    await flows.push(EXAMPLE)
    async with worker(flows.instance):
        job_id = await flows.submit("a")
        await flows.decide(job_id, "deny")
        job = await flows.until(job_id)
    assert (job["status"], job["error_code"]) == ("failed", "flow_step_failed")
    assert "The step 'sign' failed with approval_denied: A user rejected it." in job["error"]


async def test_cases_branches_and_conditions(flows: Flows) -> None:
    await flows.push("""\
steps:
  - id: both
    parallel:
      - steps:
          - {id: a, skill: tally, inputs: {words: "${{ inputs.texts[0] }}"}}
          - {id: b, if: "${{ steps.a.total > 5 }}", skill: tally, inputs: {words: never}}
      - steps: [{id: c, approval: {message: Go?}}]
  - id: choice
    switch:
      - when: ${{ steps.a.total > 1 && steps.c.approved }}
        steps: [{id: d, skill: tally, inputs: {words: "${{ string(steps.a.total) }} chosen"}}]
    default: [{id: e, skill: tally, inputs: {words: other}}]
output:
  a: "${{ steps.a.total }}"
  d: "${{ steps.d.total }}"
  b: "${{ has(steps.b) }}"
  by: "${{ steps.c.decided_by }}"
""")
    async with worker(flows.instance):
        job_id = await flows.submit("one two three")
        await flows.decide(job_id)
        job = await flows.until(job_id)
    assert job["error"] is None
    by = job["result"].pop("by")
    assert job["result"] == {"a": 3, "d": 2, "b": False}
    assert by.startswith("key:")
    assert [one["inputs"]["words"] for one in await flows.children(job_id)] == ["one two three", "3 chosen"]


async def test_cancellation_reaches_all_steps(flows: Flows) -> None:
    await flows.push(EXAMPLE)
    async with worker(flows.instance, capacity=2):
        job_id = await flows.submit("sleep 60", "sleep 60", "sleep 60", "sleep 60", "a")
        async with asyncio.timeout(30):
            while len([one for one in await flows.children(job_id) if one["status"] == "running"]) < 2:  # noqa: ASYNC110
                await asyncio.sleep(0.05)
        response = await flows.project.http.post(f"/v1/jobs/{job_id}/cancel")
        assert response.status_code == 200, response.text
        job = await flows.until(job_id)
        assert job["status"] == "cancelled"
        for one in await flows.children(job_id):
            assert (await flows.until(one["id"]))["status"] == "cancelled"


async def test_cancellation_ends_pending_approvals(flows: Flows) -> None:
    await flows.push(EXAMPLE)
    async with worker(flows.instance):
        job_id = await flows.submit("a")
        await flows.approval(job_id)
        await flows.project.http.post(f"/v1/jobs/{job_id}/cancel")
        assert (await flows.until(job_id))["status"] == "cancelled"
    assert await flows.approvals(job_id) == []
    assert len(await flows.approvals(job_id, "cancelled")) == 1


async def test_failed_step_is_repeated(flows: Flows) -> None:
    await flows.push("steps: [{id: a, skill: tally, inputs: {words: fail}, retries: {max: 2, backoff: 0}}]\n")
    async with worker(flows.instance):
        job = await flows.run("x")
    assert job["status"] == "failed"
    assert [one["status"] for one in await flows.children(job["id"])] == ["failed"] * 3


async def test_skill_that_does_not_exist_fails_the_step(flows: Flows) -> None:
    await flows.push("steps: [{id: a, skill: elsewhere}]\n")
    async with worker(flows.instance):
        job = await flows.run("x")
    assert job["status"] == "failed"
    assert "The step 'a' failed with skill_not_found" in job["error"]


async def test_inputs_are_validated_when_a_step_starts(flows: Flows) -> None:
    await flows.push("steps: [{id: a, skill: tally, inputs: {words: '${{ dyn(inputs.n) }}'}}]\n")
    async with worker(flows.instance):
        job = await flows.run("x")
    assert "The inputs are not valid for the skill 'tally': inputs.words: " in job["error"]


async def test_flows_call_flows(flows: Flows) -> None:
    inner = b"entrypoint: flow.yaml\ninput_schema: {properties: {w: {type: string}}}\noutput_schema: {type: object}\n"
    more = {
        "skills/inner/skill.yaml": inner,
        "skills/inner/flow.yaml": b"steps: [{id: t, skill: tally, inputs: {words: '${{ inputs.w }}'}}]\n",
    }
    await flows.push("steps: [{id: a, skill: inner, inputs: {w: '${{ inputs.texts[0] }}'}}]\n", more)
    async with worker(flows.instance):
        job = await flows.run("one two")
    assert (job["error"], job["result"]) == (None, {"total": 2})


async def test_waiting_flow_uses_no_slot_and_no_window(flows: Flows) -> None:
    await flows.push(EXAMPLE)
    async with worker(flows.instance, capacity=1) as supervisor:
        waiting = [await flows.submit("a") for _ in range(8)]  # the window of the project has 5 places
        for job_id in waiting:
            await flows.approval(job_id)
            await flows.until(job_id, "waiting")
        for _ in range(1000):  # the last attempt has not left the worker yet when its job waits
            if supervisor.running == 0:
                break
            await asyncio.sleep(0.01)
        assert supervisor.running == 0
        for job_id in waiting:
            await flows.decide(job_id)
        for job_id in waiting:
            assert (await flows.until(job_id))["status"] == "succeeded"
