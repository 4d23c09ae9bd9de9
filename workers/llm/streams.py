"""Assemble the events of a stream into a complete reply."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from anthropic.types.beta import BetaRawMessageStreamEvent

from workers.llm.types import Block, Tokens


class BrokenStream(Exception):
    """The stream ended before the reply, or is invalid."""


class Assembly:
    """A reply that is being assembled."""

    def __init__(self, on_delta: Callable[[str], None]) -> None:
        self._on_delta = on_delta
        self._open: dict[int, Block] = {}
        self._json: dict[int, list[str]] = {}
        self._closed: dict[int, Block] = {}
        self._usage: dict[str, Any] = {}
        self._is_complete = False
        self.stop_reason = ""
        self.cleared_tokens = 0

    def add(self, event: BetaRawMessageStreamEvent) -> None:
        """Add the next event; unknown types are ignored.

        Raises:
            BrokenStream: it does not follow from earlier events, or lacks fields.
        """
        try:
            self._take(event)
        except (AttributeError, KeyError, TypeError):  # the SDK does not check what a server sends
            raise BrokenStream("the stream contains data that is not a reply") from None

    def _take(self, event: BetaRawMessageStreamEvent) -> None:
        match event.type:
            case "message_start":
                self._count(event.message.usage)
            case "content_block_start":
                self._open[event.index] = event.content_block.to_dict(mode="json")
            case "content_block_delta":
                self._extend(event.index, event.delta)
            case "content_block_stop":
                self._close(event.index)
            case "message_delta":
                self.stop_reason = event.delta.stop_reason or self.stop_reason
                self._count(event.usage)
                edits = event.context_management.applied_edits if event.context_management else []
                self.cleared_tokens = sum(edit.cleared_input_tokens for edit in edits)
            case "message_stop":
                self._is_complete = True

    def blocks(self) -> tuple[Block, ...]:
        """Return the blocks of the complete reply, without empty texts, which upstreams reject in requests.

        Raises:
            BrokenStream: it is incomplete.
        """
        if not self._is_complete or not self.stop_reason:
            raise BrokenStream("the stream ended before the reply did")
        if self._open and self.stop_reason != "max_tokens":
            raise BrokenStream("a block of the reply is incomplete")
        blocks = [self._closed[index] for index in sorted(self._closed)]
        if self.stop_reason == "max_tokens" and blocks and _is_cut_off(blocks[-1]):
            blocks.pop()
        return tuple(block for block in blocks if block["type"] != "text" or block["text"].strip())

    @property
    def tokens(self) -> Tokens:
        """The tokens that the upstream counted."""
        return Tokens(
            input=self._usage.get("input_tokens", 0),
            output=self._usage.get("output_tokens", 0),
            cache_write=self._usage.get("cache_creation_input_tokens", 0),
            cache_read=self._usage.get("cache_read_input_tokens", 0),
        )

    @property
    def cache_write_1h(self) -> int:
        """The tokens written to the cache that are stored for an hour."""
        split: dict[str, int] = self._usage.get("cache_creation", {})
        return split.get("ephemeral_1h_input_tokens", 0)

    def _count(self, usage: Any) -> None:
        """Update the counts, which are totals; those that an event lacks stay."""
        counts = usage.to_dict(mode="json")
        self._usage |= {name: value for name, value in counts.items() if value is not None}

    def _extend(self, index: int, delta: Any) -> None:
        block = self._open.get(index)
        if block is None:
            raise BrokenStream("a delta belongs to no block")
        match delta.type:
            case "text_delta":
                block["text"] += delta.text
                self._on_delta(delta.text)
            case "input_json_delta":
                self._json.setdefault(index, []).append(delta.partial_json)
            case "thinking_delta":
                block["thinking"] += delta.thinking
            case "signature_delta":
                block["signature"] = delta.signature
            case "citations_delta":
                block["citations"] = [*(block.get("citations") or []), delta.citation.to_dict(mode="json")]

    def _close(self, index: int) -> None:
        block = self._open.pop(index, None)
        if block is None:
            raise BrokenStream("a block ended that was not started")
        text = "".join(self._json.pop(index, []))
        if text.strip():
            try:
                block["input"] = json.loads(text)
            except ValueError:
                # Cut off by the token limit, which the later stop reason reports; `blocks` decides.
                self._open[index] = block
                return
        if isinstance(block.get("input", {}), dict):
            self._closed[index] = block
            return
        raise BrokenStream("the arguments of a tool call are not an object")


def _is_cut_off(block: Block) -> bool:
    """Return whether the last block before the token limit is a call without arguments or an unsigned thought."""
    if block["type"] == "thinking":
        return not block.get("signature")
    return block["type"] == "tool_use" and not block["input"]
