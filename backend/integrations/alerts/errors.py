"""Errors of alert rules."""

from __future__ import annotations

from uuid import UUID

from backend.core.errors import Conflict, Missing


class AlertNotFound(Missing):
    """The project has no such alert rule."""

    code = "alert_not_found"
    message = "No alert rule {alert_id!r} in this project. GET /v1/alerts lists them."
    alert_id: UUID


class TooManyAlerts(Conflict):
    """The project has the maximum number of alert rules."""

    code = "too_many_alerts"
    message = "This project has {limit} alert rules, the maximum. Delete one that is not needed."
    limit: int
