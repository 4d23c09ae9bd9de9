"""An account goes, and nothing is left without somebody who may manage it."""

from __future__ import annotations

import asyncio

import pytest
from sqlalchemy import select

from backend.administration.projects import creation, deletion
from backend.core.db.engine import Database
from backend.identity.auth.accounts import sessions, user_deletion, users
from backend.identity.auth.accounts.user_deletion import UserStillNeeded
from backend.identity.auth.actors import operator
from backend.identity.auth.errors import UserNotFound
from backend.identity.tables import AuditRow, Member, Project, Session, User

PASSWORD = "three words make one"


async def test_an_account_goes_with_its_sessions_and_memberships(database: Database) -> None:
    ada, bob = (
        await a_user(database, "ada@example.org", is_operator=True),
        await a_user(database, "bob@example.org"),
    )
    project = await a_project(database, "Shared", ada)
    async with database.transaction() as session:
        session.add(Member(project_id=project.id, user_id=bob.id, role="owner"))
        await sessions.start(session, bob)
        await user_deletion.delete(session, "BOB@example.org")
    async with database.transaction() as session:
        assert (await session.scalars(select(User.email))).all() == ["ada@example.org"]
        assert (await session.scalars(select(Session))).all() == []
        assert (await session.scalars(select(Member.user_id))).all() == [ada.id]
        act = (await session.scalars(select(AuditRow).where(AuditRow.action == "user.deleted"))).one()
        assert (act.actor, act.target) == ("operator", "bob@example.org")
    with pytest.raises(UserNotFound):
        async with database.transaction() as session:
            await user_deletion.delete(session, "bob@example.org")


async def test_the_only_owner_of_a_project_stays_until_it_is_deleted(database: Database) -> None:
    await a_user(database, "ada@example.org", is_operator=True)
    bob = await a_user(database, "bob@example.org")
    project = await a_project(database, "Bobs", bob)
    with pytest.raises(UserStillNeeded, match="only owner of bobs"):
        async with database.transaction() as session:
            await user_deletion.delete(session, "bob@example.org")
    async with database.transaction() as session:
        await deletion.delete(session, operator(project.id))
    async with database.transaction() as session:
        assert await user_deletion.delete(session, "bob@example.org") == bob.id


async def test_the_last_operator_stays(database: Database) -> None:
    await a_user(database, "ada@example.org", is_operator=True)
    with pytest.raises(UserStillNeeded, match="last operator"):
        async with database.transaction() as session:
            await user_deletion.delete(session, "ada@example.org")
    await a_user(database, "eve@example.org", is_operator=True)
    async with database.transaction() as session:
        await user_deletion.delete(session, "ada@example.org")


async def test_of_two_operators_who_delete_each_other_at_once_one_stays(database: Database) -> None:
    emails = ["ada@example.org", "eve@example.org"]
    for email in emails:
        await a_user(database, email, is_operator=True)
    have_begun = asyncio.Barrier(2)

    async def gone(email: str) -> None:
        async with database.transaction() as session:
            await have_begun.wait()
            await user_deletion.delete(session, email)

    ends = await asyncio.gather(*map(gone, emails), return_exceptions=True)
    assert sorted(type(end).__name__ for end in ends) == ["NoneType", "UserStillNeeded"]


async def a_user(database: Database, email: str, *, is_operator: bool = False) -> User:
    async with database.transaction() as session:
        return await users.create(session, email=email, password=PASSWORD, is_operator=is_operator)


async def a_project(database: Database, name: str, owner: User) -> Project:
    async with database.transaction() as session:
        return await creation.create(session, name=name, owner_id=owner.id, concurrency_limit=1)
