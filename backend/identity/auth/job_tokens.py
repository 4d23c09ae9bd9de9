"""Create and verify the tokens with which a running job calls the API.

A token is valid for one project, job and attempt, and only while the job runs.
"""

from __future__ import annotations

import base64
import struct
from datetime import UTC, datetime
from typing import Final, NamedTuple
from uuid import UUID

from backend.core.clock import now
from backend.core.vault.vault import Vault
from backend.identity.auth.errors import InvalidJobToken

_PURPOSE: Final = "job-token-v1"
_PREFIX: Final = "puras_job_"
_BODY: Final = struct.Struct("!16s16sIQ")
_MAC_BYTES: Final = 32
_MAX_CHARACTERS: Final = 256


class JobToken(NamedTuple):
    """The content of a verified token."""

    project_id: UUID
    job_id: UUID
    attempt: int
    expires_at: datetime


def mint(vault: Vault, *, project_id: UUID, job_id: UUID, attempt: int, expires_at: datetime) -> str:
    """Create a token for one attempt of one job."""
    body = _BODY.pack(project_id.bytes, job_id.bytes, attempt, int(expires_at.timestamp()))
    sealed = body + vault.mac(_PURPOSE, body)
    return _PREFIX + base64.urlsafe_b64encode(sealed).decode().rstrip("=")


def verify(vault: Vault, token: str) -> JobToken:
    """Return the content of a token.

    Raises:
        InvalidJobToken: This instance did not create the token, or the token has expired.
    """
    sealed = _unwrap(token)
    body, mac = sealed[: _BODY.size], sealed[_BODY.size :]
    if not vault.has_signed(_PURPOSE, body, mac):
        raise InvalidJobToken("This job token was not created by this instance.")
    project, job, attempt, expires_at_s = _BODY.unpack(body)
    expires_at = datetime.fromtimestamp(expires_at_s, UTC)
    if expires_at <= now():
        raise InvalidJobToken("This job token has expired: its job has exceeded its time limit.")
    return JobToken(UUID(bytes=project), UUID(bytes=job), attempt, expires_at)


def _unwrap(token: str) -> bytes:
    encoded = token.removeprefix(_PREFIX)
    if encoded == token or len(token) > _MAX_CHARACTERS:
        raise InvalidJobToken("This is not a job token.")
    try:
        sealed = base64.b64decode(encoded + "=" * (-len(encoded) % 4), altchars=b"-_", validate=True)
    except ValueError as error:
        raise InvalidJobToken("This is not a job token.") from error
    if len(sealed) != _BODY.size + _MAC_BYTES:
        raise InvalidJobToken("This is not a job token.")
    return sealed
