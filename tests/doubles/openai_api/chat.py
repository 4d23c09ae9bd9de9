"""Convert a reply to the chunks of Chat Completions."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from typing import Any

from tests.doubles.messages.script import Block, Says

_PIECE = 12  # characters of one delta
_FIELDS = {
    "thinking": ("thinking", "reasoning_content"),
    "text": ("text", "content"),
    "refusal": ("refusal", "refusal"),
}
"""The field of each kind of block, and that of its deltas."""
_FINISH = {
    "end_turn": "stop",
    "tool_use": "tool_calls",
    "max_tokens": "length",
    "refusal": "content_filter",
}


Chunk = dict[str, Any]


def events(chunks: Iterable[Chunk | str]) -> Iterator[str]:
    """Yield the events of the stream; a text is a comment."""
    for chunk in chunks:
        yield f": {chunk}\n\n" if isinstance(chunk, str) else _sse(chunk)
    yield "data: [DONE]\n\n"


def chunks(answer: Says, request: str, *, number: int, model: str, has_usage: bool) -> Iterator[Chunk | str]:
    """Yield the chunks of the reply in the order of the API."""
    frame = {
        "id": f"chatcmpl-{number:06d}",
        "object": "chat.completion.chunk",
        "created": 1_790_000_000,
        "model": model,
    }

    def chunk(delta: dict[str, Any], finish: str | None = None) -> Chunk:
        choice = {"index": 0, "delta": delta, "finish_reason": finish, "logprobs": None}
        return {**frame, "choices": [choice], **({"usage": None} if has_usage else {})}

    yield chunk({"role": "assistant", "content": ""})
    for delta in _deltas(answer):
        yield chunk(delta)
    yield chunk({}, _FINISH.get(answer.stop_reason, answer.stop_reason))
    if has_usage:
        yield {**frame, "choices": [], "usage": usage(answer, request)}


def error_event(kind: str) -> str:
    """Return an error within the stream."""
    return _sse({"error": {"message": "Overloaded", "type": kind, "code": None}})


def usage(answer: Says, request: str) -> dict[str, Any]:
    """Return the usage of the whole reply, in which cached tokens are part of the prompt."""
    prompt = len(request) // 4 if answer.input_tokens is None else answer.input_tokens
    prompt += answer.cache_read + answer.cache_write
    output = len(json.dumps(answer.blocks)) // 4 if answer.output_tokens is None else answer.output_tokens
    return {
        "prompt_tokens": prompt,
        "completion_tokens": output,
        "total_tokens": prompt + output,
        "prompt_tokens_details": {
            "cached_tokens": answer.cache_read,
            "cache_write_tokens": answer.cache_write,
        },
        "completion_tokens_details": {"reasoning_tokens": 0},
    }


def arguments(block: Block) -> str:
    """Return the arguments of a call as a server sends them."""
    return str(block.get("raw_input") or json.dumps(block["input"]))


def pieces(text: str) -> list[str]:
    """Return a text in the pieces in which it is streamed."""
    return [text[start : start + _PIECE] for start in range(0, len(text), _PIECE)]


def _deltas(answer: Says) -> Iterator[dict[str, Any]]:
    for block in answer.blocks:
        field = _FIELDS.get(block["type"])
        if field is not None:
            yield from ({field[1]: piece} for piece in pieces(block[field[0]]))
    calls = [block for block in answer.blocks if block["type"] == "tool_use"]
    for index, block in enumerate(calls):
        yield from ({"tool_calls": [one]} for one in _call_deltas(index, block))


def _call_deltas(index: int, block: Block) -> Iterator[dict[str, Any]]:
    function = {"name": block["name"], "arguments": ""}
    extra = block.get("extra", {})
    yield {"index": index, "id": block["id"], "type": "function", "function": function, **extra}
    for piece in pieces(arguments(block)):
        yield {"index": index, "function": {"arguments": piece}}


def _sse(event: dict[str, Any]) -> str:
    return f"data: {json.dumps(event)}\n\n"
