"""A version remembers how it stands with the gates of its skills.

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
    """Apply."""
    op.execute("set local lock_timeout = '5s'")
    op.add_column("deployments", sa.Column("gate", postgresql.JSONB(), nullable=True))


def downgrade() -> None:
    """Undo."""
    op.execute("set local lock_timeout = '5s'")
    op.drop_column("deployments", "gate")
