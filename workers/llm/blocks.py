"""Convert content blocks between the stored form, which is that of the Messages API, and other APIs.

A block of another API may have an `origin`: what that API needs to get back, such as encrypted reasoning. It belongs
to one model, so no other model receives it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Final, Literal
from uuid import uuid4

from workers.llm.types import Block, Message

ORIGIN: Final = "origin"
INVALID: Final = "invalid_json"
"""The argument that contains what a model wrote instead of JSON, so that the tool reports what is missing."""
_THOUGHTS: Final = frozenset({"thinking", "redacted_thinking"})
_MAX_INVALID_CHARACTERS: Final = 2_000
_FOREIGN: Final = re.compile(r"[^a-zA-Z0-9_-]")

ApiName = Literal["messages", "chat", "responses"]


def origin(api: ApiName, slug: str, **data: Any) -> dict[str, Any]:
    """Return the origin of a block."""
    return {"api": api, "model": slug, **data}


def origin_of(block: Block, api: ApiName, slug: str) -> Mapping[str, Any] | None:
    """Return the origin of a block if this model created it with this API."""
    found = block.get(ORIGIN)
    is_own = isinstance(found, dict) and found.get("api") == api and found.get("model") == slug
    return found if is_own else None


def for_messages_api(messages: Sequence[Message]) -> list[Message]:
    """Return the messages as the Messages API accepts them: without what only other APIs need."""
    return [{**message, "content": list(_plain(message["content"]))} for message in messages]


def thought(text: str, from_: dict[str, Any]) -> Block:
    """Return a block of reasoning."""
    return {"type": "thinking", "thinking": text, "signature": "", ORIGIN: from_}


def text(content: str) -> Block:
    """Return a block of text."""
    return {"type": "text", "text": content}


def is_thought(block: Block) -> bool:
    """Return whether a block is reasoning of a model."""
    return block.get("type") in _THOUGHTS


def arguments_of(written: str) -> dict[str, Any]:
    """Return the arguments of a complete call; what is not a JSON object becomes one argument with its text."""
    value: Any = written
    for _ in range(2):  # some models encode the object twice
        try:
            value = json.loads(value, strict=False) if value.strip() else {}
        except (ValueError, RecursionError):
            break
        if isinstance(value, dict):
            return value
        if not isinstance(value, str):
            break
    return {INVALID: written[:_MAX_INVALID_CHARACTERS]}


def is_object(written: str) -> bool:
    """Return whether the arguments of a call are complete."""
    try:
        return isinstance(json.loads(written, strict=False), dict)
    except (ValueError, RecursionError):
        return False


def json_text(value: Any) -> str:
    """Return a value as JSON."""
    return json.dumps(value, ensure_ascii=False)


def call_id(given: Any, used: set[str]) -> str:
    """Return an ID for a call that no other call of the conversation has, since results refer to it."""
    is_new = isinstance(given, str) and given and given not in used
    chosen: str = given if is_new else f"call_{uuid4().hex[:24]}"
    used.add(chosen)
    return chosen


def call_ids(messages: Sequence[Message]) -> set[str]:
    """Return the IDs of all calls of a conversation."""
    return {
        block["id"]
        for message in messages
        for block in message["content"]
        if block.get("type") == "tool_use" and "id" in block
    }


def parts_of(result: Block) -> list[Block]:
    """Return the content of a tool result as blocks, with a note first if the call failed."""
    content = result.get("content", "")
    parts = [text(content)] if isinstance(content, str) else list(content)
    return [text("The call failed:"), *parts] if result.get("is_error") and not _says_error(parts) else parts


def data_url(source: Mapping[str, Any]) -> str:
    """Return the URL of an image or document, with its data if it is not elsewhere."""
    if source.get("type") == "url":
        return str(source["url"])
    return f"data:{source['media_type']};base64,{source['data']}"


def document_text(block: Block) -> str | None:
    """Return the content of a document that is plain text."""
    source = block.get("source", {})
    return str(source.get("data", "")) if source.get("type") == "text" else None


def unreadable(block: Block, slug: str) -> str:
    """Return the text that replaces a block which the model cannot read."""
    return f"[Omitted: the model {slug} cannot read this {block.get('type', 'content')}.]"


def joined(blocks: Iterable[Block]) -> str:
    """Return the texts of blocks."""
    return "\n\n".join(block["text"] for block in blocks if block.get("type") == "text")


def _says_error(parts: Sequence[Block]) -> bool:
    return bool(parts) and str(parts[0].get("text", "")).startswith("ERROR")


def _plain(blocks: Sequence[Block]) -> Iterator[Block]:
    for block in blocks:
        is_foreign = ORIGIN in block
        if is_foreign and is_thought(block):
            continue
        if is_foreign:
            block = {name: value for name, value in block.items() if name != ORIGIN}
        for name in ("id", "tool_use_id"):
            if name in block and _FOREIGN.search(block[name]):
                block = {**block, name: _FOREIGN.sub("_", block[name])}
        yield block
