"""An index of the unfinished subjobs of a job.

Revision: 0014_called_jobs
After: 0013_approvals
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0014_called_jobs"
down_revision = "0013_approvals"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply the migration."""
    op.execute("set local lock_timeout = '5s'")
    op.create_index(
        "ix_jobs_parent_job_id_live",
        "jobs",
        ["parent_job_id"],
        postgresql_where=sa.text("parent_job_id is not null and finished_at is null"),
    )


def downgrade() -> None:
    """Revert the migration."""
    op.execute("set local lock_timeout = '5s'")
    op.drop_index("ix_jobs_parent_job_id_live", table_name="jobs")
