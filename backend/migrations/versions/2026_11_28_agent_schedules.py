"""Schedules record that an external agent has created or changed them.

Revision: 0041_agent_schedules
After: 0040_listing_approvals
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0041_agent_schedules"
down_revision = "0040_listing_approvals"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply the migration; it is unknown whether an agent has created earlier schedules."""
    op.execute("set local lock_timeout = '5s'")
    op.add_column(
        "schedules",
        sa.Column("started_by_agent", sa.Boolean(), nullable=False, server_default=sa.text("false")),
    )


def downgrade() -> None:
    """Revert the migration."""
    op.execute("set local lock_timeout = '5s'")
    op.drop_column("schedules", "started_by_agent")
