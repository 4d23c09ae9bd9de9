"""Who is behind a browser: looked up in the database for every single act, however long its socket has been open."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from typing import Any, Literal, NamedTuple
from uuid import UUID

import reflex as rx

from backend.context import AppContext
from backend.core.db.engine import AsyncSession
from backend.core.errors import Conflict, NotSignedIn, Unavailable
from backend.core.http.exception_handlers import ServersUnavailable
from backend.identity.auth import membership
from backend.identity.auth.accounts import sessions
from backend.identity.auth.actors import SignedIn
from backend.identity.auth.last_use import LastUse
from backend.identity.auth.principal import Principal
from backend.identity.idempotency import service as idempotency
from backend.identity.idempotency.service import Claim
from studio.actions import key_of

Standing = Literal["signed_in", "signed_out", "unknown"]


class Visit(NamedTuple):
    """A signed-in person, within one unit of work."""

    session: AsyncSession
    person: SignedIn
    claimed: Claim | None = None
    """The key of the action, if it has one."""


class Act(NamedTuple):
    """A signed-in person acting in one project, within one unit of work."""

    session: AsyncSession
    person: SignedIn
    principal: Principal
    claimed: Claim | None = None

    async def made(self, job_id: UUID) -> None:
        """Store which job the action made: `AlreadyDone` names it."""
        if self.claimed is not None:
            await idempotency.store_job(self.session, self.claimed, job_id)


class AlreadyDone(Conflict):
    """The action was sent twice, and the first one was done."""

    code = "already_done"

    def __init__(self, job_id: UUID | None) -> None:
        super().__init__("This was already done. Reload the page to see the result.")
        self.job_id = job_id
        """The job that the first one made, if it made one."""


class _Served(NamedTuple):
    context: AppContext
    last_use: LastUse


_served: _Served | None = None


@contextmanager
def serving(context: AppContext, last_use: LastUse) -> Iterator[None]:
    """Let the pages of this process act on the instance."""
    global _served  # Reflex makes its states itself: there is no place to hand this in
    _served = _Served(context, last_use)
    try:
        yield
    finally:
        _served = None


def context() -> AppContext:
    """The instance that this process serves.

    Raises:
        Unavailable: it is starting or ending.
    """
    return _parts().context


async def person_behind(cookie_header: str | None) -> UUID | None:
    """Whose live session the cookies are of; nobody's while the database is away."""
    try:
        served = _parts()
        token = sessions.token_from(cookie_header, served.context.settings.url)
        async with served.context.database.reading() as reader:
            return (await sessions.find(reader, token)).user_id
    except (NotSignedIn, Unavailable, *ServersUnavailable):
        return None


async def standing(cookie_header: str | None) -> Standing:
    """Whether the cookies are those of somebody with a live session; unknown while the database is away."""
    try:
        served = _parts()
        token = sessions.token_from(cookie_header, served.context.settings.url)
        async with served.context.database.reading() as reader:
            await sessions.find(reader, token)
    except NotSignedIn:
        return "signed_out"
    except (*ServersUnavailable, Unavailable):
        return "unknown"
    return "signed_in"


@asynccontextmanager
async def visiting(state: rx.State, *, once: Mapping[str, Any] | str = "") -> AsyncIterator[Visit]:
    """The person behind the state's browser; commits in the end.

    `once` is the key of an action, or the form that has it.

    Raises:
        AlreadyDone: the action with this key was done before.
        NotSignedIn: the session has ended, or there never was one.
    """
    async with _visiting(state.router.headers.cookie, once) as visit:
        yield visit


@asynccontextmanager
async def acting(state: rx.State, project: str, *, once: Mapping[str, Any] | str = "") -> AsyncIterator[Act]:
    """The person behind the state's browser, in the project with this slug or id; commits in the end.

    `once` is the key of an action, or the form that has it.

    Raises:
        AlreadyDone: the action with this key was done before.
        NotSignedIn: the session has ended.
        ProjectNotFound: there is no such project, or it is not theirs.
    """
    async with acting_by(state.router.headers.cookie, project, once=once) as act:
        yield act


@asynccontextmanager
async def acting_by(
    cookie_header: str | None, project: str, *, once: Mapping[str, Any] | str = ""
) -> AsyncIterator[Act]:
    """The same for the person whose cookies these are.

    Raises:
        NotSignedIn: the session has ended, or there never was one.
        ProjectNotFound: there is no such project, or it is not theirs.
    """
    async with _visiting(cookie_header, once) as visit:
        principal = await membership.act_in(visit.session, visit.person, project)
        yield Act(visit.session, visit.person, principal, visit.claimed)


async def _claim(session: AsyncSession, person: SignedIn, key: str) -> Claim:
    """Take the key of an action for this unit of work."""
    claimed = await idempotency.claim(session, person, key, "studio")
    if isinstance(claimed, idempotency.Replayed):
        raise AlreadyDone(claimed.job_id)
    return claimed


@asynccontextmanager
async def _visiting(cookie_header: str | None, once: Mapping[str, Any] | str = "") -> AsyncIterator[Visit]:
    served = _parts()
    async with served.context.database.transaction() as session:
        token = sessions.token_from(cookie_header, served.context.settings.url)
        person = await sessions.find(session, token)
        served.last_use.of_session(person.session_id)
        key = once if isinstance(once, str) else key_of(once)
        claimed = await _claim(session, person, key) if key else None
        yield Visit(session, person, claimed)


def _parts() -> _Served:
    if _served is None:
        raise Unavailable("The studio is just starting or stopping. Try again in a moment.")
    return _served
