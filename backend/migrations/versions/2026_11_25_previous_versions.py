"""The previously active version of a skillpack.

Revision: 0025_previous_versions
After: 0024_scheduled_listings
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0025_previous_versions"
down_revision = "0024_scheduled_listings"
branch_labels = None
depends_on = None

_FOREIGN_KEY = "fk_skillpacks_previous_deployment_id_deployments"


def upgrade() -> None:
    """Apply the migration."""
    op.execute("set local lock_timeout = '5s'")
    op.add_column("skillpacks", sa.Column("previous_deployment_id", sa.Uuid(), nullable=True))
    op.create_foreign_key(
        _FOREIGN_KEY, "skillpacks", "deployments", ["previous_deployment_id"], ["id"], ondelete="SET NULL"
    )


def downgrade() -> None:
    """Revert the migration."""
    op.execute("set local lock_timeout = '5s'")
    op.drop_constraint(_FOREIGN_KEY, "skillpacks", type_="foreignkey")
    op.drop_column("skillpacks", "previous_deployment_id")
