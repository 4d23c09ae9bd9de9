"""Keep the text of the reply that a job is receiving, so that a follower who joins in the middle gets its beginning.

The text is in Redis next to the notifications. It is deleted with the end of the reply, whose event has the whole text.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Final
from uuid import UUID

from redis.asyncio import Redis
from redis.asyncio.client import Pipeline
from redis.exceptions import RedisError

MAX_BYTES: Final = 1024 * 1024
"""Maximum size of a text. A longer one is not kept: followers who join then wait for its event."""
EXPIRES_S: Final = 600
"""After this time without another part, the text is deleted: its worker was lost."""
READ_TIMEOUT_S: Final = 0.5

_ADD: Final = """
local before = tonumber(ARGV[2])
if before == 0 then
  redis.call('SET', KEYS[1], ARGV[1] .. ARGV[3])
elseif redis.call('STRLEN', KEYS[1]) == #ARGV[1] + before
    and redis.call('GETRANGE', KEYS[1], 0, #ARGV[1] - 1) == ARGV[1] then
  redis.call('APPEND', KEYS[1], ARGV[3])
else
  redis.call('DEL', KEYS[1])
end
if redis.call('STRLEN', KEYS[1]) > tonumber(ARGV[4]) then redis.call('DEL', KEYS[1]) end
redis.call('EXPIRE', KEYS[1], ARGV[5])
return 0
"""
"""Add a part to the text of a reply. A part after a missing one deletes the text, which would have a gap."""


@dataclass(frozen=True, slots=True)
class PartialReply:
    """The text of an incomplete reply so far."""

    step: int
    reply: str
    """Differs from that of all other replies, also of the same step."""
    text: str


def add(pipeline: Pipeline, job_id: UUID, part: PartialReply, *, after_bytes: int) -> None:
    """Add a part to the text, of which `after_bytes` bytes in UTF-8 were added before."""
    values = (_header(part), after_bytes, encoded(part.text), MAX_BYTES, EXPIRES_S)
    pipeline.eval(_ADD, 1, _key(job_id), *values)


def discard(pipeline: Pipeline, job_id: UUID) -> None:
    """Delete the text: the reply is complete, or starts again."""
    pipeline.delete(_key(job_id))


def encoded(text: str) -> bytes:
    """Return a text as it is kept. Half a surrogate pair, which models can produce, becomes a question mark."""
    return text.encode(errors="replace")


async def read(redis: Redis, job_id: UUID) -> PartialReply | None:
    """Return the text so far; none if there is none, or Redis is unavailable."""
    try:
        async with asyncio.timeout(READ_TIMEOUT_S):
            stored: bytes | None = await redis.get(_key(job_id))
    except (RedisError, OSError, TimeoutError):
        return None
    if stored is None:
        return None
    step, reply, text = stored.decode().split(" ", 2)
    return PartialReply(int(step), reply, text)


def _key(job_id: UUID) -> str:
    return f"puras:reply:{job_id}"


def _header(part: PartialReply) -> str:
    return f"{part.step} {part.reply} "
