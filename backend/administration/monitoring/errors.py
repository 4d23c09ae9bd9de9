"""Errors of the metrics endpoint."""

from __future__ import annotations

from backend.core.errors import Missing, NotSignedIn


class MetricsOff(Missing):
    """The operator has not set a token for the metrics."""

    code = "metrics_off"
    message = (
        "Metrics are disabled on this instance. To enable them, the operator sets PURAS_METRICS_TOKEN, and "
        "Prometheus sends it as 'Authorization: Bearer …'."
    )


class MetricsTokenRefused(NotSignedIn):
    """The token of the metrics is missing or wrong. API keys of projects are not accepted."""

    code = "metrics_token_refused"
    message = (
        "Send the value of PURAS_METRICS_TOKEN as 'Authorization: Bearer …'. API keys of projects are "
        "rejected, since metrics cover all projects."
    )
