"""When jobs started for the first time.

Revision: 0050_first_starts
After: 0049_agent_sessions
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0050_first_starts"
down_revision = "0049_agent_sessions"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply the migration."""
    op.execute("set local lock_timeout = '5s'")
    op.add_column("jobs", sa.Column("first_started_at", sa.DateTime(timezone=True), nullable=True))


def downgrade() -> None:
    """Revert the migration."""
    op.execute("set local lock_timeout = '5s'")
    op.drop_column("jobs", "first_started_at")
