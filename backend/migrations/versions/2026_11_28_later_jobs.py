"""Exclude jobs with a later `run_at` from the index that admission reads: a project may have many of them.

Revision: 0035_later_jobs
After: 0034_queued_caps
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0035_later_jobs"
down_revision = "0034_queued_caps"
branch_labels = None
depends_on = None

_PENDING = ("project_id", sa.text("priority DESC"), "submitted_at", "job_id")


def upgrade() -> None:
    """Apply the migration."""
    op.execute("set local lock_timeout = '5s'")
    # Processes of the previous release insert such jobs without the mark: these are found as before.
    op.add_column(
        "job_queue", sa.Column("is_later", sa.Boolean(), server_default=sa.text("false"), nullable=False)
    )
    op.execute("update job_queue set is_later = true where stamp is null and not_before > now()")
    op.drop_index("ix_job_queue_parked", table_name="job_queue")
    op.create_index(
        "ix_job_queue_parked",
        "job_queue",
        list(_PENDING),
        postgresql_where=sa.text("stamp is null and not is_later"),
    )
    op.drop_index("ix_job_queue_not_before", table_name="job_queue")
    op.create_index("ix_job_queue_later", "job_queue", ["not_before"], postgresql_where=sa.text("is_later"))


def downgrade() -> None:
    """Revert the migration."""
    op.execute("set local lock_timeout = '5s'")
    op.drop_index("ix_job_queue_later", table_name="job_queue")
    op.create_index(
        "ix_job_queue_not_before",
        "job_queue",
        ["not_before"],
        postgresql_where=sa.text("not_before is not null"),
    )
    op.drop_index("ix_job_queue_parked", table_name="job_queue")
    op.create_index(
        "ix_job_queue_parked", "job_queue", list(_PENDING), postgresql_where=sa.text("stamp is null")
    )
    op.drop_column("job_queue", "is_later")
