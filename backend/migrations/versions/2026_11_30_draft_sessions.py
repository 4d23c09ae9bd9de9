"""Sessions that run the draft of a skillpack.

Revision: 0061_draft_sessions
After: 0060_job_shares
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0061_draft_sessions"
down_revision = "0060_job_shares"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply the migration."""
    op.execute("set local lock_timeout = '5s'")
    op.add_column("agent_sessions", sa.Column("deployment_id", sa.Uuid(), nullable=True))


def downgrade() -> None:
    """Revert the migration."""
    op.execute("set local lock_timeout = '5s'")
    op.drop_column("agent_sessions", "deployment_id")
