"""API keys for models that projects set.

Revision: 0010_provider_keys
After: 0009_journal
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0010_provider_keys"
down_revision = "0009_journal"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply the migration."""
    op.execute("set local lock_timeout = '5s'")
    op.create_table(
        "provider_keys",
        sa.Column("project_id", sa.Uuid(), nullable=False),
        sa.Column("family", sa.String(length=100), nullable=False),
        sa.Column("ciphertext", sa.String(), nullable=False),
        sa.Column("base_url", sa.String(length=2_000), nullable=True),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_by", sa.String(length=200), nullable=False),
        sa.ForeignKeyConstraint(
            ["project_id"],
            ["projects.id"],
            name=op.f("fk_provider_keys_project_id_projects"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("project_id", "family", name=op.f("pk_provider_keys")),
    )


def downgrade() -> None:
    """Revert the migration."""
    op.execute("set local lock_timeout = '5s'")
    op.drop_table("provider_keys")
