"""Flows are forked from a step, over REST: stored results cost nothing, and data can be changed."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from backend.context import AppContext
from tests.integration.deployments.conftest import Projects
from tests.integration.flows.conftest import Flows, worker

FLOW = """\
steps:
  - {id: a, skill: tally, inputs: {words: "${{ inputs.texts[0] }}"}}
  - {id: sign, approval: {message: "Post ${{ steps.a.total }}?"}}
  - id: each
    for_each: ${{ inputs.texts }}
    concurrency: 4
    skill: tally
    inputs: {words: "${{ item }}"}
  - {id: z, skill: tally, inputs: {words: "${{ string(steps.a.total) }} z"}}
output: {a: "${{ steps.a.total }}", each: "${{ steps.each.map(e, e.total) }}", z: "${{ steps.z.total }}"}
"""


@pytest.fixture
def instance(instance: AppContext) -> AppContext:
    """Return an instance in which functions cost something."""
    return replace(
        instance, settings=instance.settings.model_copy(update={"compute_micros_per_second": 10_000})
    )


async def fork(flows: Flows, job_id: str, **body: Any) -> Any:
    """Fork a job, and return the new one."""
    response = await flows.project.http.post(f"/v1/jobs/{job_id}/fork", json=body)
    assert response.status_code == 201, response.text
    return response.json()


async def rejected(flows: Flows, job_id: str, **body: Any) -> Any:
    """Return the problem with which a fork is rejected."""
    response = await flows.project.http.post(f"/v1/jobs/{job_id}/fork", json=body)
    assert response.status_code == 422, response.text
    return response.json()


async def test_forks_run_only_later_steps(flows: Flows) -> None:
    await flows.push(FLOW)
    async with worker(flows.instance):
        job_id = await flows.submit("a b", "c")
        await flows.decide(job_id)
        job = await flows.until(job_id)
        assert job["result"] == {"a": 2, "each": [2, 1], "z": 2}
        listed = {step["name"]: step for step in await flows.steps(job_id)}
        assert list(listed) == ["a", "sign", "each", "z"]

        # Without changes, the decision holds, and only the last step runs.
        unchanged = await flows.until((await fork(flows, job_id, step="z"))["id"])
        assert (unchanged["status"], unchanged["result"]) == ("succeeded", job["result"])
        assert (unchanged["source"], unchanged["replay_of"]) == ("fork", job_id)
        [child] = await flows.children(unchanged["id"])
        assert child["inputs"] == {"words": "2 z"}
        own, copied = child["used_micros"], {one["name"]: one for one in await flows.steps(unchanged["id"])}
        assert unchanged["cost_micros"] == unchanged["used_micros"]
        assert unchanged["subjob_cost_micros"] == own <= unchanged["used_micros"]
        assert [one["is_copied"] for one in copied.values()] == [True, True, True, False]
        assert [one["cost_micros"] for one in copied.values()] == [0, 0, 0, own]
        assert copied["a"]["child_job_id"] == listed["a"]["child_job_id"]
        assert copied["each"]["elements"]["total"] == 2
        assert copied["sign"]["result"] == listed["sign"]["result"]

        # With another result, the approval is requested for the changed data.
        edits = [{"step": "a", "result": {"total": 7}}, {"step": "each", "result": [{"total": 5}]}]
        edited_id = (await fork(flows, job_id, step="z", edits=edits))["id"]
        assert (await flows.approval(edited_id))["input"] == {"message": "Post 7?"}
        await flows.decide(edited_id)
        edited = await flows.until(edited_id)
        assert edited["result"] == {"a": 7, "each": [5], "z": 2}
        assert [(one["name"], one["is_edited"]) for one in await flows.steps(edited_id)] == [
            *(("a", True), ("sign", False), ("each", True), ("z", False)),
        ]
        events = (await flows.project.http.get(f"/v1/jobs/{edited_id}/events")).json()
        [forked] = [event["payload"] for event in events if event["type"] == "forked"]
        assert forked == {
            "from_job_id": job_id,
            "from_step": 2,
            "first_step": "z",
            "edits": [{"what": "result", "step": "a"}, {"what": "result", "step": "each"}],
        }

        # A fork of the fork, with other inputs, from its first step.
        again_id = (await fork(flows, edited_id, step="a", inputs={"texts": ["x y z"]}))["id"]
        await flows.decide(again_id)
        assert (await flows.until(again_id))["result"] == {"a": 3, "each": [3], "z": 2}


async def test_failed_flow_continues_at_its_failed_step(flows: Flows) -> None:
    flow = FLOW.replace('  - {id: sign, approval: {message: "Post ${{ steps.a.total }}?"}}\n', "")
    await flows.push(flow)
    async with worker(flows.instance):
        failed = await flows.run("a b", "c", "fail")
        listed = {step["name"]: step for step in await flows.steps(failed["id"])}
        assert [step["status"] for step in listed.values()] == ["succeeded", "failed", "pending"]
        counts = listed["each"]["elements"]
        assert (counts["succeeded"], counts["failed"], counts["running"]) == (2, 1, 0)
        [element] = await flows.steps(failed["id"], "?step=each&status=failed")
        assert (element["item"], element["error_code"]) == (2, "exception")
        assert "cannot count this" in element["error"]

        retried = await flows.until((await fork(flows, failed["id"]))["id"])
        assert retried["status"] == "failed"
        assert len(await flows.children(retried["id"])) == 3

        # The fix: another version, and the elements that have succeeded are kept.
        code = b"def run(words):\n    return {'total': 100}\n"
        await flows.push(flow, {"skills/tally/main.py": code})
        kept = await fork(flows, failed["id"], version=2, keep_elements=True)
        job = await flows.until(kept["id"])
        assert job["result"] == {"a": 2, "each": [2, 1, 100], "z": 100}
        assert [one["inputs"]["words"] for one in await flows.children(job["id"])] == ["fail", "2 z"]
        elements = await flows.steps(job["id"], "?step=each&limit=2")
        assert [(one["item"], one["is_copied"], one["tries"]) for one in elements] == [
            (0, True, 0),
            (1, True, 0),
        ]
        response = await flows.project.http.get(f"/v1/jobs/{job['id']}/steps?step=each&limit=2")
        following = await flows.project.http.get(response.links["next"]["url"])
        assert [(one["item"], one["is_copied"], one["tries"]) for one in following.json()] == [(2, False, 1)]
        assert "next" not in following.links

        changed = await rejected(flows, failed["id"], keep_elements=True, inputs={"texts": ["a"]})
        assert (
            changed["detail"]
            == "The elements of the step 'each' cannot be kept, since the data have changed."
        )


async def test_impossible_forks_are_rejected(flows: Flows, make_project: Projects) -> None:
    await flows.push(FLOW)
    async with worker(flows.instance):
        job_id = await flows.submit("a b")
        await flows.decide(job_id)
        await flows.until(job_id)
    for body, message in (
        ({}, "No step of the job has failed"),
        ({"step": "b"}, "The flow has no step 'b'."),
        ({"step": 1}, "The flow has no step 1."),
        ({"step": "z", "model": "claude/opus"}, "A flow has no model of its own."),
        ({"step": "z", "edits": [{"step": "sign", "result": {"approved": True}}]}, "is an approval"),
        ({"step": "z", "edits": [{"step": "z", "result": 1}]}, "The step 'z' runs again."),
        ({"step": "z", "edits": [{"step": "b", "result": 1}]}, "The flow has no step 'b'."),
        ({"step": "z", "edits": [{"step": 1, "text": "x"}]}, "An edit of a flow is {step, result}"),
        ({"step": "z", "edits": [{"step": "a", "result": 1}] * 2}, "Two edits change the same step."),
        (
            {"step": "z", "edits": [{"step": "a", "text": "x"}]},
            "an edit of a step of a flow is {step, result}",
        ),
        ({"step": "z", "edits": [{"step": "a", "result": "x" * (5 << 20)}]}, "at most 4 MiB are allowed"),
        ({"step": "z", "inputs": {"texts": 1}}, "inputs"),
    ):
        problem = await rejected(flows, job_id, **body)
        assert message in str(problem), (body, problem)
    before = len((await flows.project.http.get("/v1/jobs?limit=100")).json())
    await flows.push(FLOW.replace("id: a,", "id: b,").replace("steps.a", "steps.b"))
    gone = await rejected(flows, job_id, step="z", version=2)
    assert gone["detail"] == "The flow no longer has these steps of the job: a."
    await flows.push(
        FLOW.replace("{id: a, skill: tally, inputs", "{id: a, for_each: [1], skill: tally, inputs").replace(
            "steps.a.total", "steps.a[0].total"
        )
    )
    other = await rejected(flows, job_id, step="z", version=3)
    assert other["detail"] == "In that version, these steps do something else: a."
    assert len((await flows.project.http.get("/v1/jobs?limit=100")).json()) == before
    unknown = await flows.project.http.get(f"/v1/jobs/{job_id}/steps?step=b")
    assert unknown.status_code == 422
    [function] = [one for one in await flows.children(job_id) if one["inputs"]["words"] == "2 z"]
    assert "needs the number of a step" in (await rejected(flows, function["id"], step="a"))["detail"]
    outsider = await make_project.make("Outsider")
    for response in (
        await outsider.http.get(f"/v1/jobs/{job_id}/steps"),
        await outsider.http.post(f"/v1/jobs/{job_id}/fork", json={"step": "z"}),
    ):
        assert (response.status_code, response.json()["code"]) == (404, "job_not_found")


async def test_steps_and_duration_of_a_waiting_flow(flows: Flows) -> None:
    await flows.push(FLOW)
    async with worker(flows.instance):
        job_id = await flows.submit("a b")
        await flows.approval(job_id)
        waiting = await flows.until(job_id, "waiting")
        assert waiting["started_at"] is not None
        assert [step["status"] for step in await flows.steps(job_id)] == [
            *("succeeded", "waiting", "pending", "pending"),
        ]
        [waits] = await flows.steps(job_id, "?status=waiting")
        assert (waits["name"], waits["kind"], waits["position"]) == ("sign", "approval", 2)
        first, second = await flows.steps(job_id, "?limit=1"), await flows.steps(job_id, "?step=a")
        assert first == second
        await flows.decide(job_id)
        ended = await flows.until(job_id)
        assert ended["started_at"] == waiting["started_at"]
        assert ended["attempt"] == waiting["attempt"] == 1, "a continuation is no attempt"
        assert {one["attempt"] for one in await flows.events(job_id, "started")} == {1}
    pages = await flows.project.http.get(f"/v1/jobs/{job_id}/steps?limit=3")
    last = await flows.project.http.get(pages.links["next"]["url"])
    assert [step["name"] for step in [*pages.json(), *last.json()]] == ["a", "sign", "each", "z"]
    assert "next" not in last.links

    assert [(one["block"], one["reads"]) for one in [*pages.json(), *last.json()]] == [
        *((None, []), (None, ["a"]), (None, []), (None, ["a"])),
    ]

    cancelled_id = await flows.submit("a b")
    await flows.project.http.post(f"/v1/jobs/{cancelled_id}/cancel")
    assert {step["status"] for step in await flows.steps(cancelled_id)} == {"pending"}
