"""Lists of jobs are sorted by cost and duration.

Revision: 0058_job_orders
After: 0057_alert_rules
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0058_job_orders"
down_revision = "0057_alert_rules"
branch_labels = None
depends_on = None

_KEYS = {
    "ix_jobs_project_id_cost": "(cost_micros + called_cost_micros) DESC",
    "ix_jobs_project_id_duration": "(finished_at - coalesce(first_started_at, started_at, finished_at)) DESC",
}


def upgrade() -> None:
    """Apply the migration."""
    op.execute("set local lock_timeout = '5s'")
    for name, key in _KEYS.items():
        op.create_index(
            name,
            "jobs",
            ["project_id", sa.text(key), sa.text("id DESC")],
            postgresql_where=sa.text("finished_at is not null"),
        )


def downgrade() -> None:
    """Revert the migration."""
    op.execute("set local lock_timeout = '5s'")
    for name in _KEYS:
        op.drop_index(name, table_name="jobs")
