"""The signed-in user of a browser, who is read from the database for every action, also on a long-lived socket."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from typing import TYPE_CHECKING, Any, Final, Literal, NamedTuple
from uuid import UUID

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

if TYPE_CHECKING:  # the server imports this module before it loads Reflex
    import reflex as rx

SessionStatus = Literal["signed_in", "signed_out", "unknown"]
KEY_FIELD: Final = "action_key"
"""The field of a form with the key of its action."""


class Visit(NamedTuple):
    """A signed-in user, within one unit of work."""

    session: AsyncSession
    person: SignedIn
    claimed: Claim | None = None
    """The claimed key of the action, if it has one."""


class Act(NamedTuple):
    """A signed-in user who acts in one project, within one unit of work."""

    session: AsyncSession
    person: SignedIn
    principal: Principal
    claimed: Claim | None = None

    async def made(self, job_id: UUID) -> None:
        """Store the job that the action has created, so that `AlreadyDone` can name it."""
        if self.claimed is not None:
            await idempotency.store_job(self.session, self.claimed, job_id)


class AlreadyDone(Conflict):
    """The action was sent twice, and the first request was processed."""

    code = "already_done"

    def __init__(self, job_id: UUID | None) -> None:
        super().__init__("This action was already completed. Reload the page to see the result.")
        self.job_id = job_id
        """The job that the first request has created, if any."""


class _Served(NamedTuple):
    context: AppContext
    last_use: LastUse


_served: _Served | None = None


@contextmanager
def serving(context: AppContext, last_use: LastUse) -> Iterator[None]:
    """Make the instance available to the pages of this process."""
    global _served  # Reflex creates the states itself, so the context cannot be passed as an argument.
    _served = _Served(context, last_use)
    try:
        yield
    finally:
        _served = None


def context() -> AppContext:
    """Return the context of the instance that this process serves.

    Raises:
        Unavailable: The process is starting or stopping.
    """
    return _parts().context


async def user_id_of(cookie_header: str | None) -> UUID | None:
    """Return the user of the session cookie; None without a valid session or while the database is unavailable."""
    try:
        served = _parts()
        token = sessions.token_from(cookie_header, served.context.settings.url)
        async with served.context.database.reading() as reader:
            return (await sessions.find(reader, token)).user_id
    except (NotSignedIn, Unavailable, *ServersUnavailable):
        return None


async def session_status(cookie_header: str | None) -> SessionStatus:
    """Return whether the session cookie is valid; `unknown` while the database is unavailable."""
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
    """Open a unit of work for the user of the browser; it commits at the end.

    Args:
        state: The state of the page.
        once: The key of an action, or the form that contains the key.

    Raises:
        AlreadyDone: The action with this key was already completed.
        NotSignedIn: There is no valid session.
    """
    async with _visiting(state.router.headers.cookie, once) as visit:
        yield visit


@asynccontextmanager
async def acting(state: rx.State, project: str, *, once: Mapping[str, Any] | str = "") -> AsyncIterator[Act]:
    """Open a unit of work for the user of the browser in a project; it commits at the end.

    Args:
        state: The state of the page.
        project: The slug or the ID of the project.
        once: The key of an action, or the form that contains the key.

    Raises:
        AlreadyDone: The action with this key was already completed.
        NotSignedIn: There is no valid session.
        ProjectNotFound: The project does not exist, or the user is not a member.
    """
    async with acting_by(state.router.headers.cookie, project, once=once) as act:
        yield act


@asynccontextmanager
async def acting_by(
    cookie_header: str | None, project: str, *, once: Mapping[str, Any] | str = ""
) -> AsyncIterator[Act]:
    """Open a unit of work for the user of a session cookie in a project; it commits at the end.

    Raises:
        AlreadyDone: The action with this key was already completed.
        NotSignedIn: There is no valid session.
        ProjectNotFound: The project does not exist, or the user is not a member.
    """
    async with _visiting(cookie_header, once) as visit:
        principal = await membership.act_in(visit.session, visit.person, project)
        yield Act(visit.session, visit.person, principal, visit.claimed)


async def _claim(session: AsyncSession, person: SignedIn, key: str) -> Claim:
    """Claim the key of an action for this unit of work."""
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
        key = once if isinstance(once, str) else str(once.get(KEY_FIELD) or "")
        claimed = await _claim(session, person, key) if key else None
        yield Visit(session, person, claimed)


def _parts() -> _Served:
    if _served is None:
        raise Unavailable("The studio is starting or stopping. Try again in a few seconds.")
    return _served
