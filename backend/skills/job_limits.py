"""Limits that a request sets for one job."""

from __future__ import annotations

from pydantic import Field

from backend.core.schemas import ClosedSchema


class JobLimits(ClosedSchema):
    """Lower limits for one job; those that its skill declares are the maximum."""

    timeout_s: float | None = Field(default=None, gt=0, le=86_400)
    """Seconds of running time."""
    cost_usd: float | None = Field(default=None, ge=0, le=100_000)
    """Maximum cost of the job."""
    memory_mb: int | None = Field(default=None, ge=16, le=1_048_576)
    output_mb: int | None = Field(default=None, ge=1, le=64)
    steps: int | None = Field(default=None, ge=1, le=10_000)
    """Replies of the model, for an agent."""
    tokens: int | None = Field(default=None, ge=1)
    """Tokens of all calls of the model together, for an agent."""
