"""Speak Chat Completions: requests, and replies that are assembled from the chunks of a stream."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from openai import AsyncOpenAI, AsyncStream
from openai.types.chat import ChatCompletionChunk

from backend.skills.model_catalog.catalog import CatalogueEntry
from workers.llm import blocks
from workers.llm.openai_api.usage import count, tokens_of_chat
from workers.llm.streams import BrokenStream
from workers.llm.types import Block, Message, Prompt, Tokens, ToolSpec

NAME: Final = "chat"
_THOUGHT_FIELDS: Final = ("reasoning_content", "reasoning")
_KNOWN_OF_CALL: Final = frozenset({"index", "id", "type", "function"})
_OF_RESULT: Final = "Content of the result of the call {id}:"


def as_request(entry: CatalogueEntry, prompt: Prompt) -> dict[str, Any]:
    """Return the arguments of the SDK call; the prompt itself is unchanged."""
    request: dict[str, Any] = {
        "model": entry.upstream_id,
        "messages": _messages(entry, prompt),
        "max_tokens": min(prompt.max_tokens, entry.max_output_tokens),
        "stream_options": {"include_usage": True},
    }
    tools = [tool for tool in prompt.tools if prompt.forced_tool in (None, tool.name)]
    if tools:
        request["tools"] = [_tool(tool) for tool in tools]
    if tools and prompt.forced_tool:
        request["tool_choice"] = "required"  # servers that know no other value of it accept this one
    return request


def structured(request: dict[str, Any]) -> dict[str, Any]:
    """Return a request for the arguments of its only tool as text."""
    function = request["tools"][0]["function"]
    schema = {"name": function["name"], "schema": function["parameters"]}
    kept = {name: value for name, value in request.items() if name not in ("tools", "tool_choice")}
    return {**kept, "response_format": {"type": "json_schema", "json_schema": schema}}


async def open_stream(client: AsyncOpenAI, request: dict[str, Any]) -> AsyncStream[ChatCompletionChunk]:
    """Send the request, and return the stream of chunks of its reply."""
    stream: AsyncStream[ChatCompletionChunk] = await client.chat.completions.create(**request, stream=True)
    return stream


def _tool(tool: ToolSpec) -> dict[str, Any]:
    function = {"name": tool.name, "description": tool.description, "parameters": tool.input_schema}
    return {"type": "function", "function": function}


def _messages(entry: CatalogueEntry, prompt: Prompt) -> list[dict[str, Any]]:
    messages: list[dict[str, Any]] = []
    if prompt.system.strip():
        messages.append({"role": "system", "content": prompt.system})
    for message in prompt.messages:
        if message["role"] == "assistant":
            messages.append(_of_assistant(message, entry.slug))
            continue
        parts: list[Block] = []
        for block in message["content"]:
            if block.get("type") == "tool_result":
                messages.append(_of_result(block, parts))
            else:
                parts.append(block)
        if parts:
            _add_user(messages, [_part(part, entry) for part in parts])
    return messages


def _add_user(messages: list[dict[str, Any]], parts: list[dict[str, Any]]) -> None:
    """Add what the user says, to the message before if that is also of the user: some templates require turns."""
    if messages and messages[-1]["role"] == "user":
        before = messages.pop()["content"]
        parts = [*([{"type": "text", "text": before}] if isinstance(before, str) else before), *parts]
    has_text_only = all(part["type"] == "text" for part in parts)
    content = "\n\n".join(part["text"] for part in parts) if has_text_only else parts
    messages.append({"role": "user", "content": content})


def _of_result(result: Block, more: list[Block]) -> dict[str, Any]:
    """Return the message of a tool result, which is text; images follow in `more`, as messages of the user."""
    parts = blocks.parts_of(result)
    others = [part for part in parts if part.get("type") != "text"]
    if others:
        more += [blocks.text(_OF_RESULT.format(id=result["tool_use_id"])), *others]
    content = blocks.joined(parts) or ("See the next message." if others else "(no content)")
    return {"role": "tool", "tool_call_id": result["tool_use_id"], "content": content}


def _part(block: Block, entry: CatalogueEntry) -> dict[str, Any]:
    kind = block.get("type")
    if kind == "text":
        return {"type": "text", "text": block["text"]}
    if kind == "image" and entry.vision:
        return {"type": "image_url", "image_url": {"url": blocks.data_url(block["source"])}}
    if kind == "document" and (written := blocks.document_text(block)) is not None:
        return {"type": "text", "text": written}
    if kind == "document" and entry.pdf and block["source"].get("type") == "base64":
        name = block.get("title") or "document.pdf"
        return {"type": "file", "file": {"filename": name, "file_data": blocks.data_url(block["source"])}}
    return {"type": "text", "text": blocks.unreadable(block, entry.slug)}


def _of_assistant(message: Message, slug: str) -> dict[str, Any]:
    content = message["content"]
    spoken = blocks.joined(content)
    sent: dict[str, Any] = {"role": "assistant", "content": spoken or None}
    calls = [_sent_call(block, slug) for block in content if block.get("type") == "tool_use"]
    if calls:
        sent["tool_calls"] = calls
    elif not spoken:
        sent["content"] = ""
    for block in content:
        if (own := blocks.origin_of(block, NAME, slug)) and blocks.is_thought(block):
            sent |= own.get("fields", {})
    return sent


def _sent_call(block: Block, slug: str) -> dict[str, Any]:
    own = blocks.origin_of(block, NAME, slug)
    function = {"name": block["name"], "arguments": blocks.json_text(block.get("input") or {})}
    call = {"id": block["id"], "type": "function", "function": function}
    return {**own["fields"], **call} if own else call


@dataclass(slots=True)
class _Call:
    """A call whose arguments are arriving."""

    index: int
    id: str = ""
    name: str = ""
    arguments: list[str] = field(default_factory=list)
    more: dict[str, Any] = field(default_factory=dict)


class Assembly:
    """A reply that is being assembled from chunks."""

    def __init__(self, on_delta: Callable[[str], None], slug: str, used_ids: set[str]) -> None:
        self._on_delta = on_delta
        self._slug = slug
        self._used_ids = used_ids
        self._texts: list[str] = []
        self._thoughts: dict[str, list[str]] = {}
        self._details: list[dict[str, Any]] = []
        self._calls: list[_Call] = []
        self._finish = ""
        self._has_refused = False
        self._usage: Mapping[str, Any] | None = None
        self.reply_id = ""

    def add(self, chunk: ChatCompletionChunk) -> None:
        """Add the next chunk; unknown parts are ignored.

        Raises:
            BrokenStream: it is not a chunk.
        """
        try:
            self._take(chunk.to_dict(mode="json", warnings=False))
        except (AttributeError, KeyError, TypeError, IndexError, ValueError):  # the SDK does not check it
            raise BrokenStream("the stream contains data that is not a reply") from None

    @property
    def is_complete(self) -> bool:
        """Return whether the reply has ended, though its usage may follow."""
        return self._finish != ""

    @property
    def stop_reason(self) -> str:
        """The stop reason in the form of the Messages API."""
        if self._has_refused or self._finish == "content_filter":
            return "refusal"
        if self._finish == "length":
            return "max_tokens"
        return "tool_use" if self._calls else "end_turn"

    @property
    def tokens(self) -> Tokens | None:
        """The tokens that the upstream counted; None if it did not report them."""
        return None if self._usage is None else tokens_of_chat(self._usage)

    def blocks(self) -> tuple[Block, ...]:
        """Return the blocks of the complete reply.

        Raises:
            BrokenStream: it is incomplete, or the upstream ended it with an error.
        """
        if not self._finish:
            raise BrokenStream("the stream ended before the reply did")
        if self._finish == "error":
            raise BrokenStream("the upstream ended the reply with an error")
        return (*self._reasoning(), *self._spoken(), *self._tool_uses())

    def _take(self, chunk: dict[str, Any]) -> None:
        self.reply_id = chunk.get("id") or self.reply_id
        for usage in (chunk.get("usage"), (chunk.get("x_groq") or {}).get("usage")):
            if isinstance(usage, dict):
                self._usage = usage
        for choice in chunk.get("choices") or []:
            if choice.get("index") or 0:
                continue  # only one reply was requested
            self._extend(choice.get("delta") or {})
            self._finish = choice.get("finish_reason") or self._finish

    def _extend(self, delta: dict[str, Any]) -> None:
        for name in _THOUGHT_FIELDS:
            if isinstance(delta.get(name), str) and delta[name]:
                self._thoughts.setdefault(name, []).append(delta[name])
        for detail in delta.get("reasoning_details") or []:
            _merge(self._details, detail)
        for kind, piece in _pieces(delta.get("content")):
            if kind == "text":
                self._say(piece)
            else:
                self._thoughts.setdefault("", []).append(piece)
        if delta.get("refusal"):
            self._has_refused = True
            self._say(delta["refusal"])
        for call in delta.get("tool_calls") or []:
            self._add_call(call)

    def _say(self, text: str) -> None:
        if text:
            self._texts.append(text)
            self._on_delta(text)

    def _add_call(self, delta: dict[str, Any]) -> None:
        index, given = count(delta.get("index")), delta.get("id") or ""
        found = next((call for call in reversed(self._calls) if call.index == index), None)
        # Some servers send each of several calls whole, all with the index 0.
        if found is None or (given and found.id and given != found.id):
            found = _Call(index)
            self._calls.append(found)
        function = delta.get("function") or {}
        found.id = found.id or given
        found.name = found.name or function.get("name") or ""
        arguments = function.get("arguments")
        if arguments:
            found.arguments.append(arguments if isinstance(arguments, str) else blocks.json_text(arguments))
        found.more |= {name: value for name, value in delta.items() if name not in _KNOWN_OF_CALL}

    def _reasoning(self) -> Iterator[Block]:
        fields: dict[str, Any] = {name: "".join(parts) for name, parts in self._thoughts.items() if name}
        if self._details:
            fields["reasoning_details"] = self._details
        shown = next(("".join(parts) for parts in self._thoughts.values()), "")
        if shown or fields:
            yield blocks.thought(shown, blocks.origin(NAME, self._slug, fields=fields))

    def _spoken(self) -> Iterator[Block]:
        text = "".join(self._texts)
        if text.strip():
            yield blocks.text(text)

    def _tool_uses(self) -> Iterator[Block]:
        calls = list(self._calls)
        if self._finish == "length" and calls and not blocks.is_object("".join(calls[-1].arguments)):
            calls.pop()  # it was cut off
        for call in calls:
            if not call.name:
                raise BrokenStream("a tool call has no name")
            block = {
                "type": "tool_use",
                "id": blocks.call_id(call.id, self._used_ids),
                "name": call.name,
                "input": blocks.arguments_of("".join(call.arguments)),
            }
            if call.more:
                block[blocks.ORIGIN] = blocks.origin(NAME, self._slug, fields=call.more)
            yield block


def _pieces(content: Any) -> Iterator[tuple[str, str]]:
    """Yield the parts of a content, which some servers send as a list: ('text' or 'thinking', text)."""
    if isinstance(content, str):
        yield "text", content
    for part in content if isinstance(content, list) else []:
        inner = part.get("thinking")
        if isinstance(inner, list):
            yield "thinking", "".join(one.get("text", "") for one in inner)
        elif isinstance(part.get("text"), str):
            yield "text", part["text"]


def _merge(details: list[dict[str, Any]], piece: Any) -> None:
    """Add a piece of reasoning to the one with its type and index, if that is the last one."""
    last = details[-1] if details else {}
    if not details or any(last.get(name) != piece.get(name) for name in ("type", "index")):
        details.append(dict(piece))
        return
    for name, value in piece.items():
        is_text = name in ("text", "summary", "data") and isinstance(value, str)
        last[name] = (last.get(name) or "") + value if is_text else value


__all__: Sequence[str] = ("NAME", "Assembly", "as_request", "open_stream", "structured")
