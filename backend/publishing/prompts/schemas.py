"""Requests and responses of the routes of prompts."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from pydantic import Field

from backend.core.attribute_docstrings import Schema
from backend.core.schemas import ClosedSchema
from backend.identity.environments import Environment


class PromptDeployment(Schema):
    """A deployment with a version of a prompt."""

    id: UUID
    version: int | None
    """`null` for a draft that was run."""
    created_at: datetime
    created_by: str
    active_in: list[Environment]
    """The environments in which it is active."""


class PromptStatistics(Schema):
    """The jobs of the skill with a version of its prompt: of its newest 2,000 jobs since `since` of the history."""

    jobs: int
    success_rate_pct: float | None
    """Of the jobs that have succeeded or failed; `null` without one."""
    p50_cost_micros: int | None
    """Median cost with subjobs, in millionths of a dollar, without simulated jobs."""
    environments: list[Environment]
    """The environments of the jobs."""


class PromptVersion(Schema):
    """One distinct text of the prompt of an agent."""

    number: int
    """From 1, in the order in which deployments had the texts first."""
    sha256: str
    """SHA-256 of the text."""
    created_at: datetime
    """When the first deployment with it was created."""
    created_by: str
    """The user or key that created this deployment."""
    labels: list[str]
    deployments: list[PromptDeployment]
    """The deployments with it, newest first, at most 20."""
    statistics: PromptStatistics | None
    """`null` for a key that may not read jobs."""
    eval_score: float | None
    """Mean score of the newest suite of one of the deployments with the model of the skill, from 0 to 100."""
    is_stored: bool
    """Whether a bundle with the text is stored. It is not after its deployments are deleted."""


class PromptHistory(Schema):
    """The versions of the prompt of an agent."""

    skill: str
    skillpack: str
    since: datetime
    """The statistics are about jobs that were submitted since then."""
    is_complete: bool
    """False: more deployments are still to be read. The next request reads them."""
    versions: list[PromptVersion]
    """Newest first."""


class PromptVersionText(PromptVersion):
    """One version of the prompt of an agent with its text."""

    path: str
    """The file of the bundle; empty if it is not stored."""
    text: str | None
    """`null` if it is not stored any more."""


class PromptLabelUpdate(ClosedSchema):
    """Body of a request that sets a label."""

    number: int = Field(ge=1, le=2**31 - 1)
    """The version of the prompt that gets the label. Another version of the skill with the label loses it."""


class PromptLabelRead(Schema):
    """A label of a version of a prompt."""

    label: str
    number: int
    updated_by: str
    updated_at: datetime
