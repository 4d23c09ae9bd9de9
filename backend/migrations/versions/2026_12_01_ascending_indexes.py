"""The indexes of lists of jobs are ascending, and those by time do not contain the ID.

Jobs are added in the order of their time. In a descending index each one is added before all earlier ones of its
project, so that pages are split in the middle and stay half empty.

Revision: 0073_ascending_indexes
After: 0072_listing_orders
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0073_ascending_indexes"
down_revision = "0072_listing_orders"
branch_labels = None
depends_on = None

_BY_TIME = {
    "ix_jobs_project_id_created_at": ("project_id",),
    "ix_jobs_project_id_skill_name_created_at": ("project_id", "skill_name"),
    "ix_jobs_project_id_status_created_at": ("project_id", "status"),
    "ix_jobs_project_id_deployment_version_created_at": ("project_id", "deployment_version"),
    "ix_jobs_project_id_source_created_at": ("project_id", "source"),
    "ix_jobs_project_id_error_signature": ("project_id", "error_signature"),
    "ix_jobs_session_id": ("session_id",),
    "ix_jobs_project_id_environment_created_at": ("project_id", "environment"),
    "ix_jobs_api_key_id": ("api_key_id",),
}
_BY_KEY = {
    "ix_jobs_project_id_cost": "(cost_micros + called_cost_micros)",
    "ix_jobs_project_id_duration": "(finished_at - coalesce(first_started_at, started_at, finished_at))",
}
_CONDITIONS = {
    "ix_jobs_project_id_error_signature": "error_signature is not null",
    "ix_jobs_session_id": "session_id is not null",
    "ix_jobs_project_id_environment_created_at": "environment <> 'production'",
    "ix_jobs_api_key_id": "api_key_id is not null",
}
_INCLUDED = {"ix_jobs_project_id_error_signature": ["skill_name", "deployment_version", "environment"]}


def upgrade() -> None:
    """Apply the migration."""
    _rebuild(direction="")


def downgrade() -> None:
    """Revert the migration."""
    _rebuild(direction=" DESC")


def _rebuild(direction: str) -> None:
    op.execute("set local lock_timeout = '5s'")
    for name, columns in _BY_TIME.items():
        contains_id = direction == " DESC" and name != "ix_jobs_api_key_id"
        keys = [f"created_at{direction}", *([f"id{direction}"] if contains_id else [])]
        condition = _CONDITIONS.get(name)
        op.drop_index(name, table_name="jobs")
        op.create_index(
            name,
            "jobs",
            [*columns, *map(sa.text, keys)],
            postgresql_where=None if condition is None else sa.text(condition),
            postgresql_include=_INCLUDED.get(name),
        )
    for name, key in _BY_KEY.items():
        op.drop_index(name, table_name="jobs")
        op.create_index(
            name,
            "jobs",
            ["project_id", sa.text(f"{key}{direction}"), sa.text(f"id{direction}")],
            postgresql_where=sa.text("finished_at is not null"),
        )
