"""Restricted keys can read only their own jobs; projects can set limits below those of the operator.

Keys with `jobs:read` and a list of skills, a daily cap or an expiry get `jobs:read_own` instead. Their other scopes do
not change. Keys without scopes are restricted by the code from now on, which needs no change of rows.

A window (`admissions.concurrency_limit`) that a member or a key has set becomes the project's own limit, which applies
below the operator's limit. Another window that differs from the default was set by the operator's command.

Revision: 0030_key_scopes
After: 0029_spending_limits
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0030_key_scopes"
down_revision = "0029_spending_limits"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply the migration."""
    op.execute("set local lock_timeout = '5s'")
    op.add_column(
        "projects",
        sa.Column(
            "own_limits",
            postgresql.JSONB(astext_type=sa.Text()),
            nullable=False,
            server_default=sa.text("'{}'"),
        ),
    )
    op.execute("""
        update api_keys set scopes = array_replace(scopes, 'jobs:read', 'jobs:read_own')
        where kind = 'secret' and 'jobs:read' = any(scopes)
          and (cardinality(skill_allowlist) > 0 or daily_cap_micros is not null or expires_at is not null)
    """)
    op.execute("""
        update projects p set own_limits = jsonb_build_object('concurrency', a.concurrency_limit)
        from admissions a
        where a.project_id = p.id and exists (
          select from audit_rows r
          where r.project_id = p.id and r.action = 'project.changed' and r.facts ? 'concurrency_limit'
        )
    """)
    op.execute("""
        update projects p set limits = p.limits || jsonb_build_object('concurrency', a.concurrency_limit)
        from admissions a
        where a.project_id = p.id and a.concurrency_limit <> 50 and not p.own_limits ? 'concurrency'
    """)


def downgrade() -> None:
    """Revert the migration, except the restricted scopes of keys: the previous release would allow reading all jobs."""
    op.execute("set local lock_timeout = '5s'")
    op.execute("update projects set limits = limits - 'concurrency' where limits ? 'concurrency'")
    op.drop_column("projects", "own_limits")
