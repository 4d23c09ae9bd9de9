"""What the host of a worker has too little of, so that it claims no jobs.

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
    """Apply."""
    op.execute("set local lock_timeout = '5s'")
    op.add_column("workers", sa.Column("shortage", sa.TEXT(), nullable=True))


def downgrade() -> None:
    """Take back."""
    op.execute("set local lock_timeout = '5s'")
    op.drop_column("workers", "shortage")
