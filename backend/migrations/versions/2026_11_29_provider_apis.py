"""The API of the server that a project names for a model family.

Revision: 0043_provider_apis
After: 0042_later_quota
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0043_provider_apis"
down_revision = "0042_later_quota"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply the migration."""
    op.execute("set local lock_timeout = '5s'")
    op.add_column("provider_keys", sa.Column("api", sa.String(20), nullable=True))


def downgrade() -> None:
    """Revert the migration."""
    op.execute("set local lock_timeout = '5s'")
    op.drop_column("provider_keys", "api")
