"""Identify the user of an application by a token that the server of the application signs.

Many users share a publishable key, so each request for a session also has a JSON Web Token (HS256). The project's
secret `END_USER_KEY` verifies it. The token names the user in `sub`, and expires.
"""

from __future__ import annotations

import hashlib
from dataclasses import replace
from typing import Annotated, Final

import jwt
from fastapi import Depends, Header

from backend.core.schemas import unstorable
from backend.data.secrets import service as secrets
from backend.execution.sessions.errors import EndUserInvalid, EndUserRequired
from backend.identity.auth.dependencies import ContextDep, PrincipalDep
from backend.identity.idempotency.dependencies import IdempotentRequest

HEADER: Final = "X-Puras-End-User"
SECRET: Final = "END_USER_KEY"  # noqa: S105 - the name of a secret
LEAST_KEY_BYTES: Final = 32
MAX_TOKEN_CHARACTERS: Final = 4_096
MAX_ID_CHARACTERS: Final = 200
LEEWAY_S: Final = 10


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
    return user


async def _end_user(
    context: ContextDep,
    principal: PrincipalDep,
    token: Annotated[
        str | None,
        Header(
            alias=HEADER,
            max_length=MAX_TOKEN_CHARACTERS,
            description="A JSON Web Token that names the user of your application, signed by your server. Required "
            "with a publishable key. The request then sees the sessions of this user only.",
        ),
    ] = None,
) -> str | None:
    if token is None:
        if principal.kind == "publishable_key":
            raise EndUserRequired
        return None
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
