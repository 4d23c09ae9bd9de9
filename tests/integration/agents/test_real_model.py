"""A real language model on this host, through each API that llama.cpp serves; skipped where it is not installed."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from typing import Any

import httpx2
import pytest
from anthropic import AsyncAnthropic
from sqlalchemy import text

from backend.core.errors import Unavailable
from backend.skills.model_catalog import catalog
from backend.skills.model_catalog.catalog import ApiName, Endpoint
from tests.factories.llama_server import CONTEXT_TOKENS, LlamaServer, llama_server, reason_to_skip
from tests.integration.agents.conftest import Agents, bundle
from tests.integration.models.test_compatibility import check_page, table_of
from workers.llm.anthropic import MessagesModel
from workers.llm.blocks import is_object
from workers.llm.openai_api import unsupported
from workers.llm.openai_api.model import open_model
from workers.llm.pricing import Margin
from workers.llm.retry_policy import RetryPolicy
from workers.llm.types import Model, Prompt, Reply, Retry, ToolSpec

pytestmark = [
    pytest.mark.asyncio(loop_scope="module"),
    pytest.mark.timeout(900),
    pytest.mark.skipif(bool(reason_to_skip()), reason=reason_to_skip()),
]

APIS: tuple[ApiName, ...] = ("messages", "chat", "responses")
QUICK = RetryPolicy(attempts=2, first_wait_s=0.01, max_backoff_s=0.02)
VERDICT = ToolSpec(
    "set_output",
    "Submits the result.",
    {
        "type": "object",
        "properties": {"animal": {"type": "string", "enum": ["owl", "cat"]}, "legs": {"type": "integer"}},
        "required": ["animal", "legs"],
    },
)


@pytest.fixture(scope="module")
def server() -> Iterator[LlamaServer]:
    with llama_server() as server:
        yield server


def model_at(url: str, api: ApiName) -> Model:
    entry = catalog.current().get("claude/haiku-4-5")
    entry = entry.model_copy(
        update={"context_tokens": CONTEXT_TOKENS, "clears_context": False, "cache": None}
    )
    if api == "messages":
        client = AsyncAnthropic(api_key="none", base_url=url, max_retries=0, timeout=300)
        return MessagesModel(entry, client, Margin(20), QUICK)
    return open_model(
        entry,
        Endpoint(base_url=url, api=api),
        None,
        margin=Margin(20),
        retry_policy=QUICK,
        timeout=httpx2.Timeout(300),
        http=httpx2.AsyncClient(),
        owned=None,
    )


async def ask(model: Model, asked: str, **more: Any) -> tuple[Reply, list[str], list[Retry]]:
    deltas: list[str] = []
    retries: list[Retry] = []
    message = {"role": "user", "content": [{"type": "text", "text": asked}]}
    given: dict[str, Any] = {"tools": [], "max_tokens": 24, **more}
    reply = await model.reply(Prompt("Be brief.", [message], **given), deltas.append, retries.append)
    return reply, deltas, retries


@pytest.mark.parametrize("api", APIS)
async def test_reply_is_streamed_and_counted(server: LlamaServer, api: ApiName) -> None:
    reply, deltas, retries = await ask(model_at(server.url, api), "Which animal flies at night?")
    assert len(deltas) > 3
    assert reply.blocks[0]["text"] == "".join(deltas)
    assert reply.tokens.prompt > 10
    assert 1 < reply.tokens.output <= 24
    assert reply.billed_micros > 0
    assert retries == []


async def test_model_that_ignores_tools_submits_structured_output(server: LlamaServer) -> None:
    """The template of this model has no tools: it answers a required call with prose, and only a grammar helps."""
    unsupported.forget_all()
    model = model_at(server.url, "chat")
    more = {"tools": [VERDICT], "forced_tool": VERDICT.name, "max_tokens": 100}
    await ask(model, "An owl has two legs. Reply with one word.", **more)
    unsupported.ignores_choice(*server_and_model(model))
    reply, _, _ = await ask(model, "An owl has two legs.", **more)
    submitted = json.loads(reply.blocks[0]["text"])
    assert submitted["animal"] in ("owl", "cat")
    assert isinstance(submitted["legs"], int)


async def test_table_of_the_guide_has_what_the_server_of_llama_cpp_carries(server: LlamaServer) -> None:
    columns = {f"`{api}`": await carried(model_at(server.url, api)) for api in APIS}
    check_page(table_of(columns, ("Streaming", "Usage while streaming", "Structured output", "Truncation")))


async def carried(model: Model) -> dict[str, bool | None]:
    """Return what a real server carries, as far as a small model that knows no tools shows it."""
    reply, deltas, _ = await ask(model, "Write a long story about an owl.")
    found: dict[str, bool | None] = {
        "Streaming": len(deltas) > 1,
        "Usage while streaming": reply.tokens.output > 0 and not reply.is_estimated,
        "Structured output": False,
        "Truncation": reply.stop_reason == "max_tokens",
    }
    if isinstance(model, MessagesModel):
        return found
    unsupported.forget_all()
    unsupported.ignores_choice(*server_and_model(model))
    more = {"tools": [VERDICT], "forced_tool": VERDICT.name, "max_tokens": 60}
    reply, _, _ = await ask(model, "An owl has two legs.", **more)
    return {**found, "Structured output": is_object(reply.blocks[0].get("text", ""))}


def server_and_model(model: Any) -> tuple[str, str]:
    return str(model.client.base_url), model.entry.upstream_id


@pytest.mark.parametrize(
    ("api", "schema"),
    [
        ("messages", "{type: object, properties: {answer: {type: text}}}"),
        ("responses", "{type: object, properties: {answer: {type: text}}}"),
        ("chat", "{type: object, properties: {answer: {enum: [owl, cat]}}}"),
    ],
)
async def test_agent_runs_on_the_model(
    agents: Agents, server: LlamaServer, api: ApiName, schema: str
) -> None:
    unsupported.forget_all()
    agents.api, agents.base_url = api, server.url if api == "messages" else f"{server.url}/v1"
    agents.max_output_tokens = 120
    files = {**bundle(schema=schema), "skills/sum/prompt.md": b"Reply with one word."}
    await agents.project.pushed(files)
    job_id = await agents.submit(inputs={"topic": "owl or cat"}, limits={"steps": 8, "timeout_s": 800})
    async with agents.running_worker(), asyncio.timeout(800):
        while (job := await agents.get(job_id))["finished_at"] is None:
            async with agents.instance.database.transaction() as session:  # this worker has no heartbeat
                await session.execute(text("update workers set beat_at = now()"))
            await asyncio.sleep(0.5)
    # A reply in the form of a grammar is a result: after several cut replies it is required. Over the other APIs this
    # server has no such form for calls, and the small model may write without an end.
    outcomes = {"succeeded"} if api == "chat" else {"succeeded", "truncated"}
    assert (job["error_code"] or job["status"]) in outcomes, job["error"]
    assert job["status"] == "failed" or job["result"]["answer"]
    replies = await agents.payloads(job_id, "model_response")
    assert [one["step"] for one in replies] == list(range(1, job["steps"] + 1))
    assert not any(one.get("is_estimated") for one in replies)
    assert job["usage"]["output_tokens"] == sum(one["output_tokens"] for one in replies) > 0
    receipt = (await agents.project.http.get(f"/v1/jobs/{job_id}/receipt")).json()
    used = [line["billed_micros"] for line in receipt["lines"] if line["kind"] == "model"]
    assert used == [one["billed_micros"] for one in replies]
    assert sum(used) > 0


@pytest.mark.parametrize("api", APIS)
async def test_server_killed_during_a_reply_gives_no_partial_reply(api: ApiName) -> None:
    with llama_server() as server:
        model = model_at(server.url, api)
        has_text = asyncio.Event()
        retries: list[Retry] = []
        message = {"role": "user", "content": [{"type": "text", "text": "Write a very long story."}]}
        prompt = Prompt("", [message], [], 2_000)
        task = asyncio.create_task(model.reply(prompt, lambda _: has_text.set(), retries.append))
        async with asyncio.timeout(300):
            await has_text.wait()
        server.kill()
        with pytest.raises(Unavailable):
            await task
    assert len(retries) == 1
