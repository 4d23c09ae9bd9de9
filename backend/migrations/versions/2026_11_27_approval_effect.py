"""Approvals that record which tool of which MCP server they are for.

Revision: 0031_approval_effect
After: 0030_key_scopes
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0031_approval_effect"
down_revision = "0030_key_scopes"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply."""
    op.execute("set local lock_timeout = '5s'")
    # Null: processes of the version before go on asking until they are replaced, and do not record it.
    op.add_column("approvals", sa.Column("effect", sa.String(length=100), nullable=True))


def downgrade() -> None:
    """Undo."""
    op.execute("set local lock_timeout = '5s'")
    op.drop_column("approvals", "effect")
