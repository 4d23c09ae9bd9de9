"""Search of sessions by words, and keys that see the sessions of the keys that they replace.

Revision: 0050_session_search
After: 0049_agent_sessions
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0050_session_search"
down_revision = "0049_agent_sessions"
branch_labels = None
depends_on = None

_OF_PROJECT = "array_to_tsvector(ARRAY['project:'::text || project_id::text])"
_TITLE_WORDS = f"({_OF_PROJECT} || to_tsvector('simple'::regconfig, title::text))"
_TURN_WORDS = (
    f"({_OF_PROJECT} || to_tsvector('simple'::regconfig, (\"left\"(content::text, 50000) || ' '::text)"
    " || \"left\"(COALESCE(reply::jsonb::text, partial::text, ''::text), 50000)))"
)


def upgrade() -> None:
    """Apply the migration."""
    op.execute("set local lock_timeout = '5s'")
    op.create_index(
        "ix_agent_sessions_words", "agent_sessions", [sa.text(_TITLE_WORDS)], postgresql_using="gin"
    )
    op.create_index("ix_session_turns_words", "session_turns", [sa.text(_TURN_WORDS)], postgresql_using="gin")
    op.add_column("api_keys", sa.Column("first_key_id", sa.Uuid(), nullable=True))


def downgrade() -> None:
    """Revert the migration."""
    op.execute("set local lock_timeout = '5s'")
    op.drop_column("api_keys", "first_key_id")
    op.drop_index("ix_session_turns_words", table_name="session_turns")
    op.drop_index("ix_agent_sessions_words", table_name="agent_sessions")
