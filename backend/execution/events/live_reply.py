"""Pass the parts of a reply to one follower, who never shows a text without its beginning or with a gap.

Parts arrive over Redis and can be lost, and a follower can join in the middle. The text so far is then sent as a whole.
If it is not available, the follower gets nothing until the next reply, or the event with the complete one.
"""

from __future__ import annotations

import json
import time
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Final
from uuid import UUID

from backend.core.partial_replies import PartialReply
from backend.execution.events.queries import StoredEvent

REREAD_S: Final = 1.0
"""The minimum interval between two reads of a text that was not available."""


class LiveReply:
    """What one follower of a job has of the reply that is being written."""

    def __init__(
        self, read: Callable[[], Awaitable[PartialReply | None]], job_id: UUID, *, is_resumed: bool
    ) -> None:
        """Send nothing yet.

        Args:
            read: Returns the text so far.
            job_id: The job.
            is_resumed: Whether the follower was connected before: it can have parts of a reply that is not valid any
                more.
        """
        self._read = read
        self._job_id = str(job_id)
        self._reply = ""
        """The reply of which the follower has the beginning."""
        self._length = 0
        """Characters of it that the follower has."""
        self._step = 0
        """Its step."""
        self._held: list[dict[str, Any]] = []
        """Parts of another step that wait for new events."""
        self._may_have_more = is_resumed
        self._completed = 0
        """The last step with a complete reply."""
        self._reread_at = 0.0
        self.is_joined = False
        """Whether the text so far was read."""

    def note(self, event: StoredEvent) -> None:
        """Take note of an event: the parts of a reply are not needed any more when it is complete."""
        if event.type == "model_response":
            self._completed = max(self._completed, int(event.payload.get("step") or 0))

    async def join(self) -> list[str]:
        """Return the text so far as the first part, if a reply is being written."""
        self.is_joined = True
        found = await self._read()
        return [] if found is None or found.step <= self._completed else [self._whole(found)]

    async def take(self, bodies: Sequence[str], *, has_news: bool = False) -> list[str]:
        """Return the parts for the follower without those that the follower has or cannot use.

        With `has_news`, parts of another step than the current one are held back until the next call: the event of the
        complete reply may come first.
        """
        parts = [*self._held, *map(json.loads, bodies)]
        self._held = []
        passed: list[str] = []
        for part in parts:
            if has_news and part["step"] != self._step:
                self._held.append(part)
            else:
                passed += await self._take(part)
        return passed

    async def _take(self, part: dict[str, Any]) -> list[str]:
        """Return a part for the follower, or the whole text."""
        sent = dict(part)
        offset, reply = sent.pop("offset", None), sent.pop("reply", "")
        step, text = int(sent["step"]), sent["text"]
        if step <= self._completed:
            return []
        if offset is None:  # a worker of the previous release
            return [json.dumps(sent)]
        if reply != self._reply and offset == 0:
            if self._may_have_more or step == self._step:
                sent["restart"] = True
            self._have(reply, step, len(text))
            return [json.dumps(sent)]
        if reply == self._reply and offset <= self._length:
            if offset < self._length or not text:
                return []  # the text so far contains it
            self._length += len(text)
            return [json.dumps(sent)]
        return await self._repaired(reply, offset + len(text))

    async def _repaired(self, reply: str, length: int) -> list[str]:
        """Return the whole text if it has at least a length: parts of it were lost."""
        if time.monotonic() < self._reread_at:
            return []
        found = await self._read()
        if found is None or found.reply != reply or len(found.text) < length:
            self._reread_at = time.monotonic() + REREAD_S
            return []
        return [self._whole(found)]

    def _whole(self, found: PartialReply) -> str:
        self._have(found.reply, found.step, len(found.text))
        return json.dumps({"job_id": self._job_id, "step": found.step, "text": found.text, "restart": True})

    def _have(self, reply: str, step: int, length: int) -> None:
        self._reply, self._step, self._length = reply, step, length
        self._may_have_more = False
