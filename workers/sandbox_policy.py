"""Apply the sandbox policy: how strict the sandbox must be, which depends on the number of users."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import Final, Protocol

from sqlalchemy.exc import SQLAlchemyError

from backend.core import background_tasks, logs
from backend.core.db.engine import Database
from backend.identity.auth.accounts.users import count
from workers.sandbox.isolation.layers import Mode

POLL_S: Final = 2.0

log = logs.get(__name__)


class SandboxedRunner(Protocol):
    """A runner whose sandbox mode can change."""

    mode: Mode

    @property
    def is_closed(self) -> bool:
        """Whether its sandbox has all layers that `strict` requires."""


async def mode_for(database: Database, setting: Mode) -> Mode:
    """Return the mode of a setting of `PURAS_SANDBOX` for the current number of accounts."""
    if setting != "auto":
        return setting
    async with database.reading() as session:
        return "strict" if await count(session) > 1 else "auto"


async def follow_accounts(database: Database, setting: Mode, runner: SandboxedRunner) -> None:
    """Require `strict` soon after the second account was created; return if the sandbox has all layers anyway."""
    while not runner.is_closed and setting == "auto":
        await asyncio.sleep(POLL_S)
        with (
            background_tasks.log_and_continue("sandbox policy"),
            suppress(SQLAlchemyError),
        ):  # unavailable, which the supervisor also reports
            mode = await mode_for(database, setting)
            if mode != runner.mode:
                log.warning("sandbox mode changed with the number of accounts", mode=mode)
            runner.mode = mode
