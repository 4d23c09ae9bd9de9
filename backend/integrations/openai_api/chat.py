"""Answer requests for Chat Completions, as a whole or in chunks."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from contextlib import aclosing
from typing import Any

from backend.execution.jobs.schemas import JobRead
from backend.integrations.openai_api.answers import Answer, answer_of
from backend.integrations.openai_api.calls import Call
from backend.integrations.openai_api.chat_schemas import (
    AssistantMessage,
    ChatCompletion,
    ChatCompletionCreate,
    Choice,
    CompletionUsage,
    PromptTokensDetails,
)
from backend.integrations.openai_api.live_text import Ended, Piece, follow_call
from backend.integrations.openai_api.sse import DONE, HEARTBEAT, error_body, frame
from backend.integrations.openai_api.tokens import tokens_of
from backend.skills.manifest.types import Skill

SEPARATOR = "\n\n"
"""Between what an agent writes before its tool calls and what it writes after them."""


def answer_format(skill: Skill, body: ChatCompletionCreate) -> Answer:
    """Return the format of the answer that the request requires.

    Raises:
        ResponseFormatMismatch: The skill does not promise results in this format.
    """
    wanted = body.response_format
    if wanted is None:
        return Answer(skill, is_json=False)
    schema = wanted.json_schema.json_schema if wanted.json_schema else None
    return answer_of(skill, wanted.type, schema, parameter="response_format")


def completion(call: Call, job: JobRead) -> ChatCompletion:
    """Return the answer of a job that has succeeded."""
    return ChatCompletion(
        id=_id(call),
        created=int(job.created_at.timestamp()),
        model=call.body.model,
        choices=[Choice(message=AssistantMessage(content=call.answer.text(job)))],
        usage=_usage(job),
    )


async def chunks(call: Call, *, includes_usage: bool) -> AsyncIterator[bytes]:
    """Iterate over the frames of a stream."""
    shared: dict[str, Any] = {
        "id": _id(call),
        "object": "chat.completion.chunk",
        "created": int(time.time()),
        "model": call.body.model,
    }
    if includes_usage:
        shared["usage"] = None

    def chunk(delta: dict[str, Any], finish_reason: str | None = None) -> bytes:
        choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish_reason}
        return frame({**shared, "choices": [choice]})

    yield chunk({"role": "assistant", "content": ""})
    segment = 1
    async with aclosing(follow_call(call)) as pieces:
        async for piece in pieces:
            if piece is None:
                yield HEARTBEAT
            elif isinstance(piece, Piece):
                separator = SEPARATOR if piece.segment > segment else ""
                segment = piece.segment
                yield chunk({"content": separator + piece.text})
            else:
                for last in _end(piece, chunk({}, "stop"), shared, includes_usage=includes_usage):
                    yield last


def _end(ended: Ended, stop: bytes, shared: dict[str, Any], *, includes_usage: bool) -> list[bytes]:
    """Return the last frames of a stream."""
    error = ended.error
    if error is not None:
        return [frame({"error": error_body(error)}), DONE]
    usage = frame({**shared, "choices": [], "usage": _usage(ended.job).model_dump()})
    return [stop, *([usage] if includes_usage else []), DONE]


def _id(call: Call) -> str:
    return f"chatcmpl-{call.job_id.hex}"


def _usage(job: JobRead) -> CompletionUsage:
    tokens = tokens_of(job)
    return CompletionUsage(
        prompt_tokens=tokens.prompt,
        completion_tokens=tokens.output,
        total_tokens=tokens.prompt + tokens.output,
        prompt_tokens_details=PromptTokensDetails(cached_tokens=tokens.cache_read),
    )
