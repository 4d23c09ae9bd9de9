"""Requests and responses of the route of the assistant."""

from __future__ import annotations

from uuid import UUID

from pydantic import Field

from backend.core.attribute_docstrings import Schema
from backend.core.schemas import ClosedSchema, Text
from backend.execution.jobs.schemas import MAX_NAME
from backend.skills.assistant.skill import MAX_BUDGET_USD, MAX_TASK_CHARACTERS


class AssistantCreate(ClosedSchema):
    """Body of a start of the assistant."""

    task: Text = Field(min_length=1, max_length=MAX_TASK_CHARACTERS)
    """What it should do: `build a skill that…`, `fix this problem`, `explain this failure`."""
    budget_usd: float = Field(gt=0, le=MAX_BUDGET_USD)
    """Maximum cost of the job, including the runs that it starts."""
    skill: Text | None = Field(default=None, min_length=1, max_length=MAX_NAME)
    """The skill that the task is about."""
    file: Text | None = Field(default=None, min_length=1, max_length=1_024)
    """The file that the task is about."""
    problem: Text | None = Field(default=None, min_length=1, max_length=4_000)
    """A problem of the draft that the task is about."""
    job_id: UUID | None = None
    """A job that the task is about. It must run a skill of the skillpack."""
    model: Text | None = Field(default=None, min_length=1, max_length=MAX_NAME)
    """The language model. Default: that of the instance."""


class AssistantRead(Schema):
    """The job of the assistant."""

    job_id: UUID
    """`GET /v1/jobs/{id}` returns the proposal as its `result`."""
