"""Settings of retention, logs, traces and metrics."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, SecretStr

from backend.config.group import Group


class Retention(Group):
    """Retention, logs, traces and metrics."""

    drain_s: float = Field(default=20.0, ge=0)
    """Seconds that a stopping worker lets its jobs finish before it requeues them."""

    keep_events_days: int = Field(default=365, ge=0)
    """Days after the end of a job until its events are deleted, by whole months; 0 keeps them forever."""

    keep_jobs_days: int = Field(default=0, ge=0)
    """Days after its end until a job is deleted with inputs, result and events; 0 keeps it forever. The ledger is not
    affected."""

    keep_sessions_days: int = Field(default=0, ge=0)
    """Days after its last message until a session is deleted with its messages and jobs; 0 keeps it forever. A session
    keeps its messages when `PURAS_KEEP_JOBS_DAYS` deletes its jobs."""

    keep_audit_days: int = Field(default=0, ge=0)
    """Days until audit entries are deleted; 0 keeps them forever."""

    keep_deliveries_days: int = Field(default=30, ge=0)
    """Days until webhook deliveries and runs of schedules are deleted; 0 keeps them forever."""

    keep_project_events_days: int = Field(default=7, ge=0)
    """Days until events that clients and jobs have sent are deleted; 0 keeps them forever. A wait receives earlier
    events only within this time."""

    keep_deleted_projects_days: int = Field(default=7, ge=0)
    """Days for which the operator can restore a deleted project, before its data is removed."""

    keep_forgotten_memory_days: int = Field(default=30, ge=0)
    """Days until a forgotten record of a project's memory is deleted; 0 keeps it forever."""

    keep_stale_memory_days: int = Field(default=0, ge=0)
    """Days after its `stale_at` until a record of a project's memory is deleted; 0 keeps it forever."""

    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "INFO"
    """Least severe level that is logged."""

    log_format: Literal["auto", "console", "json"] = "auto"
    """`json`: one object per line; `console`: readable text; `auto`: `console` in a terminal, else `json`."""

    otlp_endpoint: str | None = Field(default=None, validation_alias="OTEL_EXPORTER_OTLP_ENDPOINT")
    """Base URL of a receiver of OTLP over HTTP (`http://127.0.0.1:4318`) for traces; without it tracing is off. The
    other settings `OTEL_*` of the OpenTelemetry specification are read from the environment."""

    metrics_token: SecretStr | None = Field(default=None, min_length=16)
    """Token that Prometheus sends as `Authorization: Bearer …` to read `/metrics`, at least 16 characters; without it
    `/metrics` is off."""
