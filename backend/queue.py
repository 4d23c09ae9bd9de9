"""Redis as a doorbell: tickets that wake workers, wake-ups that tell followers. Nothing here is ever the truth.

A unit of work only *notes* tickets and wake-ups on its session; `ship` sends them after the commit. A Redis that is
away never fails a request: workers claim once per sweep without a ticket, and followers re-read once a second.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Protocol
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

WAKE_CHANNEL = "puras:wake"
"""Pub/sub channel of wake-ups, each `<job id> <seq of its newest event>`."""


@dataclass(frozen=True, slots=True)
class Ticket:
    """Rings a worker of a lane: there may be something to claim."""

    lane: str


@dataclass(frozen=True, slots=True)
class WakeUp:
    """Tells followers that a job has events up to `seq`."""

    job_id: UUID
    seq: int


@dataclass(frozen=True, slots=True)
class CancelCall:
    """Tells the worker that runs a job to end it."""

    job_id: UUID


Message = Ticket | WakeUp | CancelCall


class Doorbell(Protocol):
    """What ships messages; the process sets one with `use`."""

    async def ring(self, messages: Iterable[Message]) -> None:
        """Send all of them; never raises for a Redis that is away."""


_doorbell: Doorbell | None = None


def use(doorbell: Doorbell | None) -> None:
    """Set the doorbell of this process."""
    global _doorbell  # noqa: PLW0603 - one per process, set at its start
    _doorbell = doorbell


def note(session: AsyncSession, message: Message) -> None:
    """Remember a message until the session's unit of work has committed."""
    session.info.setdefault("outbox", []).append(message)


async def ship(session: AsyncSession) -> None:
    """Send what the committed unit of work has noted."""
    messages: list[Message] = session.info.pop("outbox", [])
    if messages and _doorbell is not None:
        await _doorbell.ring(messages)
