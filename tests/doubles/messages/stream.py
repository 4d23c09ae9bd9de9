"""Convert a reply to the events of a stream, or to one message."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from tests.doubles.messages.script import Block, Says

Event = dict[str, Any]

_PIECE = 12  # characters of one delta


def usage(answer: Says, request: str) -> dict[str, Any]:
    """Return the usage of the whole reply."""
    output = json.dumps(answer.blocks)
    tokens = answer.input_tokens, answer.output_tokens
    return {
        "input_tokens": len(request) // 4 if tokens[0] is None else tokens[0],
        "output_tokens": len(output) // 4 if tokens[1] is None else tokens[1],
        "cache_creation_input_tokens": answer.cache_write,
        "cache_read_input_tokens": answer.cache_read,
        "cache_creation": {
            "ephemeral_5m_input_tokens": answer.cache_write - answer.cache_write_1h,
            "ephemeral_1h_input_tokens": answer.cache_write_1h,
        },
    }


def message(answer: Says, request: str, *, number: int, model: str) -> dict[str, Any]:
    """Return the whole reply as one message."""
    return {
        "id": f"msg_{number:06d}",
        "type": "message",
        "role": "assistant",
        "model": model,
        "content": list(answer.blocks),
        "stop_reason": answer.stop_reason,
        "stop_sequence": None,
        "usage": usage(answer, request),
    }


def events(answer: Says, request: str, *, number: int, model: str) -> Iterator[Event]:
    """Yield the events of the reply in the order of the API."""
    total = usage(answer, request)
    first_message = message(answer, request, number=number, model=model)
    first_message |= {"content": [], "stop_reason": None, "usage": {**total, "output_tokens": 1}}
    yield {"type": "message_start", "message": first_message}
    yield {"type": "ping"}
    for index, block in enumerate(answer.blocks):
        yield from _block_events(index, block)
    last_delta: Event = {
        "type": "message_delta",
        "delta": {"stop_reason": answer.stop_reason, "stop_sequence": None},
        "usage": {"output_tokens": total["output_tokens"]},
    }
    if answer.cleared_tokens:
        edit = {
            "type": "clear_tool_uses_20250919",
            "cleared_tool_uses": 1,
            "cleared_input_tokens": answer.cleared_tokens,
        }
        last_delta["context_management"] = {"applied_edits": [edit]}
    yield last_delta
    yield {"type": "message_stop"}


def _block_events(index: int, block: Block) -> Iterator[Event]:
    empty, deltas = _parts(block)
    yield {"type": "content_block_start", "index": index, "content_block": empty}
    for delta in deltas:
        yield {"type": "content_block_delta", "index": index, "delta": delta}
    yield {"type": "content_block_stop", "index": index}


def _parts(block: Block) -> tuple[Block, list[Block]]:
    """Return the block at its start, and the deltas that complete it."""
    if block["type"] == "text":
        pieces = _pieces(block["text"])
        return {**block, "text": ""}, [{"type": "text_delta", "text": piece} for piece in pieces]
    if block["type"] == "tool_use":
        text = block.get("raw_input") or json.dumps(block["input"])
        start = {key: value for key, value in block.items() if key != "raw_input"}
        pieces = ["", *_pieces(text)] if block["input"] or "raw_input" in block else [""]
        return {**start, "input": {}}, [
            {"type": "input_json_delta", "partial_json": piece} for piece in pieces
        ]
    if block["type"] == "thinking":
        deltas = [{"type": "thinking_delta", "thinking": piece} for piece in _pieces(block["thinking"])]
        deltas.append({"type": "signature_delta", "signature": block["signature"]})
        return {**block, "thinking": "", "signature": ""}, deltas
    return block, []


def _pieces(text: str) -> list[str]:
    return [text[start : start + _PIECE] for start in range(0, len(text), _PIECE)]
