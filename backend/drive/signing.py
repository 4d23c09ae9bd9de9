"""Addresses that open one file of one drive, for a while, without a key.

The token holds project, path and expiry, signed by the instance: nothing is stored, and a new signature is the only
way to a longer life.
"""

from __future__ import annotations

import base64
import struct
import time
from datetime import UTC, datetime
from typing import NamedTuple
from urllib.parse import quote
from uuid import UUID

from backend.drive.errors import BadDrivePath, BadSignature, SignatureExpired
from backend.drive.paths import DrivePath, parse_drive_path
from backend.secrets.vault import Vault

MIN_TTL_S = 30
MAX_TTL_S = 30 * 24 * 3600
ROUTE = "/v1/drive/signed"

_PURPOSE = "drive-signed-v1"
_HEAD = struct.Struct("!16sQ")
_MAC_BYTES = 32
_MOST_CHARACTERS = 1600  # a path of 1,024 bytes, head and signature as base64


class Signed(NamedTuple):
    """What a genuine address opens."""

    project_id: UUID
    path: DrivePath
    expires_at_s: int
    """Unix time."""


def signed_url(vault: Vault, base_url: str, *, project_id: UUID, path: str, ttl_s: int) -> str:
    """An address at the instance's own `base_url` that opens the file for `ttl_s` seconds from now.

    The path is one from the root of the drive, as answers tell it.

    Raises:
        BadDrivePath: the path cannot be one of a file.
    """
    parsed = _from_root(path)
    token = _token(vault, Signed(project_id, parsed, int(time.time()) + ttl_s))
    return f"{base_url}{ROUTE}/{token}/{quote(parsed.name, safe='')}"


def verify(vault: Vault, token: str, name: str) -> Signed:
    """What the address opens, if this instance made it, for that name, and its time is not over.

    Raises:
        BadSignature: it did not.
        SignatureExpired: its time is over.
    """
    signed = _genuine(vault, token)
    if signed.path.name != name:
        raise BadSignature
    if signed.expires_at_s <= time.time():
        raise SignatureExpired(datetime.fromtimestamp(signed.expires_at_s, UTC))
    return signed


def _token(vault: Vault, signed: Signed) -> str:
    message = _HEAD.pack(signed.project_id.bytes, signed.expires_at_s) + str(signed.path).encode()
    sealed = vault.mac(_PURPOSE, message) + message
    return base64.urlsafe_b64encode(sealed).decode().rstrip("=")


def _genuine(vault: Vault, token: str) -> Signed:
    if len(token) > _MOST_CHARACTERS:
        raise BadSignature
    try:
        sealed = base64.b64decode(token + "=" * (-len(token) % 4), altchars=b"-_", validate=True)
    except ValueError:
        raise BadSignature from None
    mac, message = sealed[:_MAC_BYTES], sealed[_MAC_BYTES:]
    if not vault.has_signed(_PURPOSE, message, mac):
        raise BadSignature
    project_id, expires_at_s = _HEAD.unpack_from(message)
    try:
        path = _from_root(message[_HEAD.size :].decode())
    except (BadDrivePath, UnicodeDecodeError):  # rules may have become stricter since it was signed
        raise BadSignature from None
    return Signed(UUID(bytes=project_id), path, expires_at_s)


def _from_root(path: str) -> DrivePath:
    """The place that a path has when it is parsed already: its own `drive/` is a folder's."""
    return parse_drive_path(f"drive/{path}")
