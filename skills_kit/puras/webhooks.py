"""Verify that a webhook request comes from the instance, and that it is recent.

event = puras.verify_webhook(request.headers, request.body, os.environ["PURAS_WEBHOOK_SECRET"])
if already_seen(request.headers["webhook-id"]): return  # each event is delivered at least once
"""

from __future__ import annotations

import base64
import binascii
import hmac
import json
import time

TYPE_CHECKING = (
    False  # type checkers know this name; the import of `typing` would take longer than that of this module
)
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from typing import Any

_PREFIX = "whsec_"


class WebhookError(Exception):
    """The request is not genuine, or too old. Respond with status 400 and ignore it."""


def verify_webhook(
    headers: Mapping[str, str], body: bytes | str, secret: str | Iterable[str], *, tolerance_s: float = 300
) -> dict[str, Any]:
    """Verify a webhook request and return its event: `{"type", "timestamp", "data"}`.

    Args:
        headers: The headers of the request.
        body: The exact bytes of the body, before they were parsed.
        secret: The secret of the webhook; the old and the new one during a rotation.
        tolerance_s: The maximum difference between the time of the signature and the local clock, in seconds.

    Raises:
        WebhookError: The request is not genuine, or too old.
    """
    given = {str(name).lower(): str(value) for name, value in headers.items()}
    missing = [
        name for name in ("webhook-id", "webhook-timestamp", "webhook-signature") if not given.get(name)
    ]
    if missing:
        raise WebhookError(f"The request has no header {missing[0]!r}, so it is not a webhook.")
    raw = body.encode() if isinstance(body, str) else bytes(body)
    signed = f"{given['webhook-id']}.{given['webhook-timestamp']}.".encode() + raw
    _check_signature(
        given["webhook-signature"], signed, [secret] if isinstance(secret, str) else list(secret)
    )
    _check_time(given["webhook-timestamp"], tolerance_s)
    return _event(raw)


def _check_signature(header: str, signed: bytes, secrets: list[str]) -> None:
    expected = [base64.b64encode(hmac.digest(_key(one), signed, "sha256")) for one in secrets]
    is_genuine = False
    for part in header.split():
        version, _, signature = part.partition(",")
        if version == "v1":
            for one in expected:  # compare with all secrets, so that the duration reveals nothing
                is_genuine |= hmac.compare_digest(one, signature.encode())
    if not is_genuine:
        raise WebhookError(
            "The signature does not match the secret. Check that the secret belongs to this webhook, and that the body "
            "is unchanged: pass the bytes of the request, not JSON that was parsed and serialized again."
        )


def _key(secret: str) -> bytes:
    try:
        return base64.b64decode(secret.removeprefix(_PREFIX), validate=True)
    except binascii.Error:
        raise WebhookError(
            "The secret is not a webhook secret. It starts with 'whsec_', followed by base64."
        ) from None


def _check_time(timestamp: str, tolerance_s: float) -> None:
    try:
        age_s = time.time() - int(timestamp)
    except ValueError:
        raise WebhookError("The header 'webhook-timestamp' is not a number of seconds.") from None
    if abs(age_s) > tolerance_s:
        raise WebhookError(
            f"The request was signed {abs(age_s):.0f} s {'ago' if age_s > 0 else 'in the future'}; the maximum is "
            f"{tolerance_s:.0f} s. The request is a repeated one, or a clock is wrong."
        )


def _event(raw: bytes) -> dict[str, Any]:
    try:
        event = json.loads(raw)
    except ValueError:
        raise WebhookError("The body is not JSON.") from None
    if not isinstance(event, dict):
        raise WebhookError("The body is not a JSON object with an event.")
    return event
