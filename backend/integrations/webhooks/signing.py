"""Create secrets and signatures after the Standard Webhooks specification. `puras.verify_webhook` verifies them."""

from __future__ import annotations

import base64
import hmac
import secrets
from collections.abc import Sequence
from hashlib import sha256
from typing import Final
from uuid import UUID

PREFIX: Final = "whsec_"
_SECRET_BYTES: Final = 32


def new_secret() -> str:
    """Return a new random secret."""
    return PREFIX + base64.b64encode(secrets.token_bytes(_SECRET_BYTES)).decode()


def headers(signing: Sequence[str], delivery_id: UUID, *, timestamp: int, body: bytes) -> dict[str, str]:
    """Return the headers by which a receiver verifies the sender, the time and the delivery.

    Each secret adds a signature, so that a receiver with either of them can verify it during a rotation.
    """
    signed = f"{delivery_id}.{timestamp}.".encode() + body
    return {
        "webhook-id": str(delivery_id),
        "webhook-timestamp": str(timestamp),
        "webhook-signature": " ".join(_signature(secret, signed) for secret in signing),
    }


def _signature(secret: str, signed: bytes) -> str:
    key = base64.b64decode(secret.removeprefix(PREFIX))
    return "v1," + base64.b64encode(hmac.digest(key, signed, sha256)).decode()
