"""Tables of the prompts of agents. Bundles contain the texts, so these tables have hashes and numbers only."""

from __future__ import annotations

from datetime import datetime
from typing import ClassVar
from uuid import UUID

from sqlalchemy import Index
from sqlmodel import Field, SQLModel

from backend.core.clock import now
from backend.core.db.engine import Timestamp

NO_PROMPT = 0
"""The number of a deployment in which the skill is not an agent, or does not exist."""


class DeploymentPrompt(SQLModel, table=True):
    """The prompt of one skill in one deployment. Equal texts of a skill have the same number."""

    __tablename__: ClassVar[str] = "deployment_prompts"
    __table_args__ = (
        Index("ix_deployment_prompts_skillpack_id_skill_name_number", "skillpack_id", "skill_name", "number"),
        Index("ix_deployment_prompts_project_id", "project_id"),
    )

    deployment_id: UUID = Field(foreign_key="deployments.id", ondelete="CASCADE", primary_key=True)
    skill_name: str = Field(max_length=200, primary_key=True)
    project_id: UUID = Field(foreign_key="projects.id", ondelete="CASCADE")
    skillpack_id: UUID = Field(foreign_key="skillpacks.id", ondelete="CASCADE")
    number: int
    """From 1, in the order in which deployments had the texts first; `NO_PROMPT`: there is none."""
    sha256: str = Field(max_length=64)
    """SHA-256 of the text; empty: there is none."""


class PromptLabel(SQLModel, table=True):
    """A label of one prompt of a skill. It can be moved to another prompt of the skill."""

    __tablename__: ClassVar[str] = "prompt_labels"
    __table_args__ = (Index("ix_prompt_labels_project_id", "project_id"),)

    skillpack_id: UUID = Field(foreign_key="skillpacks.id", ondelete="CASCADE", primary_key=True)
    skill_name: str = Field(max_length=200, primary_key=True)
    label: str = Field(max_length=40, primary_key=True)
    project_id: UUID = Field(foreign_key="projects.id", ondelete="CASCADE")
    number: int
    updated_by: str = Field(default="", max_length=200)
    updated_at: datetime = Field(default_factory=now, sa_type=Timestamp)
