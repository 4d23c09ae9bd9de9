"""An index that counts the jobs with a later `run_at` of each project.

Revision: 0042_later_quota
After: 0041_agent_schedules
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0042_later_quota"
down_revision = "0041_agent_schedules"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply the migration: a small index, only of jobs with a later `run_at`."""
    op.execute("set local lock_timeout = '5s'")
    op.create_index(
        "ix_job_queue_project_id_later", "job_queue", ["project_id"], postgresql_where=sa.text("is_later")
    )


def downgrade() -> None:
    """Revert the migration."""
    op.execute("set local lock_timeout = '5s'")
    op.drop_index("ix_job_queue_project_id_later", table_name="job_queue")
