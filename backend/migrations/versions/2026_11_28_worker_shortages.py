"""Workers record which resource of their host is too low to claim jobs.

Revision: 0039_worker_shortages
After: 0038_delivery_attempts
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0039_worker_shortages"
down_revision = "0038_delivery_attempts"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply the migration."""
    op.execute("set local lock_timeout = '5s'")
    op.add_column("workers", sa.Column("shortage", sa.TEXT(), nullable=True))


def downgrade() -> None:
    """Revert the migration."""
    op.execute("set local lock_timeout = '5s'")
    op.drop_column("workers", "shortage")
