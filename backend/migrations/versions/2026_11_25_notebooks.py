"""Notebooks: kernels and cells.

Revision: 0026_notebooks
After: 0025_previous_versions
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0026_notebooks"
down_revision = "0025_previous_versions"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply the migration."""
    op.execute("set local lock_timeout = '5s'")
    op.create_table(
        "notebook_kernels",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("project_id", sa.Uuid(), nullable=False),
        sa.Column("skillpack_id", sa.Uuid(), nullable=False),
        sa.Column("path", sa.String(length=1024), nullable=False),
        sa.Column("owner", sa.String(length=200), nullable=False),
        sa.Column("boots", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("said", sa.String(length=2000), server_default=sa.text("''"), nullable=False),
        sa.Column("interrupts", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("restarts", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("revision", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        _within("notebook_kernels", "id", "jobs"),
        _within("notebook_kernels", "project_id", "projects"),
        _within("notebook_kernels", "skillpack_id", "skillpacks"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_notebook_kernels")),
    )
    op.create_index(
        "ix_notebook_kernels_project_id_created_at",
        "notebook_kernels",
        ["project_id", sa.text("created_at DESC")],
    )
    op.create_index("ix_notebook_kernels_skillpack_id", "notebook_kernels", ["skillpack_id"])
    op.create_table(
        "notebook_cells",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("kernel_id", sa.Uuid(), nullable=False),
        sa.Column("project_id", sa.Uuid(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("cell", sa.String(length=64), nullable=False),
        sa.Column("code", sa.String(), nullable=False),
        sa.Column("status", sa.String(), nullable=False),
        sa.Column("count", sa.Integer(), nullable=True),
        sa.Column("outputs", JSONB(), server_default=sa.text("'[]'"), nullable=False),
        sa.Column("revision", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint(
            "status in ('queued', 'running', 'ok', 'error', 'interrupted', 'dropped')",
            name=op.f("ck_notebook_cells_status"),
        ),
        _within("notebook_cells", "kernel_id", "notebook_kernels"),
        _within("notebook_cells", "project_id", "projects"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_notebook_cells")),
        sa.UniqueConstraint("kernel_id", "number", name=op.f("uq_notebook_cells_kernel_id_number")),
    )
    op.create_index("ix_notebook_cells_project_id", "notebook_cells", ["project_id"])


def _within(table: str, column: str, other: str) -> sa.ForeignKeyConstraint:
    name = op.f(f"fk_{table}_{column}_{other}")
    return sa.ForeignKeyConstraint([column], [f"{other}.id"], name=name, ondelete="CASCADE")


def downgrade() -> None:
    """Revert the migration."""
    op.execute("set local lock_timeout = '5s'")
    op.drop_table("notebook_cells")
    op.drop_table("notebook_kernels")
