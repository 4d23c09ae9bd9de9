"""Prices of models that projects call with their own keys.

Revision: 0046_provider_prices
After: 0045_case_conversations
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0046_provider_prices"
down_revision = "0045_case_conversations"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply the migration."""
    op.execute("set local lock_timeout = '5s'")
    op.create_table(
        "provider_prices",
        sa.Column("project_id", sa.Uuid(), nullable=False),
        sa.Column("family", sa.String(length=100), nullable=False),
        sa.Column("variant", sa.String(length=100), nullable=False),
        sa.Column("input_nanos", sa.BigInteger(), nullable=False),
        sa.Column("output_nanos", sa.BigInteger(), nullable=False),
        sa.Column("cache_read_nanos", sa.BigInteger(), nullable=False),
        sa.Column("cache_write_nanos", sa.BigInteger(), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_by", sa.String(length=200), nullable=False),
        sa.ForeignKeyConstraint(
            ["project_id", "family"],
            ["provider_keys.project_id", "provider_keys.family"],
            name=op.f("fk_provider_prices_project_id_provider_keys"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("project_id", "family", "variant", name=op.f("pk_provider_prices")),
    )


def downgrade() -> None:
    """Revert the migration."""
    op.execute("set local lock_timeout = '5s'")
    op.drop_table("provider_prices")
