"""The people and the projects of the instance, and money for them."""

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
from backend.identity.auth import passwords, users
from backend.identity.auth.actors import SignedIn
from backend.identity.auth.errors import ProjectNotFound
from backend.identity.auth.membership import named
from backend.identity.tables import Project, User
from backend.money.ledger import service as ledger
from backend.money.pricing import usd_to_micros

_PEOPLE = text("""
select u.id, u.email, u.name, u.is_operator, u.created_at, u.disabled_at,
       (select count(*) from members m join projects p on p.id = m.project_id
        where m.user_id = u.id and p.deleted_at is null) as projects,
       (select max(s.last_seen_at) from sessions s where s.user_id = u.id) as last_seen_at
from users u where u.email > :after order by u.email limit :most
""")
_PROJECTS = text("""
select p.id, p.slug, p.name, p.created_at, w.balance_micros, w.reserved_micros,
       (select count(*) from members m where m.project_id = p.id) as members,
       (select count(*) from job_queue q where q.project_id = p.id) as queued
from projects p join wallets w on w.project_id = p.id
where p.deleted_at is null and p.slug > :after order by p.slug limit :most
""")


async def people(session: AsyncSession, who: SignedIn, page: Page) -> Slice[AdminUserRead]:
    """Everybody with an account, by e-mail.

    Raises:
        NotAllowed: it is no operator who asks.
    """
    access.require(who)
    rows = [AdminUserRead.model_validate(row) for row in await _rows(session, _PEOPLE, page)]
    return page.slice(rows, lambda row: (row.email,))


async def add_person(
    session: AsyncSession, who: SignedIn, asked: UserCreate, *, url: str
) -> PasswordLinkRead:
    """Make an account for somebody, and a link with which they, and nobody else, choose its password within a week.

    Raises:
        NotAllowed: it is no operator who asks.
        EmailTaken: somebody has an account with this e-mail.
        Invalid: the e-mail is not one.
    """
    access.require(who)
    nobody_knows = secrets.token_urlsafe(32)
    user = await users.create(
        session, email=asked.email, password=nobody_knows, name=asked.name, by=who.label
    )
    return await _password_link(session, who, user.email, url, passwords.FIRST_LIFETIME)


async def link_for(session: AsyncSession, who: SignedIn, user_id: UUID, *, url: str) -> PasswordLinkRead:
    """A link with which somebody sets another password within an hour; earlier ones stop working.

    Not for operators: whoever gets at one browser of an operator must not become all of them.

    Raises:
        NotAllowed: it is no operator who asks, or it is for one.
        AccountNotFound: nobody has the id.
        UserNotFound: the account is disabled.
    """
    access.require(who)
    user = await session.get(User, user_id)
    if user is None:
        raise AccountNotFound(user_id)
    if user.is_operator:
        raise NotAllowed(
            f"An operator's password is set anew at the machine: puras-studio user reset-password {user.email}"
        )
    return await _password_link(session, who, user.email, url, passwords.RESET_LIFETIME)


async def _password_link(
    session: AsyncSession, who: SignedIn, email: str, url: str, lifetime: timedelta
) -> PasswordLinkRead:
    expires_at = now() + lifetime
    token = await passwords.issue_reset(session, email, by=who.label, lifetime=lifetime)
    return PasswordLinkRead(email=email, link=passwords.reset_link(url, token), expires_at=expires_at)


async def projects(session: AsyncSession, who: SignedIn, page: Page) -> Slice[AdminProjectRead]:
    """Every project that is not deleted, with what its wallet holds, by slug.

    Raises:
        NotAllowed: it is no operator who asks.
    """
    access.require(who)
    rows = [AdminProjectRead.model_validate(row) for row in await _rows(session, _PROJECTS, page)]
    return page.slice(rows, lambda row: (row.slug,))


async def top_up(session: AsyncSession, who: SignedIn, project: str, asked: TopUpCreate) -> TopUpRead:
    """Put money into the wallet of the project with this id or slug; jobs that waited for it go on.

    Raises:
        NotAllowed: it is no operator who asks.
        ProjectNotFound: there is none such.
        Invalid: the amount is not a possible one.
    """
    access.require(who)
    project_id: UUID | None = await session.scalar(select(col(Project.id)).where(*named(project)))
    if project_id is None:
        raise ProjectNotFound(project)
    balance = await ledger.top_up(
        session,
        project_id=project_id,
        amount_micros=usd_to_micros(asked.amount_usd),
        note=asked.note,
        created_by=who.label,
    )
    return TopUpRead(project_id=project_id, balance_micros=balance, balance_usd=balance / 1e6)


async def _rows(session: AsyncSession, query: Any, page: Page) -> Any:
    values = {"after": page.text() or "", "most": page.limit + 1}
    return (await session.execute(query, values)).all()
