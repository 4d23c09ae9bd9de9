"""An incomplete sandbox is accepted with one account; with a second account, jobs are rejected within seconds."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from sqlalchemy import text

from backend.core.db.engine import Database
from backend.identity.auth.accounts import users
from tests.integration.sandbox.conftest import open_runner, until
from workers import sandbox_policy
from workers.sandbox.isolation.layers import Layers
from workers.types import Assignment, Failure, Success

Skill = Callable[..., Assignment]
INCOMPLETE = Layers(None, 0, True, ("there are no mounts: install them",))
PASSWORD = "three words make one"


async def test_incomplete_sandbox_rejects_jobs_while_there_are_two_accounts(
    database: Database, tmp_path: Path, skill: Skill, recorder: Any
) -> None:
    shared = Path(tempfile.gettempdir())
    for folder in (one for one in (tmp_path, *tmp_path.parents) if shared in one.parents):
        folder.chmod(0o755)  # the user of the job must be able to enter the real folders
    await _create_account(database, "first@example.org")
    mode = await sandbox_policy.mode_for(database, "auto")
    runner = open_runner(tmp_path, sandbox=mode, layers=INCOMPLETE)
    following = asyncio.create_task(sandbox_policy.follow_accounts(database, "auto", runner))
    assignment = skill("def run(inputs): return 1")
    try:
        assert isinstance(await runner.run(assignment, recorder), Success)
        await _create_account(database, "second@example.org")
        await until(lambda: runner.mode == "strict")
        outcome = await runner.run(assignment, recorder)
        assert isinstance(outcome, Failure)
        assert outcome.code == "sandbox_unavailable"
        assert "several users have accounts" in outcome.message
        assert "there are no mounts: install them" in outcome.message
        async with database.transaction() as session:
            await session.execute(text("delete from users where email = 'second@example.org'"))
        await until(lambda: runner.mode == "auto")
        assert isinstance(await runner.run(assignment, recorder), Success)
    finally:
        following.cancel()
        await runner.close()


async def test_complete_sandbox_or_explicit_setting_keeps_its_mode(
    database: Database, tmp_path: Path
) -> None:
    complete, incomplete = Layers(Path("/bin/true"), 7, True), INCOMPLETE
    for layers, setting in ((complete, "auto"), (incomplete, "strict"), (incomplete, "off")):
        runner = open_runner(tmp_path, sandbox=setting, layers=layers)
        await asyncio.wait_for(sandbox_policy.follow_accounts(database, setting, runner), 1)  # type: ignore[arg-type]
        assert runner.mode == setting
        await runner.close()


async def _create_account(database: Database, email: str) -> None:
    async with database.transaction() as session:
        await users.create(session, email=email, password=PASSWORD)
