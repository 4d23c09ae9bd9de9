"""Provide FastAPI dependencies: the unit of work, the caller, the application context.

`SessionDep` commits before the response is sent. The gate has authenticated the caller in a short transaction of
its own, so an endpoint without a `SessionDep` holds no connection while it waits.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Annotated

from fastapi import Depends, Request
from sqlalchemy.ext.asyncio import AsyncSession

from backend.context import AppContext
from backend.core.errors import NotAllowed, NotSignedIn
from backend.identity.auth.actors import Caller, SignedIn
from backend.identity.auth.principal import AGENT_CLIENT, Principal


async def _context(request: Request) -> AppContext:
    context: AppContext = request.app.state.context
    return context


ContextDep = Annotated[AppContext, Depends(_context)]
"""The application context of this process."""


async def _session(request: Request) -> AsyncIterator[AsyncSession]:
    context: AppContext = request.app.state.context
    async with context.database.transaction() as session:
        yield session


SessionDep = Annotated[AsyncSession, Depends(_session, scope="function")]
"""One unit of work per request; committed before the response is sent, rolled back on an error."""


async def _caller(request: Request) -> Caller:
    caller: Caller | None = getattr(request.state, "caller", None)
    if caller is None:
        raise NotSignedIn(
            "This needs an API key: send the header 'Authorization: Bearer puras_live_…', or sign in."
        )
    return caller


CallerDep = Annotated[Caller, Depends(_caller)]
"""A user, a key or a job, for routes that name their project in the path."""


async def _principal(request: Request) -> Principal:  # without further dependencies: each costs 0.1 ms
    principal: Principal | None = getattr(request.state, "principal", None)
    if principal is None:
        raise NotSignedIn(
            "This needs an API key: send the header 'Authorization: Bearer puras_live_…', or sign in."
        )
    if principal.kind != "user" and request.headers.get("user-agent", "").startswith(AGENT_CLIENT):
        return replace(principal, is_agent=True)
    return principal


PrincipalDep = Annotated[Principal, Depends(_principal)]
"""The principal of the request, in the project of the key, or in the one that the request by session names.
`AuthorizedRoute` has stored it before the request was validated."""


async def _user(caller: CallerDep) -> SignedIn:
    if not isinstance(caller, SignedIn):
        raise NotAllowed(
            "Only a signed-in user can do this. Sign in to the studio, or use `puras-studio` on the server."
        )
    return caller


UserDep = Annotated[SignedIn, Depends(_user)]
"""A signed-in user, in any project."""
