"""Convert a reply to the events of the Responses API."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator
from typing import Any

from tests.doubles.messages.script import Block, Says
from tests.doubles.openai_api.chat import arguments, pieces, usage

Event = dict[str, Any]
_INCOMPLETE = {"max_tokens": "max_output_tokens", "refusal": "content_filter"}


def events(answer: Says, request: str, *, number: int, model: str, has_usage: bool) -> Iterator[str]:
    """Yield the events of the reply in the order of the API."""
    sequence = itertools.count()
    response = {"id": f"resp_{number:06d}", "object": "response", "created_at": 1_790_000_000}
    response |= {"model": model, "status": "in_progress", "output": [], "usage": None, "error": None}
    response |= {"tools": [], "tool_choice": "auto", "parallel_tool_calls": True, "incomplete_details": None}

    def sse(event: Event) -> str:
        numbered = {**event, "sequence_number": next(sequence)}
        return f"event: {event['type']}\ndata: {json.dumps(numbered)}\n\n"

    yield sse({"type": "response.created", "response": response})
    yield sse({"type": "response.in_progress", "response": response})
    output = []
    for index, block in enumerate(answer.blocks):
        for event in _item_events(index, block, f"{number:06d}"):
            yield sse(event)
            if event["type"] == "response.output_item.done":
                output.append(event["item"])
    reason = _INCOMPLETE.get(answer.stop_reason)
    ended = {**response, "output": output, "status": "incomplete" if reason else "completed"}
    ended["incomplete_details"] = {"reason": reason} if reason else None
    if has_usage:
        ended["usage"] = _usage(answer, request)
    yield sse({"type": f"response.{ended['status']}", "response": ended})


def error_event(kind: str) -> str:
    """Return an error within the stream."""
    code = {"overloaded_error": "server_error", "api_error": "server_error"}.get(kind, kind)
    failed = {
        "id": "resp_1",
        "status": "failed",
        "error": {"code": code, "message": "Overloaded"},
        "output": [],
    }
    event = {"type": "response.failed", "sequence_number": 99, "response": failed}
    return f"event: response.failed\ndata: {json.dumps(event)}\n\n"


def _usage(answer: Says, request: str) -> dict[str, Any]:
    counted = usage(answer, request)
    return {
        "input_tokens": counted["prompt_tokens"],
        "output_tokens": counted["completion_tokens"],
        "total_tokens": counted["total_tokens"],
        "input_tokens_details": counted["prompt_tokens_details"],
        "output_tokens_details": counted["completion_tokens_details"],
    }


def _item_events(index: int, block: Block, number: str) -> Iterator[Event]:
    item, deltas = _item(index, block, number)
    empty = {**item, "status": "in_progress"}
    yield {"type": "response.output_item.added", "output_index": index, "item": empty}
    for delta in deltas:
        yield {"output_index": index, "item_id": item["id"], **delta}
    yield {"type": "response.output_item.done", "output_index": index, "item": item}


def _item(index: int, block: Block, number: str) -> tuple[Event, list[Event]]:
    if block["type"] == "thinking":
        summary = [{"type": "summary_text", "text": block["thinking"]}]
        item = {"type": "reasoning", "id": f"rs_{number}_{index}", "summary": summary}
        deltas = [
            {"type": "response.reasoning_summary_text.delta", "summary_index": 0, "delta": piece}
            for piece in pieces(block["thinking"])
        ]
        return {**item, "encrypted_content": block["signature"]}, deltas
    if block["type"] == "tool_use":
        written = arguments(block)
        item = {"type": "function_call", "id": f"fc_{number}_{index}", "call_id": block["id"]}
        deltas = [
            {"type": "response.function_call_arguments.delta", "delta": piece} for piece in pieces(written)
        ]
        return {**item, "name": block["name"], "arguments": written, "status": "completed"}, deltas
    return _message(index, block, number)


def _message(index: int, block: Block, number: str) -> tuple[Event, list[Event]]:
    kind = "refusal" if block["type"] == "refusal" else "output_text"
    said = block["refusal"] if kind == "refusal" else block["text"]
    part = {"type": kind, "refusal": said} if kind == "refusal" else {"type": kind, "text": said}
    if kind == "output_text":
        part |= {"annotations": [], "logprobs": []}
    deltas = [
        {"type": f"response.{kind}.delta", "content_index": 0, "delta": piece} for piece in pieces(said)
    ]
    item = {"type": "message", "id": f"msg_{number}_{index}", "role": "assistant", "status": "completed"}
    return {**item, "content": [part], **block.get("extra", {})}, deltas
