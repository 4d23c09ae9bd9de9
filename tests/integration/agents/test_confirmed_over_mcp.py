"""`confirm: true` for jobs that an agent started over MCP: the origin also applies to jobs made from them."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from sqlalchemy import text

from tests.integration.agents.conftest import Agents
from tests.integration.agents.sandboxed_worker import models_for, sandboxed_worker
from tests.integration.agents.test_approvals import decide, pending
from tests.integration.agents.test_confirmed_skills import (
    call_with_job_token,
    deploy_pack,
    jobs_of_skill,
    pack,
)
from tests.integration.agents.test_eval_suites import CASES, CHECKS, MAIN
from tests.integration.agents.test_eval_suites import SKILL as DOUBLE
from tests.integration.agents.test_subagents import calls_subagent, submit_result

pytestmark = pytest.mark.asyncio(loop_scope="module")

MCP = {"User-Agent": "puras-mcp"}
SUM = {"skill": "sum", "inputs": {"topic": "owls"}}
ANSWER = {"skill": "answer", "inputs": {"question": "who?"}}
KERNEL = "tools: [{builtin: python, confirm: true}]\n"


async def waiting_or_ended(agents: Agents, job_id: str) -> Any:
    """Return the job when it waits for an approval or has ended."""
    async with agents.running_worker():
        return await agents.wait_until(job_id, lambda job: job["status"] == "waiting" or job["finished_at"])


async def create(agents: Agents, path: str, body: Any = None, **headers: Any) -> str:
    response = await agents.project.http.post(path, json=body, **headers)
    assert response.status_code == 201, response.text
    return str(response.json()["id"])


async def started_by_agent(agents: Agents, job_id: str) -> bool:
    async with agents.instance.database.reading() as session:
        found = await session.execute(
            text("select started_by_agent from jobs where id = :id"), {"id": job_id}
        )
        return bool(found.scalar_one())


@pytest.mark.parametrize("action", ["replay_over_mcp", "replay_by_a_user"])
async def test_function_started_by_agent_needs_approval_for_its_calls(agents: Agents, action: str) -> None:
    await deploy_pack(agents)
    http = agents.project.http
    agents.upstream.script = [submit_result()]
    body = {"skill": "act", "inputs": {}}
    if action == "replay_over_mcp":
        first = await create(agents, "/v1/jobs", body)
    else:
        first = await create(agents, "/v1/jobs", body, headers=MCP)
    await http.post(f"/v1/jobs/{first}/cancel")
    headers = MCP if action == "replay_over_mcp" else {}
    job_id = await create(agents, f"/v1/jobs/{first}/replay", headers=headers)
    async with sandboxed_worker(agents, models_for(agents), capacity=2):
        await agents.wait_until(job_id, lambda job: job["status"] == "running")
        response = (await call_with_job_token(agents, job_id)).json()
        job = await agents.wait_until(
            response["job_id"], lambda job: job["status"] == "waiting" or job["finished_at"]
        )
        if job["status"] == "waiting":
            (approval,) = await pending(agents, response["job_id"])
            await decide(agents, approval, "deny")
        await http.post("/v1/drive/upload", files={"file": ("go", b"1")}, data={"path": "go"})
        await agents.wait_for_end(job_id)
    assert job["status"] == "waiting", job
    assert await started_by_agent(agents, response["job_id"])


@pytest.mark.parametrize("action", ["submit", "replay", "fork", "prompt"])
async def test_older_version_with_fewer_confirmations_needs_approval(agents: Agents, action: str) -> None:
    await deploy_pack(agents, confirms="")
    agents.tools = []
    agents.upstream.script = [submit_result()] * 4
    first = ""
    if action == "replay":
        first = await create(agents, "/v1/jobs", SUM)
        assert (await waiting_or_ended(agents, first))["status"] == "succeeded"
    await deploy_pack(agents)
    if action == "fork":
        first = await create(agents, "/v1/jobs", SUM)
        assert (await waiting_or_ended(agents, first))["status"] == "succeeded"
    prompt = {"prompt": "Ask.", "model": "claude/haiku-4-5"}
    (slug,) = {one["slug"] for one in (await agents.project.http.get("/v1/skillpacks")).json()}
    path, body = {
        "submit": ("/v1/jobs?version=2", SUM),
        "replay": (f"/v1/jobs/{first}/replay", None),
        "fork": (f"/v1/jobs/{first}/fork", {"step": 0, "version": 2}),
        "prompt": (f"/v1/jobs?version=2&skillpack={slug}", prompt),
    }[action]
    job_id = await create(agents, path, body, headers=MCP)
    job = await waiting_or_ended(agents, job_id)
    assert (job["status"], job["deployment_version"]) == ("waiting", 2), job
    (approval,) = await pending(agents, job_id)
    await decide(agents, approval, "deny", reason="use the new one")
    async with agents.running_worker():
        job = await agents.wait_for_end(job_id)
    assert (job["status"], job["error_code"]) == ("failed", "approval_denied")
    assert "needs an approval to start" in job["error"]


async def test_job_starts_with_the_inputs_that_a_reviewer_has_changed(agents: Agents) -> None:
    await deploy_pack(agents, confirms="")
    agents.tools = []
    await deploy_pack(agents)
    agents.upstream.script = [submit_result()]
    job_id = await create(agents, "/v1/jobs?version=2", SUM, headers=MCP)
    assert (await waiting_or_ended(agents, job_id))["status"] == "waiting"
    (approval,) = await pending(agents, job_id)
    assert approval["input_schema"]["properties"]["topic"]["type"] == "string"
    for arguments, path in (({"topic": 7}, "arguments.topic"), ({"subject": "x"}, "arguments.subject")):
        rejected = await decide(agents, approval, "approve", arguments=arguments)
        assert (rejected.status_code, rejected.json()["errors"][0]["path"]) == (422, path)
    response = await decide(agents, approval, "approve", arguments={"topic": "larks"})
    assert (response.status_code, response.json()["arguments"]) == (200, {"topic": "larks"}), response.text
    assert response.json()["input"] == SUM["inputs"]
    async with agents.running_worker():
        job = await agents.wait_for_end(job_id)
    assert (job["status"], job["inputs"]) == ("succeeded", {"topic": "larks"})
    sent = str(agents.upstream.bodies[-1]["messages"])
    assert "larks" in sent
    assert "owls" not in sent
    (decided,) = await agents.payloads(job_id, "approval_decided")
    assert (decided["input"], decided["arguments"]) == (SUM["inputs"], {"topic": "larks"})
    assert decided["changed"] == ["topic"]


async def test_file_that_changed_inputs_no_longer_name_is_not_compared(agents: Agents) -> None:
    """The submitter was allowed to read one version of a file, which was deleted before the approval."""
    takes_file = pack("")["skills/sum/skill.yaml"].replace(b"{topic: {", b"{file: {type: file}, topic: {")
    await agents.project.pushed({**pack(""), "skills/sum/skill.yaml": takes_file})
    agents.tools = []
    await deploy_pack(agents)
    agents.upstream.script = [submit_result()] * 2
    for path, ends in (("drive/gone.txt", ("failed", "input_file_changed")), (None, ("succeeded", None))):
        job_id = await create(agents, "/v1/jobs?version=2", SUM, headers=MCP)
        assert (await waiting_or_ended(agents, job_id))["status"] == "waiting"
        versions = """update jobs set input_versions = '{"gone.txt": "1"}' where id = :id"""
        async with agents.instance.database.transaction() as session:
            await session.execute(text(versions), {"id": job_id})
        (approval,) = await pending(agents, job_id)
        arguments = {"topic": "larks", **({} if path is None else {"file": path})}
        response = await decide(agents, approval, "approve", arguments=arguments)
        assert response.status_code == 200, response.text
        async with agents.running_worker():
            job = await agents.wait_for_end(job_id)
        assert (job["status"], job["error_code"]) == ends, job


async def test_older_version_with_unconfirmed_kernel_needs_approval(agents: Agents) -> None:
    await deploy_pack(agents, confirms="tools: [{builtin: python}]\n")
    await deploy_pack(agents, confirms=KERNEL)
    agents.upstream.script = [submit_result()]
    job_id = await create(agents, "/v1/jobs?version=2", SUM, headers=MCP)
    assert (await waiting_or_ended(agents, job_id))["status"] == "waiting"


async def test_version_with_fewer_confirmations_than_that_of_staging_needs_approval(agents: Agents) -> None:
    http = agents.project.http
    await deploy_pack(agents, confirms="")
    await deploy_pack(agents)
    promoted = {"deployment": "3"}
    response = await http.post("/v1/environments/staging/promotion", json=promoted)
    assert response.status_code == 200, response.text
    versions = {one["version"]: one["id"] for one in (await http.get("/v1/deployments")).json()}
    assert (await http.post(f"/v1/deployments/{versions[2]}/activate")).status_code == 200
    made = await http.post("/v1/api-keys", json={"name": "agent", "environment": "staging"})
    of_staging = {"Authorization": f"Bearer {made.json()['key']}"}
    agents.upstream.script = [submit_result()]
    for headers, status in ((of_staging, "waiting"), ({}, "succeeded")):
        job_id = await create(agents, "/v1/jobs?version=2", SUM, headers=MCP | headers)
        assert (await waiting_or_ended(agents, job_id))["status"] == status


@pytest.mark.parametrize("starter", ["agent_with_the_same", "user_with_less"])
async def test_older_version_starts_if_equally_confirmed_or_for_a_user(agents: Agents, starter: str) -> None:
    await deploy_pack(agents, confirms="" if starter == "user_with_less" else confirms_in_pack())
    await deploy_pack(agents)
    agents.upstream.script = [submit_result()]
    headers = {} if starter == "user_with_less" else MCP
    job_id = await create(agents, "/v1/jobs?version=2", SUM, headers=headers)
    job = await waiting_or_ended(agents, job_id)
    assert (job["status"], job["deployment_version"]) == ("succeeded", 2), job


def confirms_in_pack() -> str:
    return "tools: [{name: other, skill: answer, description: Asks too., confirm: true}]\n"


async def test_jobs_made_from_agent_started_job_are_agent_started(agents: Agents) -> None:
    await deploy_pack(agents)
    agents.upstream.script = [
        calls_subagent("middle"),
        submit_result(),
        submit_result(),
        submit_result(),
        submit_result(),
    ]
    first = await create(agents, "/v1/jobs", SUM, headers=MCP)
    async with agents.running_worker():
        assert (await agents.wait_for_end(first))["status"] == "succeeded"
    (middle,) = await jobs_of_skill(agents, "middle")
    derived_ids = [
        await create(agents, f"/v1/jobs/{first}/replay"),
        await create(agents, f"/v1/jobs/{first}/fork", {"step": 0}),
        await create(agents, f"/v1/jobs/{first}/continue", {"inputs": {"topic": "bats"}}),
    ]
    assert [await started_by_agent(agents, job_id) for job_id in (first, middle["id"], *derived_ids)] == [
        True
    ] * 5
    by_user = await create(agents, "/v1/jobs", SUM)
    assert not await started_by_agent(agents, by_user)
    assert not await started_by_agent(agents, await create(agents, f"/v1/jobs/{by_user}/replay"))


@pytest.mark.parametrize("starter", ["agent", "user"])
async def test_jobs_of_agent_started_suite_need_approval(agents: Agents, starter: str) -> None:
    files = pack(confirms="tools: [{name: pay, skill: double, description: Pays., confirm: true}]\n")
    files |= {"skills/double/skill.yaml": DOUBLE, "skills/double/main.py": MAIN}
    files |= {"skills/double/cases.jsonl": CASES, "skills/double/checks.py": CHECKS}
    await agents.project.pushed(files)
    (slug,) = {one["slug"] for one in (await agents.project.http.get("/v1/skillpacks")).json()}
    headers = MCP if starter == "agent" else {}
    suite_id = await create(
        agents, f"/v1/skillpacks/{slug}/evals", {"skill": "double", "repeat": 1}, headers=headers
    )
    async with sandboxed_worker(agents, models_for(agents), capacity=2), asyncio.timeout(60):
        while True:
            jobs = await jobs_of_skill(agents, "double")
            if jobs and all(job["status"] == "waiting" or job["finished_at"] for job in jobs):
                break
            await asyncio.sleep(0.1)
    found = {job["status"] for job in jobs}
    assert found == {"waiting" if starter == "agent" else "succeeded"}
    await agents.project.http.post(f"/v1/evals/{suite_id}/cancel")


@pytest.mark.parametrize("action", ["submit", "replay", "older_version"])
async def test_own_listing_needs_approval_like_its_skill(agents: Agents, action: str) -> None:
    listed: dict[str, Any] = {
        "shows_approvals": True,
        "slug": f"own-{action.replace('_', '-')}",
        "skill": "answer",
        "price_micros": 0,
    }
    if action == "older_version":
        listed["skill"] = "sum"
        await deploy_pack(agents, confirms="")
    else:
        await deploy_pack(agents)
    agents.upstream.script = [submit_result()]
    await create(agents, "/v1/marketplace/listings", listed)
    if action == "older_version":
        await deploy_pack(agents)
    inputs = SUM["inputs"] if action == "older_version" else ANSWER["inputs"]
    body = {"listing_id": listed["slug"], "inputs": inputs}
    if action == "replay":
        first = await create(agents, "/v1/jobs", body)
        await agents.project.http.post(f"/v1/jobs/{first}/cancel")
        job_id = await create(agents, f"/v1/jobs/{first}/replay", headers=MCP)
    else:
        job_id = await create(agents, "/v1/jobs", body, headers=MCP)
    job = await waiting_or_ended(agents, job_id)
    assert job["status"] == "waiting", job
