"""Continuations of a job after a wait, which are no attempts for its user.

Revision: 0055_continuations
After: 0054_replaced_keys
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0055_continuations"
down_revision = "0054_replaced_keys"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply the migration."""
    op.execute("set local lock_timeout = '5s'")
    op.add_column(
        "jobs", sa.Column("continuations", sa.Integer(), server_default=sa.text("0"), nullable=False)
    )
    op.add_column(
        "jobs", sa.Column("is_continued", sa.Boolean(), server_default=sa.text("false"), nullable=False)
    )


def downgrade() -> None:
    """Revert the migration."""
    op.execute("set local lock_timeout = '5s'")
    op.drop_column("jobs", "is_continued")
    op.drop_column("jobs", "continuations")
