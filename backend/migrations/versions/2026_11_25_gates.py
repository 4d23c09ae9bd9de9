"""A version records the state of its eval gates.

Revision: 0023_gates
After: 0022_evals
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0023_gates"
down_revision = "0022_evals"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply the migration."""
    op.execute("set local lock_timeout = '5s'")
    op.add_column("deployments", sa.Column("gate", postgresql.JSONB(), nullable=True))


def downgrade() -> None:
    """Revert the migration."""
    op.execute("set local lock_timeout = '5s'")
    op.drop_column("deployments", "gate")
