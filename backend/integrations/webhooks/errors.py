"""Errors of webhooks and their deliveries."""

from __future__ import annotations

from uuid import UUID

from backend.core.errors import Conflict, Invalid, Missing, Problem, field


class WebhookNotFound(Missing):
    """The project has no such webhook."""

    code = "webhook_not_found"
    message = "No webhook {webhook_id!r} in this project. GET /v1/webhooks lists them."
    webhook_id: UUID


class DeliveryNotFound(Missing):
    """The webhook has no such delivery, or it was deleted after its retention."""

    code = "delivery_not_found"
    message = (
        "No delivery {delivery_id!r} of this webhook. GET /v1/webhooks/{webhook_id}/deliveries lists those that are "
        "stored."
    )
    webhook_id: UUID = field(in_body=False)
    delivery_id: UUID


class BadWebhookUrl(Invalid):
    """A URL to which this instance sends no requests."""

    code = "bad_webhook_address"

    def __init__(self, why: str) -> None:
        super().__init__(f"'url' {why}.", [Problem("url", f"It {why}.")])


class WebhookIsOff(Conflict):
    """The webhook is disabled."""

    code = "webhook_is_off"
    message = 'This webhook is switched off. Switch it on first: PATCH it with {{"enabled": true}}.'
    webhook_id: UUID


class TooManyWebhooks(Conflict):
    """The project has the maximum number of webhooks."""

    code = "too_many_webhooks"
    message = "This project has {limit} webhooks, the maximum. Delete one that is not needed."
    limit: int
