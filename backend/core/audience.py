"""Know whether any process receives news of events, so that none are sent while nothing follows a job.

    follower ─ subscribes to news ─ announces itself to all processes ─ reads the database again
    sender ─ sends news while they have receivers, and otherwise one per second, in case an announcement was lost

News that are not sent are not lost: followers read the database when they have announced themselves, and once a second.
"""

from __future__ import annotations

import time
from typing import Final

ASK_AGAIN_AFTER_S: Final = 1.0
"""After no process has received news for this time, the next one is sent to find out whether one does now."""


class Audience:
    """What this process knows about the receivers of news in all processes of the instance."""

    def __init__(self) -> None:
        self._announced_at = 0.0
        self._silent_until = 0.0

    def expects_news(self) -> bool:
        """Return whether a process may receive news."""
        return time.monotonic() >= self._silent_until

    def note_announcement(self) -> None:
        """Note that a process receives news from now on, or may have announced itself unnoticed."""
        self._announced_at = time.monotonic()
        self._silent_until = 0.0

    def note_receivers(self, count: int, *, sent_at: float) -> None:
        """Note how many processes have received news.

        Args:
            count: The receivers.
            sent_at: When the news were sent, on the monotonic clock.
        """
        if count:
            self._silent_until = 0.0
        elif sent_at > self._announced_at:  # else a receiver may have subscribed meanwhile
            self._silent_until = time.monotonic() + ASK_AGAIN_AFTER_S
