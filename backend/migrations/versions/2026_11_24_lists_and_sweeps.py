"""Indexes for filtered lists, for usage and for empty wallets, and a count of pending jobs.

Without them, a filter with few matches read every job of the project, usage read every job that it ever ran, and the
queue update for an empty wallet read the whole queue. Without the count, every submit to a full window counted jobs.

Revision: 0003_lists
After: 0002_limits
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003_lists"
down_revision = "0002_limits"
branch_labels = None
depends_on = None

_FILTERS = ("status", "deployment_version", "source")


def upgrade() -> None:
    """Apply the migration."""
    op.execute("set local lock_timeout = '5s'")
    op.add_column(
        "admissions", sa.Column("parked", sa.Integer(), nullable=False, server_default=sa.text("0"))
    )
    op.execute("""
        update admissions a set parked = q.pending
        from (select project_id, count(*) as pending from job_queue where stamp is null group by project_id) q
        where q.project_id = a.project_id
    """)
    newest_first: list[sa.ColumnElement[str]] = [
        sa.literal_column("created_at DESC"),
        sa.literal_column("id DESC"),
    ]
    for column in _FILTERS:
        op.create_index(
            f"ix_jobs_project_id_{column}_created_at",
            "jobs",
            ["project_id", column, *newest_first],
            unique=False,
        )
    op.create_index(
        "ix_jobs_project_id_finished_at",
        "jobs",
        ["project_id", "finished_at"],
        unique=False,
        postgresql_where=sa.text("finished_at is not null"),
    )
    op.create_index(
        "ix_job_queue_project_id_ready",
        "job_queue",
        ["project_id"],
        unique=False,
        postgresql_where=sa.text("stamp is not null"),
    )


def downgrade() -> None:
    """Revert the migration."""
    op.execute("set local lock_timeout = '5s'")
    op.drop_column("admissions", "parked")
    op.drop_index(
        "ix_job_queue_project_id_ready", table_name="job_queue", postgresql_where=sa.text("stamp is not null")
    )
    op.drop_index(
        "ix_jobs_project_id_finished_at",
        table_name="jobs",
        postgresql_where=sa.text("finished_at is not null"),
    )
    for column in reversed(_FILTERS):
        op.drop_index(f"ix_jobs_project_id_{column}_created_at", table_name="jobs")
