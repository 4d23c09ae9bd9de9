"""Deliveries of webhooks store each attempt.

Revision: 0038_delivery_attempts
After: 0037_schedule_queue
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0038_delivery_attempts"
down_revision = "0037_schedule_queue"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply the migration."""
    op.execute("set local lock_timeout = '5s'")
    # The default remains, because processes of the previous release still insert rows during an upgrade.
    op.add_column(
        "webhook_deliveries",
        sa.Column("attempt_log", postgresql.JSONB(), nullable=False, server_default=sa.text("'[]'")),
    )


def downgrade() -> None:
    """Revert the migration."""
    op.execute("set local lock_timeout = '5s'")
    op.drop_column("webhook_deliveries", "attempt_log")
