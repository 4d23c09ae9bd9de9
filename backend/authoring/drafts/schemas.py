"""What is said about working copies over REST."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Self
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from backend.authoring.drafts.reading import Opened
from backend.authoring.drafts.tables import DraftFile
from backend.core.schemas import Text
from backend.execution.jobs.schemas import MAX_NAME, JobCreate
from backend.publishing.schemas import FileChangeRead, SkillChangeRead
from backend.skills.bundles.inline_skills import MAX_PROMPT_CHARACTERS


class _Answer(BaseModel):
    model_config = ConfigDict(use_attribute_docstrings=True)


class DraftFileRead(_Answer):
    """A file of a working copy, without its content."""

    path: str
    size_bytes: int
    is_executable: bool
    revision: int
    """What `If-Match` names when it is written again."""
    updated_by: str
    updated_at: datetime
    is_deleted: bool
    """It can be restored until the next publish."""

    @classmethod
    def of(cls, file: DraftFile) -> Self:
        """The file as it is shown."""
        same = ("path", "size_bytes", "is_executable", "revision", "updated_by", "updated_at")
        return cls(**{name: getattr(file, name) for name in same}, is_deleted=file.deleted_at is not None)


class DraftRead(_Answer):
    """A working copy."""

    skillpack_id: UUID
    skillpack: str
    """Its slug."""
    revision: int
    """Counts the changes: as long as it is the same, so are the files."""
    base_version: int | None
    """The version that it began with or was last published as."""
    updated_by: str
    updated_at: datetime
    files: list[DraftFileRead]

    @classmethod
    def of(cls, opened: Opened) -> Self:
        """The working copy as it is shown."""
        return cls(
            skillpack_id=opened.pack.id,
            skillpack=opened.pack.slug,
            revision=opened.draft.revision,
            base_version=opened.base_version,
            updated_by=opened.draft.updated_by,
            updated_at=opened.draft.updated_at,
            files=[DraftFileRead.of(file) for file in opened.files],
        )


class DraftProblemRead(_Answer):
    """One thing that is wrong, or works and is probably not meant."""

    path: str
    message: str
    line: int | None = None
    column: int | None = None


class DraftCheckRead(_Answer):
    """What publishing the working copy would say."""

    problems: list[DraftProblemRead]
    warnings: list[DraftProblemRead]
    skills: list[dict[str, Any]]
    """Of the manifest; empty while there are problems."""
    left_out: list[str]
    """Notebooks that would be no part of the version: no file of their skill names them."""


class PendingChangesRead(_Answer):
    """What publishing the working copy would change over the active version."""

    base_version: int | None
    """The active version; `null`: none is."""
    revision: int
    """Of the working copy: what is shown here is what a publish with this `revision` publishes."""
    files: list[FileChangeRead]
    skills: list[SkillChangeRead]
    """Empty while there are problems."""
    removed_skills: list[str]
    """Skills of the active version that the publish removes."""
    left_out: list[str]
    """Notebooks that would be no part of the version: no file of their skill names them."""


class DraftFileMove(BaseModel):
    """Body of a move."""

    model_config = ConfigDict(extra="forbid", use_attribute_docstrings=True)

    path: Text = Field(min_length=1, max_length=1_024)
    """A file, or a folder with `/` behind it."""
    to: Text = Field(min_length=1, max_length=1_024)


class DraftReset(BaseModel):
    """Body of a reset; exactly one of both."""

    model_config = ConfigDict(extra="forbid", use_attribute_docstrings=True)

    version: int | None = Field(default=None, ge=1, le=2**31 - 1)
    """Begin anew with the files of this version."""
    template: Text | None = Field(default=None, max_length=100)
    """Begin anew with a template: `GET /v1/templates` lists them."""


class DraftPublish(BaseModel):
    """Body of a publish."""

    model_config = ConfigDict(extra="forbid", use_attribute_docstrings=True)

    notes: Text = Field(default="", max_length=4_000)
    """What is new."""
    activate: bool = True
    """Whether new jobs get it at once."""
    revision: int | None = Field(default=None, ge=0, le=2**31 - 1)
    """The `revision` of the diff that was looked at: when somebody has changed the working copy since, nothing is
    published. `null`: publish whatever is there."""
    active_version: int | None = Field(default=None, ge=0, le=2**31 - 1)
    """The `base_version` of that diff, 0 where it was `null`: when another version is active, nothing is published.
    `null`: whichever is active."""


FileText = Annotated[Text, Field(max_length=MAX_PROMPT_CHARACTERS)]


class DraftRunCreate(JobCreate):
    """Body of a run of the working copy: that of a job, and what is other in this run alone."""

    version: int | None = Field(default=None, ge=1, le=2**31 - 1)
    """The files of this version in the place of the working copy's."""
    files: dict[str, FileText] = Field(default_factory=dict, max_length=20)
    """Texts by path that stand in the place of what those files hold; nothing of it is kept in the working copy."""


class ExampleCreate(BaseModel):
    """Body of a new example."""

    model_config = ConfigDict(extra="forbid", use_attribute_docstrings=True)

    skill: Text = Field(min_length=1, max_length=MAX_NAME)
    title: Text = Field(min_length=1, max_length=200)
    description: Text = Field(default="", max_length=2_000)
    inputs: dict[str, Any]
    outputs: dict[str, Any] | None = None
    """What the rehearsal answers to these inputs."""


class TemplateRead(_Answer):
    """A skillpack to begin with."""

    name: str
    title: str
    description: str
    skills: list[str]
