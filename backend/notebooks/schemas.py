"""What is said about the kernels of notebooks over REST."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from backend.schemas import Asked

MOST_CODE_CHARACTERS = 200_000
MOST_CELLS_AT_ONCE = 200

CellStatus = Literal["queued", "running", "ok", "error", "interrupted", "dropped", "lost"]
KernelStatus = Literal["starting", "idle", "busy", "ended"]
EndReason = Literal["idle", "stopped", "lost", "failed"]


class KernelAsked(Asked):
    """Body of `POST /v1/notebooks/kernels`."""

    path: Annotated[str, Field(min_length=1, max_length=1024, pattern=r"\.ipynb$")]
    """Of the notebook in the working copy."""
    skillpack: Annotated[str, Field(min_length=1, max_length=200)] | None = None
    """Id or slug; without it the project's default one."""


class CellAsked(Asked):
    """A cell to be run."""

    cell: Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]{1,64}$")]
    """Its id in the notebook."""
    code: Annotated[str, Field(max_length=MOST_CODE_CHARACTERS)]


class CellsAsked(Asked):
    """Body of `POST /v1/notebooks/kernels/{kernel_id}/cells`."""

    cells: Annotated[list[CellAsked], Field(min_length=1, max_length=MOST_CELLS_AT_ONCE)]
    """In the order in which they are run; after one that fails those behind it are dropped."""


class OpenAsked(Asked):
    """Body of `POST /v1/notebooks/opened`."""

    job_id: UUID
    """Of a job that has ended."""
    skillpack: Annotated[str, Field(min_length=1, max_length=200)] | None = None
    """In whose working copy the notebook is; id or slug, without it the project's default one."""


class OpenedView(BaseModel):
    """A job that is a notebook now."""

    path: str
    """In the working copy."""


class CellView(BaseModel):
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


class KernelView(BaseModel):
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
    cells: list[CellView]
    """Those that have changed, in their order."""
