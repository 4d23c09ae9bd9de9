"""Print a model call: its input as it was sent, and the reply."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from puras.cli import printing


def lines(call: Mapping[str, Any]) -> Iterator[str]:
    """Yield the lines of a model call."""
    limits = [f"{name} {call[name]}" for name in ("max_tokens", "forced_tool") if call.get(name)]
    yield " · ".join([f"Step {call['step']}", str(call["model"]), *limits])
    for note in call["notes"]:
        yield f"Note: {note}"
    yield from _part("System", call["system"])
    yield from _part("Tools", "\n".join(_tool(tool) for tool in call["tools"]) or "None")
    for number, message in enumerate(call["messages"], start=call["first_message"]):
        yield from _part(f"Message {number}: {message['role']}", _text_of(message["content"]))
    reply = call["reply"]
    yield from _part("Reply", "None" if reply is None else _text_of(reply["blocks"]))


def _part(title: str, text: str) -> Iterator[str]:
    yield ""
    yield f"--- {title}"
    yield printing.plain_lines(text)


def _tool(tool: Mapping[str, Any]) -> str:
    description = str(tool.get("description", "")).strip().split("\n", 1)[0]
    return f"{tool['name']}: {description}" if description else str(tool["name"])


def _text_of(content: Any) -> str:
    if isinstance(content, str):
        return content
    return "\n".join(_block(block) for block in content)


def _block(block: Mapping[str, Any]) -> str:
    match block.get("type"):
        case "text":
            return str(block["text"])
        case "tool_use":
            return f"[call {block['name']}] {json.dumps(block.get('input'), ensure_ascii=False)}"
        case "tool_result":
            state = "error" if block.get("is_error") else "result"
            return f"[{state}] {_text_of(block.get('content', ''))}"
        case other:
            return f"[{other}]"
