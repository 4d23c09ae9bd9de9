"""Identify the user of an application by a token that the server of the application signs.

Many users share a publishable key, so each request for a session also has a JSON Web Token (HS256). The project's
secret `END_USER_KEY` verifies it. The token names the user in `sub`, and expires.

With a key that has the scope `sessions:anonymous`, a visitor has a random ID instead, which only their browser knows.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import replace
from typing import Annotated, Final

import jwt
from fastapi import Depends, Header

from backend.core.schemas import unstorable
from backend.data.secrets import service as secrets
from backend.execution.sessions.errors import AnonymousSessionsNotAllowed, EndUserInvalid, EndUserRequired
from backend.identity.auth.dependencies import ContextDep, PrincipalDep
from backend.identity.auth.principal import Principal
from backend.identity.auth.scopes import ANONYMOUS_SESSIONS
from backend.identity.idempotency.dependencies import IdempotentRequest

HEADER: Final = "X-Puras-End-User"
SECRET: Final = "END_USER_KEY"  # noqa: S105 - the name of a secret
LEAST_KEY_BYTES: Final = 32
MAX_TOKEN_CHARACTERS: Final = 4_096
MAX_ID_CHARACTERS: Final = 200
LEEWAY_S: Final = 10
VISITOR: Final = "visitor:"
"""The prefix of the ID that a page chooses for a visitor."""
_VISITOR: Final = re.compile(rf"{VISITOR}[A-Za-z0-9_-]{{22,64}}\Z")


def verified(token: str, key: str | None) -> str:
    """Return the user that a token names.

    Raises:
        EndUserInvalid: The token is not valid, or the project has no usable key.
    """
    if key is None or len(key.encode()) < LEAST_KEY_BYTES:
        raise EndUserInvalid(f"the project has no secret {SECRET} with at least {LEAST_KEY_BYTES} bytes")
    try:
        claims = jwt.decode(
            token,
            key,
            algorithms=["HS256"],
            leeway=LEEWAY_S,
            options={"require": ["exp", "sub"], "verify_aud": False},
        )
    except jwt.ExpiredSignatureError:
        raise EndUserInvalid("it has expired") from None
    except jwt.MissingRequiredClaimError as error:
        raise EndUserInvalid(f"it has no {error.claim!r}") from None
    except jwt.InvalidTokenError:
        raise EndUserInvalid(f"it is not a JSON Web Token signed with {SECRET} by HS256") from None
    user = claims["sub"]
    if not isinstance(user, str) or not 0 < len(user) <= MAX_ID_CHARACTERS or unstorable(user) is not None:
        raise EndUserInvalid(f"'sub' must be a text of 1 to {MAX_ID_CHARACTERS} characters")
    if user.startswith(VISITOR):
        raise EndUserInvalid(f"'sub' must not start with {VISITOR!r}, as the IDs of anonymous visitors do")
    return user


def visitor_of(principal: Principal, chosen: str) -> str:
    """Return the user that an anonymous visitor is. The ID of the visitor is a secret, which is not stored.

    Raises:
        AnonymousSessionsNotAllowed: The key has no scope for it.
        EndUserInvalid: The ID is too short or has other characters.
    """
    if principal.kind != "publishable_key" or ANONYMOUS_SESSIONS not in (principal.scopes or ()):
        raise AnonymousSessionsNotAllowed
    if not _VISITOR.match(chosen):
        raise EndUserInvalid(f"after {VISITOR!r}, it must have 22 to 64 random letters, digits, `-` and `_`")
    return VISITOR + hashlib.sha256(chosen.encode()).hexdigest()[:32]


async def _end_user(
    context: ContextDep,
    principal: PrincipalDep,
    token: Annotated[
        str | None,
        Header(
            alias=HEADER,
            max_length=MAX_TOKEN_CHARACTERS,
            description="A JSON Web Token that names the user of your application, signed by your server. Required "
            "with a publishable key. The request then sees the sessions of this user only. With the scope "
            "`sessions:anonymous` also `visitor:` and 22 to 64 random letters and digits, which the browser chooses.",
        ),
    ] = None,
) -> str | None:
    if token is None:
        if principal.kind == "publishable_key":
            raise EndUserRequired
        return None
    if token.startswith(VISITOR):
        return visitor_of(principal, token)
    async with context.database.reading() as session:
        key = await secrets.value_of(
            session,
            context.vault,
            project_id=principal.project_id,
            name=SECRET,
            environment=principal.environment,
        )
    return verified(token, key)


EndUserDep = Annotated[str | None, Depends(_end_user)]
"""The user of an application that the request acts for; none: the key or the signed-in user itself."""


def idempotent_for(request: IdempotentRequest, end_user: str | None) -> IdempotentRequest:
    """Return the request with an `Idempotency-Key` of this user: another user of the key may have chosen the same."""
    if request.key is None or end_user is None:
        return request
    return replace(request, key=hashlib.sha256(f"{end_user}\0{request.key}".encode()).hexdigest())
