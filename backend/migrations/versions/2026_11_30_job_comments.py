"""Comments on jobs.

Revision: 0067_job_comments
After: 0066_annotation_queues
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0067_job_comments"
down_revision = "0066_annotation_queues"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply the migration."""
    op.execute("set local lock_timeout = '5s'")
    op.create_table(
        "job_comments",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("project_id", sa.Uuid(), nullable=False),
        sa.Column("job_id", sa.Uuid(), nullable=False),
        sa.Column("step", sa.String(200), nullable=False),
        sa.Column("body", sa.String(20_000), nullable=False),
        sa.Column("mentions", postgresql.JSONB(), server_default=sa.text("'[]'"), nullable=False),
        sa.Column("created_by", sa.String(200), nullable=False),
        sa.Column("created_at", sa.TIMESTAMP(timezone=True), nullable=False),
        sa.Column("edited_at", sa.TIMESTAMP(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["project_id"], ["projects.id"], op.f("fk_job_comments_project_id_projects"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["job_id"], ["jobs.id"], op.f("fk_job_comments_job_id_jobs"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_job_comments")),
    )
    op.create_index("ix_job_comments_job_id_created_at", "job_comments", ["job_id", "created_at", "id"])
    op.create_index("ix_job_comments_project_id", "job_comments", ["project_id"])


def downgrade() -> None:
    """Revert the migration."""
    op.drop_table("job_comments")
