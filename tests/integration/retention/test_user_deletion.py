"""Deletion of an account, as long as every project and the instance keep a user who can manage them."""

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


async def test_account_is_deleted_with_its_sessions_and_memberships(database: Database) -> None:
    ada, bob = (
        await create_user(database, "ada@example.org", is_operator=True),
        await create_user(database, "bob@example.org"),
    )
    project = await create_project(database, "Shared", ada)
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


async def test_only_owner_of_a_project_cannot_be_deleted_before_it(database: Database) -> None:
    await create_user(database, "ada@example.org", is_operator=True)
    bob = await create_user(database, "bob@example.org")
    project = await create_project(database, "Bobs", bob)
    with pytest.raises(UserStillNeeded, match="only owner of bobs"):
        async with database.transaction() as session:
            await user_deletion.delete(session, "bob@example.org")
    async with database.transaction() as session:
        await deletion.delete(session, operator(project.id))
    async with database.transaction() as session:
        assert await user_deletion.delete(session, "bob@example.org") == bob.id


async def test_last_operator_cannot_be_deleted(database: Database) -> None:
    await create_user(database, "ada@example.org", is_operator=True)
    with pytest.raises(UserStillNeeded, match="last operator"):
        async with database.transaction() as session:
            await user_deletion.delete(session, "ada@example.org")
    await create_user(database, "eve@example.org", is_operator=True)
    async with database.transaction() as session:
        await user_deletion.delete(session, "ada@example.org")


async def test_one_of_two_operators_who_delete_each_other_stays(database: Database) -> None:
    emails = ["ada@example.org", "eve@example.org"]
    for email in emails:
        await create_user(database, email, is_operator=True)
    both_started = asyncio.Barrier(2)

    async def delete(email: str) -> None:
        async with database.transaction() as session:
            await both_started.wait()
            await user_deletion.delete(session, email)

    ends = await asyncio.gather(*map(delete, emails), return_exceptions=True)
    assert sorted(type(end).__name__ for end in ends) == ["NoneType", "UserStillNeeded"]


async def create_user(database: Database, email: str, *, is_operator: bool = False) -> User:
    async with database.transaction() as session:
        return await users.create(session, email=email, password=PASSWORD, is_operator=is_operator)


async def create_project(database: Database, name: str, owner: User) -> Project:
    async with database.transaction() as session:
        return await creation.create(session, name=name, owner_id=owner.id, concurrency_limit=1)
