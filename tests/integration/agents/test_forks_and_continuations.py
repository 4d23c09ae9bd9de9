"""Jobs that continue or fork other jobs: steps in the journal of the original job are not paid or executed again."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import text

from tests.doubles.messages import Says, calls, says, thinks
from tests.factories.agents import DONE
from tests.integration.agents.conftest import BUNDLE, MODEL, Agents, CountingTool, bundle

pytestmark = pytest.mark.asyncio(loop_scope="module")

BETTER = {"summary": "Owls fly in the dark.", "score": 5}


def submit_result(result: dict[str, Any] = DONE) -> Says:
    return says(calls("set_output", **result), input_tokens=20, output_tokens=2)


async def derive_job(agents: Agents, job_id: str, action: str, **body: Any) -> Any:
    response = await agents.project.http.post(f"/v1/jobs/{job_id}/{action}", json=body)
    assert response.status_code == 201, response.text
    async with agents.running_worker():
        return await agents.wait_for_end(response.json()["id"])


async def test_fork_keeps_steps_with_edited_results_and_pays_only_new_ones(
    agents: Agents,
) -> None:
    tool = CountingTool(is_read_only=False)
    agents.tools = [tool]
    agents.upstream.script = [
        says(calls("look", at="a tree", tool_use_id="toolu_1")),
        says(calls("look", at="a barn")),
        submit_result(),
        submit_result(BETTER),
    ]
    job = await agents.run()
    edit = {"tool_use_id": "toolu_1", "content": "an owl!"}
    forked = await derive_job(agents, job["id"], "fork", step=1, edits=[edit])
    assert (forked["status"], forked["result"]) == ("succeeded", BETTER)
    assert (forked["source"], forked["replay_of"], forked["steps"]) == ("fork", job["id"], 2)
    assert (forked["cost_micros"], len(tool.calls), agents.upstream.asked) == (36, 2, 4)
    received = agents.upstream.bodies[3]["messages"]
    assert received[0] == agents.upstream.bodies[0]["messages"][0] | {"content": received[0]["content"]}
    assert "an owl!" in str(received[2]["content"][0])
    for body in ({"step": 9}, {"step": 1, "edits": [{**edit, "tool_use_id": "toolu_9"}]}):
        rejected = await agents.project.http.post(f"/v1/jobs/{job['id']}/fork", json=body)
        assert rejected.status_code == 422


async def test_step_route_returns_the_text_that_events_truncate(agents: Agents) -> None:
    output = "an owl, " * 1_000
    agents.tools = [CountingTool(answer=output)]
    agents.upstream.script = [
        says("I look.", calls("look", at="a tree", tool_use_id="toolu_1")),
        submit_result(),
    ]
    job = await agents.run()
    url = f"/v1/jobs/{job['id']}/steps"
    step = (await agents.project.http.get(f"{url}/1")).json()
    received = next(one for one in step["results"] if one["tool_use_id"] == "toolu_1")
    assert output.strip() in received["text"]
    assert (received["is_text"], received["ok"]) == (True, True)
    assert [block["type"] for block in step["blocks"]] == ["text", "tool_use"]
    rejected = await agents.project.http.get(f"{url}/9")
    assert (rejected.status_code, rejected.json()["code"]) == (404, "step_not_found")
    assert (await agents.project.http.get(f"{url}/0")).status_code == 422


async def test_fork_with_edited_text_repeats_edited_call_of_last_step(agents: Agents) -> None:
    tool = CountingTool(is_read_only=False)
    agents.tools = [tool]
    agents.upstream.script = [
        says(thinks("hm"), "I look at a tree.", calls("look", at="a tree", tool_use_id="toolu_1")),
        says(calls("look", at="a barn", tool_use_id="toolu_2")),
        submit_result(),
        submit_result(BETTER),
    ]
    job = await agents.run()
    edits = [
        {"step": 0, "text": "Only barn owls, please."},
        {"step": 1, "text": "I look at a roof."},
        {"tool_use_id": "toolu_1", "input": {"at": "a roof"}},
        {"tool_use_id": "toolu_2", "input": {"at": "a church"}},
    ]
    forked = await derive_job(agents, job["id"], "fork", step=2, edits=edits)
    assert (forked["status"], forked["result"]) == ("succeeded", BETTER), forked
    assert [call.input["at"] for call in tool.calls] == ["a tree", "a barn", "a church"]
    received = agents.upstream.bodies[3]["messages"]
    assert received[0]["content"] == [{"type": "text", "text": "Only barn owls, please."}]
    # The thinking block is removed: its signature is for another start of the conversation.
    text_block, call = received[1]["content"]
    assert (text_block["text"], call["input"]) == ("I look at a roof.", {"at": "a roof"})
    assert "seen: a tree" in str(received[2])  # later steps depend on it
    assert "seen: a church" in str(received[4])
    (event,) = await agents.payloads(forked["id"], "forked")
    assert (event["from_job_id"], event["from_step"]) == (job["id"], 2)
    assert [(edit["what"], edit["step"]) for edit in event["edits"]] == [
        ("text", 0),
        ("text", 1),
        ("arguments", 1),
        ("arguments", 2),
    ]
    assert [one["id"] for one in await agents.events(forked["id"])][:2] == [1, 2]
    agents.upstream.script = [submit_result()]
    agents.upstream._scripted = 0
    last = [{"step": 1, "text": "I look again."}, {"tool_use_id": "toolu_1", "content": "an owl"}]
    await derive_job(agents, job["id"], "fork", step=1, edits=last)
    thought, text_block, _ = agents.upstream.bodies[-1]["messages"][1]["content"]
    assert (thought["thinking"], text_block["text"]) == (
        "hm",
        "I look again.",
    )  # the earlier part has not changed


async def test_fork_accepts_other_inputs_version_and_model(agents: Agents) -> None:
    tool = CountingTool()
    agents.tools = [tool]
    agents.upstream.script = [
        says(thinks("hm"), calls("look", at="a tree")),
        submit_result(),
        *(submit_result(BETTER) for _ in range(3)),
    ]
    job = await agents.run()
    prompt = {"skills/sum/prompt.md": b"You write verses."}
    await agents.project.pushed({**BUNDLE, **prompt})
    version = await agents.project.pushed({**bundle(), **prompt})
    forked = await derive_job(
        agents,
        job["id"],
        "fork",
        step=1,
        inputs={"topic": "bats"},
        version=version["version"],
        model="claude/sonnet-4-6",
    )
    assert (forked["status"], forked["inputs"]) == ("succeeded", {"topic": "bats"}), forked
    assert (forked["deployment_version"], forked["usage"]["model"]) == (
        version["version"],
        "claude/sonnet-4-6",
    )
    first, last = agents.upstream.bodies[0], agents.upstream.bodies[-1]
    assert "You write verses." in last["system"][0]["text"]
    assert 'topic: "bats"' in last["messages"][0]["content"][0]["text"]
    assert [block["type"] for block in last["messages"][1]["content"]] == ["tool_use"]  # no signed thinking
    assert len(tool.calls) == 1
    (event,) = await agents.payloads(forked["id"], "forked")
    assert event["version"] == version["version"]
    assert (event["model"], event["inputs"]) == ("claude/sonnet-4-6", True)
    memorized = await derive_job(agents, job["id"], "fork", step=0, inputs={"topic": "cats"})
    assert memorized["status"] == "succeeded", memorized
    cats = agents.upstream.bodies[-1]
    assert (cats["system"], cats["model"]) == (first["system"], first["model"])
    more = await derive_job(agents, memorized["id"], "fork", step=0, edits=[{"step": 0, "text": "Dogs."}])
    assert agents.upstream.bodies[-1]["messages"][0]["content"][0]["text"] == "Dogs."
    assert more["usage"]["model"] == MODEL


@pytest.mark.parametrize("key", ["rewritten", "anew"])
async def test_fork_runs_with_either_name_of_the_rewritten_parts(agents: Agents, key: str) -> None:
    """Both are stored, since workers of 0.1 and 0.2 run together during an upgrade."""
    agents.upstream.script = [submit_result(), submit_result(BETTER)]
    job = await agents.run()
    path = f"/v1/jobs/{job['id']}/fork"
    forked = await agents.project.http.post(path, json={"step": 0, "inputs": {"topic": "bats"}})
    assert forked.status_code == 201, forked.text
    other = "anew" if key == "rewritten" else "rewritten"
    async with agents.instance.database.transaction() as session:
        query = (
            "update journal_entries set content = (content::jsonb - cast(:other as text))::json "
            "where job_id = :id and content::jsonb ?& array[cast(:key as text), cast(:other as text)] returning 1"
        )
        values = {"id": forked.json()["id"], "key": key, "other": other}
        assert (await session.execute(text(query), values)).all(), "it has both names"
    async with agents.running_worker():
        assert (await agents.wait_for_end(forked.json()["id"]))["status"] == "succeeded"
    assert 'topic: "bats"' in agents.upstream.bodies[-1]["messages"][0]["content"][0]["text"]


WRONG: list[tuple[dict[str, Any], str]] = [
    ({"edits": [{"step": 2, "text": "x"}]}, "Step 2 is not copied"),
    ({"edits": [{"step": 1, "text": "x", "block": 0}]}, "signed by the provider"),
    ({"edits": [{"step": 1, "text": "x", "block": 3}]}, "'tool_use_id' and 'input'"),
    ({"edits": [{"step": 1, "text": "x", "block": 9}]}, "has 4 blocks"),
    ({"edits": [{"step": 1, "text": "x"}]}, "several texts"),
    ({"edits": [{"step": 0, "text": "x"}, {"step": 0, "text": "y"}]}, "Two edits"),
    ({"edits": [{"tool_use_id": "toolu_9", "content": "x"}]}, "has the ID 'toolu_9'"),
    ({"edits": [{"tool_use_id": "toolu_1"}]}, "an edit is"),
    ({"edits": [{"tool_use_id": "toolu_1", "content": "x", "text": "y"}]}, "an edit is"),
    ({"edits": [{"step": 0, "text": "x"}], "inputs": {"topic": "x"}}, "not both"),
    ({"inputs": {"topik": "x"}}, "topic"),
    ({"model": "claude/sonet-4-6"}, "claude/sonnet-4-6"),
    ({"version": 10_000}, "10000"),
]


async def test_invalid_edit_is_rejected_with_the_reason(agents: Agents) -> None:
    agents.tools = [CountingTool()]
    agents.upstream.script = [
        says(thinks("hm"), "One.", "Two.", calls("look", at="a tree", tool_use_id="toolu_1")),
        submit_result(),
    ]
    job = await agents.run()
    before = (await agents.project.http.get("/v1/jobs")).json()
    for changes, text_block in WRONG:
        rejected = await agents.project.http.post(f"/v1/jobs/{job['id']}/fork", json={"step": 1, **changes})
        assert rejected.status_code in (404, 422), rejected.text
        assert text_block in rejected.text
    assert (await agents.project.http.get("/v1/jobs")).json() == before


async def test_secret_edited_into_fork_never_reaches_model(agents: Agents) -> None:
    agents.tools = [CountingTool()]
    agents.upstream.script = [says(calls("look", tool_use_id="toolu_1")), submit_result(), submit_result()]
    response = await agents.project.http.put("/v1/secrets", json={"name": "KEY", "value": "hunter2-hunter2"})
    assert response.status_code < 300, response.text
    job = await agents.run()
    edits = [
        {"step": 0, "text": "The key is hunter2-hunter2."},
        {
            "tool_use_id": "toolu_1",
            "content": "aHVudGVyMi1odW50ZXIy hunter2-hunter2",
            "input": {"at": "hunter2-hunter2"},
        },
    ]
    forked = await derive_job(agents, job["id"], "fork", step=1, edits=edits)
    assert forked["status"] == "succeeded", forked
    sent = str(agents.upstream.bodies[-1])
    assert "[secret]" in sent
    assert "hunter2" not in sent
    assert "aHVudGVyMi1odW50" not in sent
    assert "hunter2" not in str(await agents.events(forked["id"]))


async def test_finished_job_continues_with_conversation_and_new_inputs(agents: Agents) -> None:
    agents.tools = [CountingTool()]
    agents.upstream.script = [says(calls("look", at="a tree")), submit_result(), submit_result(BETTER)]
    job = await agents.run()
    more = await derive_job(agents, job["id"], "continue", inputs={"topic": "owls at night"})
    assert (more["status"], more["result"], more["steps"]) == ("succeeded", BETTER, 1)
    assert more["inputs"] == {"topic": "owls at night"}
    received = agents.upstream.bodies[2]["messages"]
    assert [message["role"] for message in received] == ["user", "assistant", "user", "assistant", "user"]
    assert received[-1]["content"][0]["type"] == "tool_result"
    assert "owls at night" in received[-1]["content"][1]["text"]
    wrong = await agents.project.http.post(f"/v1/jobs/{job['id']}/continue", json={"inputs": {}})
    assert wrong.status_code == 422


async def test_unfinished_job_cannot_be_continued(agents: Agents) -> None:
    job_id = await agents.submit()
    for action, body in (("continue", {"inputs": {"topic": "x"}}), ("fork", {"step": 0})):
        response = await agents.project.http.post(f"/v1/jobs/{job_id}/{action}", json=body)
        assert (response.status_code, response.json()["code"]) == (409, "not_resumable")
    await agents.project.http.post(f"/v1/jobs/{job_id}/cancel")
