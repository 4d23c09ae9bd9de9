"""Steps with prompts and functions run as jobs that only their flow can start; approvals have forms and reviewers."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any
from uuid import UUID

import pytest

from backend.execution.approvals import service as approvals
from backend.execution.flows.service import MAX_SHOWN_BYTES
from backend.identity.auth.principal import Principal, Role
from tests.doubles.messages import MessagesServer, calls, says
from tests.integration.flows.conftest import TALLY, Flows, worker

TOOLS = b"""\
from puras import step

def count(text):
    return len(text.split())

def clean(text, more=None):
    if text == 'fail':
        raise ValueError('cannot clean this')
    return {'text': text.strip(), 'words': step('count', count, text), 'extra': 1}
"""
STEPS = """\
steps:
  - id: clean
    for_each: ${{ inputs.texts }}
    python: tools.py:clean
    inputs: {text: "${{ item }}"}
    output_schema: {type: object, properties: {text: {type: string}, words: {type: integer}}}
  - id: judge
    title: Judge the texts
    prompt: "Judge ${{ steps.clean[0].text }}"
    model: claude/haiku-4-5
    limits: {steps: 3, cost_usd: 0.5}
    inputs: {texts: "${{ inputs.texts }}", words: "${{ steps.clean.map(c, c.words) }}"}
    output_schema: {type: object, properties: {ok: {type: boolean}}}
output: {ok: "${{ steps.judge.ok }}", words: "${{ steps.clean[1].words }}"}
"""
FORM = """\
steps:
  - id: sign
    approval:
      message: How many?
      form:
        type: object
        properties: {amount: {type: integer, minimum: 1}, note: {type: string, default: none}}
        required: [amount]
      reviewers: ["Ada@example.org", "${{ inputs.texts }}"]
output:
  total: "${{ steps.sign.form.amount * 2 }}"
  note: "${{ steps.sign.form.note }}"
  by: "${{ steps.sign.decided_by }}"
"""


@pytest.fixture
def upstream() -> Iterator[MessagesServer]:
    """Run the server that replies as every model."""
    with MessagesServer().running() as server:
        yield server


async def test_prompts_and_functions_of_steps_are_jobs(flows: Flows, upstream: MessagesServer) -> None:
    await flows.push(STEPS, {"skills/post/tools.py": TOOLS})
    upstream.script = [says(calls("set_output", ok=True))]
    http = flows.project.http
    async with worker(flows.instance, upstream=upstream):
        job = await flows.run(" ${{ job.id }} ", "a b c")
    assert (job["error"], job["result"]) == (None, {"ok": True, "words": 3})
    functions, agents = [], []
    for one in await flows.children(job["id"]):
        (agents if one["type"] == "agentic" else functions).append(one)
    assert [(one["skill_name"], one["status"]) for one in functions] == [("post:clean", "succeeded")] * 2
    assert functions[0]["result"].keys() == {"text", "words"}
    [agent] = agents
    assert (agent["skill_name"], agent["model"], agent["result"]) == (
        "post:judge",
        "claude/haiku-4-5",
        {"ok": True},
    )
    assert agent["prompt"] == "Judge ${{ job.id }}"  # a value is never an expression
    sent = json.dumps(upstream.bodies[0])
    assert "Judge ${{ job.id }}" in sent
    assert "words: [3, 3]" in sent
    assert 0 < agent["cost_micros"] == job["cost_micros"]
    [durable] = (await http.get(f"/v1/jobs/{functions[0]['id']}/steps")).json()
    assert durable["name"] == "count"
    # Only the flow can start them, and no list names them.
    assert [one["name"] for one in (await http.get("/v1/skills")).json()] == ["post", "tally"]
    submitted = await http.post("/v1/jobs", json={"skill": "post:clean", "inputs": {"text": "a"}})
    assert (submitted.status_code, submitted.json()["code"]) == (404, "skill_not_found")
    for one in (functions[0], agent):
        replayed = await http.post(f"/v1/jobs/{one['id']}/replay")
        assert (replayed.status_code, replayed.json()["code"]) == (409, "flow_step_not_replayed")
        assert f"/v1/jobs/{job['id']}/replay" in replayed.json()["detail"]


async def test_guardrails_check_the_inputs_of_steps(flows: Flows, upstream: MessagesServer) -> None:
    rails = "rails: [{name: hide, on: input, action: redact, pii: email}, {name: barns, on: input, words: [barn]}]\n"
    shape = """\
rails:
  - {name: shape, on: input, schema: {type: object, required: [texts]}}
  - {name: hay, on: input, words: [hay]}
"""
    steps = """\
steps:
  - {id: first, skill: tally, inputs: {words: "${{ inputs.texts[0] }}"}}
  - {id: ask, prompt: "Judge ${{ inputs.texts[1] }}", output_schema: {type: object, properties: {ok: {type: boolean}}}}
"""
    tally = {"skills/tally/skill.yaml": (TALLY + rails).encode()}
    await flows.push(steps, tally, keys=shape)
    upstream.script = [says(calls("set_output", ok=True))]
    async with worker(flows.instance, upstream=upstream):
        passed = await flows.run("ada@example.org writes", "it")
        blocked = await flows.run("The barn", "it")
        # What a step puts into a prompt is checked even if no input of the flow contains it.
        await flows.push(
            steps.replace("${{ inputs.texts[1] }}", "h${{ inputs.texts[1] }}"), tally, keys=shape
        )
        blocked_prompt = await flows.run("a", "ay")
    assert (passed["status"], passed["error"]) == ("succeeded", None)
    counted = (await flows.children(passed["id"]))[0]
    assert counted["inputs"] == {"words": "[redacted] writes"}
    assert [one["rail"] for one in await flows.events(counted["id"], "rail")] == ["hide"]
    assert (
        "The step 'first' failed with rail_blocked: These inputs did not pass the guardrail"
        in blocked["error"]
    )
    assert await flows.children(blocked["id"]) == []
    assert "The step 'ask' failed with rail_blocked" in blocked_prompt["error"]


async def test_failed_function_is_repeated_and_names_its_job(flows: Flows) -> None:
    flow = "steps: [{id: a, python: 'tools.py:clean', inputs: {text: fail}, retries: {max: 1, backoff: 0}}]\n"
    await flows.push(flow, {"skills/post/tools.py": TOOLS})
    async with worker(flows.instance):
        job = await flows.run("x")
    children = await flows.children(job["id"])
    assert [one["skill_name"] for one in children] == ["post:a"] * 2
    assert "The step 'a' failed with exception: " in job["error"]
    assert children[-1]["id"] in job["error"]


async def test_reviewer_enters_the_values_of_a_form(flows: Flows) -> None:
    await flows.push(FORM)
    http, project_id = flows.project.http, flows.project.id
    ada = Principal("user", UUID(int=1), project_id, "user:ada@example.org", Role.DEVELOPER)
    async with worker(flows.instance):
        job_id = await flows.submit("bob@example.org")
        approval = await flows.approval(job_id)
        assert approval["message"] == "How many?"
        assert approval["reviewers"] == ["ada@example.org", "bob@example.org"]
        assert (approval["may_decide"], approval["form"]) == (False, None)
        assert approval["form_json_schema"]["required"] == ["amount"]
        rejected = await http.post(f"/v1/approvals/{approval['id']}/approve", json={"form": {"amount": 2}})
        assert (rejected.status_code, rejected.json()["code"]) == (403, "not_a_reviewer")
        assert "ada@example.org, bob@example.org" in rejected.json()["detail"]
        assert (await http.post(f"/v1/approvals/{approval['id']}/deny")).status_code == 403
        async with flows.instance.database.transaction() as session:
            await approvals.decide(session, ada, UUID(approval["id"]), "approved", form={"amount": 3})
        job = await flows.until(job_id)
    assert job["result"] == {"total": 6, "note": "none", "by": "user:ada@example.org"}
    [decided] = await flows.approvals(job_id, "approved")
    assert decided["form"] == {"amount": 3, "note": "none"}


async def test_reviewer_sees_data_of_the_flow(flows: Flows) -> None:
    shown = "message: Go?, show: {texts: '${{ inputs.texts }}', count: '${{ size(inputs.texts) }}'}"
    await flows.push(f"steps: [{{id: a, approval: {{{shown}}}}}]\n")
    async with worker(flows.instance):
        job_id = await flows.submit("Owls", "hunt")
        approval = await flows.approval(job_id)
        assert (approval["show"], approval["show_bytes"]) == ({"texts": ["Owls", "hunt"], "count": 2}, None)
        [required] = await flows.events(job_id, "approval_required")
        assert required["input"] == {"message": "Go?", "show": approval["show"]}
        long = await flows.approval(await flows.submit("x" * MAX_SHOWN_BYTES))
        assert (long["message"], long["show"]) == ("Go?", None)
        assert MAX_SHOWN_BYTES < long["show_bytes"] < MAX_SHOWN_BYTES + 100


async def test_values_that_are_not_valid_decide_nothing(flows: Flows) -> None:
    await flows.push(FORM.replace('      reviewers: ["Ada@example.org", "${{ inputs.texts }}"]\n', ""))
    http = flows.project.http
    cases: list[tuple[Any, str]] = [
        (None, "form.amount"),
        ({}, "form.amount"),
        ({"form": {"amount": 0}}, "form.amount"),
        ({"form": {"amount": 1, "sum": 2}}, "form.sum"),
        ({"form": {"amount": 1, "note": "x\0"}}, "form.note"),
        ({"form": {"amount": 1, "note": "x" * 300_000}}, "form"),
    ]
    async with worker(flows.instance):
        job_id = await flows.submit("a")
        approval = await flows.approval(job_id)
        url = f"/v1/approvals/{approval['id']}"
        for body, path in cases:
            response = await http.post(f"{url}/approve", json=body)
            assert (response.status_code, response.json()["errors"][0]["path"]) == (422, path), response.text
        assert (await http.post(f"{url}/deny", json={"form": {"amount": 1}})).status_code == 422
        assert len(await flows.approvals(job_id)) == 1
        assert (await http.post(f"{url}/approve", json={"form": {"amount": 1}})).json()["form"]["amount"] == 1
        repeated = await http.post(f"{url}/approve")
        assert (repeated.status_code, repeated.json()["code"]) == (409, "approval_decided")
        assert (await flows.until(job_id))["result"]["total"] == 2


async def test_approval_without_a_form_takes_no_values(flows: Flows) -> None:
    await flows.push("steps: [{id: a, approval: {message: Go?}}]\n")
    async with worker(flows.instance):
        approval = await flows.approval(await flows.submit("a"))
        url = f"/v1/approvals/{approval['id']}/approve"
        response = await flows.project.http.post(url, json={"form": {"n": 1}})
        assert (response.status_code, response.json()["errors"][0]["path"]) == (422, "form")
        assert (await flows.project.http.post(url, json={"form": {}})).status_code == 200
