"""Offer the free slots of a worker process to submissions, which start jobs in them without a claim.

Slots are in a list in Redis, from which every API process takes them. The slot of a job that has ended is passed to the
API process that started it, whose next job then needs neither Redis nor another message of the worker.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict, deque
from collections.abc import Sequence
from typing import Final
from uuid import UUID

from backend.core import notifications
from backend.core.local_notifier import PASSED_SLOT_S
from backend.core.notifications import FreeWorker, WorkerSlot

MAX_SLOTS: Final = 8
"""Maximum slots that are offered. Jobs in slots that are about to be taken exceed the capacity of the process."""
PASSED_UNTIL_S: Final = 2 * PASSED_SLOT_S
"""The time after which a passed slot counts as not used: more than it may be used, since a message takes time."""


class SlotOffers:
    """The slots that one worker process offers."""

    def __init__(self, process: str, lanes: Sequence[str]) -> None:
        self._process = process
        self._lanes = lanes
        self._is_reported_free = False
        self._listed = 0
        """The slots in the list, without those in which a job has arrived."""
        self._passed: defaultdict[str, deque[asyncio.TimerHandle]] = defaultdict(deque)
        """By API process, the slots that were passed to it."""

    def report(self, worker_id: UUID, *, is_free: bool, room: int, is_repeated: bool = False) -> None:
        """List slots again when most of them have been used, and fewer when there is less room.

        Args:
            worker_id: The worker.
            is_free: Whether the process can take jobs.
            room: The number of jobs that submissions may start in it.
            is_repeated: Whether to report even what has not changed, since Redis may have lost it.
        """
        slots = max(0, min(MAX_SLOTS, room) - self._count_passed())
        is_changed = is_free is not self._is_reported_free or slots < self._listed
        if is_repeated or is_changed or self._listed < (slots + 1) // 2:
            self._is_reported_free, self._listed = is_free, slots
            slot = WorkerSlot(self._process, worker_id)
            notifications.send_now(FreeWorker(slot, self._lanes, is_free=is_free, slots=slots))

    def note_taken(self, process: str) -> None:
        """Note that an API process has started a job in a slot; it uses those first that were passed to it."""
        if passed := self._passed.get(process):
            passed.popleft().cancel()
        else:
            self._listed -= 1

    def pass_on(self, worker_id: UUID, process: str, *, lane: str, room: int) -> None:
        """Pass a slot to the API process that has started a job in it, if that is on this host and there is room."""
        slot = WorkerSlot(self._process, worker_id)
        if room > self._listed + self._count_passed() and notifications.pass_slot(process, lane, slot):
            loop = asyncio.get_running_loop()
            self._passed[process].append(loop.call_later(PASSED_UNTIL_S, self._expire, process))

    def _count_passed(self) -> int:
        return sum(len(slots) for slots in self._passed.values())

    def _expire(self, process: str) -> None:
        passed = self._passed[process]
        passed.popleft()
        if not passed:
            del self._passed[process]
