"""Define the requests and responses of the routes of kernels."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal, Self
from uuid import UUID

from pydantic import Field, computed_field, model_validator

from backend.core.attribute_docstrings import Schema
from backend.core.schemas import DEPRECATED, RequestBody
from backend.execution.jobs.schemas import MAX_NAME

MAX_CODE_CHARACTERS = 200_000
MAX_CELLS_PER_REQUEST = 200

CellStatus = Literal["queued", "running", "ok", "error", "interrupted", "dropped", "lost"]
KernelStatus = Literal["starting", "idle", "busy", "ended"]
EndReason = Literal["idle", "stopped", "lost", "failed"]


class KernelCreate(RequestBody):
    """Body of `POST /v1/notebooks/kernels`."""

    path: Annotated[str, Field(min_length=1, max_length=1024, pattern=r"\.ipynb$")]
    """Path of the notebook in the draft."""
    skillpack: Annotated[str, Field(min_length=1, max_length=200)] | None = None
    """ID or slug. Default: the project's default skillpack."""


class CellRun(RequestBody):
    """A cell to run."""

    cell: Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]{1,64}$")]
    """ID of the cell in the notebook."""
    code: Annotated[str, Field(max_length=MAX_CODE_CHARACTERS)]


class CellsUpdate(RequestBody):
    """Body of `POST /v1/notebooks/kernels/{kernel_id}/cells`."""

    cells: Annotated[list[CellRun], Field(min_length=1, max_length=MAX_CELLS_PER_REQUEST)]
    """Cells in the order in which they are run. After a failed cell the following ones are dropped."""


class NotebookOpen(RequestBody):
    """Body of `POST /v1/notebooks/opened`: a job, or a skill with inputs."""

    job_id: UUID | None = None
    """A job that has ended."""
    skill: Annotated[str, Field(min_length=1, max_length=MAX_NAME)] | None = None
    """Without a job: the name of the skill that the inputs are for."""
    inputs: dict[str, Any] = Field(default_factory=dict)
    """Inputs of that skill; they need not be valid."""
    skillpack: Annotated[str, Field(min_length=1, max_length=200)] | None = None
    """ID or slug of the skillpack whose draft contains the notebook. Default: the skillpack of the job's skill; the
    project's default one for a prompt, a skill of the marketplace, and inputs."""

    @model_validator(mode="after")
    def _is_for_one(self) -> Self:
        if (self.job_id is None) == (self.skill is None):
            raise ValueError("Use either `job_id`, or `skill` with its `inputs`")
        return self


class NotebookRead(Schema):
    """The notebook that was opened."""

    path: str
    """Path in the draft."""
    skillpack: str
    """Slug of the skillpack of the draft."""


class CellRead(Schema):
    """One run of a cell."""

    id: UUID
    cell: str
    """ID of the cell in the notebook."""
    number: int
    """1, 2, 3… in the order in which cells are run."""
    status: CellStatus
    """`dropped`: an earlier cell failed, or the kernel was interrupted. `lost`: the kernel ended."""
    execution_count: int | None
    outputs: list[dict[str, Any]]
    """Outputs in the notebook format (nbformat 4). HTML and images in them come from the cell, and are
    untrusted."""
    revision: int
    started_at: datetime | None
    ended_at: datetime | None


class KernelRead(Schema):
    """A kernel with its changes."""

    id: UUID
    """Also the ID of its job."""
    project_id: UUID
    skillpack_id: UUID
    path: str
    owner: str
    status: KernelStatus
    reason: str
    """The reason why it has not started yet, or how it ended."""
    end_reason: EndReason | None
    boots: int
    """The number of Python processes that have started in it, each without the variables of the one
    before."""
    message: str
    """The last message about it."""
    revision: int
    """The value for `after`, to receive later changes only."""
    created_at: datetime
    cells: list[CellRead]
    """Cells that have changed, in their order."""

    @computed_field(json_schema_extra=DEPRECATED)  # type: ignore[prop-decorator]
    @property
    def ended_by(self) -> EndReason | None:
        """The former name of `end_reason`. Removed in 0.3."""
        return self.end_reason

    @computed_field(json_schema_extra=DEPRECATED)  # type: ignore[prop-decorator]
    @property
    def said(self) -> str:
        """The former name of `message`. Removed in 0.3."""
        return self.message
