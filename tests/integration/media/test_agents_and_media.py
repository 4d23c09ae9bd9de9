"""Agents generate media with their tools: paid once even if a worker is lost, on one receipt with all other costs."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest
import pytest_asyncio

from backend.context import AppContext
from tests.doubles.fal import FalServer, Wish
from tests.doubles.messages import calls, says
from tests.doubles.messages.server import MessagesServer
from tests.factories.worker import lose
from tests.integration.agents.conftest import BUNDLE, Agents
from tests.integration.deployments.conftest import Project
from workers.agent.tools.media import media_tools

DONE = {"summary": "An owl.", "score": 1}


@pytest.fixture(scope="module")
def messages() -> Iterator[MessagesServer]:
    """Run the server that replies as the model."""
    with MessagesServer().running() as server:
        yield server


@pytest_asyncio.fixture
async def agents(project: Project, instance: AppContext, messages: MessagesServer) -> Agents:
    """Create a project with the skill `sum`, with an upstream that has received no request."""
    messages.bodies.clear()
    messages._scripted = 0
    await project.pushed(BUNDLE)
    return Agents(project, instance, messages)


def results(agents: Agents, number: int) -> list[str]:
    """Return the tool results that the model received in a request."""
    return [str(block["content"]) for block in agents.upstream.bodies[number]["messages"][-1]["content"]]


async def test_agent_generates_images_and_pays_for_models_and_media(fal: FalServer, agents: Agents) -> None:
    agents.tools = [*media_tools(agents.instance)]
    await agents.project.http.put("/v1/drive/files/words.txt", content=b"An owl from a file")
    agents.upstream.script = [
        says(calls("generate_image", prompt_path="drive/words.txt", output_path="out/owl.png")),
        says(
            calls("generate_image", prompt="By day", refs=["drive/out/owl.png"]),
            calls("generate_image", prompt="a", prompt_path="b"),
            calls("generate_image", prompt="a", refs=["../../etc/passwd"]),
        ),
        says(calls("set_output", **DONE), input_tokens=1000),
    ]
    job = await agents.run()
    assert (job["status"], job["error"]) == ("succeeded", None)
    first, second = fal.orders
    assert first.body["prompt"] == "An owl from a file"
    assert second.body["image_urls"][0].startswith("data:image/png;base64,")
    assert "drive/out/owl.png" in results(agents, 1)[0]
    assert "exactly one" in results(agents, 2)[1]
    assert "'..'" in results(agents, 2)[2]
    result, *_ = await agents.payloads(job["id"], "tool_result")
    assert (result["billed_micros"], result["media"]) == (
        46_800,
        [{"drive_path": "out/owl.png", "kind": "image"}],
    )
    assert await agents.payloads(job["id"], "media") == []
    receipt = (await agents.project.http.get(f"/v1/jobs/{job['id']}/receipt")).json()
    assert [line["kind"] for line in receipt["lines"]].count("media") == 2
    assert job["cost_micros"] == sum(line["billed_micros"] for line in receipt["lines"])
    assert "fal-ai" not in json.dumps([receipt, result, agents.upstream.bodies])


async def test_image_ordered_by_lost_worker_is_not_ordered_again(fal: FalServer, agents: Agents) -> None:
    agents.tools = [*media_tools(agents.instance)]
    fal.wishes = [Wish(polls=-1)]
    agents.upstream.script = [
        says(calls("generate_image", prompt="An owl")),
        says(calls("set_output", **DONE)),
    ]
    async with agents.running_worker() as worker:
        job_id = await agents.submit()
        await agents.wait_until(job_id, lambda _: bool(fal.orders) and fal.orders[0].polls > 0)
        await lose(worker)
        fal.orders[0].wish.polls = 0
        job = await agents.wait_for_end(job_id)
    assert (job["status"], job["attempt"], len(fal.orders)) == ("succeeded", 2, 1)
    assert not fal.orders[0].is_cancelled
    receipt = (await agents.project.http.get(f"/v1/jobs/{job_id}/receipt")).json()
    assert [line["kind"] for line in receipt["lines"]].count("media") == 1


async def test_order_of_cancelled_run_is_cancelled(fal: FalServer, agents: Agents) -> None:
    agents.tools = [*media_tools(agents.instance)]
    fal.wishes = [Wish(polls=-1)]
    agents.upstream.script = [says(calls("generate_image", prompt="An owl"))]
    async with agents.running_worker():
        job_id = await agents.submit()
        await agents.wait_until(job_id, lambda _: bool(fal.orders) and fal.orders[0].polls > 0)
        assert (await agents.project.http.post(f"/v1/jobs/{job_id}/cancel")).status_code < 300
        job = await agents.wait_for_end(job_id)
        await agents.wait_until(job_id, lambda _: fal.orders[0].is_cancelled)
    receipt = (await agents.project.http.get(f"/v1/jobs/{job_id}/receipt")).json()
    assert job["status"] == "cancelled"
    assert [line["kind"] for line in receipt["lines"]] == ["model"]


async def test_tools_for_unavailable_media_are_not_offered(agents: Agents) -> None:
    names = [tool.spec.name for tool in media_tools(agents.instance)]
    assert names == ["generate_image", "generate_video", "generate_audio"]
    agents.tools = [*media_tools(agents.instance)]
    agents.upstream.script = [
        says(calls("generate_audio", text="Owl.", output_path="said.wav")),
        says(calls("set_output", **DONE)),
    ]
    job = await agents.run()
    assert job["status"] == "succeeded"
    assert "local/espeak" in results(agents, 1)[0]
    (result, _) = await agents.payloads(job["id"], "tool_result")
    assert (result["label"], result["billed_micros"]) == ("local", 0)
