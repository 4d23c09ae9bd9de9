"""Manage the users and projects of the instance, and the credit of projects."""

from __future__ import annotations

import secrets
from datetime import timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import select, text
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from backend.administration.admin import access
from backend.administration.admin.errors import AccountNotFound
from backend.administration.admin.schemas import (
    AdminProjectRead,
    AdminUserRead,
    PasswordLinkRead,
    TopUpCreate,
    TopUpRead,
    UserCreate,
)
from backend.core.clock import now
from backend.core.db.paging import Page, Slice
from backend.core.errors import NotAllowed
from backend.identity.auth.accounts import passwords, users
from backend.identity.auth.actors import SignedIn
from backend.identity.auth.errors import ProjectNotFound
from backend.identity.auth.membership import matches
from backend.identity.tables import Project, User
from backend.money.ledger import service as ledger
from backend.money.pricing import usd_to_micros

_USERS = text("""
select u.id, u.email, u.name, u.is_operator, u.created_at, u.disabled_at,
       (select count(*) from members m join projects p on p.id = m.project_id
        where m.user_id = u.id and p.deleted_at is null) as projects,
       (select max(s.last_seen_at) from sessions s where s.user_id = u.id) as last_seen_at
from users u where u.email > :after order by u.email limit :maximum
""")
_PROJECTS = text("""
select p.id, p.slug, p.name, p.created_at, w.balance_micros, w.reserved_micros,
       (select count(*) from members m where m.project_id = p.id) as members,
       (select count(*) from job_queue q where q.project_id = p.id) as queued
from projects p join wallets w on w.project_id = p.id
where p.deleted_at is null and p.slug > :after order by p.slug limit :maximum
""")


async def list_users(session: AsyncSession, operator: SignedIn, page: Page) -> Slice[AdminUserRead]:
    """Return all user accounts, by e-mail.

    Raises:
        NotAllowed: The user is not an operator.
    """
    access.require(operator)
    rows = [AdminUserRead.model_validate(row) for row in await _rows(session, _USERS, page)]
    return page.slice(rows, lambda row: (row.email,))


async def create_user(
    session: AsyncSession, operator: SignedIn, body: UserCreate, *, url: str
) -> PasswordLinkRead:
    """Create an account, and a link with which its user sets the password within a week.

    Raises:
        NotAllowed: The caller is not an operator.
        EmailTaken: An account has this e-mail.
        Invalid: The e-mail is not valid.
    """
    access.require(operator)
    random_password = secrets.token_urlsafe(32)
    user = await users.create(
        session, email=body.email, password=random_password, name=body.name, by=operator.label
    )
    return await _password_link(session, operator, user.email, url, passwords.FIRST_LIFETIME)


async def create_password_link(
    session: AsyncSession, operator: SignedIn, user_id: UUID, *, url: str
) -> PasswordLinkRead:
    """Create a link with which the user sets a new password within an hour; earlier links stop working.

    Links for operators are rejected: access to the browser of one operator must not give access to other operators.

    Raises:
        NotAllowed: The caller is not an operator, or the user is one.
        AccountNotFound: No account has the ID.
        UserNotFound: The account is disabled.
    """
    access.require(operator)
    user = await session.get(User, user_id)
    if user is None:
        raise AccountNotFound(user_id)
    if user.is_operator:
        raise NotAllowed(
            f"Reset the password of an operator on the server: puras-studio user reset-password {user.email}"
        )
    return await _password_link(session, operator, user.email, url, passwords.RESET_LIFETIME)


async def _password_link(
    session: AsyncSession, operator: SignedIn, email: str, url: str, lifetime: timedelta
) -> PasswordLinkRead:
    expires_at = now() + lifetime
    token = await passwords.issue_reset(session, email, by=operator.label, lifetime=lifetime)
    return PasswordLinkRead(email=email, link=passwords.reset_link(url, token), expires_at=expires_at)


async def list_projects(session: AsyncSession, operator: SignedIn, page: Page) -> Slice[AdminProjectRead]:
    """Return all projects that are not deleted, with the balances of their wallets, by slug.

    Raises:
        NotAllowed: The user is not an operator.
    """
    access.require(operator)
    rows = [AdminProjectRead.model_validate(row) for row in await _rows(session, _PROJECTS, page)]
    return page.slice(rows, lambda row: (row.slug,))


async def top_up(session: AsyncSession, operator: SignedIn, project: str, body: TopUpCreate) -> TopUpRead:
    """Add credit to the wallet of the project with this ID or slug; jobs that waited for credit become ready.

    Raises:
        NotAllowed: The user is not an operator.
        ProjectNotFound: The project does not exist.
        Invalid: The amount is not valid.
    """
    access.require(operator)
    project_id: UUID | None = await session.scalar(select(col(Project.id)).where(*matches(project)))
    if project_id is None:
        raise ProjectNotFound(project)
    balance = await ledger.top_up(
        session,
        project_id=project_id,
        amount_micros=usd_to_micros(body.amount_usd),
        note=body.note,
        created_by=operator.label,
    )
    return TopUpRead(project_id=project_id, balance_micros=balance, balance_usd=balance / 1e6)


async def _rows(session: AsyncSession, query: Any, page: Page) -> Any:
    values = {"after": page.text() or "", "maximum": page.limit + 1}
    return (await session.execute(query, values)).all()
