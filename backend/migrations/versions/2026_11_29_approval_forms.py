"""Forms and reviewers of approvals of flows.

Revision: 0052_approval_forms
After: 0051_first_starts
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0052_approval_forms"
down_revision = "0051_first_starts"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply the migration."""
    op.execute("set local lock_timeout = '5s'")
    op.add_column("approvals", sa.Column("form_schema", sa.JSON(), nullable=True))
    op.add_column("approvals", sa.Column("form", sa.JSON(), nullable=True))
    op.add_column(
        "approvals",
        sa.Column("reviewers", postgresql.JSONB(), server_default=sa.text("'[]'"), nullable=False),
    )


def downgrade() -> None:
    """Revert the migration."""
    op.execute("set local lock_timeout = '5s'")
    for column in ("reviewers", "form", "form_schema"):
        op.drop_column("approvals", column)
