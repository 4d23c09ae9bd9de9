"""Published listings are sorted by price and by title.

Revision: 0072_listing_orders
After: 0071_saved_views
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0072_listing_orders"
down_revision = "0071_saved_views"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply the migration."""
    op.execute("set local lock_timeout = '5s'")
    published = sa.text("status = 'published'")
    op.create_index("ix_listings_price", "listings", ["price_micros", "id"], postgresql_where=published)
    title = sa.text("lower(coalesce(nullif(title, ''), slug))")
    op.create_index("ix_listings_title", "listings", [title, "id"], postgresql_where=published)


def downgrade() -> None:
    """Revert the migration."""
    op.execute("set local lock_timeout = '5s'")
    op.drop_index("ix_listings_title", table_name="listings")
    op.drop_index("ix_listings_price", table_name="listings")
