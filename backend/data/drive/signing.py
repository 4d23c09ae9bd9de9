"""Create and verify URLs that open one file of a drive for a limited time without an API key.

The token contains project, path and expiry, signed by the instance. Nothing is stored; only a new URL extends the time.
"""

from __future__ import annotations

import base64
import struct
import time
from datetime import UTC, datetime
from typing import NamedTuple
from urllib.parse import quote
from uuid import UUID

from backend.core.vault.vault import Vault
from backend.storage.file_errors import BadDrivePath, BadSignature, SignatureExpired
from backend.storage.paths import DrivePath, parse_drive_path

MIN_TTL_S = 30
MAX_TTL_S = 30 * 24 * 3600
ROUTE = "/v1/drive/signed"

_PURPOSE = "drive-signed-v1"
_PURPOSE_OF_VERSION = "drive-signed-version-v1"
_HEAD = struct.Struct("!16sQ")
_MAC_BYTES = 32
_MAX_CHARACTERS = 2400  # a path of 1,024 bytes, a version, head and signature as base64
_END_OF_VERSION = b"\n"  # neither a version nor a path contains a line break


class Signed(NamedTuple):
    """The file that a valid URL opens."""

    project_id: UUID
    path: DrivePath
    expires_at_s: int
    """Unix time."""
    version: str | None = None
    """The one version of the file that it opens. None: the current version."""


def signed_url(
    vault: Vault, base_url: str, *, project_id: UUID, path: str, ttl_s: int, version: str | None = None
) -> str:
    """Return a URL below `base_url` that opens the file for `ttl_s` seconds.

    The path is relative to the root of the drive, as responses contain it. A URL with a version opens the file only as
    long as it has that version.

    Raises:
        BadDrivePath: The path is invalid.
    """
    parsed = _from_root(path)
    token = _token(vault, Signed(project_id, parsed, int(time.time()) + ttl_s, version))
    return f"{base_url}{ROUTE}/{token}/{quote(parsed.name, safe='')}"


def verify(vault: Vault, token: str, name: str) -> Signed:
    """Return what a URL opens, after a check of its signature, its name and its expiry.

    Raises:
        BadSignature: This instance has not signed it for that name.
        SignatureExpired: The URL has expired.
    """
    signed = _genuine(vault, token)
    if signed.path.name != name:
        raise BadSignature
    if signed.expires_at_s <= time.time():
        raise SignatureExpired(datetime.fromtimestamp(signed.expires_at_s, UTC))
    return signed


def _token(vault: Vault, signed: Signed) -> str:
    head, path = _HEAD.pack(signed.project_id.bytes, signed.expires_at_s), str(signed.path).encode()
    if signed.version is None:
        purpose, message = _PURPOSE, head + path
    else:
        purpose, message = _PURPOSE_OF_VERSION, head + signed.version.encode() + _END_OF_VERSION + path
    sealed = vault.mac(purpose, message) + message
    return base64.urlsafe_b64encode(sealed).decode().rstrip("=")


def _genuine(vault: Vault, token: str) -> Signed:
    if len(token) > _MAX_CHARACTERS:
        raise BadSignature
    try:
        sealed = base64.b64decode(token + "=" * (-len(token) % 4), altchars=b"-_", validate=True)
    except ValueError:
        raise BadSignature from None
    mac, message = sealed[:_MAC_BYTES], sealed[_MAC_BYTES:]
    is_of_version = vault.has_signed(_PURPOSE_OF_VERSION, message, mac)
    if not is_of_version and not vault.has_signed(_PURPOSE, message, mac):
        raise BadSignature
    project_id, expires_at_s = _HEAD.unpack_from(message)
    version, path_bytes = None, message[_HEAD.size :]
    if is_of_version:
        version_bytes, _, path_bytes = path_bytes.partition(_END_OF_VERSION)
        version = version_bytes.decode()
    try:
        path = _from_root(path_bytes.decode())
    except (BadDrivePath, UnicodeDecodeError):  # the rules for paths may be stricter than when it was signed
        raise BadSignature from None
    return Signed(UUID(bytes=project_id), path, expires_at_s, version)


def _from_root(path: str) -> DrivePath:
    """Return the parsed path of a file relative to the root; a leading `drive/` names a folder of that name."""
    return parse_drive_path(f"drive/{path}")
