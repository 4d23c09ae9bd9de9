"""A skill that uses all features: an image input, a function, generated media and an approval. All amounts add up."""

from __future__ import annotations

import io
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from PIL import Image
from pydantic import SecretStr

from backend.money.ledger import audit
from tests.doubles.fal import FalServer
from tests.doubles.messages import calls, says
from tests.integration.agents.conftest import Agents
from tests.integration.agents.sandboxed_worker import models_for, sandboxed_worker

pytestmark = pytest.mark.asyncio(loop_scope="module")

POSTER = {
    "skills/poster/skill.yaml": b"""
entrypoint: prompt.md
model: claude/haiku-4-5
disable_bash: true
image_model: auto
limits: {cost_usd: 1}
input_schema:
  type: object
  properties:
    topic: {type: string}
    photo: {type: image}
  required: [topic, photo]
output_schema:
  type: object
  properties:
    words: {type: integer}
    poster: {type: image}
tools:
  - name: count
    description: Counts words.
    entrypoint: tools.py:count
    input_schema: {type: object, properties: {text: {type: string}}, required: [text]}
    output_schema: {type: object, properties: {words: {type: integer}}}
    read_only: true
  - name: publish
    description: Puts the poster where everybody sees it.
    entrypoint: tools.py:publish
    confirm: true
    input_schema: {type: object, properties: {path: {type: string}}, required: [path]}
    output_schema: {type: object, properties: {bytes: {type: integer}}}
""",
    "skills/poster/prompt.md": b"Make a poster of the photo, and publish it.",
    "skills/poster/tools.py": b"""
def count(text):
    return {"words": len(text.split())}


def publish(path):
    with open("drive/" + path, "rb") as poster, open("drive/wall", "ab") as wall:
        return {"bytes": wall.write(poster.read())}
""",
}
TURNS = (
    [calls("count", text="Owls fly at night")],
    [calls("generate_image", prompt="An owl at night", output_path="out/owl.png")],
    [calls("publish", path="out/owl.png")],
    [calls("set_output", words=4, poster="drive/out/owl.png")],
)

SPAN_NAMES = ("queue", "attempt", "waiting", "attempt", "run")
"""The spans of the run, in the order in which they end."""


@pytest.fixture
def fal_server() -> Iterator[FalServer]:
    """Run a server that imitates fal.ai."""
    with FalServer().running() as server:
        yield server


def with_fal_account(agents: Agents, fal_server: FalServer) -> Agents:
    """Return the agents with an account at fal.ai."""
    account = {
        "fal_key": SecretStr(fal_server.key),
        "fal_base_url": fal_server.url,
        "provider_hosts": fal_server.host,
    }
    settings = agents.instance.settings.model_copy(update=account)
    return replace(agents, instance=replace(agents.instance, settings=settings))


async def deploy_with_photo(agents: Agents) -> None:
    await agents.project.pushed(POSTER)
    photo = io.BytesIO()
    Image.new("RGB", (64, 48), "navy").save(photo, "PNG")
    files = {"file": ("owl.png", photo.getvalue())}
    uploaded = await agents.project.http.post("/v1/drive/upload", files=files, data={"path": "in/owl.png"})
    assert uploaded.status_code < 300, uploaded.text


async def read(agents: Agents, path: str) -> Any:
    response = await agents.project.http.get(path)
    assert response.status_code == 200, response.text
    return response.json()


async def approve(agents: Agents, job_id: str) -> Any:
    (approval,) = await read(agents, f"/v1/approvals?status=pending&job_id={job_id}")
    response = await agents.project.http.post(f"/v1/approvals/{approval['id']}/approve", json={})
    assert response.status_code == 200, response.text
    return approval


async def test_amounts_of_complete_skill_add_up_to_the_micro(agents: Agents, fal_server: FalServer) -> None:
    agents = with_fal_account(agents, fal_server)
    await deploy_with_photo(agents)
    agents.upstream.script = [
        says(*turn, input_tokens=1_000 + 50 * step, output_tokens=10) for step, turn in enumerate(TURNS)
    ]
    job_id = await agents.submit(skill="poster", inputs={"topic": "owls", "photo": "in/owl.png"})
    async with sandboxed_worker(agents, models_for(agents)):
        waiting = await agents.wait_until(
            job_id, lambda job: job["status"] == "waiting" or job["finished_at"]
        )
    assert waiting["status"] == "waiting", waiting["error"]
    assert (await agents.project.http.get("/v1/drive/files/wall")).status_code == 404
    approval = await approve(agents, job_id)
    async with sandboxed_worker(agents, models_for(agents)):
        job = await agents.wait_for_end(job_id)
    assert (job["status"], job["steps"], job["attempt"], len(fal_server.orders)) == ("succeeded", 4, 1, 1), (
        job["error"]
    )
    assert job["result"]["words"] == 4
    poster = await agents.project.http.get("/v1/drive/files/out/owl.png")
    wall = await agents.project.http.get("/v1/drive/files/wall")
    assert wall.content == poster.content
    assert "image" in {block["type"] for block in agents.upstream.bodies[0]["messages"][0]["content"]}
    assert "out/owl.png" in str(approval)
    await assert_amounts_are_consistent(agents, job)


async def assert_amounts_are_consistent(agents: Agents, job: Any) -> None:
    """Check that the receipt, the trace, the events, the job and the ledger have the same amounts."""
    receipt = await read(agents, f"/v1/jobs/{job['id']}/receipt")
    lines = [(line["kind"], line["step"], line["billed_micros"]) for line in receipt["lines"]]
    replies = [("model", step, micros) for step, micros in enumerate((1_260, 1_320, 1_380, 1_440), start=1)]
    (media,) = (micros for kind, _, micros in lines if kind == "media")
    assert [line for line in lines if line[0] == "model"] == replies
    assert media > 0
    assert sum(micros for *_, micros in lines) == receipt["used_micros"] == job["cost_micros"]
    spans = await read(agents, f"/v1/jobs/{job['id']}/spans")
    traced = [span["attributes"].get("billed_micros", 0) for span in spans if span["kind"] in ("llm", "tool")]
    assert sum(traced) == sum(micros for kind, _, micros in lines if kind != "compute")
    tools = [span["name"] for span in spans if span["kind"] == "tool"]
    assert tools == ["count", "generate_image", "publish", "publish", "set_output"], (
        "requested, and then executed"
    )
    assert [span["kind"] for span in spans if span["kind"] in SPAN_NAMES] == list(SPAN_NAMES)
    ids = {span["span_id"] for span in spans}
    assert {span["parent_span_id"] for span in spans} - ids == {None}
    async with agents.instance.database.transaction() as session:
        assert await audit.check_ledger(session) == []
