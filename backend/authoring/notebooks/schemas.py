"""What is said about the kernels of notebooks over REST."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal, Self
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, model_validator

from backend.execution.jobs.schemas import MAX_NAME
from backend.core.schemas import Asked

MAX_CODE_CHARACTERS = 200_000
MAX_CELLS_AT_ONCE = 200

CellStatus = Literal["queued", "running", "ok", "error", "interrupted", "dropped", "lost"]
KernelStatus = Literal["starting", "idle", "busy", "ended"]
EndReason = Literal["idle", "stopped", "lost", "failed"]


class KernelCreate(Asked):
    """Body of `POST /v1/notebooks/kernels`."""

    path: Annotated[str, Field(min_length=1, max_length=1024, pattern=r"\.ipynb$")]
    """Of the notebook in the working copy."""
    skillpack: Annotated[str, Field(min_length=1, max_length=200)] | None = None
    """Id or slug; without it the project's default one."""


class CellRun(Asked):
    """A cell to be run."""

    cell: Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]{1,64}$")]
    """Its id in the notebook."""
    code: Annotated[str, Field(max_length=MAX_CODE_CHARACTERS)]


class CellsUpdate(Asked):
    """Body of `POST /v1/notebooks/kernels/{kernel_id}/cells`."""

    cells: Annotated[list[CellRun], Field(min_length=1, max_length=MAX_CELLS_AT_ONCE)]
    """In the order in which they are run; after one that fails those behind it are dropped."""


class NotebookOpen(Asked):
    """Body of `POST /v1/notebooks/opened`: a job, or a skill with inputs."""

    job_id: UUID | None = None
    """Of a job that has ended."""
    skill: Annotated[str, Field(min_length=1, max_length=MAX_NAME)] | None = None
    """Of no job yet: the name of the skill that the inputs are for."""
    inputs: dict[str, Any] = Field(default_factory=dict)
    """Of that skill, whether they fit its schema or not."""
    skillpack: Annotated[str, Field(min_length=1, max_length=200)] | None = None
    """In whose working copy the notebook is; id or slug. Without it the one that the job's skill belongs to, and the
    project's default one for a prompt, a skill of the marketplace, and inputs."""

    @model_validator(mode="after")
    def _is_for_one(self) -> Self:
        if (self.job_id is None) == (self.skill is None):
            raise ValueError("Give either `job_id`, or `skill` with its `inputs`")
        return self


class NotebookRead(BaseModel):
    """What is a notebook now."""

    model_config = ConfigDict(use_attribute_docstrings=True)

    path: str
    """In the working copy."""
    skillpack: str
    """The slug of the skillpack whose working copy that is."""


class CellRead(BaseModel):
    """One run of a cell."""

    model_config = ConfigDict(use_attribute_docstrings=True)

    id: UUID
    cell: str
    """Its id in the notebook."""
    number: int
    """1, 2, 3… in the order in which cells are run."""
    status: CellStatus
    """`dropped`: one before it failed, or the kernel was interrupted; `lost`: the kernel ended."""
    execution_count: int | None
    outputs: list[dict[str, Any]]
    """As a notebook has them (nbformat 4); HTML and pictures in them are what the cell says, not to be trusted."""
    revision: int
    started_at: datetime | None
    ended_at: datetime | None


class KernelRead(BaseModel):
    """A kernel with what has changed."""

    model_config = ConfigDict(use_attribute_docstrings=True)

    id: UUID
    """Also of its job."""
    project_id: UUID
    skillpack_id: UUID
    path: str
    owner: str
    status: KernelStatus
    reason: str
    """Why it has not begun yet, or how it ended; in a sentence."""
    ended_by: EndReason | None
    boots: int
    """How often a Python process has begun in it, each without the variables of the one before."""
    said: str
    """What has happened to it last."""
    revision: int
    """What `after` names to be told of later changes alone."""
    created_at: datetime
    cells: list[CellRead]
    """Those that have changed, in their order."""
