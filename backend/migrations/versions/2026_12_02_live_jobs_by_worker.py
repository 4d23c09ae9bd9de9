"""One index finds the live jobs of a worker and those of a deployment, so that the start of a job writes to one.

Revision: 0075_live_jobs_by_worker
After: 0074_events_in_one_row
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0075_live_jobs_by_worker"
down_revision = "0074_events_in_one_row"
branch_labels = None
depends_on = None

_LIVE = sa.text("finished_at is null")


def upgrade() -> None:
    """Apply the migration."""
    op.execute("set local lock_timeout = '5s'")
    op.create_index("ix_jobs_worker_id_live", "jobs", ["worker_id", "deployment_id"], postgresql_where=_LIVE)
    op.drop_index("ix_jobs_worker_id_running", table_name="jobs")
    op.drop_index("ix_jobs_deployment_id_live", table_name="jobs")


def downgrade() -> None:
    """Revert the migration."""
    op.execute("set local lock_timeout = '5s'")
    op.create_index("ix_jobs_deployment_id_live", "jobs", ["deployment_id"], postgresql_where=_LIVE)
    op.create_index(
        "ix_jobs_worker_id_running", "jobs", ["worker_id"], postgresql_where=sa.text("status = 'running'")
    )
    op.drop_index("ix_jobs_worker_id_live", table_name="jobs")
