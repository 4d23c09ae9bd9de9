"""The receiving side of webhooks: whether a request really comes from the instance, and is not an old one.

event = puras.verify_webhook(request.headers, request.body, os.environ["PURAS_WEBHOOK_SECRET"])
if already_seen(request.headers["webhook-id"]): return  # everything arrives at least once
"""

from __future__ import annotations

import base64
import binascii
import hmac
import json
import time

TYPE_CHECKING = False  # as type checkers know it; `typing` itself would take longer to load than all of this
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from typing import Any

_PREFIX = "whsec_"


class WebhookError(Exception):
    """The request is not one of the instance's, or too old: answer it with 400 and do nothing else."""


def verify_webhook(
    headers: Mapping[str, str], body: bytes | str, secret: str | Iterable[str], *, tolerance_s: float = 300
) -> dict[str, Any]:
    """The event of a webhook request that is genuine: `{"type", "timestamp", "data"}`.

    `body` is what came over the wire, to the letter, before anything has parsed it. Several secrets may be given while
    one is being replaced. A request that was signed more than `tolerance_s` seconds ago, or ahead, is refused.

    Raises:
        WebhookError: it is not genuine, or too old.
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
            for one in expected:  # all of them: the time it takes tells nothing
                is_genuine |= hmac.compare_digest(one, signature.encode())
    if not is_genuine:
        raise WebhookError(
            "The signature is not one of this secret. Check that the secret is the webhook's, and that the body is the "
            "raw one, not parsed and written again."
        )


def _key(secret: str) -> bytes:
    try:
        return base64.b64decode(secret.removeprefix(_PREFIX), validate=True)
    except binascii.Error:
        raise WebhookError(
            "The secret is not one of a webhook: it begins with 'whsec_' and is base64."
        ) from None


def _check_time(timestamp: str, tolerance_s: float) -> None:
    try:
        age_s = time.time() - int(timestamp)
    except ValueError:
        raise WebhookError("The header 'webhook-timestamp' is not a number of seconds.") from None
    if abs(age_s) > tolerance_s:
        raise WebhookError(
            f"The request was signed {abs(age_s):.0f} s {'ago' if age_s > 0 else 'ahead'}, and {tolerance_s:.0f} s are "
            "allowed: somebody sends it again, or a clock is wrong."
        )


def _event(raw: bytes) -> dict[str, Any]:
    try:
        event = json.loads(raw)
    except ValueError:
        raise WebhookError("The body is not JSON.") from None
    if not isinstance(event, dict):
        raise WebhookError("The body is not an event.")
    return event
