"""A model behind the Messages API, over a real socket: complete replies only, reported retries, exact prices."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from anthropic import AsyncAnthropic

from backend.core.errors import PurasError
from backend.skills.model_catalog import catalog
from tests.doubles.messages import MessagesServer, calls, refuses, says, thinks
from tests.integration.models.model_calls import ASK, KEY, QUICK, ModelCall
from workers.llm.anthropic import MessagesModel
from workers.llm.errors import (
    ModelKeyRefused,
    ModelOverloaded,
    ModelRefused,
    ModelUnavailable,
    PromptTooLong,
)
from workers.llm.pricing import Margin
from workers.llm.types import Message, Prompt, Tokens


@pytest.fixture(scope="module")
def server() -> Iterator[MessagesServer]:
    with MessagesServer(keys=[KEY]).running() as server:
        yield server


@asynccontextmanager
async def open_model(
    server: MessagesServer, *script: Any, slug: str = "claude/sonnet-4-6", key: str = KEY, **facts: Any
) -> AsyncIterator[ModelCall[MessagesModel]]:
    server.restart(*script)
    async with AsyncAnthropic(api_key=key, base_url=facts.pop("url", server.url), max_retries=0) as client:
        entry = catalog.current().get(slug)
        yield ModelCall(MessagesModel(entry, client, Margin(20, **facts), QUICK))


async def test_reply_is_streamed_and_then_returned_complete(server: MessagesServer) -> None:
    scripted = says(
        thinks("Let me look."),
        "I will list the files.",
        calls("list", tool_use_id="toolu_1", deep=[1, {"a": 2}]),
    )
    async with open_model(server, scripted) as model_call:
        reply = await model_call.ask()
    assert reply.blocks == scripted.blocks
    assert reply.stop_reason == "tool_use"
    assert "".join(model_call.deltas) == "I will list the files."
    assert len(model_call.deltas) > 1
    assert reply.model == "claude/sonnet-4-6"
    assert reply.request_id


async def test_each_kind_of_token_has_its_price(server: MessagesServer) -> None:
    scripted = says(
        "ok", input_tokens=7, output_tokens=11, cache_write=100, cache_write_1h=40, cache_read=1_000
    )
    async with open_model(server, scripted) as model_call:
        reply = await model_call.ask()
    assert reply.tokens == Tokens(input=7, output=11, cache_write=100, cache_read=1_000)
    assert reply.upstream_nanos == 7 * 3_000 + 11 * 15_000 + 60 * 3_750 + 40 * 6_000 + 1_000 * 300
    assert reply.billed_micros == -(-reply.upstream_nanos * 120 // 100_000)
    assert reply.cache_hit


async def test_own_key_of_project_is_billed_nothing(server: MessagesServer) -> None:
    async with open_model(server, says("ok"), is_own_key=True) as model_call:
        reply = await model_call.ask()
        worst = model_call.model.worst_case_micros(Prompt("", ASK, [], 500), 500)
    assert (reply.billed_micros, worst) == (0, 0)
    assert reply.upstream_nanos > 0


async def test_cache_marks_do_not_change_the_given_messages(server: MessagesServer) -> None:
    conversation: list[Message] = [
        *ASK,
        {"role": "assistant", "content": [calls("list", tool_use_id="t1")]},
        {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "t1", "content": "a.txt"}]},
    ]
    async with open_model(server, says("a.txt")) as model_call:
        await model_call.ask(conversation, cache_ttl="1h")
    body, mark = server.bodies[0], {"type": "ephemeral", "ttl": "1h"}
    assert body["system"][0]["cache_control"] == body["tools"][-1]["cache_control"] == mark
    marked = [
        block for message in body["messages"] for block in message["content"] if "cache_control" in block
    ]
    assert marked == [{**conversation[2]["content"][0], "cache_control": mark}]
    assert "cache_control" not in conversation[2]["content"][0]


async def test_upstream_clears_old_tool_results_and_reports_it(server: MessagesServer) -> None:
    scripted = says("ok", cleared_tokens=21_000, input_tokens=40_000, output_tokens=10)
    async with open_model(server, scripted) as model_call:
        reply = await model_call.ask()
    edit = server.bodies[0]["context_management"]["edits"][0]
    assert (edit["type"], edit["trigger"]["value"]) == ("clear_tool_uses_20250919", 60_000)
    assert reply.cleared_tokens == 21_000
    assert reply.measured == 61_010


async def test_family_without_cache_and_clearing_gets_neither(server: MessagesServer) -> None:
    own = catalog.current().get("gpt/5").model_copy(update={"cache": None})
    async with open_model(server, says("ok")) as model_call:
        model = MessagesModel(own, model_call.model.client, model_call.model.margin, QUICK)
        await ModelCall(model).ask()
    assert "context_management" not in server.bodies[0]
    assert "cache_control" not in str(server.bodies[0])
    assert server.bodies[0]["model"] == "openai/gpt-5"


@pytest.mark.parametrize(
    "fault",
    [
        pytest.param(refuses(529), id="overloaded"),
        pytest.param(refuses(429, retry_after="0"), id="rate-limited"),
        pytest.param(refuses(429, retry_after_ms="1"), id="rate-limited-ms"),
        pytest.param(refuses(500), id="fault"),
        pytest.param(refuses(408), id="too-slow"),
        pytest.param(says("half of it is here").but(cut_after=4), id="cut"),
        pytest.param(says("half of it is here").but(error_after=4), id="overloaded-mid-stream"),
        pytest.param(
            says("half of it is here").but(error_after=4, error_type="api_error"), id="fault-mid-stream"
        ),
        pytest.param(
            says({"type": "tool_use", "id": "t", "name": "list", "input": {}, "raw_input": '{"broken'}),
            id="broken-arguments",
        ),
        pytest.param(
            says({"type": "tool_use", "id": "t", "name": "list", "input": {}, "raw_input": "[1]"}),
            id="arguments-not-an-object",
        ),
    ],
)
async def test_transient_fault_is_retried_and_reported(server: MessagesServer, fault: Any) -> None:
    async with open_model(server, fault, says("whole")) as model_call:
        reply = await model_call.ask()
    assert reply.blocks == ({"type": "text", "text": "whole"},)
    assert server.asked == 2
    (retry,) = model_call.retries
    assert (retry.tried, retry.max_calls, retry.model) == (1, 3, "claude/sonnet-4-6")


async def test_truncated_stream_returns_no_partial_reply(server: MessagesServer) -> None:
    cut = says("half of it is here").but(cut_after=5)
    async with open_model(server, cut, cut, cut) as model_call:
        with pytest.raises(ModelUnavailable) as caught:
            await model_call.ask()
    assert server.asked == 3
    assert len(model_call.retries) == 2
    assert caught.value.fields["tries"] == 3


async def test_busy_model_fails_after_all_attempts(server: MessagesServer) -> None:
    async with open_model(server, *[refuses(529)] * 3) as model_call:
        with pytest.raises(ModelOverloaded):
            await model_call.ask()
    assert server.asked == 3


async def test_long_retry_after_is_left_to_the_queue(server: MessagesServer) -> None:
    async with open_model(server, refuses(429, retry_after="90")) as model_call:
        with pytest.raises(ModelOverloaded) as caught:
            await model_call.ask()
    assert server.asked == 1
    assert 90 <= caught.value.retry_after_s <= 92


@pytest.mark.parametrize(
    ("refusal", "expected"),
    [
        (refuses(400, "messages.0: claude-sonnet-4-6 takes no such block"), ModelRefused),
        (refuses(400, "prompt is too long: 1000001 tokens > 1000000 maximum"), PromptTooLong),
        (refuses(413), PromptTooLong),
        (refuses(402), ModelKeyRefused),
        (refuses(403), ModelKeyRefused),
        (refuses(404, "model: claude-sonnet-4-6"), ModelRefused),
        (refuses(529, x_should_retry="false"), ModelRefused),
    ],
    ids=lambda value: str(value)[:40],
)
async def test_permanent_errors_are_not_retried(
    server: MessagesServer, refusal: Any, expected: type[PurasError]
) -> None:
    async with open_model(server, refusal) as model_call:
        with pytest.raises(expected) as caught:
            await model_call.ask()
    assert server.asked == 1
    assert "claude-sonnet-4-6" not in caught.value.detail  # the upstream ID of the model
    assert "claude/sonnet-4-6" in caught.value.detail


async def test_rejected_key_is_reported_without_its_value(server: MessagesServer) -> None:
    async with open_model(server, key="sk-wrong-0123456789", is_own_key=True) as model_call:
        with pytest.raises(ModelKeyRefused) as caught:
            await model_call.ask()
    assert "PUT /v1/providers/claude" in caught.value.detail
    assert "sk-wrong" not in str(caught.value.as_body())


async def test_closed_port_is_unavailable(server: MessagesServer) -> None:
    async with open_model(server, url="http://127.0.0.1:9") as model_call:
        with pytest.raises(ModelUnavailable) as caught:
            await model_call.ask()
    assert "no connection" in caught.value.detail


async def test_tool_call_truncated_by_token_limit_is_removed(server: MessagesServer) -> None:
    cut = {"type": "tool_use", "id": "t2", "name": "list", "input": {}, "raw_input": '{"path": "a'}
    truncated = {"type": "tool_use", "id": "t3", "name": "list", "input": {}}
    whole = calls("list", tool_use_id="t1", path="a")
    async with open_model(
        server, says(whole, cut, stop_reason="max_tokens"), says("x", truncated, stop_reason="max_tokens")
    ) as model_call:
        first, second = await model_call.ask(), await model_call.ask()
    assert first.blocks == (whole,)
    assert second.blocks == ({"type": "text", "text": "x"},)
    assert first.stop_reason == "max_tokens"
    assert model_call.retries == []


async def test_empty_text_is_removed_from_reply(server: MessagesServer) -> None:
    call = calls("list", tool_use_id="t1")
    async with open_model(server, says(" \n", call)) as model_call:
        assert (await model_call.ask()).blocks == (call,)


async def test_cancelled_call_closes_its_connection(server: MessagesServer) -> None:
    release = threading.Event()
    held = says("one two three four five six").but(hold_after=5, release=release)
    async with open_model(server, held) as model_call:
        task = asyncio.create_task(model_call.ask())
        async with asyncio.timeout(5):
            await model_call.has_received_text.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await server.wait_disconnected()
    release.set()
    assert model_call.retries == []
