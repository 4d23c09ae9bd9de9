"""The input of a model call, as the API shows it, is what the upstream received."""

from __future__ import annotations

from typing import Any

import pytest

from tests.doubles.messages import calls, refuses, says
from tests.factories.agents import DONE
from tests.integration.agents.conftest import Agents, CountingTool, bundle

pytestmark = pytest.mark.asyncio(loop_scope="module")


def plain(value: Any) -> Any:
    """Return a part of a request without the marks of the prompt cache."""
    if isinstance(value, list):
        return [plain(one) for one in value]
    if not isinstance(value, dict):
        return value
    return {name: plain(one) for name, one in value.items() if name != "cache_control"}


def received(body: dict[str, Any]) -> dict[str, Any]:
    system = body["system"]
    text = system if isinstance(system, str) else "".join(block["text"] for block in system)
    return {"system": text, "messages": plain(body["messages"]), "tools": plain(body["tools"])}


async def read(agents: Agents, job_id: str, step: int, suffix: str = "") -> Any:
    response = await agents.project.http.get(f"/v1/jobs/{job_id}/model-calls/{step}{suffix}")
    assert response.status_code == 200, response.text
    return response.json()


async def test_shown_requests_are_those_that_the_upstream_received(agents: Agents) -> None:
    agents.tools = [CountingTool()]
    agents.upstream.script = [
        says("I look.", calls("look", at="a tree"), calls("look", at="nowhere")),
        says("There are owls."),
        says(calls("set_output", summary=1)),
        says(calls("set_output", **DONE)),
    ]
    job = await agents.run(inputs={"topic": "owls " * 4_000})
    assert job["status"] == "succeeded", job
    for step, body in enumerate(agents.upstream.bodies, start=1):
        whole = await read(agents, job["id"], step, "/download")
        assert {name: whole[name] for name in ("system", "messages", "tools")} == received(body), step
        assert (whole["model"], whole["max_tokens"]) == (job["usage"]["model"], body["max_tokens"])
        assert (whole["notes"], whole["omitted_characters"]) == ([], 0)
    assert whole["reply"]["blocks"][0]["name"] == "set_output"

    page = await read(agents, job["id"], 3, "?limit=2")
    assert (page["first_message"], page["message_count"], len(page["messages"])) == (3, 5, 2)
    earlier = await read(agents, job["id"], 3, f"?before={page['first_message']}&limit=2")
    assert (earlier["first_message"], len(earlier["messages"])) == (1, 2)
    first = await read(agents, job["id"], 1)
    assert 4_000 < first["omitted_characters"] < 5_000
    missing = await agents.project.http.get(f"/v1/jobs/{job['id']}/model-calls/9")
    assert (missing.status_code, missing.json()["code"]) == (404, "model_call_not_found")
    spans = (await agents.project.http.get(f"/v1/jobs/{job['id']}/spans")).json()
    assert [span["attributes"]["step"] for span in spans if span["kind"] == "llm"] == [1, 2, 3, 4]


async def test_rejected_request_is_shown_without_a_reply(agents: Agents) -> None:
    agents.tools = [CountingTool()]
    agents.upstream.script = [says(calls("look", at="a tree")), refuses(400)]
    job = await agents.run()
    assert (job["status"], job["error_code"]) == ("failed", "model_refused"), job
    whole = await read(agents, job["id"], 2)
    assert whole["reply"] is None
    assert whole["messages"] == received(agents.upstream.bodies[1])["messages"]


async def test_secrets_and_text_that_guardrails_withhold_are_not_shown(agents: Agents) -> None:
    await agents.project.http.put("/v1/secrets", json={"name": "TOKEN", "value": "sk-very-secret-owl"})
    rails = 'rails: [{name: owls, on: [output], words: ["snowy owl"], action: block}]\n'
    await agents.project.pushed(bundle(rails))
    agents.tools = [CountingTool(answer="sk-very-secret-owl and a snowy owl")]
    agents.upstream.script = [says(calls("look", at="sk-very-secret-owl")), says(calls("set_output", **DONE))]
    job = await agents.run()
    response = await agents.project.http.get(f"/v1/jobs/{job['id']}/model-calls/2/download")
    assert response.status_code == 200, response.text
    assert "sk-very-secret-owl" not in response.text
    assert "snowy owl" not in response.text
    assert response.json()["notes"]
