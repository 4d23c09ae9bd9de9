"""A run with file inputs, the web, a search engine and an MCP server, on its first and second attempt."""

from __future__ import annotations

import asyncio
import base64
import re
import struct
from uuid import UUID

import pytest
from sqlalchemy import text

from backend.integrations.web.search import Endpoint
from tests.doubles.messages import calls, says
from tests.doubles.web import HOST, Web
from tests.factories.agents import DONE
from tests.factories.worker import lose
from tests.integration.agents.conftest import BUNDLE, Agents, CountingTool
from tests.integration.agents.sandboxed_worker import models_for, sandboxed_worker
from tests.integration.outside.test_mcp_servers import serving
from workers.agent.environment import RunEnvironment

pytestmark = pytest.mark.asyncio(loop_scope="module")

PNG = b"\x89PNG\r\n\x1a\n" + struct.pack(">I", 13) + b"IHDR" + struct.pack(">II", 3, 2) + b"\x08\0\0\0\0"
SKILL = """
entrypoint: prompt.md
model: claude/haiku-4-5
network: [{hosts}]
input_schema:
  type: object
  properties: {{topic: {{type: string}}, photo: {{type: image}}}}
  required: [topic]
output_schema: {{type: object, properties: {{summary: {{type: text}}, score: {{type: integer}}}}}}
tools:
  - {{mcp: "http://{host}:{port}/mcp", allow: [add]}}
"""


async def test_run_sees_its_files_and_uses_web_search_and_mcp_server(agents: Agents) -> None:
    async with Web().running() as web, serving() as port:
        skill = SKILL.format(hosts=", ".join(web.hosts), host=HOST, port=port)
        await agents.project.pushed({**BUNDLE, "skills/sum/skill.yaml": skill.encode()})
        photo, page = web.says("/owl", PNG), web.says("/page", b"<p>Owls hunt.", "Content-Type: text/html")
        web.says("/search", b'{"results": [{"title": "Owls", "url": "https://o.example.org/"}]}')
        engine = Endpoint(f"http://127.0.0.1:{web.port}/search", 5_000_000, 20)
        agents.environment = RunEnvironment(
            agents.instance, connector=web.connector, inputs_rule=web.rule, engine=engine
        )
        gate = asyncio.Event()
        slow = CountingTool(is_read_only=False, is_idempotent=True, gate=gate)
        agents.tools = [slow]
        agents.upstream.script = [
            says(calls("web_fetch", url=page), calls("add", a=1, b=2), calls("web_search", query="owls")),
            says(calls("look", at="here")),
            says(calls("set_output", **DONE)),
        ]
        job_id = await agents.submit(inputs={"topic": "owls", "photo": photo})
        async with agents.running_worker() as worker:
            await asyncio.wait_for(slow.started.wait(), 20)
            await lose(worker)
            gate.set()
            job = await agents.wait_for_end(job_id)
        events = await agents.payloads(job_id, "tool_result")

    assert (job["status"], job["attempt"]) == ("succeeded", 2), job
    first, *_, last = agents.upstream.bodies
    input_text, heading, image = last["messages"][0]["content"]
    assert f'"drive_path": "drive/_jobs/{job_id}/photo.png"' in input_text["text"]
    opened = re.search(r'"url": "http://[^/]+(/v1/drive/signed/[^"]+)"', input_text["text"])
    assert opened is not None
    assert (await agents.project.http.get(opened[1])).content == PNG
    assert heading["text"] == "photo (image/png, 3 × 2):"
    assert image["source"]["data"] == base64.b64encode(PNG).decode()
    assert first["messages"][0]["content"][0]["text"] == input_text["text"]
    assert sum("GET /owl " in head for head in web.heads) == 1  # staged once for all attempts
    offered = [tool["name"] for tool in first["tools"]]
    assert offered[:6] == ["look", "drive_url", "drive_pull", "web_fetch", "download_url", "web_search"]
    assert offered[-2:] == ["add", "set_output"]
    assert [tool["name"] for tool in last["tools"]] == offered
    previews = {one["tool"]: one["preview"] for one in events}
    assert "Owls hunt." in previews["web_fetch"]
    assert "sum: 3" in previews["add"]
    lines = await _usage(agents, job_id)
    assert lines[0] == ("web", 6_000, 1)
    assert sum(billed for _, billed, _ in lines) == job["cost_micros"]


async def _usage(agents: Agents, job_id: str) -> list[tuple[str, int, int | None]]:
    query = text(
        "select kind, billed_micros, step from usage_events where job_id = :id order by kind desc, step"
    )
    async with agents.instance.database.transaction() as session:
        rows = await session.execute(query, {"id": UUID(job_id)})
        return [(row.kind, row.billed_micros, row.step) for row in rows]
    raise AssertionError("a transaction swallows nothing")


async def test_unavailable_file_fails_job_before_any_cost(agents: Agents) -> None:
    async with Web().running() as web:
        skill = SKILL.format(hosts=", ".join(web.hosts), host=HOST, port=1)
        await agents.project.pushed({**BUNDLE, "skills/sum/skill.yaml": skill.encode()})
        agents.environment = RunEnvironment(agents.instance, connector=web.connector, inputs_rule=web.rule)
        job = await agents.run(inputs={"topic": "owls", "photo": web.url("/gone")})
    assert (job["status"], job["error_code"]) == ("failed", "attachment_refused"), job
    assert job["error"].startswith("inputs.photo: ")
    assert agents.upstream.asked == 0


async def test_attachments_are_accepted_without_schema(agents: Agents) -> None:
    async with Web().running() as web:
        agents.environment = RunEnvironment(agents.instance, connector=web.connector, inputs_rule=web.rule)
        agents.upstream.script = [says(calls("set_output", **DONE))]
        put = {"file": ("a.png", PNG), "path": (None, "images/a.png")}
        assert (await agents.project.http.post("/v1/drive/upload", files=put)).status_code < 300
        encoded = base64.b64encode(PNG).decode()
        attached = [
            *(
                "images/a.png",
                {"drive_path": "drive/images/a.png"},
                web.says("/b", PNG),
                {"url": web.url("/b")},
            ),
            *(
                f"data:image/png;base64,{encoded}",
                {"data": encoded},
                {"base64": encoded},
                "data:text/plain,Owls",
            ),
        ]
        job = await agents.run(inputs={"topic": "owls", "attachments": attached})
        assert job["status"] == "succeeded", job
        received = agents.upstream.bodies[0]["messages"][0]["content"]
        assert sum(block["type"] == "image" for block in received) == 7
        assert '<attachment name="attachments[7]">\nOwls\n</attachment>' in received[-1]["text"]
        rejected = await agents.project.http.post(
            "/v1/jobs", json={"skill": "sum", "inputs": {"topic": "owls", "attachments": [{"path": "x"}]}}
        )
        assert (rejected.status_code, rejected.json()["errors"][0]["path"]) == (422, "inputs.attachments[0]")


async def test_agent_can_change_input_files_in_its_sandbox(agents: Agents) -> None:
    skill = SKILL.partition("tools:")[0].format(hosts="example.org")
    await agents.project.pushed({**BUNDLE, "skills/sum/skill.yaml": skill.encode()})
    agents.upstream.script = [
        says(calls("bash", command="cd drive/_jobs/*/ && wc -c photo.png && mv photo.png mine.png && ls")),
        says(calls("set_output", summary="Done.", score=1)),
    ]
    photo = {"base64": base64.b64encode(PNG).decode()}
    job_id = await agents.submit(inputs={"topic": "owls", "photo": photo})
    async with sandboxed_worker(agents, models_for(agents)):
        job = await agents.wait_for_end(job_id)
    assert job["status"] == "succeeded", job
    [bash_result] = [one for one in await agents.payloads(job_id, "tool_result") if one["tool"] == "bash"]
    assert bash_result["preview"] == f"exit=0\n{len(PNG)} photo.png\nmine.png\n"
    offered = {tool["name"] for tool in agents.upstream.bodies[0]["tools"]}
    assert {"bash", "file_read", "web_fetch", "web_search", "generate_image"} <= offered
