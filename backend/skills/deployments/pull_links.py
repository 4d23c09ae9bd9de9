"""Create and verify temporary URLs that download the bundle of one version without an API key."""

from __future__ import annotations

import base64
import hmac
import struct
import time
from typing import Final, NamedTuple
from uuid import UUID

from backend.core.vault.vault import Vault
from backend.skills.deployments.errors import BadPullLink

MIN_TTL_S: Final = 30
MAX_TTL_S: Final = 30 * 24 * 3600
ROUTE: Final = "/bundles"

_PURPOSE: Final = "bundle-pull-v1"
_HEAD: Final = struct.Struct("!16s16sQ")
_MAC_BYTES: Final = 32
_CHARACTERS: Final = 96  # header and signature as base64


class Pulled(NamedTuple):
    """The content of a valid URL."""

    project_id: UUID
    deployment_id: UUID


def pull_link(vault: Vault, base_url: str, pulled: Pulled, *, ttl_s: int) -> str:
    """Return a URL below `base_url` that returns the bundle for `ttl_s` seconds."""
    head = _HEAD.pack(pulled.project_id.bytes, pulled.deployment_id.bytes, int(time.time()) + ttl_s)
    token = base64.urlsafe_b64encode(head + vault.mac(_PURPOSE, head)).decode()
    return f"{base_url}{ROUTE}/{token}"


def verify(vault: Vault, token: str) -> Pulled:
    """Return what the URL refers to, if this instance created it and it has not expired.

    Raises:
        BadPullLink: it is not a URL of this instance, or has expired.
    """
    try:
        signed = base64.urlsafe_b64decode(token) if len(token) == _CHARACTERS and token.isascii() else b""
    except ValueError:
        signed = b""
    head, mac = signed[: _HEAD.size], signed[_HEAD.size :]
    if len(mac) != _MAC_BYTES or not hmac.compare_digest(mac, vault.mac(_PURPOSE, head)):
        raise BadPullLink
    project_id, deployment_id, expires_at_s = _HEAD.unpack(head)
    if expires_at_s <= time.time():
        raise BadPullLink
    return Pulled(UUID(bytes=project_id), UUID(bytes=deployment_id))
