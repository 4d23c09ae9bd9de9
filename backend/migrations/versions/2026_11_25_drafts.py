"""Drafts of skillpacks.

Revision: 0016_drafts
After: 0015_webhooks
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0016_drafts"
down_revision = "0015_webhooks"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply the migration."""
    op.execute("set local lock_timeout = '5s'")
    op.create_table(
        "drafts",
        sa.Column("skillpack_id", sa.Uuid(), nullable=False),
        sa.Column("project_id", sa.Uuid(), nullable=False),
        sa.Column("base_deployment_id", sa.Uuid(), nullable=True),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("updated_by", sa.String(length=200), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["project_id"], ["projects.id"], name=op.f("fk_drafts_project_id_projects"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["skillpack_id"],
            ["skillpacks.id"],
            name=op.f("fk_drafts_skillpack_id_skillpacks"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("skillpack_id", name=op.f("pk_drafts")),
    )
    op.create_index("ix_drafts_project_id", "drafts", ["project_id"])
    op.create_table(
        "draft_files",
        sa.Column("skillpack_id", sa.Uuid(), nullable=False),
        sa.Column("path", sa.String(length=1024), nullable=False),
        sa.Column("project_id", sa.Uuid(), nullable=False),
        sa.Column("content", sa.LargeBinary(), nullable=False),
        sa.Column("size_bytes", sa.Integer(), nullable=False),
        sa.Column("is_executable", sa.Boolean(), nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("updated_by", sa.String(length=200), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("deleted_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["project_id"],
            ["projects.id"],
            name=op.f("fk_draft_files_project_id_projects"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["skillpack_id"],
            ["drafts.skillpack_id"],
            name=op.f("fk_draft_files_skillpack_id_drafts"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("skillpack_id", "path", name=op.f("pk_draft_files")),
    )
    op.create_index("ix_draft_files_project_id", "draft_files", ["project_id"])


def downgrade() -> None:
    """Revert the migration."""
    op.execute("set local lock_timeout = '5s'")
    op.drop_table("draft_files")
    op.drop_table("drafts")
