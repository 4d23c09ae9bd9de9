"""A model behind the Messages API, over a real socket: whole replies or none, retries that are told, exact money."""

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
from workers.llm.anthropic import MessagesModel
from workers.llm.errors import (
    ModelKeyRefused,
    ModelOverloaded,
    ModelRefused,
    ModelUnavailable,
    PromptTooLong,
)
from workers.llm.pricing import Margin
from workers.llm.retry_policy import RetryPolicy
from workers.llm.types import Message, Prompt, Reply, Retry, Tokens, ToolSpec

QUICK = RetryPolicy(attempts=3, first_wait_s=0.001, max_backoff_s=0.002)
LIST = ToolSpec("list", "Lists files.", {"type": "object", "properties": {}})
ASK: list[Message] = [{"role": "user", "content": [{"type": "text", "text": "Which files are there?"}]}]


@pytest.fixture(scope="module")
def server() -> Iterator[MessagesServer]:
    with MessagesServer(keys=["sk-good"]).running() as server:
        yield server


class Asking:
    """A model, and what it told meanwhile."""

    def __init__(self, model: MessagesModel) -> None:
        self.model = model
        self.deltas: list[str] = []
        self.has_heard = asyncio.Event()
        self.retries: list[Retry] = []

    async def ask(self, messages: list[Message] = ASK, **more: Any) -> Reply:
        prompt = Prompt(system="Be brief.", messages=messages, tools=[LIST], **{"max_tokens": 500, **more})
        return await self.model.reply(prompt, self._hear, self.retries.append)

    def _hear(self, text: str) -> None:
        self.deltas.append(text)
        self.has_heard.set()


@asynccontextmanager
async def asking(
    server: MessagesServer, *script: Any, slug: str = "claude/sonnet-4-6", key: str = "sk-good", **facts: Any
) -> AsyncIterator[Asking]:
    server.script, server._scripted = script, 0
    server.bodies.clear()
    server.headers.clear()
    server.answered = 0
    async with AsyncAnthropic(api_key=key, base_url=facts.pop("url", server.url), max_retries=0) as client:
        entry = catalog.current().get(slug)
        yield Asking(MessagesModel(entry, client, Margin(20, **facts), QUICK))


async def test_a_reply_comes_in_pieces_and_then_whole(server: MessagesServer) -> None:
    said = says(
        thinks("Let me look."),
        "I will list the files.",
        calls("list", tool_use_id="toolu_1", deep=[1, {"a": 2}]),
    )
    async with asking(server, said) as it:
        reply = await it.ask()
    assert reply.blocks == said.blocks
    assert reply.stop_reason == "tool_use"
    assert "".join(it.deltas) == "I will list the files."
    assert len(it.deltas) > 1
    assert reply.model == "claude/sonnet-4-6"
    assert reply.request_id


async def test_every_sort_of_token_has_its_price(server: MessagesServer) -> None:
    counted = says(
        "ok", input_tokens=7, output_tokens=11, cache_write=100, cache_write_1h=40, cache_read=1_000
    )
    async with asking(server, counted) as it:
        reply = await it.ask()
    assert reply.tokens == Tokens(input=7, output=11, cache_write=100, cache_read=1_000)
    assert reply.upstream_nanos == 7 * 3_000 + 11 * 15_000 + 60 * 3_750 + 40 * 6_000 + 1_000 * 300
    assert reply.billed_micros == -(-reply.upstream_nanos * 120 // 100_000)
    assert reply.cache_hit


async def test_with_a_projects_own_key_nothing_is_billed(server: MessagesServer) -> None:
    async with asking(server, says("ok"), is_own_key=True) as it:
        reply = await it.ask()
        worst = it.model.worst_case_micros(Prompt("", ASK, [], 500), 500)
    assert (reply.billed_micros, worst) == (0, 0)
    assert reply.upstream_nanos > 0


async def test_the_prompt_is_marked_for_the_cache_and_itself_left_alone(server: MessagesServer) -> None:
    talk: list[Message] = [
        *ASK,
        {"role": "assistant", "content": [calls("list", tool_use_id="t1")]},
        {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "t1", "content": "a.txt"}]},
    ]
    async with asking(server, says("a.txt")) as it:
        await it.ask(talk, cache_ttl="1h")
    body, mark = server.bodies[0], {"type": "ephemeral", "ttl": "1h"}
    assert body["system"][0]["cache_control"] == body["tools"][-1]["cache_control"] == mark
    marked = [
        block for message in body["messages"] for block in message["content"] if "cache_control" in block
    ]
    assert marked == [{**talk[2]["content"][0], "cache_control": mark}]
    assert "cache_control" not in talk[2]["content"][0]


async def test_old_tool_results_are_cleared_by_the_upstream_and_that_is_told(server: MessagesServer) -> None:
    cleared = says("ok", cleared_tokens=21_000, input_tokens=40_000, output_tokens=10)
    async with asking(server, cleared) as it:
        reply = await it.ask()
    edit = server.bodies[0]["context_management"]["edits"][0]
    assert (edit["type"], edit["trigger"]["value"]) == ("clear_tool_uses_20250919", 60_000)
    assert reply.cleared_tokens == 21_000
    assert reply.measured == 61_010


async def test_a_family_without_cache_or_clearing_gets_neither(server: MessagesServer) -> None:
    own = catalog.current().get("gpt/5").model_copy(update={"cache": None})
    async with asking(server, says("ok")) as it:
        model = MessagesModel(own, it.model.client, it.model.margin, QUICK)
        await Asking(model).ask()
    assert "context_management" not in server.bodies[0]
    assert "cache_control" not in str(server.bodies[0])
    assert server.bodies[0]["model"] == "openai/gpt-5"


@pytest.mark.parametrize(
    "fault",
    [
        pytest.param(refuses(529), id="overloaded"),
        pytest.param(refuses(429, retry_after="0"), id="too-many"),
        pytest.param(refuses(429, retry_after_ms="1"), id="too-many-for-a-moment"),
        pytest.param(refuses(500), id="fault"),
        pytest.param(refuses(408), id="too-slow"),
        pytest.param(says("half of it is here").but(cut_after=4), id="cut"),
        pytest.param(says("half of it is here").but(error_after=4), id="overloaded-half-way"),
        pytest.param(
            says("half of it is here").but(error_after=4, error_type="api_error"), id="fault-half-way"
        ),
        pytest.param(
            says({"type": "tool_use", "id": "t", "name": "list", "input": {}, "raw_input": '{"broken'}),
            id="broken-arguments",
        ),
        pytest.param(
            says({"type": "tool_use", "id": "t", "name": "list", "input": {}, "raw_input": "[1]"}),
            id="arguments-that-are-no-object",
        ),
    ],
)
async def test_what_passes_is_tried_again_and_told(server: MessagesServer, fault: Any) -> None:
    async with asking(server, fault, says("whole")) as it:
        reply = await it.ask()
    assert reply.blocks == ({"type": "text", "text": "whole"},)
    assert server.asked == 2
    (retry,) = it.retries
    assert (retry.tried, retry.max_calls, retry.model) == (1, 3, "claude/sonnet-4-6")


async def test_a_stream_that_ends_early_is_never_half_a_reply(server: MessagesServer) -> None:
    cut = says("half of it is here").but(cut_after=5)
    async with asking(server, cut, cut, cut) as it:
        with pytest.raises(ModelUnavailable) as caught:
            await it.ask()
    assert server.asked == 3
    assert len(it.retries) == 2
    assert caught.value.fields["tries"] == 3


async def test_a_busy_model_is_given_up_after_every_try(server: MessagesServer) -> None:
    async with asking(server, *[refuses(529)] * 3) as it:
        with pytest.raises(ModelOverloaded):
            await it.ask()
    assert server.asked == 3


async def test_an_upstream_that_asks_for_minutes_is_left_to_the_queue(server: MessagesServer) -> None:
    async with asking(server, refuses(429, retry_after="90")) as it:
        with pytest.raises(ModelOverloaded) as caught:
            await it.ask()
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
async def test_what_cannot_pass_is_said_at_once(
    server: MessagesServer, refusal: Any, expected: type[PurasError]
) -> None:
    async with asking(server, refusal) as it:
        with pytest.raises(expected) as caught:
            await it.ask()
    assert server.asked == 1
    assert "claude-sonnet-4-6" not in caught.value.detail  # the upstream's name of it
    assert "claude/sonnet-4-6" in caught.value.detail


async def test_a_wrong_key_is_said_without_showing_it(server: MessagesServer) -> None:
    async with asking(server, key="sk-wrong-0123456789", is_own_key=True) as it:
        with pytest.raises(ModelKeyRefused) as caught:
            await it.ask()
    assert "PUT /v1/providers/claude" in caught.value.detail
    assert "sk-wrong" not in str(caught.value.as_body())


async def test_a_place_where_nobody_listens_is_unavailable(server: MessagesServer) -> None:
    async with asking(server, url="http://127.0.0.1:9") as it:
        with pytest.raises(ModelUnavailable) as caught:
            await it.ask()
    assert "no connection" in caught.value.detail


async def test_the_limit_of_tokens_leaves_out_what_it_cut_off(server: MessagesServer) -> None:
    cut = {"type": "tool_use", "id": "t2", "name": "list", "input": {}, "raw_input": '{"path": "a'}
    unasked = {"type": "tool_use", "id": "t3", "name": "list", "input": {}}
    whole = calls("list", tool_use_id="t1", path="a")
    async with asking(
        server, says(whole, cut, stop_reason="max_tokens"), says("x", unasked, stop_reason="max_tokens")
    ) as it:
        first, second = await it.ask(), await it.ask()
    assert first.blocks == (whole,)
    assert second.blocks == ({"type": "text", "text": "x"},)
    assert first.stop_reason == "max_tokens"
    assert it.retries == []


async def test_empty_text_which_no_upstream_takes_back_is_left_out(server: MessagesServer) -> None:
    call = calls("list", tool_use_id="t1")
    async with asking(server, says(" \n", call)) as it:
        assert (await it.ask()).blocks == (call,)


async def test_a_cancelled_call_ends_its_connection(server: MessagesServer) -> None:
    release = threading.Event()
    held = says("one two three four five six").but(hold_after=5, release=release)
    async with asking(server, held) as it:
        task = asyncio.create_task(it.ask())
        async with asyncio.timeout(5):
            await it.has_heard.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
    release.set()
    assert it.retries == []
