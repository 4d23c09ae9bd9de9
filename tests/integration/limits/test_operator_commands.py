"""Commands of an operator about users and limits, and their records in the audit log."""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import NamedTuple

import pytest
from fastapi import FastAPI
from sqlalchemy import select
from sqlmodel import col

from backend.core.db.engine import Database
from backend.core.version import version
from backend.identity.tables import AuditRow
from benchmarks import commands
from tests.integration.auth.conftest import World, browse
from tests.integration.auth.test_sessions_and_passwords import is_live, send


class Output(NamedTuple):
    """The output and the exit status of a command."""

    code: int
    out: str
    err: str


Command = Callable[..., Awaitable[Output]]


@pytest.fixture
def command(database_url: str, redis_url: str, tmp_path: Path) -> Command:
    """Return a function that runs `puras-studio` on the database of the test."""
    environment = os.environ | {
        "DATABASE_URL": database_url,
        "REDIS_URL": redis_url,
        "PURAS_HOME": str(tmp_path),
        "PURAS_PORT": "8123",
    }

    async def run(*words: str) -> Output:
        ran = await asyncio.to_thread(commands.run, words, environment)
        return Output(ran.returncode, ran.stdout, ran.stderr)

    return run


async def audited_actions(database: Database) -> list[tuple[str, str, str]]:
    async with database.transaction() as session:
        rows = await session.scalars(select(AuditRow).order_by(col(AuditRow.id)))
        return [(row.actor, row.action, row.target) for row in rows]


async def test_operator_lists_and_ends_the_sessions_of_a_user(
    world: World, database: Database, command: Command
) -> None:
    ada = await world.user("ada@example.org")
    one, two = await world.browser(ada), await world.browser(ada)
    shown = json.loads((await command("user", "sessions", "ADA@example.org", "--json")).out)
    assert len(shown) == 2
    (its,) = [row for row in (await one.get("/v1/me/sessions")).json() if row["is_current"]]

    ended = await command("user", "sign-out", "ada@example.org", "--session", its["id"])
    assert ended.out == "Ended 1 session of ada@example.org.\n"
    assert [await is_live(one), await is_live(two)] == [False, True]
    assert (await command("user", "sign-out", "ada@example.org")).code == 0
    assert not await is_live(two)
    assert ("operator", "session.revoked", f"session:{its['id']}") in await audited_actions(database)
    assert ("operator", "sessions.revoked", f"user:{ada.id}") in await audited_actions(database)


async def test_operator_creates_a_reset_link_and_sees_no_password(
    app: FastAPI, world: World, database: Database, command: Command
) -> None:
    await world.user("ada@example.org")
    output = await command("user", "reset-password", "ada@example.org")
    url = output.out.strip()
    assert url.startswith("http://127.0.0.1:8123/reset?token=")
    async with browse(app) as browser:
        path = url.removeprefix("http://127.0.0.1:8123")
        assert (await send(browser, path, password="three other words")).status_code == 303
    assert ("operator", "password_reset.issued", "user:ada@example.org") in await audited_actions(database)
    assert "--password" not in (await command("user", "reset-password", "--help")).out


async def test_command_for_an_unknown_user_fails(world: World, command: Command) -> None:
    for words in (("user", "sessions"), ("user", "sign-out"), ("user", "reset-password")):
        output = await command(*words, "unknown@example.org")
        assert output.code == 1
        assert "No account has the email address 'unknown@example.org'" in output.err
        assert "Traceback" not in output.err


async def test_a_missing_project_is_reported_with_the_command_that_lists_all(
    world: World, command: Command
) -> None:
    await world.project("Mine")
    for words in (
        ("topup", "nothing", "5"),
        ("project", "limits", "nothing"),
        ("project", "undelete", "nothing"),
    ):
        output = await command(*words)
        assert output.code == 1
        assert "`puras-studio project list`" in output.err, output.err
        assert "/v1/" not in output.err
    assert "mine" in (await command("project", "list")).out
    deleted = await command("project", "delete", "mine", "--yes")
    assert deleted.code == 0, deleted.err
    (listed,) = json.loads((await command("project", "list", "--json")).out)
    assert (listed["slug"], bool(listed["deleted_at"])) == ("mine", True)
    assert (await command("project", "undelete", "mine")).code == 0


async def test_the_version_is_printed(command: Command) -> None:
    assert await command("--version") == Output(0, f"puras-studio {version()}\n", "")


async def test_operator_sets_and_removes_the_limits_of_a_project(
    world: World, database: Database, command: Command
) -> None:
    project = await world.project("Acme")
    shown = await command(
        "project", "limits", project.slug, "--api-keys", "2", "--requests-per-minute", "60", "--json"
    )
    limits = json.loads(shown.out)
    assert limits["api_keys"] == {"limit": 2, "has_ceiling": True, "is_own": True}
    assert limits["requests_per_minute"] == {"limit": 60, "has_ceiling": True, "is_own": True}
    assert limits["members"] == {"limit": 200, "has_ceiling": False, "is_own": False}
    assert ("operator", "limits.changed", project.slug) in await audited_actions(database)

    before = len(await audited_actions(database))
    table = (await command("project", "limits", project.slug)).out
    assert "(set for this project)" in table
    assert len(await audited_actions(database)) == before  # showing the limits changes nothing
    back = await command("project", "limits", project.slug, "--api-keys", "default", "--json")
    assert json.loads(back.out)["api_keys"] == {"limit": 100, "has_ceiling": False, "is_own": False}


@pytest.mark.parametrize("typed", ["0", "-1", "many", "1.5", ""])
async def test_invalid_limit_is_reported_with_its_option(world: World, command: Command, typed: str) -> None:
    project = await world.project("Acme")
    output = await command("project", "limits", project.slug, f"--api-keys={typed}")
    assert output.code == 1
    assert "--api-keys" in output.err
    assert "Traceback" not in output.err


async def test_commands_are_audited_as_actions_of_the_operator(
    world: World, database: Database, command: Command
) -> None:
    await world.user("ada@example.org")
    await command("project", "create", "Acme", "--credit-usd", "1")
    await command("topup", "acme", "5", "--note", "June")
    await command("project", "lane", "acme", "gpu")
    await command("project", "lane", "acme", "gpu", "--revoke")
    await command("project", "member", "acme", "ada@example.org")
    found = [
        (action, target) for actor, action, target in await audited_actions(database) if actor == "operator"
    ]
    assert [action for action, _ in found] == [
        "user.created",
        "project.created",
        "wallet.topped_up",
        "api_key.created",
        "wallet.topped_up",
        "lane.granted",
        "lane.revoked",
        "member.added",
    ]
