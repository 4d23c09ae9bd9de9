"""The publisher chooses whether runs of a listing may show approvals to their callers.

Revision: 0040_listing_approvals
After: 0039_worker_shortages
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0040_listing_approvals"
down_revision = "0039_worker_shortages"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply; listings of before keep the version that they run, and need the choice for their next one."""
    op.execute("set local lock_timeout = '5s'")
    op.add_column(
        "listings",
        sa.Column("shows_approvals", sa.Boolean(), nullable=False, server_default=sa.text("false")),
    )


def downgrade() -> None:
    """Undo."""
    op.execute("set local lock_timeout = '5s'")
    op.drop_column("listings", "shows_approvals")
