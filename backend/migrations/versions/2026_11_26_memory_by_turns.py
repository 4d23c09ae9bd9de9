"""Records of memory that wait for embeddings, by project, so that the projects take turns.

Revision: 0027_memory_by_turns
After: 0026_notebooks
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0027_memory_by_turns"
down_revision = "0026_notebooks"
branch_labels = None
depends_on = None

_WAITS = sa.text("embedded_version is distinct from version and forgotten_at is null")


def upgrade() -> None:
    """Apply the migration."""
    op.execute("set local lock_timeout = '5s'")
    op.drop_index("ix_memory_records_unembedded", table_name="memory_records")
    op.create_index(
        "ix_memory_records_unembedded",
        "memory_records",
        ["project_id", "updated_at"],
        postgresql_where=_WAITS,
    )


def downgrade() -> None:
    """Revert the migration."""
    op.execute("set local lock_timeout = '5s'")
    op.drop_index("ix_memory_records_unembedded", table_name="memory_records")
    op.create_index("ix_memory_records_unembedded", "memory_records", ["updated_at"], postgresql_where=_WAITS)
