"""Read the credentials of a request and authenticate its caller."""

from __future__ import annotations

import hmac
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from sqlalchemy import text

from backend.core.db.engine import AnySession
from backend.core.errors import NotSignedIn
from backend.core.step_places import step_place
from backend.core.vault.vault import Vault
from backend.identity.auth import job_tokens, key_authentication
from backend.identity.auth.accounts import sessions
from backend.identity.auth.actors import Caller, SignedIn
from backend.identity.auth.errors import ForgedRequest, InvalidJobToken
from backend.identity.auth.principal import Principal, Role
from backend.identity.auth.scopes import OF_JOBS

JOB_TOKEN_HEADER: Final = "x-puras-service-token"  # noqa: S105 - the name of a header
CSRF_HEADER: Final = "x-csrf-token"
STEP_HEADER: Final = "x-puras-step"
"""The place of the durable step of a function that makes the request, which its events name."""
IN_JOB_ROUTES: Final = frozenset(
    {
        "/v1/drive/sign",
        "/v1/media/generate",
        "/v1/memory/forget",
        "/v1/memory/get",
        "/v1/memory/put",
        "/v1/memory/search",
        "/v1/skills/invoke",
        "/v1/subagent/describe",
        "/v1/subagent/invoke",
        "/v1/web/fetch",
        "/v1/web/image-search",
        "/v1/web/search",
    }
)
"""The only routes that accept a job token."""
_SAFE_METHODS: Final = frozenset({"GET", "HEAD", "OPTIONS"})


@dataclass(frozen=True, slots=True)
class Credentials:
    """The credentials of a request, with its method and path."""

    method: str
    path: str
    authorization: str | None = field(default=None, repr=False)
    job_token: str | None = field(default=None, repr=False)
    session_token: str | None = field(default=None, repr=False)
    csrf_token: str | None = field(default=None, repr=False)
    durable_step: str | None = None

    @classmethod
    def of(cls, method: str, path: str, headers: Mapping[str, str], *, url: str) -> Credentials:
        """Return the credentials in the headers of a request to the instance at `url`."""
        return cls(
            method=method,
            path=path,
            authorization=headers.get("authorization"),
            job_token=headers.get(JOB_TOKEN_HEADER),
            session_token=sessions.token_from(headers.get("cookie"), url),
            csrf_token=headers.get(CSRF_HEADER),
            durable_step=headers.get(STEP_HEADER),
        )


async def authenticate(reader: AnySession, vault: Vault, presented: Credentials) -> Caller:
    """Return the caller of a request.

    Raises:
        NotSignedIn: The request has no credentials, or none that are valid.
        ForgedRequest: The request writes by session without the session's CSRF token.
    """
    if presented.job_token and presented.path in IN_JOB_ROUTES:
        return await _job(reader, vault, presented.job_token, presented.durable_step)
    if presented.authorization:
        return await key_authentication.authenticate(reader, _bearer(presented.authorization))
    if presented.job_token:
        raise InvalidJobToken(f"A job token is not accepted on {presented.path}. Use an API key.")
    if presented.session_token:
        return await _signed_in(reader, presented)
    raise NotSignedIn(
        "This needs an API key: send the header 'Authorization: Bearer puras_live_…', or sign in."
    )


def _bearer(authorization: str) -> str:
    scheme, _, key = authorization.partition(" ")
    if scheme.lower() != "bearer" or not key.strip():
        raise NotSignedIn("The Authorization header must read 'Bearer <API key>'.")
    return key.strip()


async def _signed_in(reader: AnySession, presented: Credentials) -> SignedIn:
    signed_in = await sessions.find(reader, presented.session_token)
    if presented.method not in _SAFE_METHODS:
        csrf_token = (presented.csrf_token or "").encode()
        if not hmac.compare_digest(csrf_token, signed_in.csrf_token.encode()):
            raise ForgedRequest(
                "A write by session must send the session's CSRF token in the header X-CSRF-Token; GET /v1/me returns "
                "it."
            )
    return signed_in


async def _job(reader: AnySession, vault: Vault, token: str, durable_step: str | None) -> Principal:
    claims = job_tokens.verify(vault, token)
    values = {"job_id": claims.job_id, "project_id": claims.project_id, "attempt": claims.attempt}
    job = (await reader.execute(_FIND_RUNNING_JOB, values)).first()
    if job is None:
        raise InvalidJobToken("The job of this token no longer runs, or another attempt of it runs.")
    return Principal(
        kind="job",
        id=claims.job_id,
        project_id=claims.project_id,
        label=f"job:{claims.job_id}",
        role=Role.DEVELOPER,
        scopes=OF_JOBS,
        environment=job.environment,
        facts={"attempt": claims.attempt, "durable_step": step_place(durable_step)},
    )


_FIND_RUNNING_JOB: Final = text("""
    select environment from jobs
    where id = :job_id and project_id = :project_id and attempt = :attempt and status = 'running'
""")
