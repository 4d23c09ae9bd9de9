"""Migrate the database, and read and create what the greeting needs.

Each line on stdin is the name of a request. Each line on stdout is its reply as JSON: a result, or the text of an error
that the operator can fix. `preparation.py` sends the requests.
"""

from __future__ import annotations

import asyncio
import dataclasses
import json
import os
import sys
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final

from backend import embedded
from backend.config import Settings
from backend.core.errors import PurasError
from backend.operations import database
from backend.operations.up.environment import configured
from backend.sign_in import setup


async def _migrate(settings: Settings) -> None:
    database.migrate(embedded.attach(settings).direct_url)


async def _issue_setup_token(settings: Settings) -> str | None:
    """Return a token for the set-up link, or None if the instance has an owner."""
    async with database.unit_of_work(settings) as session:
        return await setup.issue(session) if await setup.is_open(session) else None


async def _create_demo(settings: Settings) -> dict[str, str]:
    from backend.operations.demo.project import create_demo  # few operators request it, and it imports much

    return dataclasses.asdict(await create_demo(settings))


REQUESTS: Final[Mapping[str, Callable[[Settings], Awaitable[Any]]]] = {
    "migrate": _migrate,
    "issue_setup_token": _issue_setup_token,
    "create_demo": _create_demo,
}


def main() -> int:
    """Reply to requests until stdin is closed."""
    settings = configured()
    with os.fdopen(os.dup(1), "w", encoding="utf-8", buffering=1) as replies:
        os.dup2(2, 1)  # nothing else may write between the replies
        for request in sys.stdin:
            replies.write(f"{json.dumps(_reply(REQUESTS[request.strip()], settings))}\n")
    return 0


def _reply(act: Callable[[Settings], Awaitable[Any]], settings: Settings) -> dict[str, Any]:
    async def run() -> Any:
        return await act(settings)

    try:
        return {"result": asyncio.run(run())}
    except PurasError as error:
        return {"error": error.detail}
