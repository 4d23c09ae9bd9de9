"""An index of the usage of unfinished jobs that do not run, and the usage of subjobs above their reservation.

Revision: 0029_spending_limits
After: 0028_job_approvals
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0029_spending_limits"
down_revision = "0028_job_approvals"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply the migration."""
    op.execute("set local lock_timeout = '5s'")
    op.add_column(
        "jobs", sa.Column("over_lent_micros", sa.BigInteger(), server_default=sa.text("0"), nullable=False)
    )
    op.create_index(
        "ix_jobs_project_id_interrupted",
        "jobs",
        ["project_id"],
        postgresql_where=sa.text("status in ('queued', 'waiting') and attempt > 0"),
    )


def downgrade() -> None:
    """Revert the migration."""
    op.execute("set local lock_timeout = '5s'")
    op.drop_index("ix_jobs_project_id_interrupted", table_name="jobs")
    op.drop_column("jobs", "over_lent_micros")
