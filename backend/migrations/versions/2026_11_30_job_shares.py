"""Links that share a job for a limited time.

Revision: 0060_job_shares
After: 0059_job_views
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0060_job_shares"
down_revision = "0059_job_views"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply the migration."""
    op.execute("set local lock_timeout = '5s'")
    op.create_table(
        "job_shares",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("project_id", sa.Uuid(), nullable=False),
        sa.Column("job_id", sa.Uuid(), nullable=False),
        sa.Column("token_hash", sa.String(64), nullable=False),
        sa.Column("created_by", sa.String(200), nullable=False),
        sa.Column("created_at", sa.TIMESTAMP(timezone=True), nullable=False),
        sa.Column("expires_at", sa.TIMESTAMP(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["project_id"], ["projects.id"], op.f("fk_job_shares_project_id_projects"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["job_id"], ["jobs.id"], op.f("fk_job_shares_job_id_jobs"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_job_shares")),
        sa.UniqueConstraint("token_hash", name=op.f("uq_job_shares_token_hash")),
    )
    op.create_index("ix_job_shares_job_id", "job_shares", ["job_id"])
    op.create_index("ix_job_shares_project_id", "job_shares", ["project_id"])
    op.create_index("ix_job_shares_expires_at", "job_shares", ["expires_at"])


def downgrade() -> None:
    """Revert the migration."""
    op.drop_table("job_shares")
