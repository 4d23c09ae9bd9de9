"""Events that one statement appends to a job share a row.

Each row costs the log and an index as much as a small event, and a job without output has five events.

Revision: 0074_events_in_one_row
After: 0073_ascending_indexes
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0074_events_in_one_row"
down_revision = "0073_ascending_indexes"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply the migration."""
    op.execute("set local lock_timeout = '5s'")
    op.add_column("job_events", sa.Column("earlier", postgresql.JSONB(), nullable=True))


def downgrade() -> None:
    """Revert the migration: give each event a row."""
    op.execute("""
    insert into job_events (job_id, seq, ts, type, payload)
    select r.job_id, r.seq - jsonb_array_length(r.earlier) + e.n - 1,
           r.ts - cast(e.event ->> 0 as bigint) * interval '1 microsecond', e.event ->> 1, e.event -> 2
    from job_events r cross join lateral jsonb_array_elements(r.earlier) with ordinality as e(event, n)
    """)
    op.drop_column("job_events", "earlier")
