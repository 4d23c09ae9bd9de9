"""Keys that were replaced name the first key of their chain, as the keys that replace them do.

Revision: 0054_replaced_keys
After: 0053_first_minutes
"""

from __future__ import annotations

from alembic import op

revision = "0054_replaced_keys"
down_revision = "0053_first_minutes"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply the migration."""
    op.execute("set local lock_timeout = '5s'")
    op.execute(
        "update api_keys set first_key_id = id where first_key_id is null and id in ("
        "select r.first_key_id from api_keys r where r.project_id = api_keys.project_id)"
    )


def downgrade() -> None:
    """Revert the migration."""
    op.execute("set local lock_timeout = '5s'")
    op.execute("update api_keys set first_key_id = null where first_key_id = id")
