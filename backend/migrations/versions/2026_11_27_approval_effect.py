"""Approvals record which tool of which MCP server they are for.

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
    """Apply the migration."""
    op.execute("set local lock_timeout = '5s'")
    # Null, because processes of the previous release still create approvals during an upgrade, without this value.
    op.add_column("approvals", sa.Column("effect", sa.String(length=100), nullable=True))


def downgrade() -> None:
    """Revert the migration."""
    op.execute("set local lock_timeout = '5s'")
    op.drop_column("approvals", "effect")
