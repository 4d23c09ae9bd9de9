"""How long things are kept, and what is told of an instance while it runs."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, SecretStr

from backend.config.group import Group


class Keeping(Group):
    """Retention, logs, traces and metrics."""

    drain_s: float = Field(default=20.0, ge=0)
    """Seconds that a stopping worker lets its jobs finish before it hands them over."""

    keep_events_days: int = Field(default=365, ge=0)
    """Days after the end of a job for which its events are kept, by whole months; 0 keeps them for ever."""

    keep_jobs_days: int = Field(default=0, ge=0)
    """Days after its end for which a job is kept, with inputs, result and events; 0 keeps it for ever. The ledger stays
    whole."""

    keep_audit_days: int = Field(default=0, ge=0)
    """Days for which the audit is kept; 0 keeps it for ever."""

    keep_deliveries_days: int = Field(default=30, ge=0)
    """Days for which the deliveries of webhooks, and the runs of schedules, are kept; 0 keeps them for ever."""

    keep_deleted_projects_days: int = Field(default=7, ge=0)
    """Days for which the operator can bring a deleted project back, before everything of it is removed."""

    keep_forgotten_memory_days: int = Field(default=30, ge=0)
    """Days for which a forgotten record of a project's memory is kept; 0 keeps it for ever."""

    keep_stale_memory_days: int = Field(default=0, ge=0)
    """Days after its `stale_at` for which a record of a project's memory is kept; 0 keeps it for ever."""

    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "INFO"
    """Least severe level that is logged."""

    log_format: Literal["auto", "console", "json"] = "auto"
    """`json` one object a line; `console` for people; `auto` picks by whether the output is a terminal."""

    otlp_endpoint: str | None = Field(default=None, validation_alias="OTEL_EXPORTER_OTLP_ENDPOINT")
    """Base address of a receiver of OTLP over HTTP (`http://127.0.0.1:4318`), for traces; without it they are off. The
    other settings `OTEL_*` of the OpenTelemetry specification are read from the environment."""

    metrics_token: SecretStr | None = Field(default=None, min_length=16)
    """What Prometheus sends as `Authorization: Bearer …` to read `/metrics`, 16 characters or more; without it there
    are no metrics to read."""
