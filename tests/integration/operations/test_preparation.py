"""The process that uses the database for `up` passes results and errors on, and is replaced after its end."""

from __future__ import annotations

import os
import signal
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path

import pytest
import pytest_asyncio

from backend.config import Settings
from backend.core.db.engine import Database
from backend.operations.up.launcher import Launcher
from backend.operations.up.preparation import MODULE, NotPrepared, Preparation, PreparationEnded, preparing
from tests.integration.operations.forks import adopt_no_orphans

UNREACHABLE = "postgresql://ada:topsecret@127.0.0.1:1/shop"


@pytest_asyncio.fixture(params=["forked", "executed"])
async def preparation(
    request: pytest.FixtureRequest,
    tmp_path: Path,
    database: Database,
    database_url: str,
    monkeypatch: pytest.MonkeyPatch,
) -> AsyncIterator[Preparation]:
    """Return a running process, which has the environment of the tests and the empty database."""
    monkeypatch.setenv("DATABASE_URL", database_url)
    monkeypatch.setenv("REDIS_URL", "redis://127.0.0.1:1")
    async with AsyncExitStack() as stack:
        launcher = Launcher([MODULE], dict(os.environ))
        if request.param == "forked":
            stack.callback(adopt_no_orphans)
            await stack.enter_async_context(launcher.running())
        yield await stack.enter_async_context(preparing(Settings(home=tmp_path), launcher))


async def test_each_request_has_its_own_reply(preparation: Preparation) -> None:
    await preparation.migrate()
    first, second = await preparation.issue_setup_token(), await preparation.issue_setup_token()
    assert first
    assert second
    assert first != second


async def test_error_has_the_text_for_the_operator(
    preparation: Preparation, monkeypatch: pytest.MonkeyPatch
) -> None:
    await preparation.end()
    monkeypatch.setenv("DATABASE_URL", UNREACHABLE)
    with pytest.raises(NotPrepared, match=r"127\.0\.0\.1:1/shop does not respond") as caught:
        await preparation.migrate()
    assert "topsecret" not in caught.value.detail


async def test_killed_process_is_reported_and_replaced(preparation: Preparation) -> None:
    await preparation.migrate()
    assert preparation.pid is not None
    os.kill(preparation.pid, signal.SIGKILL)
    with pytest.raises(PreparationEnded, match=r"The process for migrate ended with exit code -9\."):
        await preparation.migrate()
    await preparation.migrate()
