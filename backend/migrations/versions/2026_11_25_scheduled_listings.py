"""Schedules can also run listings of the marketplace, up to an agreed price.

Revision: 0024_scheduled_listings
After: 0023_gates
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0024_scheduled_listings"
down_revision = "0023_gates"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply the migration."""
    op.execute("set local lock_timeout = '5s'")
    # The defaults remain, because processes of the previous release still create schedules during an upgrade.
    op.add_column("schedules", sa.Column("listing", sa.String(length=100), nullable=False, server_default=""))
    op.add_column(
        "schedules", sa.Column("most_price_micros", sa.BigInteger(), nullable=False, server_default="0")
    )
    op.alter_column("schedules", "skillpack_id", nullable=True)
    op.create_check_constraint(
        op.f("ck_schedules_of_one"), "schedules", "(listing = '') = (skillpack_id is not null)"
    )


def downgrade() -> None:
    """Revert the migration; schedules of listings are deleted."""
    op.execute("delete from schedules where skillpack_id is null")
    op.drop_constraint(op.f("ck_schedules_of_one"), "schedules", type_="check")
    op.alter_column("schedules", "skillpack_id", nullable=False)
    op.drop_column("schedules", "most_price_micros")
    op.drop_column("schedules", "listing")
