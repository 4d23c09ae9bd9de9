"""How strict the sandbox must be: where several people run code, half a sandbox is none."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import Final, Protocol

from sqlalchemy.exc import SQLAlchemyError

from backend.core import background_tasks, logs
from backend.core.db.engine import Database
from backend.identity.auth.users import count
from workers.sandbox.isolation.layers import Mode

LOOK_S: Final = 2.0

log = logs.get(__name__)


class Held(Protocol):
    """A runner that can be held to another mode while it runs."""

    mode: Mode

    @property
    def is_closed(self) -> bool:
        """Whether its sandbox is all that `strict` asks for."""


async def mode_for(database: Database, setting: Mode) -> Mode:
    """The mode that a setting of `PURAS_SANDBOX` means for the people who have accounts now."""
    if setting != "auto":
        return setting
    async with database.reading() as session:
        return "strict" if await count(session) > 1 else "auto"


async def follow_people(database: Database, setting: Mode, runner: Held) -> None:
    """Hold jobs to `strict` from a moment after the second person came; returns where the sandbox is whole anyway."""
    while not runner.is_closed and setting == "auto":
        await asyncio.sleep(LOOK_S)
        with (
            background_tasks.log_and_continue("follow people"),
            suppress(SQLAlchemyError),
        ):  # away, as the supervisor says too
            mode = await mode_for(database, setting)
            if mode != runner.mode:
                log.warning("the sandbox's mode changed with the number of accounts", mode=mode)
            runner.mode = mode
