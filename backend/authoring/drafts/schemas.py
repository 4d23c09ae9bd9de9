"""Define the requests and responses of the routes of drafts."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Self
from uuid import UUID

from pydantic import Field, computed_field

from backend.authoring.drafts.reading import Opened
from backend.authoring.drafts.tables import DraftFile
from backend.core.attribute_docstrings import Schema
from backend.core.errors import Problem
from backend.core.schemas import DEPRECATED, ClosedSchema, RequestBody, Text
from backend.execution.jobs.schemas import MAX_NAME, JobCreate
from backend.identity.environments import Environment
from backend.publishing.schemas import FileChangeRead, SkillChangeRead
from backend.skills.bundles.inline_skills import MAX_PROMPT_CHARACTERS
from backend.skills.manifest.types import Skill


class DraftFileRead(Schema):
    """A file of a draft, without its content."""

    path: str
    size_bytes: int
    is_executable: bool
    revision: int
    """The value for `If-Match` when the file is written again."""
    updated_by: str
    updated_at: datetime
    is_deleted: bool
    """It can be restored until the next publish."""

    @classmethod
    def of(cls, file: DraftFile) -> Self:
        """Return the response for a file."""
        names = ("path", "size_bytes", "is_executable", "revision", "updated_by", "updated_at")
        return cls(**{name: getattr(file, name) for name in names}, is_deleted=file.deleted_at is not None)


class DraftRead(Schema):
    """A draft."""

    skillpack_id: UUID
    skillpack: str
    """Slug of the skillpack."""
    revision: int
    """Counts the changes. The same revision means the same files."""
    base_version: int | None
    """The version that it was created from or last published as."""
    updated_by: str
    updated_at: datetime
    files: list[DraftFileRead]

    @classmethod
    def of(cls, opened: Opened) -> Self:
        """Return the response for a draft."""
        return cls(
            skillpack_id=opened.pack.id,
            skillpack=opened.pack.slug,
            revision=opened.draft.revision,
            base_version=opened.base_version,
            updated_by=opened.draft.updated_by,
            updated_at=opened.draft.updated_at,
            files=[DraftFileRead.of(file) for file in opened.files],
        )


class DraftProblemRead(Schema):
    """A problem, or something that is valid but probably unintended."""

    path: str
    message: str
    line: int | None = None
    column: int | None = None
    keys: list[str | int] | None = None
    """Keys and indexes of the value in a YAML file, outermost first; `null` if the file could not be parsed."""

    @classmethod
    def of(cls, problem: Problem) -> Self:
        """Return the response for a problem."""
        return cls(**problem.as_body(), keys=None if problem.keys is None else list(problem.keys))


class DraftCheckRead(Schema):
    """The problems and warnings of publishing the draft."""

    revision: int
    """Revision of the draft; not newer than the checked files."""
    problems: list[DraftProblemRead]
    warnings: list[DraftProblemRead]
    skills: list[Skill]
    """From the manifest; empty while there are problems."""
    excluded_files: list[str]
    """Notebooks that a version would not contain, since no file of their skill names them."""

    @computed_field(json_schema_extra=DEPRECATED)  # type: ignore[prop-decorator]
    @property
    def left_out(self) -> list[str]:
        """The former name of `excluded_files`. Removed in 0.3."""
        return self.excluded_files


class PendingChangesRead(Schema):
    """The changes of publishing the draft in comparison with the active version."""

    base_version: int | None
    """The active version; `null` if there is none."""
    revision: int
    """Revision of the draft. A publish with this `revision` publishes exactly these changes."""
    files: list[FileChangeRead]
    skills: list[SkillChangeRead]
    """Empty while there are problems."""
    removed_skills: list[str]
    """Skills of the active version that the publish removes."""
    excluded_files: list[str]
    """Notebooks that a version would not contain, since no file of their skill names them."""

    @computed_field(json_schema_extra=DEPRECATED)  # type: ignore[prop-decorator]
    @property
    def left_out(self) -> list[str]:
        """The former name of `excluded_files`. Removed in 0.3."""
        return self.excluded_files


class DraftFileMove(ClosedSchema):
    """Body of a move."""

    path: Text = Field(min_length=1, max_length=1_024)
    """A file, or a folder with `/` at the end."""
    to: Text = Field(min_length=1, max_length=1_024)


class DraftReset(ClosedSchema):
    """Body of a reset. Exactly one of both is required."""

    version: int | None = Field(default=None, ge=1, le=2**31 - 1)
    """Start again with the files of this version."""
    template: Text | None = Field(default=None, max_length=100)
    """Start again with a template: `GET /v1/templates` lists them."""


class DraftPublish(ClosedSchema):
    """Body of a publish."""

    notes: Text = Field(default="", max_length=4_000)
    """Release notes."""
    activate: bool = True
    """Whether new jobs use it immediately."""
    environment: Environment | None = None
    """The environment in which it becomes active. Default: that of the API key; for users `production`."""
    revision: int | None = Field(default=None, ge=0, le=2**31 - 1)
    """The `revision` of the reviewed diff. If the draft was changed since, nothing is published. `null`: publish the
    current state."""
    active_version: int | None = Field(default=None, ge=0, le=2**31 - 1)
    """The `base_version` of that diff, or 0 if it was `null`. If another version is active, nothing is published.
    `null`: any version may be active."""


FileText = Annotated[Text, Field(max_length=MAX_PROMPT_CHARACTERS)]


class DraftRunCreate(JobCreate):
    """Body of a run of the draft: that of a job, and overrides for this run."""

    version: int | None = Field(default=None, ge=1, le=2**31 - 1)
    """Run the files of this version instead of the draft's."""
    files: dict[str, FileText] = Field(default_factory=dict, max_length=20)
    """Texts by path that override those files in this run. They are not stored in the draft."""


class DraftSessionCreate(RequestBody):
    """Body of a session with an agent of the draft."""

    skill: Text = Field(min_length=1, max_length=MAX_NAME)
    """Name of the agent in the draft."""
    title: Text | None = Field(default=None, min_length=1, max_length=200)
    """Default: the beginning of the first message."""
    environment: Environment | None = None
    """The environment whose secrets the turns use. Default: that of the API key; for users `production`."""
    metadata: dict[str, Any] = Field(default_factory=dict)
    """Metadata of your choice, returned with the session and with the job of each turn."""


class ExampleCreate(RequestBody):
    """Body of a new example."""

    skill: Text = Field(min_length=1, max_length=MAX_NAME)
    title: Text = Field(min_length=1, max_length=200)
    description: Text = Field(default="", max_length=2_000)
    inputs: dict[str, Any]
    outputs: dict[str, Any] | None = None
    """The output of a simulation for these inputs."""


class TemplateRead(Schema):
    """A template for a skillpack."""

    name: str
    title: str
    description: str
    skills: list[str]
