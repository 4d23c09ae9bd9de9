"""Text of a reply as it comes: sent to whoever follows the job, never stored, and nobody waits for it."""

from __future__ import annotations

import asyncio
from typing import Final
from uuid import UUID

from backend.core import notifications
from backend.data.secrets.scrub import Scrubber

EVERY_S: Final = 0.03
"""Pieces that come sooner after each other go together."""


class Deltas:
    """The text of one reply on its way to the followers."""

    def __init__(self, job_id: UUID, step: int, scrubber: Scrubber, *, is_silent: bool = False) -> None:
        """With `is_silent` nobody is told: the words are not those of whoever follows."""
        self._is_silent = is_silent
        self._job_id = job_id
        self._step = step
        self._scrubber = scrubber
        self._text = scrubber.stream()
        self._waiting: list[str] = []
        self._timer: asyncio.TimerHandle | None = None

    def tell(self, piece: str) -> None:
        """Send the piece, the first one at once."""
        shown = self._text.feed(piece)
        if not shown:
            return
        self._waiting.append(shown)
        if self._timer is None:
            self._send()
            self._timer = asyncio.get_running_loop().call_later(EVERY_S, self._send_again)

    def restart(self) -> None:
        """What was told is not part of the reply: it begins anew."""
        self._text = self._scrubber.stream()
        self._waiting.clear()
        notifications.tell(notifications.Delta(self._job_id, self._step, "", is_restart=True))

    def end(self) -> None:
        """Send what is left: the reply is whole, or is not coming."""
        if self._timer is not None:
            self._timer.cancel()
        self._waiting.append(self._text.end())
        self._send()

    def _send_again(self) -> None:
        self._timer = None
        if self._waiting:
            self._send()
            self._timer = asyncio.get_running_loop().call_later(EVERY_S, self._send_again)

    def _send(self) -> None:
        text = "".join(self._waiting)
        self._waiting.clear()
        if text and not self._is_silent:
            notifications.tell(notifications.Delta(self._job_id, self._step, text))
