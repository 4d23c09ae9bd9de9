"""Asking again: a storage that stumbles is asked a few times; one that is away is said to be, within a bounded time."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Final, TypeVar

import httpx

from backend.core import logs
from backend.storage.errors import StorageUnavailable
from backend.storage.supabase.answers import Answer, is_passing

log = logs.get(__name__)

_Got = TypeVar("_Got")
_LONGEST_PAUSE_S: Final = 5.0


@dataclass(frozen=True, slots=True)
class Patience:
    """How long to try."""

    tries: int = 4
    first_pause_s: float = 0.2
    most_s: float = 20.0
    """No try begins later than this after the first; a try that is under way is held by its own timeouts."""


async def until_answered(patience: Patience, what: str, ask: Callable[[], Awaitable[_Got]]) -> _Got:
    """What `ask` returns, once the storage is well enough to answer; `ask` must bear being repeated.

    Raises:
        StorageUnavailable: it was not, for as long as the patience lasts.
        Answer: a refusal that asking again does not change.
    """
    started = time.monotonic()
    pause_s = patience.first_pause_s
    for left in reversed(range(patience.tries)):
        try:
            return await ask()
        except Answer as answer:
            if not is_passing(answer):
                raise
            reason, asked_s = str(answer), answer.retry_after_s
        except httpx.TransportError as error:
            reason, asked_s = f"{type(error).__name__}: {error}", 0.0
        wait_s = max(asked_s, pause_s * random.uniform(0.5, 1.0))  # noqa: S311 - spreads a crowd, hides nothing
        if not left or time.monotonic() - started + wait_s > patience.most_s:
            log.warning("the storage does not answer", asked=what, reason=reason)
            raise StorageUnavailable
        log.info("the storage stumbled; asking again", asked=what, reason=reason, in_s=round(wait_s, 2))
        await asyncio.sleep(wait_s)
        pause_s = min(_LONGEST_PAUSE_S, pause_s * 2)
    raise StorageUnavailable  # only a patience of no tries at all comes here
