"""Streams of real jobs through the accumulators of the stock SDK."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import BaseModel

from tests.doubles.messages import calls, says
from tests.integration.agents.conftest import CountingTool
from tests.integration.openai_api.conftest import Place
from workers.llm.retry_policy import RetryPolicy

pytestmark = pytest.mark.asyncio(loop_scope="module")

OWLS = "Owls fly at night, and no mouse hears them. " * 10
ASKED: list[Any] = [{"role": "user", "content": "When do owls fly?"}]


class Grade(BaseModel):
    """The result of the skill `grade`."""

    summary: str
    score: int


async def test_chat_stream_sends_text_while_the_model_replies(place: Place) -> None:
    reply = says(OWLS).but(hold_after=5)
    place.upstream.script = [reply]
    deltas, released = [], False
    async with place.client().chat.completions.stream(
        model="talk", messages=ASKED, stream_options={"include_usage": True}
    ) as stream:
        async for event in stream:
            if event.type == "content.delta":
                deltas.append(event.delta)
                if event.delta and not released:
                    released = True
                    assert place.upstream.answered == 0, "the reply is not complete yet"
                    reply.release.set()
        completion = await stream.get_final_completion()
    assert len(deltas) > 2
    assert completion.choices[0].message.content is not None
    assert completion.choices[0].message.content.strip() == OWLS.strip()
    assert completion.choices[0].finish_reason == "stop"
    [job] = await place.jobs()
    assert completion.id == f"chatcmpl-{job['id'].replace('-', '')}"
    assert completion.usage is not None
    assert completion.usage.completion_tokens == job["usage"]["output_tokens"] > 0
    assert (job["source"], job["inputs"], job["cost_micros"] > 0) == (
        "openai",
        {"question": "When do owls fly?"},
        True,
    )


async def test_response_stream_sends_typed_events(place: Place) -> None:
    tool: Any = CountingTool()
    place.agents.tools = [tool]
    place.upstream.script = [says("Let me look.", calls("look", at="owls")), says(OWLS)]
    numbers, types = [], []
    async with place.client().responses.stream(model="talk", input="When do owls fly?") as stream:
        async for event in stream:
            numbers.append(event.sequence_number)
            types.append(event.type)
        response = await stream.get_final_response()
    assert numbers == list(range(len(numbers)))
    assert (types[:2], types[-1]) == (["response.created", "response.in_progress"], "response.completed")
    output: list[Any] = response.output
    texts = [(one.phase, one.content[0].text.strip()) for one in output]
    assert texts == [("commentary", "Let me look."), ("final_answer", OWLS.strip())]
    assert response.status == "completed"
    assert response.usage is not None
    assert response.usage.total_tokens == response.usage.input_tokens + response.usage.output_tokens > 0
    assert len(tool.calls) == 1


async def test_structured_results_are_parsed_by_both_accumulators(place: Place) -> None:
    result: dict[str, Any] = {"summary": "Owls fly at night.", "score": 3}
    place.upstream.script = [says("I read first.", calls("set_output", **result))] * 2
    client = place.client()
    async with client.chat.completions.stream(
        model="grade", messages=[{"role": "user", "content": "owls"}], response_format=Grade
    ) as stream:
        chat = await stream.get_final_completion()
    assert chat.choices[0].message.parsed == Grade(**result)
    async with client.responses.stream(model="grade", input="owls", text_format=Grade) as events:
        response = await events.get_final_response()
    assert response.output_parsed == Grade(**result)


async def test_restarted_reply_is_sent_as_a_text_of_its_own(place: Place) -> None:
    cut = says("Never said to its end. " * 10).but(cut_after=6)
    place.upstream.script = [cut, says(OWLS)]
    place.agents.retry_policy = RetryPolicy(attempts=2, first_wait_s=0.01)
    async with place.client().responses.stream(model="talk", input="When do owls fly?") as stream:
        response = await stream.get_final_response()
    output: list[Any] = response.output
    assert output[-1].content[0].text.strip() == OWLS.strip()
