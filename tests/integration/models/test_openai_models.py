"""Models behind Chat Completions and the Responses API, over a real socket: complete replies only, exact prices."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from typing import Any, Literal

import httpx2
import pytest

from backend.core.errors import PurasError
from backend.skills.model_catalog import catalog
from backend.skills.model_catalog.catalog import Endpoint
from tests.doubles.messages import calls, refuses, says, thinks
from tests.doubles.openai_api import OpenAIServer
from tests.integration.models.model_calls import ASK, KEY, LIST, QUICK, ModelCall
from workers.llm.blocks import INVALID
from workers.llm.errors import (
    ModelKeyRefused,
    ModelOverloaded,
    ModelRefused,
    ModelUnavailable,
    PromptTooLong,
)
from workers.llm.openai_api import unsupported
from workers.llm.openai_api.model import OpenAIModel, open_model
from workers.llm.pricing import Margin
from workers.llm.types import Message, Prompt, Tokens, ToolSpec

Api = Literal["chat", "responses"]
PIXEL = {"type": "base64", "media_type": "image/png", "data": "aGk="}
DATA_URL = "data:image/png;base64,aGk="


@pytest.fixture(scope="module")
def server() -> Iterator[OpenAIServer]:
    with OpenAIServer(keys=[KEY]).running() as server:
        yield server


@pytest.fixture(params=["chat", "responses"])
def api(request: pytest.FixtureRequest) -> Api:
    unsupported.forget_all()
    chosen: Api = request.param
    return chosen


@asynccontextmanager
async def open_call(
    server: OpenAIServer, api: Api, *script: Any, key: str | None = KEY, **more: Any
) -> AsyncIterator[ModelCall[OpenAIModel]]:
    server.restart(*script)
    changes = {name: more.pop(name) for name in ("vision", "pdf") if name in more}
    entry = catalog.current().get("gpt/5").model_copy(update=changes)
    endpoint = Endpoint(base_url=more.pop("url", server.url), api=api, auth=more.pop("auth", "bearer"))
    async with httpx2.AsyncClient(timeout=5) as http:
        model = open_model(
            entry,
            endpoint,
            key,
            margin=Margin(20, **more),
            retry_policy=QUICK,
            timeout=httpx2.Timeout(5),
            http=http,
            owned=None,
        )
        yield ModelCall(model)


async def test_reply_is_streamed_and_then_returned_complete(server: OpenAIServer, api: Api) -> None:
    call = calls("list", tool_use_id="call_1", deep=[1, {"a": 2}])
    scripted = says(thinks("Let me look."), "I will list the files.", call)
    async with open_call(server, api, scripted) as model_call:
        reply = await model_call.ask()
    thought, text, use = reply.blocks
    assert (thought["type"], thought["thinking"]) == ("thinking", "Let me look.")
    assert text == {"type": "text", "text": "I will list the files."}
    assert use == call
    assert reply.stop_reason == "tool_use"
    assert "".join(model_call.deltas) == "I will list the files."
    assert len(model_call.deltas) > 1
    assert (reply.model, reply.request_id) == ("gpt/5", "req_000001")
    assert server.bodies[0]["model"] == "openai/gpt-5"
    assert server.paths == [f"/v1/{'chat/completions' if api == 'chat' else 'responses'}"]


async def test_each_kind_of_token_is_charged_once(server: OpenAIServer, api: Api) -> None:
    scripted = says("ok", input_tokens=7, output_tokens=11, cache_write=100, cache_read=1_000)
    async with open_call(server, api, scripted) as model_call:
        reply = await model_call.ask()
    assert reply.tokens == Tokens(input=7, output=11, cache_write=100, cache_read=1_000)
    assert reply.upstream_nanos == 7 * 1_250 + 11 * 10_000 + 100 * 1_250 + 1_000 * 125
    assert reply.billed_micros == -(-reply.upstream_nanos * 120 // 100_000)
    assert reply.cache_hit
    assert not reply.is_estimated


async def test_own_key_of_project_is_billed_nothing(server: OpenAIServer, api: Api) -> None:
    async with open_call(server, api, says("ok"), is_own_key=True) as model_call:
        reply = await model_call.ask()
        worst = model_call.model.worst_case_micros(Prompt("", ASK, [], 500), 500)
    assert (reply.billed_micros, worst) == (0, 0)
    assert reply.upstream_nanos > 0


async def test_reply_without_usage_is_charged_by_its_length(server: OpenAIServer, api: Api) -> None:
    async with open_call(server, api, says("word " * 300)) as model_call:
        server.reports_usage = False
        reply = await model_call.ask()
    assert reply.tokens.input > 100
    assert 400 < reply.tokens.output < 700
    assert reply.billed_micros > 0
    assert reply.is_estimated


async def test_connection_lost_after_the_reply_is_not_billed_twice(server: OpenAIServer, api: Api) -> None:
    """In Chat Completions the usage follows the reply; the Responses API reports both together."""
    scripted = says("whole")
    ends_at = 3 if api == "chat" else 6
    async with open_call(server, api, scripted.but(cut_after=ends_at)) as model_call:
        if api == "responses":
            server.script = (scripted,)
        reply = await model_call.ask()
    assert reply.blocks == ({"type": "text", "text": "whole"},)
    assert (server.asked, model_call.retries) == (1, [])
    assert reply.tokens.output > 0


async def test_parallel_calls_get_their_results_in_order(server: OpenAIServer, api: Api) -> None:
    both = says("Two.", calls("list", tool_use_id="c1", at="a"), calls("list", tool_use_id="c2", at="b"))
    async with open_call(server, api, both, says("done")) as model_call:
        reply = await model_call.ask()
        await model_call.ask_again(
            reply,
            {"type": "tool_result", "tool_use_id": "c1", "content": "one"},
            {"type": "tool_result", "tool_use_id": "c2", "content": "two", "is_error": True},
            {"type": "text", "text": "Continue."},
        )
    assert [block["input"] for block in reply.blocks[1:]] == [{"at": "a"}, {"at": "b"}]
    body = server.bodies[1]
    if api == "chat":
        results = [(m["tool_call_id"], m["content"]) for m in body["messages"] if m["role"] == "tool"]
        assert body["messages"][-1] == {"role": "user", "content": "Continue."}
    else:
        results = [(i["call_id"], i["output"]) for i in body["input"] if i["type"] == "function_call_output"]
    assert results == [("c1", "one"), ("c2", "The call failed:\n\ntwo")]


async def test_calls_without_unique_ids_get_new_ones(server: OpenAIServer, api: Api) -> None:
    twice = says(calls("list", tool_use_id="c1"), calls("list", tool_use_id="c2"))
    again = says(calls("list", tool_use_id="c1"))
    async with open_call(server, api, twice, again) as model_call:
        first = await model_call.ask()
        second = await model_call.ask_again(first)
    (use,) = second.blocks
    assert use["id"].startswith("call_")
    assert use["id"] not in {"c1", "c2"}


async def test_reasoning_is_sent_back_to_the_model_that_wrote_it(server: OpenAIServer, api: Api) -> None:
    scripted = says(thinks("Hm.", "b3BhcXVl"), calls("list", tool_use_id="c1"))
    async with open_call(server, api, scripted, says("done"), says("done")) as model_call:
        reply = await model_call.ask()
        await model_call.ask_again(reply)
        other = model_call.model.entry.model_copy(update={"slug": "gpt/4o"})
        changed = OpenAIModel(other, model_call.model.client, model_call.model.api, Margin(20), QUICK)
        await ModelCall(changed).ask_again(reply)
    if api == "chat":
        assert server.bodies[1]["messages"][2]["reasoning_content"] == "Hm."
    else:
        item = server.bodies[1]["input"][1]
        assert (item["type"], item["encrypted_content"]) == ("reasoning", "b3BhcXVl")
        assert server.bodies[0]["include"] == ["reasoning.encrypted_content"]
    assert "b3BhcXVl" not in str(server.bodies[2])
    assert "Hm." not in str(server.bodies[2])


async def test_signature_of_a_call_is_sent_back(server: OpenAIServer) -> None:
    extra = {"extra_content": {"google": {"thought_signature": "c2ln"}}}
    scripted = says({**calls("list", tool_use_id="c1"), "extra": extra})
    async with open_call(server, "chat", scripted, says("done")) as model_call:
        await model_call.ask_again(await model_call.ask())
    assert server.bodies[1]["messages"][2]["tool_calls"][0]["extra_content"] == extra["extra_content"]


@pytest.mark.parametrize("has_vision", [True, False])
async def test_images_and_pdfs_reach_models_that_read_them(
    server: OpenAIServer, api: Api, has_vision: bool
) -> None:
    pdf = {"type": "base64", "media_type": "application/pdf", "data": "JVBERg=="}
    shown: list[Message] = [
        {
            "role": "user",
            "content": [
                {"type": "text", "text": "Look."},
                {"type": "image", "source": PIXEL},
                {"type": "document", "title": "a.pdf", "source": pdf},
            ],
        }
    ]
    async with open_call(server, api, says("ok"), vision=has_vision, pdf=has_vision) as model_call:
        await model_call.ask(shown)
    body = server.bodies[0]
    content = body["messages"][-1]["content"] if api == "chat" else body["input"][0]["content"]
    if not has_vision:
        assert DATA_URL not in str(content)
        assert "cannot read this image" in str(content)
        assert "cannot read this document" in str(content)
    elif api == "chat":
        assert content[1] == {"type": "image_url", "image_url": {"url": DATA_URL}}
        assert content[2]["file"] == {
            "filename": "a.pdf",
            "file_data": "data:application/pdf;base64,JVBERg==",
        }
    else:
        assert content[1] == {"type": "input_image", "image_url": DATA_URL, "detail": "auto"}
        assert content[2]["file_data"] == "data:application/pdf;base64,JVBERg=="


async def test_image_in_a_result_reaches_the_model(server: OpenAIServer, api: Api) -> None:
    scripted = says(calls("list", tool_use_id="c1"))
    result = {
        "type": "tool_result",
        "tool_use_id": "c1",
        "content": [{"type": "text", "text": "A photo."}, {"type": "image", "source": PIXEL}],
    }
    async with open_call(server, api, scripted, says("ok")) as model_call:
        await model_call.ask_again(await model_call.ask(), result)
    body = server.bodies[1]
    if api == "chat":
        assert body["messages"][-2]["content"] == "A photo."
        assert body["messages"][-1]["content"][1]["image_url"]["url"] == DATA_URL
    else:
        assert body["input"][-1]["output"][1]["image_url"] == DATA_URL


async def test_forced_tool_is_the_only_one_and_required(server: OpenAIServer, api: Api) -> None:
    other = ToolSpec("set_output", "Submits.", {"type": "object", "properties": {}})
    async with open_call(server, api, says(calls("set_output"))) as model_call:
        await model_call.ask(tools=[LIST, other], forced_tool="set_output")
    body = server.bodies[0]
    assert body["tool_choice"] == "required"
    assert "set_output" in str(body["tools"])
    assert len(body["tools"]) == 1


@pytest.mark.parametrize(
    ("script", "reason"),
    [
        (says("I must not.", stop_reason="refusal"), "refusal"),
        (says({"type": "refusal", "refusal": "I cannot help with that."}), "refusal"),
        (says("The first half", stop_reason="max_tokens"), "max_tokens"),
        (says("Hello.", stop_reason="end_turn"), "end_turn"),
    ],
    ids=["content-filter", "refusal", "length", "end"],
)
async def test_stop_reasons_have_one_name(server: OpenAIServer, api: Api, script: Any, reason: str) -> None:
    async with open_call(server, api, script) as model_call:
        reply = await model_call.ask()
    assert reply.stop_reason == reason
    assert reply.blocks[0]["type"] == "text"
    assert "".join(model_call.deltas) == reply.blocks[0]["text"]


async def test_reply_of_the_maximum_length_counts_as_cut_off(server: OpenAIServer, api: Api) -> None:
    """The Responses API of llama.cpp reports it as complete."""
    half = says("The first half", output_tokens=24)
    async with open_call(server, api, half, half) as model_call:
        cut = await model_call.ask(max_tokens=24)
        complete = await model_call.ask(max_tokens=25)
    assert (cut.stop_reason, complete.stop_reason) == ("max_tokens", "end_turn")


async def test_tool_call_truncated_by_token_limit_is_removed(server: OpenAIServer, api: Api) -> None:
    cut = {"type": "tool_use", "id": "t2", "name": "list", "input": {}, "raw_input": '{"path": "a'}
    whole = calls("list", tool_use_id="t1", path="a")
    async with open_call(server, api, says(whole, cut, stop_reason="max_tokens")) as model_call:
        reply = await model_call.ask()
    assert (reply.blocks, reply.stop_reason) == ((whole,), "max_tokens")


async def test_invalid_arguments_are_returned_to_the_model_instead_of_bought_again(
    server: OpenAIServer, api: Api
) -> None:
    broken = {"type": "tool_use", "id": "t", "name": "list", "input": {}, "raw_input": '{"broken'}
    double = {"type": "tool_use", "id": "u", "name": "list", "input": {}, "raw_input": '"{\\"a\\": 1}"'}
    async with open_call(server, api, says(broken, double)) as model_call:
        reply = await model_call.ask()
    assert [block["input"] for block in reply.blocks] == [{INVALID: '{"broken'}, {"a": 1}]
    assert server.asked == 1


@pytest.mark.parametrize(
    "fault",
    [
        pytest.param(refuses(503), id="overloaded"),
        pytest.param(refuses(429, retry_after="0"), id="rate-limited"),
        pytest.param(refuses(429, retry_after_ms="1"), id="rate-limited-ms"),
        pytest.param(refuses(500), id="fault"),
        pytest.param(refuses(408), id="too-slow"),
        pytest.param(says("half of it is here").but(cut_after=2), id="cut"),
        pytest.param(says("half of it is here").but(error_after=2), id="overloaded-mid-stream"),
        pytest.param(
            says("half of it is here").but(error_after=2, error_type="rate_limit_exceeded"),
            id="rate-limited-mid-stream",
        ),
    ],
)
async def test_transient_fault_is_retried_and_reported(server: OpenAIServer, api: Api, fault: Any) -> None:
    async with open_call(server, api, fault, says("whole")) as model_call:
        reply = await model_call.ask()
    assert reply.blocks == ({"type": "text", "text": "whole"},)
    assert server.asked == 2
    (retry,) = model_call.retries
    assert (retry.tried, retry.max_calls, retry.model) == (1, 3, "gpt/5")


async def test_truncated_stream_returns_no_partial_reply(server: OpenAIServer, api: Api) -> None:
    cut = says("half of it is here").but(cut_after=3)
    async with open_call(server, api, cut, cut, cut) as model_call:
        with pytest.raises(ModelUnavailable):
            await model_call.ask()
    assert (server.asked, len(model_call.retries)) == (3, 2)


async def test_long_retry_after_is_left_to_the_queue(server: OpenAIServer, api: Api) -> None:
    async with open_call(server, api, refuses(429, retry_after="90")) as model_call:
        with pytest.raises(ModelOverloaded) as caught:
            await model_call.ask()
    assert server.asked == 1
    assert 90 <= caught.value.retry_after_s <= 92


@pytest.mark.parametrize(
    ("refusal", "expected"),
    [
        (refuses(400, "openai/gpt-5 takes no such part"), ModelRefused),
        (refuses(400, "The prompt was filtered.", code="content_filter"), ModelRefused),
        (refuses(400, "Too long.", code="context_length_exceeded"), PromptTooLong),
        (refuses(400, "This model's maximum context length is 4096 tokens."), PromptTooLong),
        (refuses(400, "the request exceeds the available context size"), PromptTooLong),
        (refuses(413), PromptTooLong),
        (refuses(429, "No credit.", code="insufficient_quota"), ModelKeyRefused),
        (refuses(402), ModelKeyRefused),
        (refuses(403), ModelKeyRefused),
        (refuses(404, "The model openai/gpt-5 does not exist"), ModelRefused),
    ],
    ids=lambda value: str(value)[:60],
)
async def test_permanent_errors_are_not_retried(
    server: OpenAIServer, api: Api, refusal: Any, expected: type[PurasError]
) -> None:
    async with open_call(server, api, refusal) as model_call:
        with pytest.raises(expected) as caught:
            await model_call.ask()
    assert server.asked == 1
    assert "openai/gpt-5" not in caught.value.detail  # the upstream ID of the model
    assert "gpt/5" in caught.value.detail


async def test_long_context_within_a_stream_is_recognized(server: OpenAIServer, api: Api) -> None:
    failed = says("x").but(error_after=0, error_type="context_length_exceeded")
    async with open_call(server, api, failed) as model_call:
        with pytest.raises(PromptTooLong):
            await model_call.ask()


async def test_rejected_key_is_reported_without_its_value(server: OpenAIServer, api: Api) -> None:
    async with open_call(server, api, key="sk-wrong-0123456789", is_own_key=True) as model_call:
        with pytest.raises(ModelKeyRefused) as caught:
            await model_call.ask()
    assert "PUT /v1/providers/gpt" in caught.value.detail
    assert "sk-wron" not in str(caught.value.as_body())


async def test_wrong_base_url_says_what_it_should_be(server: OpenAIServer, api: Api) -> None:
    url = server.url.removesuffix("/v1") + "/elsewhere"
    async with open_call(server, api, url=url) as model_call:
        with pytest.raises(ModelRefused, match="URL before /chat/completions"):
            await model_call.ask()


async def test_server_without_key_receives_none(
    server: OpenAIServer, api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("OPENAI_API_KEY", "OPENAI_ORG_ID", "OPENAI_PROJECT_ID"):
        monkeypatch.setenv(name, "of-operator")
    server.keys = ()
    try:
        async with open_call(server, api, says("ok"), key=None) as model_call:
            await model_call.ask()
    finally:
        server.keys = ("sk-good",)
    assert "authorization" not in server.headers[0]
    assert "of-operator" not in str(server.headers[0])


async def test_key_is_also_sent_in_the_header_of_the_gateway(server: OpenAIServer, api: Api) -> None:
    async with open_call(server, api, says("ok"), auth="api-key") as model_call:
        await model_call.ask()
    assert server.headers[0]["api-key"] == KEY


@pytest.mark.parametrize(
    ("api", "rejected", "then"),
    [
        ("chat", "stream_options", None),
        ("chat", "max_tokens", "max_completion_tokens"),
        ("responses", "include", None),
    ],
)
async def test_unsupported_parameter_is_left_out_from_then_on(
    server: OpenAIServer, api: Api, rejected: str, then: str | None
) -> None:
    unsupported.forget_all()
    async with open_call(server, api, says("one"), says("two")) as model_call:
        server.rejects = (rejected,)
        await model_call.ask()
        await model_call.ask()
    assert [rejected in body for body in server.bodies] == [True, False, False]
    assert then is None or server.bodies[-1][then] == 500
    assert model_call.retries == []


@pytest.mark.parametrize("stop_reason", ["end_turn", "max_tokens"])
async def test_model_that_ignores_a_required_call_is_asked_for_structured_output(
    server: OpenAIServer, api: Api, stop_reason: str
) -> None:
    submit = ToolSpec("set_output", "Submits.", {"type": "object", "properties": {"a": {"type": "integer"}}})
    prose, written = says("I think it is 1.", stop_reason=stop_reason), says('{"a": 1}')
    async with open_call(server, api, prose, written, says("later"), prose) as model_call:
        for _ in range(2):
            await model_call.ask(tools=[LIST, submit], forced_tool="set_output")
        await model_call.ask(tools=[LIST, submit])
        server.rejects = ("response_format", "text")
        await model_call.ask(tools=[LIST, submit], forced_tool="set_output")
    required, structured, ordinary, _, plain = server.bodies
    assert required["tool_choice"] == "required"
    assert not {"tools", "tool_choice"} & structured.keys()
    form = structured["response_format"]["json_schema"] if api == "chat" else structured["text"]["format"]
    assert (form["name"], form["schema"]) == ("set_output", submit.input_schema)
    assert len(ordinary["tools"]) == 2
    assert not {"tool_choice", "response_format", "text"} & plain.keys()
    assert len(plain["tools"]) == 1


async def test_cancelled_call_closes_its_connection(server: OpenAIServer, api: Api) -> None:
    release = threading.Event()
    held = says("one two three four five six").but(hold_after=4, release=release)
    async with open_call(server, api, held) as model_call:
        task = asyncio.create_task(model_call.ask())
        async with asyncio.timeout(5):
            await model_call.has_received_text.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await server.wait_disconnected()
    release.set()
    assert (model_call.retries, server.answered) == ([], 0)
