"""Title, search, version, limits, attachments, deletion, retention and export of sessions."""

from __future__ import annotations

import asyncio
import io
import json
import tarfile
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from sqlalchemy import text

from backend.administration.projects import export
from backend.administration.retention import sweep as retention
from backend.administration.retention.rules import Rules
from backend.execution.sessions.removal import remove_deleted
from backend.identity.auth.principal import Principal, Role
from backend.money.ledger import audit
from tests.doubles.messages import calls, says
from tests.integration.agents.conftest import Agents, CountingTool
from tests.integration.openai_api.conftest import BUNDLE, TALKER
from tests.integration.sessions.conftest import Chat, said, started
from tests.integration.sessions.test_turns import texts
from workers.agent.tools.subagents import Callers, RunSubagent

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def count(agents: Agents, table: str) -> int:
    """Return the rows of the project in a table."""
    where = (
        "job_id in (select id from jobs where project_id = :id)"
        if table in ("job_events", "journal_entries")
        else "project_id = :id"
    )
    query = text(f"select count(*) from {table} where {where}")
    async with agents.instance.database.transaction() as session:
        return int(await session.scalar(query, {"id": agents.project.id}))


async def test_title_search_and_list(working: Agents) -> None:
    working.upstream.script = [says("A nocturnal hunter."), says("A song bird.")]
    owls, larks = await started(working), await started(working, title="Larks, 100%")
    await owls.send("What is an owl?\n\n" + "Say more. " * 20)
    await owls.when_idle()
    await larks.send("And a lark?")
    await larks.when_idle()
    http = working.project.http
    title = (await owls.read())["title"]
    assert title.startswith("What is an owl? Say more")
    assert len(title) <= 80
    assert (await larks.read())["title"] == "Larks, 100%"
    for query, expected in {
        "NOCTURNAL": [owls.id],
        "lark?": [larks.id],
        "100%": [larks.id],
        "2__%": [],
        "%": [],
        "owl?": [owls.id],
        "noct hunt": [owls.id],
        "nocturnal song": [],
        "' | 'song:*": [larks.id],
    }.items():
        found = (await http.get("/v1/sessions", params={"q": query})).json()
        assert [one["id"] for one in found] == expected, query
    first = await http.get("/v1/sessions?limit=1&skill=talk")
    assert [one["id"] for one in first.json()] == [larks.id]
    second = await http.get(first.links["next"]["url"])
    assert [one["id"] for one in second.json()] == [owls.id]
    changed = await http.patch(f"/v1/sessions/{owls.id}", json={"title": "Owls", "metadata": {"a": 1}})
    assert (changed.json()["title"], changed.json()["metadata"]) == ("Owls", {"a": 1})


async def test_turns_run_the_active_version_unless_the_session_pins_one(working: Agents) -> None:
    working.upstream.script = [says(f"{number}.") for number in range(4)]
    http = working.project.http
    chat = await started(working)
    await chat.send("1")
    await chat.when_idle()
    await working.project.pushed({**BUNDLE, "skills/talk/prompt.md": b"You answer in verse."})
    await chat.send("2")
    messages = await chat.when_idle()
    first, second = messages[0]["version"], messages[2]["version"]
    assert second == first + 1
    assert "in verse" in json.dumps(working.upstream.bodies[1]["system"])
    pinned = await http.patch(f"/v1/sessions/{chat.id}", json={"version": first})
    assert pinned.json()["version"] == first
    await chat.send("3")
    assert (await chat.when_idle())[4]["version"] == first
    await http.patch(f"/v1/sessions/{chat.id}", json={"version": None})
    await chat.send("4")
    assert (await chat.when_idle())[6]["version"] == second
    missing = await http.patch(f"/v1/sessions/{chat.id}", json={"version": 999})
    assert missing.status_code == 404


async def test_session_of_a_draft_runs_the_draft_as_it_was_and_publishes_nothing(working: Agents) -> None:
    working.upstream.script = [says("1."), says("2.")]
    http, prompt = working.project.http, "/v1/drafts/files/skills/talk/prompt.md"
    versions = len((await http.get("/v1/deployments")).json())
    await http.get("/v1/drafts")
    await http.put(prompt, content=b"You answer in rhymes.", headers={"If-Match": "*"})
    created = await http.post("/v1/drafts/sessions", json={"skill": "talk"})
    assert created.status_code == 201, created.text
    chat = Chat(http, created.json()["id"], {})
    await http.put(prompt, content=b"You answer in prose.", headers={"If-Match": "*"})
    for number, content in enumerate(("1", "2")):
        await chat.send(content)
        await chat.when_idle()
        assert "in rhymes" in json.dumps(working.upstream.bodies[number]["system"])
    read = await chat.read()
    assert (read["is_draft"], read["version"], read["skill"]) == (True, None, "talk")
    assert (await chat.messages())[0]["version"] is None
    assert len((await http.get("/v1/deployments")).json()) == versions
    async with working.instance.database.transaction() as session:
        await session.execute(
            text("update deployments set deleted_at = now() where project_id = :id and kind = 'draft'"),
            {"id": working.project.id},
        )
    expired = await http.post(f"/v1/sessions/{chat.id}/messages", json={"content": "3"})
    assert (expired.status_code, expired.json()["code"]) == (409, "draft_of_session_deleted")
    unstorable = await http.post(
        "/v1/drafts/sessions",
        content=b'{"skill": "talk", "metadata": {"\\ud800": 1}}',
        headers={"Content-Type": "application/json"},
    )
    assert (unstorable.status_code, unstorable.json()["code"]) == (422, "invalid"), unstorable.text
    missing = await http.post("/v1/drafts/sessions", json={"skill": "double"})
    assert (missing.status_code, missing.json()["code"]) == (422, "skill_not_agentic")


async def test_sessions_of_another_environment_run_what_is_active_there(working: Agents) -> None:
    working.upstream.script = [says("1.")]
    other = {**BUNDLE, "skills/talk/prompt.md": b"You answer in staging."}
    await working.project.pushed(other, environment="staging")
    chat = Chat(working.project.http, "", {})
    created = await working.project.http.post(
        "/v1/sessions", json={"skill": "talk", "environment": "production"}
    )
    assert created.json()["environment"] == "production", chat
    key = await working.project.http.post("/v1/api-keys", json={"name": "s", "environment": "staging"})
    headers = {"Authorization": f"Bearer {key.json()['key']}"}
    staged = await working.project.http.post("/v1/sessions", json={"skill": "talk"}, headers=headers)
    chat = Chat(working.project.http, staged.json()["id"], headers)
    await chat.send("1")
    await chat.when_idle()
    assert "in staging" in json.dumps(working.upstream.bodies[0]["system"])


async def test_limits_of_messages_and_cost(working: Agents) -> None:
    working.upstream.script = [says("One."), says("Two.")]
    chat = await started(working)
    http, limits = working.project.http, f"/v1/projects/{working.project.id}/limits"
    await chat.send("1")
    await chat.when_idle()
    changed = await http.patch(limits, json={"session_messages": 1})
    assert changed.status_code == 200, changed.text
    refused = await chat.send("2", status=409)
    assert refused["code"] == "session_full"
    await http.patch(limits, json={"session_messages": None, "session_usd": 0})
    refused = await chat.send("2", status=402)
    assert (refused["code"], refused["limit_micros"]) == ("session_cost_reached", 0)
    await http.patch(limits, json={"session_usd": 1})
    sent = await chat.send("2")
    await chat.when_idle()
    job = await working.get(sent["job_id"])
    assert job["limits"].get("cost_usd", 1) <= 1


async def test_queued_turns_stay_within_the_cost_of_the_session(working: Agents) -> None:
    gate = asyncio.Event()
    tool: Any = CountingTool(gate=gate)
    working.tools = [tool]
    http, limits = working.project.http, f"/v1/projects/{working.project.id}/limits"
    await http.patch(limits, json={"session_usd": 1})
    working.upstream.script = [
        says(calls("look", at="owls")),
        says("One.", output_tokens=100_000),
        says("Two.", output_tokens=400_000),
        says("Four."),
    ]
    chat = await started(working)
    await chat.send("1")
    await tool.started.wait()
    queued = [await chat.send(text) for text in ("2", "3")]
    gate.set()
    messages = await chat.when_idle()
    first, second, third = messages[1::2]
    assert [one["status"] for one in (first, second, third)] == ["succeeded", "succeeded", "failed"]
    [start] = await working.payloads(queued[0]["job_id"], "agent_start")
    assert start["limits"]["cap_micros"] == 1_000_000 - first["cost_micros"]
    assert (third["error_code"], third["cost_micros"]) == ("session_cost_reached", 0)
    assert "session_usd" in third["error"]
    await http.patch(limits, json={"session_usd": 10})
    await chat.send("4")
    assert said((await chat.when_idle())[-1]) == "Four."


async def test_subagents_of_a_queued_turn_stay_within_the_cost_of_the_session(working: Agents) -> None:
    gate = asyncio.Event()
    tool: Any = CountingTool(gate=gate)
    working.tools = [tool, RunSubagent(Callers(working.instance))]
    limits = f"/v1/projects/{working.project.id}/limits"
    await working.project.http.patch(limits, json={"session_usd": 1})
    working.upstream.script = [
        says(calls("look", at="owls")),
        says("One.", output_tokens=100_000),
        says(calls("run_subagent", target="grade", inputs={"topic": "owls"})),
        says(calls("set_output", summary="Owls.", score=1)),
        says("Two."),
    ]
    chat = await started(working)
    await chat.send("1")
    await tool.started.wait()
    second = await chat.send("2")
    gate.set()
    messages = await chat.when_idle()
    assert said(messages[-1]) == "Two."
    jobs = (await working.project.http.get("/v1/jobs")).json()
    [child] = [one["id"] for one in jobs if one["parent_job_id"] == second["job_id"]]
    [start] = await working.payloads(child, "agent_start")
    assert start["limits"]["cap_micros"] < 1_000_000 - messages[1]["cost_micros"]
    async with working.instance.database.transaction() as session:
        assert await audit.check_ledger(session) == []


async def test_messages_that_guardrails_block_do_not_end_the_session(working: Agents) -> None:
    rails = """
rails:
  - {name: no-plan, on: input, words: [zanzibar]}
  - {name: no-name, on: output, words: [ada]}
"""
    await working.project.pushed({**BUNDLE, "skills/talk/skill.yaml": (TALKER + rails).encode()})
    working.upstream.script = [says("One."), *[says("Ask Ada.")] * 3, says("Three.")]
    chat = await started(working)
    await chat.send("Question 1")
    refused = await chat.send("What about Zanzibar?", status=422)
    assert refused["code"] == "rail_blocked"
    await chat.send("Question 2")
    await chat.send("Question 3")
    messages = await chat.when_idle()
    assert [said(one) for one in messages[::2]] == ["Question 1", "Question 2", "Question 3"]
    assert [one["status"] for one in messages[1::2]] == ["succeeded", "failed", "succeeded"]
    assert (messages[3]["error_code"], said(messages[5])) == ("rail_blocked", "Three.")
    assert "zanzibar" not in str(working.upstream.bodies).lower()


async def test_files_of_a_message_stay_in_the_conversation(working: Agents) -> None:
    working.upstream.script = [says("A text."), says("Still there.")]
    http = working.project.http
    chat = await started(working)
    refused = await http.post(
        f"/v1/sessions/{chat.id}/messages", json={"content": [{"type": "image", "url": "file:///etc/passwd"}]}
    )
    assert refused.status_code == 422
    block = {"type": "file", "base64": "aGVsbG8=", "media_type": "text/plain"}
    await chat.send([{"type": "text", "text": "What is this?"}, block])
    await chat.when_idle()
    sent = await chat.send("And now?")
    messages = await chat.when_idle()
    assert messages[0]["content"][1] == {"type": "file", "media_type": "text/plain"}
    job = await working.get(sent["job_id"])
    assert job["inputs"]["attachments"] == [{"base64": "aGVsbG8=", "media_type": "text/plain"}]
    assert '"media_type": "text/plain"' in texts(working.upstream.bodies[1]["messages"][0])


async def test_deletion_cancels_the_turn_and_removes_messages_and_jobs(working: Agents) -> None:
    gate = asyncio.Event()
    tool: Any = CountingTool(gate=gate)
    working.tools = [tool]
    working.upstream.script = [
        says("One."),
        says({"type": "tool_use", "id": "t1", "name": "look", "input": {}}),
    ]
    chat = await started(working)
    await chat.send("1")
    await chat.when_idle()
    await chat.send("2")
    await tool.started.wait()
    response = await chat.http.delete(f"/v1/sessions/{chat.id}")
    assert response.status_code == 204
    assert (await chat.http.get(f"/v1/sessions/{chat.id}")).status_code == 404
    async with asyncio.timeout(20):
        while await count(working, "agent_sessions"):  # noqa: ASYNC110 - the worker cancels, and its sweep removes
            await asyncio.sleep(0.05)
    for table in ("session_turns", "jobs", "job_events", "journal_entries", "usage_events"):
        assert await count(working, table) == 0, table
    assert await count(working, "ledger_entries") > 0


async def test_retention_removes_old_sessions_and_keeps_messages_when_it_removes_jobs(
    working: Agents,
) -> None:
    working.upstream.script = [says("One."), says("Two.")]
    old, new = await started(working), await started(working)
    for chat in (old, new):
        await chat.send("1")
        await chat.when_idle()
    database = working.instance.database
    async with database.transaction() as session:
        values = {"id": UUID(old.id), "project_id": working.project.id}
        await session.execute(
            text(
                "update agent_sessions set updated_at = now() - interval '40 days' "
                "where id = :id and project_id = :project_id"
            ),
            values,
        )
    week = timedelta(days=7)
    rules = Rules(events=None, jobs=timedelta(seconds=0), sessions=week, audit=None, deleted_projects=week)
    while await retention.sweep(database, rules, may_continue=lambda: True):
        pass
    await remove_deleted(database)
    assert await count(working, "jobs") == 0
    listed = (await working.project.http.get("/v1/sessions")).json()
    assert [one["id"] for one in listed] == [new.id]
    messages = await new.messages()
    assert [said(one) for one in messages] == ["1", "Two."]
    assert (await new.read())["cost_micros"] > 0


async def test_export_has_sessions_and_their_messages(working: Agents) -> None:
    working.upstream.script = [says("One.")]
    chat: Chat = await started(working)
    await chat.send("What is an owl?")
    await chat.when_idle()
    owner = Principal(
        kind="user", id=uuid4(), project_id=working.project.id, label="user:ada", role=Role.OWNER
    )
    archive = await export.start(working.instance, owner)
    content = b"".join([chunk async for chunk in archive.chunks()])
    with tarfile.open(fileobj=io.BytesIO(content)) as opened:
        rows = {
            table: opened.extractfile(
                next(name for name in opened.getnames() if name.startswith(f"tables/{table}/"))
            )
            for table in ("agent_sessions", "session_turns")
        }
        assert chat.id in rows["agent_sessions"].read().decode()  # type: ignore[union-attr]
        assert "What is an owl?" in rows["session_turns"].read().decode()  # type: ignore[union-attr]
