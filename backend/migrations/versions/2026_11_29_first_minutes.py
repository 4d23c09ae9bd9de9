"""Starting credit of new projects, and the first steps on the page of a project.

Revision: 0053_first_minutes
After: 0052_approval_forms
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0053_first_minutes"
down_revision = "0052_approval_forms"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply the migration."""
    op.execute("set local lock_timeout = '5s'")
    op.add_column(
        "users", sa.Column("starting_credits", sa.Integer(), server_default=sa.text("0"), nullable=False)
    )
    op.add_column(
        "members",
        sa.Column("has_dismissed_first_steps", sa.Boolean(), server_default=sa.text("false"), nullable=False),
    )


def downgrade() -> None:
    """Revert the migration."""
    op.execute("set local lock_timeout = '5s'")
    op.drop_column("members", "has_dismissed_first_steps")
    op.drop_column("users", "starting_credits")
