"""Speak the Responses API: requests that store nothing there, and replies assembled from a stream of events."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Final

from openai import AsyncOpenAI, AsyncStream
from openai.types.responses import ResponseStreamEvent

from backend.skills.model_catalog.catalog import CatalogueEntry
from workers.llm import blocks
from workers.llm.openai_api.errors import FailedReply
from workers.llm.openai_api.usage import tokens_of_response
from workers.llm.streams import BrokenStream
from workers.llm.types import Block, Message, Prompt, Tokens, ToolSpec

NAME: Final = "responses"
ENCRYPTED: Final = "reasoning.encrypted_content"
_SENT_OF_REASONING: Final = ("type", "id", "summary", "content", "encrypted_content")


def as_request(entry: CatalogueEntry, prompt: Prompt) -> dict[str, Any]:
    """Return the arguments of the SDK call; the prompt itself is unchanged."""
    request: dict[str, Any] = {
        "model": entry.upstream_id,
        "input": [item for message in prompt.messages for item in _items(message, entry)],
        "max_output_tokens": min(prompt.max_tokens, entry.max_output_tokens),
        "store": False,
        "include": [ENCRYPTED],  # without it, reasoning that is not stored there would be lost
    }
    if prompt.system.strip():
        request["instructions"] = prompt.system
    tools = [tool for tool in prompt.tools if prompt.forced_tool in (None, tool.name)]
    if tools:
        request["tools"] = [_tool(tool) for tool in tools]
    if tools and prompt.forced_tool:
        request["tool_choice"] = "required"
    return request


def structured(request: dict[str, Any]) -> dict[str, Any]:
    """Return a request for the arguments of its only tool as text."""
    tool = request["tools"][0]
    form = {"type": "json_schema", "name": tool["name"], "schema": tool["parameters"], "strict": False}
    kept = {name: value for name, value in request.items() if name not in ("tools", "tool_choice")}
    return {**kept, "text": {"format": form}}


async def open_stream(client: AsyncOpenAI, request: dict[str, Any]) -> AsyncStream[ResponseStreamEvent]:
    """Send the request, and return the stream of events of its reply."""
    stream: AsyncStream[ResponseStreamEvent] = await client.responses.create(**request, stream=True)
    return stream


def _tool(tool: ToolSpec) -> dict[str, Any]:
    return {
        "type": "function",
        "name": tool.name,
        "description": tool.description,
        "parameters": tool.input_schema,
        "strict": False,  # else the API requires schemas in which each field is required
    }


def _items(message: Message, entry: CatalogueEntry) -> Iterator[dict[str, Any]]:
    if message["role"] == "assistant":
        yield from _spoken_items(message["content"], entry.slug)
        return
    parts = []
    for block in message["content"]:
        if block.get("type") == "tool_result":
            yield _result(block, entry)
        else:
            parts.append(_part(block, entry))
    if parts:
        yield {"type": "message", "role": "user", "content": parts}


def _spoken_items(content: Sequence[Block], slug: str) -> Iterator[dict[str, Any]]:
    """Yield the items of a reply; reasoning precedes what it led to, as it arrived."""
    for block in content:
        own = blocks.origin_of(block, NAME, slug)
        if blocks.is_thought(block):
            if own and own.get("item", {}).get("encrypted_content"):
                yield dict(own["item"])
        elif block.get("type") == "text":
            said = {"type": "output_text", "text": block["text"], "annotations": []}
            extra = dict(own["fields"]) if own else {}
            yield {**extra, "type": "message", "role": "assistant", "content": [said]}
        elif block.get("type") == "tool_use":
            yield {
                "type": "function_call",
                "call_id": block["id"],
                "name": block["name"],
                "arguments": blocks.json_text(block.get("input") or {}),
            }


def _result(result: Block, entry: CatalogueEntry) -> dict[str, Any]:
    parts = blocks.parts_of(result)
    has_text_only = all(part.get("type") == "text" for part in parts)
    output = blocks.joined(parts) if has_text_only else [_part(part, entry) for part in parts]
    return {"type": "function_call_output", "call_id": result["tool_use_id"], "output": output}


def _part(block: Block, entry: CatalogueEntry) -> dict[str, Any]:
    kind = block.get("type")
    if kind == "text":
        return {"type": "input_text", "text": block["text"]}
    if kind == "image" and entry.vision:
        return {"type": "input_image", "image_url": blocks.data_url(block["source"]), "detail": "auto"}
    if kind == "document" and (written := blocks.document_text(block)) is not None:
        return {"type": "input_text", "text": written}
    if kind == "document" and entry.pdf and block["source"].get("type") == "base64":
        name = block.get("title") or "document.pdf"
        return {"type": "input_file", "filename": name, "file_data": blocks.data_url(block["source"])}
    return {"type": "input_text", "text": blocks.unreadable(block, entry.slug)}


class Assembly:
    """A reply that is being assembled from events."""

    def __init__(self, on_delta: Callable[[str], None], slug: str, used_ids: set[str]) -> None:
        self._on_delta = on_delta
        self._slug = slug
        self._used_ids = used_ids
        self._items: dict[int, dict[str, Any]] = {}
        self._response: dict[str, Any] | None = None
        self._has_refused = False
        self._has_calls = False

    def add(self, event: ResponseStreamEvent) -> None:
        """Add the next event; unknown types are ignored.

        Raises:
            BrokenStream: it lacks fields.
            FailedReply: the upstream could not complete the reply.
        """
        try:
            self._take(event)
        except (
            AttributeError,
            KeyError,
            TypeError,
            ValueError,
        ):  # the SDK does not check what a server sends
            raise BrokenStream("the stream contains data that is not a reply") from None

    @property
    def is_complete(self) -> bool:
        """Return whether the reply has ended."""
        return self._response is not None

    @property
    def reply_id(self) -> str:
        """The ID of the reply."""
        return str((self._response or {}).get("id", ""))

    @property
    def stop_reason(self) -> str:
        """The stop reason in the form of the Messages API; known after `blocks`."""
        reason = self._reason
        if self._has_refused or reason == "content_filter":
            return "refusal"
        if reason:
            return "max_tokens"
        return "tool_use" if self._has_calls else "end_turn"

    @property
    def tokens(self) -> Tokens | None:
        """The tokens that the upstream counted; None if it did not report them."""
        usage = (self._response or {}).get("usage")
        return tokens_of_response(usage) if isinstance(usage, dict) else None

    def blocks(self) -> tuple[Block, ...]:
        """Return the blocks of the complete reply.

        Raises:
            BrokenStream: it is incomplete.
        """
        if self._response is None:
            raise BrokenStream("the stream ended before the reply did")
        items = [self._items[index] for index in sorted(self._items)] or self._response.get("output") or []
        try:
            return tuple(block for item in items for block in self._blocks_of(item))
        except (AttributeError, KeyError, TypeError):
            raise BrokenStream("the stream contains data that is not a reply") from None

    @property
    def _reason(self) -> str:
        """The reason why the reply is incomplete."""
        details = (self._response or {}).get("incomplete_details") or {}
        is_cut = (self._response or {}).get("status") == "incomplete"
        return details.get("reason") or ("max_output_tokens" if is_cut else "")

    def _take(self, event: ResponseStreamEvent) -> None:
        match event.type:
            case "response.output_text.delta" | "response.refusal.delta":
                self._on_delta(event.delta)
            case "response.output_item.done":
                self._items[event.output_index] = event.item.to_dict(mode="json")
            case "error":
                raise FailedReply(event.to_dict(mode="json"))
            case "response.completed" | "response.incomplete" | "response.failed":
                response = event.response.to_dict(mode="json")
                if response.get("status") == "failed" or event.type == "response.failed":
                    raise FailedReply(_error_of(response))
                self._response = response

    def _blocks_of(self, item: Mapping[str, Any]) -> Iterator[Block]:
        match item["type"]:
            case "message":
                yield from self._spoken(item)
            case "reasoning":
                yield self._thought(item)
            case "function_call":
                yield from self._tool_use(item)

    def _spoken(self, item: Mapping[str, Any]) -> Iterator[Block]:
        self._has_refused |= any(part.get("type") == "refusal" for part in item["content"])
        text = "".join(part.get("text") or part.get("refusal") or "" for part in item["content"])
        if not text.strip():
            return
        block = blocks.text(text)
        if item.get("phase"):
            block[blocks.ORIGIN] = blocks.origin(NAME, self._slug, fields={"phase": item["phase"]})
        yield block

    def _thought(self, item: Mapping[str, Any]) -> Block:
        shown = "\n\n".join(
            part.get("text", "") for part in [*(item.get("summary") or []), *(item.get("content") or [])]
        )
        sent = {name: item[name] for name in _SENT_OF_REASONING if item.get(name) is not None}
        return blocks.thought(shown, blocks.origin(NAME, self._slug, item=sent))

    def _tool_use(self, item: Mapping[str, Any]) -> Iterator[Block]:
        written = item.get("arguments") or ""
        if self._reason and not blocks.is_object(written):
            return  # it was cut off
        self._has_calls = True
        yield {
            "type": "tool_use",
            "id": blocks.call_id(item.get("call_id"), self._used_ids),
            "name": item["name"],
            "input": blocks.arguments_of(written),
        }


def _error_of(response: Mapping[str, Any]) -> Mapping[str, Any]:
    error = response.get("error")
    return error if isinstance(error, dict) else {}
