"""Compact a conversation that nears the context limit: old tool results and turns are replaced by pointers to files.

The calls of an earlier turn are removed together with their results, since models accept neither without the other.

The journal stores what is removed at a step before the request, so that a resumed run sends the same prompt. The
inputs of the turn and the last results always stay. Endpoints that clear contexts themselves do it instead.
"""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any, Final, NamedTuple

from backend.execution.events.types import ContextCompactedEvent
from backend.skills.model_catalog.catalog import CatalogueEntry
from workers.agent.journal import Cleared, Journal
from workers.agent.long_results import store_full_text
from workers.agent.stop_reasons import ContextFull
from workers.agent.types import Workspace
from workers.llm.pricing import prompt_tokens
from workers.llm.types import Block, Message, Prompt

RECENT_RESULTS: Final = 6
"""The newest results stay while there are older ones to remove."""
RECENT_MESSAGES: Final = 4
"""The newest messages of earlier turns stay while there is something else to remove."""
LEAST_CHARACTERS: Final = 600
"""A shorter result is hardly longer than the pointer to it."""
_RESERVED_SHARE: Final = 4  # a quarter of the context, or as much as a reply may have, is for the reply
_FILLED_SHARE: Final = (3, 4)  # of the rest is used after a clearing: each one invalidates the prompt cache
_LEAST_REPLY_SHARE: Final = 8  # at least an eighth of the context is requested for the reply
_LIKELY_BYTES: Final = 3  # of text per token, or a little more
_MAX_BYTES: Final = 5  # hardly any text has that many per token
_REMOVED: Final = "[Removed from this conversation to free context: "
_RESULTS: Final = f"{_REMOVED}the results of these calls]"
_NAMES: Final = re.compile(r"[^A-Za-z0-9_-]")
_FULL_TEXT: Final = re.compile(
    r"; (?:full text:|the whole is in) "
    r"(?P<path>drive/_jobs/[0-9a-f-]{36}/_toolout/[0-9]+-(?P<call>[A-Za-z0-9_-]+)\.txt)\]\Z"
)
"""The end of a result that was shortened when it arrived."""


class _Old(NamedTuple):
    """A result that may be removed."""

    id: str
    content: str | list[Block]
    tokens: int
    is_newest: bool
    """One of the last few, which are removed only if removing all others is not enough."""
    results_id: str = ""
    """Of a message with calls: the message with their results, which is removed with it."""


class Compaction:
    """The removed results of one run's conversation."""

    def __init__(self, journal: Journal, workspace: Workspace) -> None:
        self._journal = journal
        self._workspace = workspace
        self._pointers: dict[str, str] = {}
        self.earlier_messages = 0
        """The number of messages of earlier turns, with which the conversation starts."""

    def recall(self, step: int) -> bool:
        """Remove what an earlier attempt removed before the reply of the step; return whether it did."""
        cleared = self._journal.cleared(step)
        self._pointers |= cleared or {}
        return cleared is not None

    def applied(self, prompt: Prompt) -> Prompt:
        """Return the prompt without the removed results."""
        if not self._pointers:
            return prompt
        messages = [
            self._shortened(message, index) or _pointed(message, self._pointers)
            for index, message in enumerate(prompt.messages)
        ]
        return replace(prompt, messages=messages)

    def _shortened(self, message: Message, index: int) -> Message | None:
        """Return the pointer to a message of an earlier turn; none if it was not removed."""
        pointer = self._pointers.get(_message_id(index)) if index < self.earlier_messages else None
        return (
            None
            if pointer is None
            else {"role": message["role"], "content": [{"type": "text", "text": pointer}]}
        )

    async def fit(self, step: int, prompt: Prompt, entry: CatalogueEntry) -> Prompt:
        """Return the prompt to send, with room for a reply.

        Raises:
            ContextFull: it does not fit, whatever is removed.
        """
        was_done = self.recall(step)
        prompt = self.applied(prompt)
        if entry.clears_context and not self.earlier_messages:
            return prompt
        freed = 0
        likely = prompt_tokens(prompt, bytes_per_token=_LIKELY_BYTES)
        max_tokens = entry.context_tokens - min(prompt.max_tokens, entry.context_tokens // _RESERVED_SHARE)
        if likely > max_tokens and not was_done:
            part, of = _FILLED_SHARE
            limit = max_tokens * part // of
            freed = await self._clear(step, prompt, likely, max_tokens=limit, entry=entry)
            prompt = self.applied(prompt)
        if entry.clears_context:
            return prompt
        # The measured length is that after earlier removals, so this can only be determined for the first step.
        least = prompt_tokens(prompt, bytes_per_token=_MAX_BYTES) - freed
        if least >= entry.context_tokens and not was_done:
            raise ContextFull(entry.slug, least, entry.context_tokens)
        max_reply_tokens = max(
            entry.context_tokens // _LEAST_REPLY_SHARE, entry.context_tokens - likely + freed
        )
        return replace(prompt, max_tokens=min(prompt.max_tokens, max_reply_tokens))

    async def force(self, step: int, prompt: Prompt, entry: CatalogueEntry) -> Prompt:
        """Return the prompt without all removable results, after the model rejected it as too long.

        Raises:
            ContextFull: there is nothing to remove any more.
        """
        likely = prompt_tokens(prompt, bytes_per_token=_LIKELY_BYTES)
        if not await self._clear(step, prompt, likely, max_tokens=0, entry=entry, is_forced=True):
            raise ContextFull(entry.slug, likely, entry.context_tokens)
        return self.applied(prompt)

    async def _clear(
        self,
        step: int,
        prompt: Prompt,
        likely: int,
        *,
        max_tokens: int,
        entry: CatalogueEntry,
        is_forced: bool = False,
    ) -> int:
        """Remove turns and results as needed, oldest first; return the tokens that this frees.

        The results remain if the endpoint removes them itself.
        """
        freed, pointers = 0, {}
        removable = list(_old_turns(prompt.messages[: self.earlier_messages]))
        removable += () if entry.clears_context else _old(prompt.messages[self.earlier_messages :])
        for old in sorted(removable, key=lambda old: old.is_newest):
            if likely - freed <= max_tokens:
                break
            pointers[old.id] = await self._pointer(old)
            if old.results_id:
                pointers[old.results_id] = _RESULTS
            freed += old.tokens
        if pointers:
            self._pointers |= pointers
            after = likely - freed
            event = ContextCompactedEvent(
                step=step, cleared=len(pointers), tokens_before=likely, tokens_after=after
            )
            await self._journal.store_cleared(step, Cleared(pointers, event), is_forced=is_forced)
        return freed

    async def _pointer(self, old: _Old) -> str:
        text = _text_of(old.content)
        notice = f"{_REMOVED}{len(text):,} characters"
        call = _NAMES.sub("_", old.id)[:80]
        match = _FULL_TEXT.search(text)
        if match and match["call"] == call:  # any text can end like this: it must name this call
            return f"{notice}; full text: {match['path']}]"
        name = f"old-{call}.txt"
        try:
            path = await asyncio.to_thread(store_full_text, self._workspace, name, text)
        except OSError as error:
            return f"{notice}; they could not be stored: {error.strerror}]"
        return f"{notice}; full text: {path}]"


def _message_id(index: int) -> str:
    return f"message-{index}"


def _old_turns(messages: Any) -> Iterator[_Old]:
    """Yield the messages of earlier turns that may be removed, oldest first; calls together with their results."""
    for index, message in enumerate(messages):
        if _has(message, "tool_result"):
            continue
        has_calls = _has(message, "tool_use")
        content = [*message["content"], *(messages[index + 1]["content"] if has_calls else ())]
        text = _text_of(content)
        if len(text) < LEAST_CHARACTERS or text.startswith(_REMOVED):
            continue
        size = len(text.encode("utf-8", "replace"))
        tokens = max(0, size - LEAST_CHARACTERS // 2) // _LIKELY_BYTES
        is_newest = index >= len(messages) - RECENT_MESSAGES
        yield _Old(
            _message_id(index),
            content,
            tokens,
            is_newest,
            results_id=_message_id(index + 1) if has_calls else "",
        )


def _old(messages: Any) -> Iterator[_Old]:
    """Yield the results that may be removed, oldest first, without those of the last message."""
    found = [
        block
        for message in messages[:-1]
        for block in message["content"]
        if block.get("type") == "tool_result" and len(_text_of(block["content"])) >= LEAST_CHARACTERS
    ]
    for index, block in enumerate(found):
        size = len(_text_of(block["content"]).encode("utf-8", "replace"))
        tokens = max(0, size - LEAST_CHARACTERS // 2) // _LIKELY_BYTES
        yield _Old(block["tool_use_id"], block["content"], tokens, index >= len(found) - RECENT_RESULTS)


def _pointed(message: Message, pointers: Mapping[str, str]) -> Message:
    if message["role"] != "user":
        return message
    blocks = [
        {**block, "content": pointers[block["tool_use_id"]]}
        if block.get("type") == "tool_result" and block["tool_use_id"] in pointers
        else block
        for block in message["content"]
    ]
    return {**message, "content": blocks}


def _has(message: Message, block_type: str) -> bool:
    return any(block.get("type") == block_type for block in message["content"])


def _text_of(content: str | list[Block]) -> str:
    """Return a result or a message as text; files count as long."""
    return content if isinstance(content, str) else "\n".join(_block_text(block) for block in content)


def _block_text(block: Block) -> str:
    match block.get("type"):
        case "text":
            return str(block["text"])
        case "tool_use":
            return f"Call of {block['name']}: {json.dumps(block['input'], ensure_ascii=False)}"
        case "tool_result":
            return f"Result: {_text_of(block['content'])}"
        case other:
            return f"[{other}]" + " " * LEAST_CHARACTERS
