"""The usage of drives, the versions and writers of their files, and resumable uploads.

Revision: 0007_drive
After: 0006_deleted_projects
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0007_drive"
down_revision = "0006_deleted_projects"
branch_labels = None
depends_on = None

_MOMENT = sa.DateTime(timezone=True)


def upgrade() -> None:
    """Apply the migration."""
    op.execute("SET LOCAL lock_timeout = '5s'")
    op.create_table(
        "drive_usage",
        sa.Column("project_id", sa.Uuid(), nullable=False),
        sa.Column("bytes", sa.BigInteger(), nullable=False),
        sa.Column("files", sa.BigInteger(), nullable=False),
        sa.Column("counted_at", _MOMENT, nullable=False),
        _of_project("drive_usage"),
        sa.PrimaryKeyConstraint("project_id", name=op.f("pk_drive_usage")),
    )
    op.create_table(
        "drive_files",
        sa.Column("project_id", sa.Uuid(), nullable=False),
        sa.Column("path", sa.String(), nullable=False),
        sa.Column("version", sa.String(), nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=True),
        sa.Column("written_by", postgresql.JSONB(), nullable=True),
        sa.Column("written_at", _MOMENT, nullable=True),
        _of_project("drive_files"),
        sa.PrimaryKeyConstraint("project_id", "path", name=op.f("pk_drive_files")),
    )
    op.create_table(
        "drive_uploads",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("project_id", sa.Uuid(), nullable=False),
        sa.Column("path", sa.String(), nullable=False),
        sa.Column("length_bytes", sa.BigInteger(), nullable=False),
        sa.Column("upload_metadata", sa.String(), nullable=False),
        sa.Column("created_at", _MOMENT, nullable=False),
        sa.Column("expires_at", _MOMENT, nullable=False),
        sa.Column("finished_at", _MOMENT, nullable=True),
        _of_project("drive_uploads"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_drive_uploads")),
    )
    op.create_index("ix_drive_uploads_project_id_expires_at", "drive_uploads", ["project_id", "expires_at"])
    op.create_index("ix_drive_uploads_expires_at", "drive_uploads", ["expires_at"])


def downgrade() -> None:
    """Revert the migration."""
    for table in ("drive_uploads", "drive_files", "drive_usage"):
        op.drop_table(table)


def _of_project(table: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint(
        ["project_id"], ["projects.id"], name=op.f(f"fk_{table}_project_id_projects"), ondelete="CASCADE"
    )
