"""The events that clients receive during a run, and complete runs in the sandbox."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from backend.core import notifications
from backend.core.notifications import RedisNotifier
from backend.execution.events import follow
from backend.execution.events.queries import EventCursor
from backend.integrations.providers.access import Access
from backend.skills.archives.pack import pack
from backend.skills.model_catalog import catalog
from tests.doubles.messages import calls, refuses, says
from tests.integration.agents.conftest import Agents
from tests.integration.agents.sandboxed_worker import models_for, sandboxed_worker
from workers.llm.retry_policy import RetryPolicy
from workers.llm.selection import Models

pytestmark = pytest.mark.asyncio(loop_scope="module")

STARTER = Path(__file__).parents[3] / "skills_kit" / "templates" / "starter"
DONE = {"summary": "Owls fly at night.", "score": 3}
SECRET = "correct-horse-battery"
OWLS = {
    "skills/owls/SKILL.md": b"---\nname: owls\ndescription: Counts owls.\n---\nCount with the script.\n",
    "skills/owls/references/owls.md": b"owl\nbat\nowl\n",
    "skills/owls/scripts/count.py": b"import sys; print(open(sys.argv[1]).read().count('owl'))\n",
}


async def frames(agents: Agents, job_id: str) -> list[tuple[str, Any]]:
    """Return all frames of the stream of the job, as their type and data."""
    found = []
    place = EventCursor(0, is_end=False)
    async for frame in follow.stream(agents.instance.database, agents.instance.wakeups, UUID(job_id), place):
        lines = dict(line.split(": ", 1) for line in frame.decode().strip().splitlines() if ": " in line)
        if "event" in lines:
            found.append((lines["event"], json.loads(lines["data"])))
    return found


@asynccontextmanager
async def live_notifications(agents: Agents, redis_url: str) -> AsyncIterator[None]:
    """Send notifications through Redis and listen to them."""
    notifier = RedisNotifier(redis_url)
    notifications.use(notifier)
    agents.instance.wakeups.start()
    try:
        yield
    finally:
        await agents.instance.wakeups.close()
        notifications.use(None)
        await notifier.aclose()


async def test_follower_receives_deltas_and_then_complete_reply(agents: Agents, redis_url: str) -> None:
    reply_text = "Owls fly at night, and no mouse hears it. " * 20
    reply = says(reply_text, calls("set_output", **DONE)).but(hold_after=5)
    agents.upstream.script = [reply]
    async with live_notifications(agents, redis_url), agents.running_worker():
        job_id = await agents.submit()
        following = asyncio.create_task(frames(agents, job_id))
        await agents.wait_until(job_id, lambda job: agents.upstream.asked == 1)
        reply.release.set()
        found = await asyncio.wait_for(following, 20)
    types = [kind for kind, _ in found]
    deltas = [data for kind, data in found if kind == "delta"]
    assert types.index("delta") < types.index("model_response")
    assert {(delta["job_id"], delta["step"]) for delta in deltas} == {(job_id, 1)}
    assert "".join(delta["text"] for delta in deltas) == reply_text
    assert (types[-2:], "delta" in types[-3:]) == (["succeeded", "end"], False)


async def test_retry_is_reported_and_restarts_the_reply_for_followers(agents: Agents, redis_url: str) -> None:
    agents.retry_policy = RetryPolicy(attempts=4, first_wait_s=0.01)
    reply_text = "Owls fly at night. " * 10
    interrupted = says("Never said to its end. " * 10, calls("set_output", **DONE)).but(cut_after=6)
    complete = says(
        reply_text, calls("set_output", **DONE), input_tokens=100, output_tokens=10, cleared_tokens=700
    )
    agents.upstream.script = [refuses(429, retry_after="0.2"), interrupted, complete]
    async with live_notifications(agents, redis_url), agents.running_worker():
        job_id = await agents.submit()
        found = await asyncio.wait_for(frames(agents, job_id), 20)
        job = await agents.wait_for_end(job_id)
    assert (job["status"], job["steps"], job["cost_micros"]) == ("succeeded", 1, 180), (
        "only the complete reply is charged"
    )
    busy, cut = (data["payload"] for kind, data in found if kind == "model_retry")
    assert (busy["step"], busy["try"], busy["of"], busy["status"]) == (1, 1, 4, 429)
    assert 0.2 <= busy["wait_s"] < 0.3, "the wait time that the upstream requested, plus a small random delay"
    assert (cut["try"], "was lost" in cut["reason"]) == (2, True)
    deltas = [data for kind, data in found if kind == "delta"]
    started = max(place for place, delta in enumerate(deltas) if delta.get("restart"))
    assert "".join(delta["text"] for delta in deltas[started:]) == reply_text
    (reply,) = (data["payload"] for kind, data in found if kind == "model_response")
    assert reply["cleared_input_tokens"] == 700


async def test_secret_reaches_neither_model_nor_followers(agents: Agents) -> None:
    response = await agents.project.http.put("/v1/secrets", json={"name": "TOKEN", "value": SECRET})
    assert response.status_code < 300, response.text
    agents.upstream.script = [says(f"It is {SECRET}.", calls("set_output", **DONE))]
    job = await agents.run(inputs={"topic": f"what {SECRET} means"})
    assert job["status"] == "succeeded"
    assert SECRET not in json.dumps(agents.upstream.bodies)
    assert SECRET not in json.dumps(await agents.events(job["id"]))


async def test_starter_agent_runs_simulated_in_sandbox_with_its_tool(agents: Agents) -> None:
    await agents.project.push_bytes(pack(STARTER))
    async with sandboxed_worker(agents, Models(Access(catalog.current().endpoints, {}), margin_pct=20)):
        job = await agents.wait_for_end(
            await agents.submit(skill="summarize", inputs={"text": "Owls hunt at night."})
        )
    assert (job["status"], job["error"], job["cost_micros"]) == ("succeeded", None, 0)
    assert set(job["result"]) == {"title", "summary", "keywords", "words", "reading_minutes"}
    (measured, _) = await agents.payloads(job["id"], "tool_result")
    assert (measured["tool"], measured["ok"]) == ("measure", True)
    assert {facts["label"] for facts in await agents.payloads(job["id"], "model_response")} == {"rehearsal"}
    assert (job["usage"]["model"], job["usage"]["label"]) == ("puras/rehearsal", "rehearsal")
    assert job["simulated"] is True
    assert "is not a response to these inputs" in job["simulation"]


async def test_agent_skill_runs_its_script_on_its_references(agents: Agents) -> None:
    await agents.project.pushed(OWLS)
    await agents.project.http.put("/v1/secrets", json={"name": "TOKEN", "value": SECRET})
    count = "python3 scripts/count.py references/owls.md | tee drive/count.txt; echo $TOKEN."
    agents.upstream.script = [says(calls("bash", command=count)), says("There are two owls.")]
    async with sandboxed_worker(agents, models_for(agents)):
        job = await agents.wait_for_end(
            await agents.submit(skill="owls", inputs={"prompt": "Count the owls."})
        )
    assert (job["status"], job["result"]) == ("succeeded", {"answer": "There are two owls."}), job["error"]
    system = "".join(block["text"] for block in agents.upstream.bodies[0]["system"])
    assert system.startswith("Count with the script.")
    received = str(agents.upstream.bodies[1]["messages"][-1]["content"][0]["content"])
    assert received.split() == ["exit=0", "2", "."], "the output of the command; commands receive no secret"
    assert (await agents.project.http.get("/v1/drive/files/count.txt")).text == "2\n"
