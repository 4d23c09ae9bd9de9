"""What a caller is told about webhooks.

Missing
├── WebhookNotFound
└── DeliveryNotFound
Invalid
└── BadAddress         an address that this instance does not call
Conflict
├── WebhookIsOff       nothing is sent to it
└── TooManyWebhooks    the project has as many as it may
"""

from __future__ import annotations

from uuid import UUID

from backend.core.errors import Conflict, Invalid, Missing, Problem


class WebhookNotFound(Missing):
    """The project has no such webhook."""

    code = "webhook_not_found"

    def __init__(self, webhook_id: UUID) -> None:
        super().__init__(
            f"No webhook {str(webhook_id)!r} in this project. GET /v1/webhooks lists them.",
            webhook_id=str(webhook_id),
        )


class DeliveryNotFound(Missing):
    """The webhook has no such delivery, or it is too old to be kept."""

    code = "delivery_not_found"

    def __init__(self, webhook_id: UUID, delivery_id: UUID) -> None:
        super().__init__(
            f"No delivery {str(delivery_id)!r} of this webhook. GET /v1/webhooks/{webhook_id}/deliveries lists those "
            "that are kept.",
            delivery_id=str(delivery_id),
        )


class BadAddress(Invalid):
    """An address that this instance does not call."""

    code = "bad_webhook_address"

    def __init__(self, why: str) -> None:
        super().__init__(f"'url' {why}.", [Problem("url", f"It {why}.")])


class WebhookIsOff(Conflict):
    """Nothing is sent to a webhook that is switched off."""

    code = "webhook_is_off"

    def __init__(self, webhook_id: UUID) -> None:
        super().__init__(
            'This webhook is switched off. Switch it on first: PATCH it with {"enabled": true}.',
            webhook_id=str(webhook_id),
        )


class TooManyWebhooks(Conflict):
    """Every end of a job looks at the project's webhooks, so their number is bounded."""

    code = "too_many_webhooks"

    def __init__(self, most: int) -> None:
        super().__init__(
            f"This project has {most} webhooks, as many as one may have. Delete one that is not needed.",
            limit=most,
        )
