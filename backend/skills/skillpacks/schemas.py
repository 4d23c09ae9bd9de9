"""Define the requests and responses of the routes of skillpacks."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from pydantic import Field

from backend.core.attribute_docstrings import Schema
from backend.core.schemas import RequestBody
from backend.skills.skillpacks.tables import Skillpack


class SkillpackCreate(RequestBody):
    """A skillpack to create."""

    name: str = Field(min_length=1, max_length=200)
    slug: str | None = Field(default=None, min_length=1, max_length=64)
    """Its name in URLs; derived from `name` by default."""
    description: str = Field(default="", max_length=4_000)


class SkillpackRead(Schema):
    """A series of versions inside the project."""

    id: UUID
    project_id: UUID
    workspace_id: UUID
    """The same ID, under the name that newer clients read."""
    slug: str
    name: str
    description: str
    is_default: bool
    active_deployment_id: UUID | None
    previous_deployment_id: UUID | None
    """The deployment that was active before; its activation is a rollback."""
    last_version: int
    """Number of the newest version; 0 before the first."""
    created_at: datetime

    @classmethod
    def of(cls, skillpack: Skillpack) -> SkillpackRead:
        """Return the response for a skillpack."""
        return cls(workspace_id=skillpack.project_id, **skillpack.model_dump())
