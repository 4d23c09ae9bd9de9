"""Line items whose quantity is estimated, since the provider reported no usage.

Revision: 0044_estimated_usage
After: 0043_provider_apis
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0044_estimated_usage"
down_revision = "0043_provider_apis"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply the migration."""
    op.execute("set local lock_timeout = '5s'")
    op.add_column(
        "usage_events", sa.Column("is_estimated", sa.Boolean(), nullable=False, server_default=sa.false())
    )


def downgrade() -> None:
    """Revert the migration."""
    op.execute("set local lock_timeout = '5s'")
    op.drop_column("usage_events", "is_estimated")
