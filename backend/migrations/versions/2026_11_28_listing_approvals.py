"""Publishers decide whether runs of a listing may show approvals to their callers.

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
    """Apply the migration; earlier listings keep their version, and need the decision for their next one."""
    op.execute("set local lock_timeout = '5s'")
    op.add_column(
        "listings",
        sa.Column("shows_approvals", sa.Boolean(), nullable=False, server_default=sa.text("false")),
    )


def downgrade() -> None:
    """Revert the migration."""
    op.execute("set local lock_timeout = '5s'")
    op.drop_column("listings", "shows_approvals")
