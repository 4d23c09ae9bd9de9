"""When jobs started for the first time, and which steps of flows were copied from another job.

Revision: 0051_first_starts
After: 0050_session_search
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0051_first_starts"
down_revision = "0050_session_search"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply the migration."""
    op.execute("set local lock_timeout = '5s'")
    op.add_column("jobs", sa.Column("first_started_at", sa.DateTime(timezone=True), nullable=True))
    op.add_column(
        "flow_steps", sa.Column("is_copied", sa.Boolean(), nullable=False, server_default=sa.text("false"))
    )
    op.create_index(
        "ix_flow_steps_running", "flow_steps", ["job_id"], postgresql_where=sa.text("status = 'running'")
    )


def downgrade() -> None:
    """Revert the migration."""
    op.execute("set local lock_timeout = '5s'")
    op.drop_index("ix_flow_steps_running", "flow_steps")
    op.drop_column("flow_steps", "is_copied")
    op.drop_column("jobs", "first_started_at")
