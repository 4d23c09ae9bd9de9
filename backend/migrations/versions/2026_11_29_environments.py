"""Environments of projects: development and staging next to production, to which everything that exists belongs.

Revision: 0056_environments
After: 0055_continuations
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0056_environments"
down_revision = "0055_continuations"
branch_labels = None
depends_on = None

_TABLES = ("api_keys", "jobs", "agent_sessions", "schedules", "project_events")
_NAMES = "('development', 'staging', 'production')"
_SCOPES = "('project', 'environment', 'skillpack', 'skill', 'key')"
_FORMER_SCOPES = "('project', 'skillpack', 'skill', 'key')"


def upgrade() -> None:
    """Apply the migration."""
    op.execute("set local lock_timeout = '5s'")
    for table in _TABLES:
        op.add_column(
            table, sa.Column("environment", sa.String(16), server_default="production", nullable=False)
        )
    op.create_check_constraint(op.f("ck_api_keys_environment"), "api_keys", f"environment in {_NAMES}")
    op.create_index(
        "ix_jobs_project_id_environment_created_at",
        "jobs",
        ["project_id", "environment", sa.text("created_at DESC"), sa.text("id DESC")],
        postgresql_where=sa.text("environment <> 'production'"),
    )
    _add_scope_of_budgets()
    _create_spending()
    _create_versions()
    _create_secrets()


def _add_scope_of_budgets() -> None:
    op.add_column("budgets", sa.Column("environment", sa.String(16), nullable=True))
    op.drop_constraint(op.f("ck_budgets_scope"), "budgets", type_="check")
    op.create_check_constraint(op.f("ck_budgets_scope"), "budgets", f"scope in {_SCOPES}")
    op.create_check_constraint(
        op.f("ck_budgets_environment"), "budgets", "(scope = 'environment') = (environment is not null)"
    )


def _create_spending() -> None:
    op.create_table(
        "environment_spending",
        sa.Column("project_id", sa.Uuid(), nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("environment", sa.String(16), nullable=False),
        sa.Column("spent_micros", sa.BigInteger(), nullable=False),
        sa.Column("forgiven_micros", sa.BigInteger(), nullable=False),
        _reference("environment_spending", "project_id", "projects"),
        sa.PrimaryKeyConstraint("project_id", "day", "environment", name=op.f("pk_environment_spending")),
    )


def _create_versions() -> None:
    table = "environment_versions"
    op.create_table(
        table,
        sa.Column("skillpack_id", sa.Uuid(), nullable=False),
        sa.Column("environment", sa.String(16), nullable=False),
        sa.Column("project_id", sa.Uuid(), nullable=False),
        sa.Column("active_deployment_id", sa.Uuid(), nullable=False),
        sa.Column("previous_deployment_id", sa.Uuid(), nullable=True),
        sa.Column("activated_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("activated_by", sa.String(200), nullable=False),
        sa.CheckConstraint(
            "environment in ('development', 'staging')", name=op.f("ck_environment_versions_environment")
        ),
        _reference(table, "skillpack_id", "skillpacks"),
        _reference(table, "project_id", "projects"),
        _reference(table, "active_deployment_id", "deployments"),
        _reference(table, "previous_deployment_id", "deployments", ondelete="SET NULL"),
        sa.PrimaryKeyConstraint("skillpack_id", "environment", name=op.f("pk_environment_versions")),
    )
    op.create_index("ix_environment_versions_project_id", table, ["project_id"])


def _create_secrets() -> None:
    table = "environment_secrets"
    op.create_table(
        table,
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("project_id", sa.Uuid(), nullable=False),
        sa.Column("skillpack_id", sa.Uuid(), nullable=True),
        sa.Column("environment", sa.String(16), nullable=False),
        sa.Column("name", sa.String(128), nullable=False),
        sa.Column("ciphertext", sa.String(), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_by", sa.String(200), nullable=False),
        sa.CheckConstraint(f"environment in {_NAMES}", name=op.f("ck_environment_secrets_environment")),
        _reference(table, "project_id", "projects"),
        _reference(table, "skillpack_id", "skillpacks"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_environment_secrets")),
    )
    op.create_index(op.f("ix_environment_secrets_project_id"), table, ["project_id"])
    for owner, condition in (("project", "skillpack_id is null"), ("skillpack", "skillpack_id is not null")):
        op.create_index(
            f"uq_environment_secrets_{owner}",
            table,
            [f"{owner}_id", "environment", "name"],
            unique=True,
            postgresql_where=sa.text(condition),
        )


def _reference(table: str, column: str, target: str, *, ondelete: str = "CASCADE") -> sa.ForeignKeyConstraint:
    name = op.f(f"fk_{table}_{column}_{target}")
    return sa.ForeignKeyConstraint([column], [f"{target}.id"], name=name, ondelete=ondelete)


def downgrade() -> None:
    """Revert the migration. What belongs to development and staging is deleted, except for their jobs."""
    op.execute("set local lock_timeout = '5s'")
    op.drop_table("environment_secrets")
    op.drop_table("environment_versions")
    op.drop_table("environment_spending")
    op.drop_constraint(op.f("ck_budgets_environment"), "budgets", type_="check")
    op.execute("delete from budgets where scope = 'environment'")
    op.drop_constraint(op.f("ck_budgets_scope"), "budgets", type_="check")
    op.create_check_constraint(op.f("ck_budgets_scope"), "budgets", f"scope in {_FORMER_SCOPES}")
    op.drop_column("budgets", "environment")
    op.drop_index("ix_jobs_project_id_environment_created_at", table_name="jobs")
    op.execute("update schedules set enabled = false, next_at = null where environment <> 'production'")
    op.execute(
        "update api_keys set revoked_at = now() where environment <> 'production' and revoked_at is null"
    )
    op.drop_constraint(op.f("ck_api_keys_environment"), "api_keys", type_="check")
    for table in _TABLES:
        op.drop_column(table, "environment")
