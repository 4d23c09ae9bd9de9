"""Deliveries of webhooks keep each of their attempts.

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
    """Apply."""
    op.execute("set local lock_timeout = '5s'")
    # The default stays: processes of the version before insert rows until they are replaced.
    op.add_column(
        "webhook_deliveries",
        sa.Column("attempt_log", postgresql.JSONB(), nullable=False, server_default=sa.text("'[]'")),
    )


def downgrade() -> None:
    """Undo."""
    op.execute("set local lock_timeout = '5s'")
    op.drop_column("webhook_deliveries", "attempt_log")
