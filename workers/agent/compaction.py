"""A conversation that nears the end of its model's context: what old calls gave is taken out, with word of where it is.

What is taken out at a step is written down before the model is asked, so that a run that is resumed says the same. The
opening and the last results always stay. Endpoints that do this by themselves are left to it.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any, Final, NamedTuple

from backend.execution.events.types import ContextCompactedEvent
from backend.skills.model_catalog.catalog import CatalogueEntry
from workers.agent.journal import Cleared, Journal
from workers.agent.long_results import keep_whole
from workers.agent.stop_reasons import ContextFull
from workers.agent.types import Workspace
from workers.llm.pricing import prompt_tokens
from workers.llm.types import Block, Message, Prompt

KEPT_RESULTS: Final = 6
"""The newest results stay while there are older ones to take out."""
LEAST_CHARACTERS: Final = 600
"""A shorter result is hardly longer than the word of where it is."""
_RESERVED_SHARE: Final = 4  # a quarter of the context, or as much as a reply may have, is for the reply
_FILLED_SHARE: Final = (3, 4)  # of the rest is filled after a clearing: each one costs the prompt cache
_LEAST_REPLY_SHARE: Final = 8  # an eighth of the context is asked for as a reply, however full it may be
_LIKELY_BYTES: Final = 3  # of text in a token, or a little more
_MAX_BYTES: Final = 5  # nearly no text has so many in a token
_NAMES: Final = re.compile(r"[^A-Za-z0-9_-]")
_WHOLE: Final = re.compile(
    r"; the whole is in (?P<path>drive/_jobs/[0-9a-f-]{36}/_toolout/[0-9]+-(?P<call>[A-Za-z0-9_-]+)\.txt)\]\Z"
)
"""The last words of a result that was too long when it came."""


class _Old(NamedTuple):
    """A result that may be taken out."""

    id: str
    content: str | list[Block]
    tokens: int
    is_newest: bool
    """One of the last few, which are taken out only if all others did not do."""


class Compaction:
    """What of one run's conversation has been taken out."""

    def __init__(self, journal: Journal, room: Workspace) -> None:
        self._journal = journal
        self._room = room
        self._pointers: dict[str, str] = {}

    def recall(self, step: int) -> bool:
        """Take out what an earlier attempt took out before the reply of the step; whether it did."""
        kept = self._journal.cleared(step)
        self._pointers |= kept or {}
        return kept is not None

    def applied(self, prompt: Prompt) -> Prompt:
        """The prompt without what has been taken out."""
        if not self._pointers:
            return prompt
        return replace(prompt, messages=[_pointed(message, self._pointers) for message in prompt.messages])

    async def fit(self, step: int, prompt: Prompt, entry: CatalogueEntry) -> Prompt:
        """The prompt as it is sent, with room for a reply.

        Raises:
            ContextFull: it does not fit, whatever is taken out.
        """
        was_done = self.recall(step)
        prompt = self.applied(prompt)
        if entry.clears_context:
            return prompt
        freed = 0
        likely = prompt_tokens(prompt, bytes_per_token=_LIKELY_BYTES)
        most = entry.context_tokens - min(prompt.max_tokens, entry.context_tokens // _RESERVED_SHARE)
        if likely > most and not was_done:
            part, of = _FILLED_SHARE
            freed = await self._clear(step, prompt, likely, most=most * part // of)
            prompt = self.applied(prompt)
        # What was measured is so with what is out by now, so that this is known of the first step alone.
        least = prompt_tokens(prompt, bytes_per_token=_MAX_BYTES) - freed
        if least >= entry.context_tokens and not was_done:
            raise ContextFull(entry.slug, least, entry.context_tokens)
        room = max(entry.context_tokens // _LEAST_REPLY_SHARE, entry.context_tokens - likely + freed)
        return replace(prompt, max_tokens=min(prompt.max_tokens, room))

    async def force(self, step: int, prompt: Prompt, entry: CatalogueEntry) -> Prompt:
        """The prompt without all that can be taken out, since the model found it too long as it was.

        Raises:
            ContextFull: there is nothing to take out, or has been taken out already.
        """
        likely = prompt_tokens(prompt, bytes_per_token=_LIKELY_BYTES)
        if entry.clears_context or not await self._clear(step, prompt, likely, most=0, is_forced=True):
            raise ContextFull(entry.slug, likely, entry.context_tokens)
        return self.applied(prompt)

    async def _clear(
        self, step: int, prompt: Prompt, likely: int, *, most: int, is_forced: bool = False
    ) -> int:
        """Take out as much as has to be, oldest first; gives the tokens that this makes free."""
        freed, pointers = 0, {}
        for old in sorted(_old(prompt.messages), key=lambda one: one.is_newest):
            if likely - freed <= most:
                break
            pointers[old.id] = await self._pointer(old)
            freed += old.tokens
        if pointers:
            self._pointers |= pointers
            after = likely - freed
            event = ContextCompactedEvent(
                step=step, cleared=len(pointers), tokens_before=likely, tokens_after=after
            )
            await self._journal.keep_cleared(step, Cleared(pointers, event), is_forced=is_forced)
        return freed

    async def _pointer(self, old: _Old) -> str:
        words = _words(old.content)
        told = f"[Taken out of this conversation to make room: {len(words):,} characters"
        call = _NAMES.sub("_", old.id)[:80]
        place = _WHOLE.search(words)
        if (
            place and place["call"] == call
        ):  # anybody can write such a line: it has to be about this very call
            return f"{told}; the whole is in {place['path']}]"
        name = f"old-{call}.txt"
        try:
            path = await asyncio.to_thread(keep_whole, self._room, name, words)
        except OSError as error:
            return f"{told}; they could not be kept: {error.strerror}]"
        return f"{told}; the whole is in {path}]"


def _old(messages: Any) -> Iterator[_Old]:
    """The results that may be taken out, oldest first: none of the last message's."""
    found = [
        block
        for message in messages[:-1]
        for block in message["content"]
        if block.get("type") == "tool_result" and len(_words(block["content"])) >= LEAST_CHARACTERS
    ]
    for place, block in enumerate(found):
        size = len(_words(block["content"]).encode("utf-8", "replace"))
        tokens = max(0, size - LEAST_CHARACTERS // 2) // _LIKELY_BYTES
        yield _Old(block["tool_use_id"], block["content"], tokens, place >= len(found) - KEPT_RESULTS)


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


def _words(content: str | list[Block]) -> str:
    """A result as text; what is none of it counts as long, since it is seldom short."""
    if isinstance(content, str):
        return content
    return "\n".join(
        str(block["text"])
        if block.get("type") == "text"
        else f"[{block.get('type')}]" + " " * LEAST_CHARACTERS
        for block in content
    )
