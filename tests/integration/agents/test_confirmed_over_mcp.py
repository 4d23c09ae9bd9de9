"""`confirm: true` and agents outside: that an agent has started a job goes on with it, whatever is made of it."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from sqlalchemy import text

from tests.integration.agents.conftest import Agents
from tests.integration.agents.sandboxed import models_of, sandboxed
from tests.integration.agents.test_approvals import decide, pending
from tests.integration.agents.test_confirmed_skills import by_token, called, pack, pushed
from tests.integration.agents.test_subagents import asks, hand_in
from tests.integration.agents.test_suites import CASES, CHECKS, MAIN
from tests.integration.agents.test_suites import SKILL as DOUBLE

pytestmark = pytest.mark.asyncio(loop_scope="module")

MCP = {"User-Agent": "puras-mcp"}
SUM = {"skill": "sum", "inputs": {"topic": "owls"}}
ANSWER = {"skill": "answer", "inputs": {"question": "who?"}}
KERNEL = "tools: [{builtin: python, confirm: true}]\n"


async def stopped_or_over(agents: Agents, job_id: str) -> Any:
    """The job once it waits or has ended."""
    async with agents.working():
        return await agents.until(job_id, lambda job: job["status"] == "waiting" or job["finished_at"])


async def made_by(agents: Agents, path: str, body: Any = None, **headers: Any) -> str:
    answer = await agents.project.http.post(path, json=body, **headers)
    assert answer.status_code == 201, answer.text
    return str(answer.json()["id"])


async def started_by_agent(agents: Agents, job_id: str) -> bool:
    async with agents.instance.database.reading() as session:
        found = await session.execute(
            text("select started_by_agent from jobs where id = :id"), {"id": job_id}
        )
        return bool(found.scalar_one())


@pytest.mark.parametrize("way", ["replay_over_mcp", "replay_by_a_user"])
async def test_a_function_that_an_agent_replays_or_has_started_asks_for_what_its_code_calls(
    agents: Agents, way: str
) -> None:
    await pushed(agents)
    http = agents.project.http
    agents.upstream.script = [hand_in()]
    body = {"skill": "act", "inputs": {}}
    if way == "replay_over_mcp":
        first = await made_by(agents, "/v1/jobs", body)
    else:
        first = await made_by(agents, "/v1/jobs", body, headers=MCP)
    await http.post(f"/v1/jobs/{first}/cancel")
    headers = MCP if way == "replay_over_mcp" else {}
    job_id = await made_by(agents, f"/v1/jobs/{first}/replay", headers=headers)
    async with sandboxed(agents, models_of(agents), capacity=2):
        await agents.until(job_id, lambda job: job["status"] == "running")
        answer = (await by_token(agents, job_id)).json()
        job = await agents.until(
            answer["job_id"], lambda job: job["status"] == "waiting" or job["finished_at"]
        )
        if job["status"] == "waiting":
            (approval,) = await pending(agents, answer["job_id"])
            await decide(agents, approval, "deny")
        await http.post("/v1/drive/upload", files={"file": ("go", b"1")}, data={"path": "go"})
        await agents.ended(job_id)
    assert job["status"] == "waiting", job
    assert await started_by_agent(agents, answer["job_id"])


@pytest.mark.parametrize("way", ["submit", "replay", "fork", "prompt"])
async def test_an_older_version_that_confirms_less_asks_at_its_start(agents: Agents, way: str) -> None:
    await pushed(agents, confirms="")
    agents.tools = []
    agents.upstream.script = [hand_in()] * 4
    first = ""
    if way == "replay":
        first = await made_by(agents, "/v1/jobs", SUM)
        assert (await stopped_or_over(agents, first))["status"] == "succeeded"
    await pushed(agents)
    if way == "fork":
        first = await made_by(agents, "/v1/jobs", SUM)
        assert (await stopped_or_over(agents, first))["status"] == "succeeded"
    prompt = {"prompt": "Ask.", "model": "claude/haiku-4-5"}
    (slug,) = {one["slug"] for one in (await agents.project.http.get("/v1/skillpacks")).json()}
    path, body = {
        "submit": ("/v1/jobs?version=2", SUM),
        "replay": (f"/v1/jobs/{first}/replay", None),
        "fork": (f"/v1/jobs/{first}/fork", {"step": 0, "version": 2}),
        "prompt": (f"/v1/jobs?version=2&skillpack={slug}", prompt),
    }[way]
    job_id = await made_by(agents, path, body, headers=MCP)
    job = await stopped_or_over(agents, job_id)
    assert (job["status"], job["deployment_version"]) == ("waiting", 2), job
    (approval,) = await pending(agents, job_id)
    await decide(agents, approval, "deny", reason="use the new one")
    async with agents.working():
        job = await agents.ended(job_id)
    assert (job["status"], job["error_code"]) == ("failed", "approval_denied")
    assert "needs an approval to start" in job["error"]


async def test_an_older_version_whose_kernel_confirms_less_asks_at_its_start(agents: Agents) -> None:
    await pushed(agents, confirms="tools: [{builtin: python}]\n")
    await pushed(agents, confirms=KERNEL)
    agents.upstream.script = [hand_in()]
    job_id = await made_by(agents, "/v1/jobs?version=2", SUM, headers=MCP)
    assert (await stopped_or_over(agents, job_id))["status"] == "waiting"


@pytest.mark.parametrize("who", ["agent_with_the_same", "user_with_less"])
async def test_an_older_version_starts_for_an_agent_if_it_confirms_as_much_and_for_a_user(
    agents: Agents, who: str
) -> None:
    await pushed(agents, confirms="" if who == "user_with_less" else pack_confirms())
    await pushed(agents)
    agents.upstream.script = [hand_in()]
    headers = {} if who == "user_with_less" else MCP
    job_id = await made_by(agents, "/v1/jobs?version=2", SUM, headers=headers)
    job = await stopped_or_over(agents, job_id)
    assert (job["status"], job["deployment_version"]) == ("succeeded", 2), job


def pack_confirms() -> str:
    return "tools: [{name: other, skill: answer, description: Asks too., confirm: true}]\n"


async def test_what_is_made_of_a_job_that_an_agent_has_started_is_started_by_it_too(agents: Agents) -> None:
    await pushed(agents)
    agents.upstream.script = [asks("middle"), hand_in(), hand_in(), hand_in(), hand_in()]
    first = await made_by(agents, "/v1/jobs", SUM, headers=MCP)
    async with agents.working():
        assert (await agents.ended(first))["status"] == "succeeded"
    (middle,) = await called(agents, "middle")
    made = [
        await made_by(agents, f"/v1/jobs/{first}/replay"),
        await made_by(agents, f"/v1/jobs/{first}/fork", {"step": 0}),
        await made_by(agents, f"/v1/jobs/{first}/continue", {"inputs": {"topic": "bats"}}),
    ]
    assert [await started_by_agent(agents, job_id) for job_id in (first, middle["id"], *made)] == [True] * 5
    by_user = await made_by(agents, "/v1/jobs", SUM)
    assert not await started_by_agent(agents, by_user)
    assert not await started_by_agent(agents, await made_by(agents, f"/v1/jobs/{by_user}/replay"))


@pytest.mark.parametrize("who", ["agent", "user"])
async def test_jobs_of_a_suite_that_an_agent_starts_ask(agents: Agents, who: str) -> None:
    files = pack(confirms="tools: [{name: pay, skill: double, description: Pays., confirm: true}]\n")
    files |= {"skills/double/skill.yaml": DOUBLE, "skills/double/main.py": MAIN}
    files |= {"skills/double/cases.jsonl": CASES, "skills/double/checks.py": CHECKS}
    await agents.project.pushed(files)
    (slug,) = {one["slug"] for one in (await agents.project.http.get("/v1/skillpacks")).json()}
    headers = MCP if who == "agent" else {}
    suite_id = await made_by(
        agents, f"/v1/skillpacks/{slug}/evals", {"skill": "double", "repeat": 1}, headers=headers
    )
    async with sandboxed(agents, models_of(agents), capacity=2), asyncio.timeout(60):
        while True:
            jobs = await called(agents, "double")
            if jobs and all(job["status"] == "waiting" or job["finished_at"] for job in jobs):
                break
            await asyncio.sleep(0.1)
    found = {job["status"] for job in jobs}
    assert found == {"waiting" if who == "agent" else "succeeded"}
    await agents.project.http.post(f"/v1/evals/{suite_id}/cancel")


@pytest.mark.parametrize("way", ["submit", "replay", "older_version"])
async def test_a_listing_of_one_s_own_asks_as_its_skill_does(agents: Agents, way: str) -> None:
    listed: dict[str, Any] = {
        "shows_approvals": True,
        "slug": f"own-{way.replace('_', '-')}",
        "skill": "answer",
        "price_micros": 0,
    }
    if way == "older_version":
        listed["skill"] = "sum"
        await pushed(agents, confirms="")
    else:
        await pushed(agents)
    agents.upstream.script = [hand_in()]
    await made_by(agents, "/v1/marketplace/listings", listed)
    if way == "older_version":
        await pushed(agents)
    inputs = SUM["inputs"] if way == "older_version" else ANSWER["inputs"]
    body = {"listing_id": listed["slug"], "inputs": inputs}
    if way == "replay":
        first = await made_by(agents, "/v1/jobs", body)
        await agents.project.http.post(f"/v1/jobs/{first}/cancel")
        job_id = await made_by(agents, f"/v1/jobs/{first}/replay", headers=MCP)
    else:
        job_id = await made_by(agents, "/v1/jobs", body, headers=MCP)
    job = await stopped_or_over(agents, job_id)
    assert job["status"] == "waiting", job
