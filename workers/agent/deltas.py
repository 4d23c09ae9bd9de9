"""Send the text of a reply to followers of the job as it arrives, without storing it in an event."""

from __future__ import annotations

import asyncio
from typing import Final
from uuid import UUID, uuid4

from backend.core import notifications, partial_replies
from backend.data.secrets.scrub import Scrubber

EVERY_S: Final = 0.03
"""Chunks that arrive within this time are sent together."""


class Deltas:
    """Sends the text of one reply to the followers."""

    def __init__(self, job_id: UUID, step: int, scrubber: Scrubber, *, is_silent: bool = False) -> None:
        """Send nothing if `is_silent`: followers must not see the text of another project's skill."""
        self._is_silent = is_silent
        self._job_id = job_id
        self._step = step
        self._scrubber = scrubber
        self._text = scrubber.stream()
        self._pending: list[str] = []
        self._sent: list[str] = []
        self._reply = uuid4().hex
        self._offset = 0
        self._after_bytes = 0
        self._timer: asyncio.TimerHandle | None = None

    @property
    def sent(self) -> str:
        """The text of the reply that followers have received so far."""
        return "" if self._is_silent else "".join(self._sent)

    def send(self, chunk: str) -> None:
        """Send the chunk, the first one immediately."""
        visible = self._text.feed(chunk)
        if not visible:
            return
        self._pending.append(visible)
        self._sent.append(visible)
        if self._timer is None:
            self._send()
            self._timer = asyncio.get_running_loop().call_later(EVERY_S, self._send_later)

    def restart(self) -> None:
        """Discard what was sent: it is not part of the reply, which starts again."""
        self._text = self._scrubber.stream()
        self._pending.clear()
        self._sent.clear()
        self._reply, self._offset, self._after_bytes = uuid4().hex, 0, 0
        restart = notifications.Delta(self._job_id, self._step, "", is_restart=True, reply=self._reply)
        notifications.send_now(restart)

    def end(self) -> None:
        """Send the rest: the reply is complete, or was aborted."""
        if self._timer is not None:
            self._timer.cancel()
        self._pending.append(self._text.end())
        self._send(is_last=True)

    def _send_later(self) -> None:
        self._timer = None
        if self._pending:
            self._send()
            self._timer = asyncio.get_running_loop().call_later(EVERY_S, self._send_later)

    def _send(self, *, is_last: bool = False) -> None:
        text = "".join(self._pending)
        self._pending.clear()
        if self._is_silent or not (text or (is_last and self._offset)):
            return
        part = notifications.Delta(
            self._job_id,
            self._step,
            text,
            is_last=is_last,
            reply=self._reply,
            offset=self._offset,
            after_bytes=self._after_bytes,
        )
        self._offset += len(text)
        self._after_bytes += len(partial_replies.encoded(text))
        notifications.send_now(part)
