"""Define the tables of kernels of notebooks and their cells."""

from __future__ import annotations

from datetime import datetime
from typing import Any, ClassVar
from uuid import UUID, uuid4

from sqlalchemy import BigInteger, CheckConstraint, ColumnElement, Index, Select, UniqueConstraint, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlmodel import Column, Field, SQLModel, col

from backend.core.clock import now
from backend.core.db.engine import Timestamp
from backend.execution.jobs.tables import Job
from backend.identity.auth.principal import Principal, visible

CELL_STATUSES = ("queued", "running", "ok", "error", "interrupted", "dropped")


class NotebookKernel(SQLModel, table=True):
    """The kernel of one notebook for one user. It is a job, whose status shows whether it runs."""

    __tablename__: ClassVar[str] = "notebook_kernels"
    __table_args__ = (
        Index("ix_notebook_kernels_project_id_created_at", "project_id", text("created_at DESC")),
        Index("ix_notebook_kernels_skillpack_id", "skillpack_id"),
    )

    id: UUID = Field(foreign_key="jobs.id", ondelete="CASCADE", primary_key=True)
    """The ID of its job."""
    project_id: UUID = Field(foreign_key="projects.id", ondelete="CASCADE")
    skillpack_id: UUID = Field(foreign_key="skillpacks.id", ondelete="CASCADE")
    path: str = Field(max_length=1024)
    """Path of the notebook in the draft when the kernel was started."""
    owner: str = Field(max_length=200)
    """The user who started it."""
    boots: int = Field(default=0, sa_column_kwargs={"server_default": text("0")})
    """The number of Python processes that have started in it, each without the variables of the one
    before."""
    said: str = Field(default="", max_length=2_000, sa_column_kwargs={"server_default": text("''")})
    """The last message about it."""
    interrupts: int = Field(default=0, sa_column_kwargs={"server_default": text("0")})
    """The number of requested interrupts."""
    restarts: int = Field(default=0, sa_column_kwargs={"server_default": text("0")})
    """The number of requested restarts."""
    revision: int = Field(default=0, sa_column=Column(BigInteger, nullable=False, server_default=text("0")))
    """Counts the changes of the kernel and its cells."""
    created_at: datetime = Field(default_factory=now, sa_type=Timestamp)

    @classmethod
    def restrict(cls, query: Select[Any], principal: Principal) -> Select[Any]:
        """Return the query without the kernels whose jobs the principal may not see, since it could run code there."""
        return query if principal.confined_to is None else query.where(_is_visible(col(cls.id), principal))


class NotebookCell(SQLModel, table=True):
    """One run of one cell."""

    __tablename__: ClassVar[str] = "notebook_cells"
    __table_args__ = (
        CheckConstraint(f"status in {CELL_STATUSES}", name="status"),
        UniqueConstraint("kernel_id", "number"),
        Index("ix_notebook_cells_project_id", "project_id"),
    )

    id: UUID = Field(default_factory=uuid4, primary_key=True)
    kernel_id: UUID = Field(foreign_key="notebook_kernels.id", ondelete="CASCADE")
    project_id: UUID = Field(foreign_key="projects.id", ondelete="CASCADE")
    number: int
    """1, 2, 3… in the order in which they are run."""
    cell: str = Field(max_length=64)
    """ID of the cell in the notebook."""
    code: str
    status: str = "queued"
    count: int | None = None
    """The execution count that the notebook shows."""
    outputs: list[dict[str, Any]] = Field(
        default_factory=list, sa_column=Column(JSONB, nullable=False, server_default=text("'[]'"))
    )
    """In the format of nbformat 4."""
    revision: int = Field(default=0, sa_column=Column(BigInteger, nullable=False, server_default=text("0")))
    """Revision of the kernel at the last change of the cell."""
    created_at: datetime = Field(default_factory=now, sa_type=Timestamp)
    started_at: datetime | None = Field(default=None, sa_type=Timestamp)
    ended_at: datetime | None = Field(default=None, sa_type=Timestamp)

    @classmethod
    def restrict(cls, query: Select[Any], principal: Principal) -> Select[Any]:
        """Return the query without the cells of kernels that the principal may not see."""
        return (
            query
            if principal.confined_to is None
            else query.where(_is_visible(col(cls.kernel_id), principal))
        )


def _is_visible(job_id: Any, principal: Principal) -> ColumnElement[bool]:
    found: ColumnElement[bool] = job_id.in_(visible(Job, principal).with_only_columns(col(Job.id)))
    return found
