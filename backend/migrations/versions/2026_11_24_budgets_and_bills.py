"""Budgets, the usage of each job in addition to its charge, forgiven amounts, and spending per day.

Revision: 0008_money
After: 0007_drive
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0008_money"
down_revision = "0007_drive"
branch_labels = None
depends_on = None

_MOMENT = sa.DateTime(timezone=True)
_NEW_COLUMNS = (
    ("jobs", ("used_micros", "forgiven_micros")),
    ("usage_events", ("waived_micros",)),
    ("wallets", ("forgiven_micros",)),
)


def upgrade() -> None:
    """Apply the migration."""
    op.execute("set local lock_timeout = '5s'")
    for table, columns in _NEW_COLUMNS:
        for column in columns:
            op.add_column(
                table, sa.Column(column, sa.BigInteger(), nullable=False, server_default=sa.text("0"))
            )
    op.add_column(
        "jobs",
        sa.Column("forgivable_micros", sa.BigInteger(), nullable=False, server_default=sa.text("1000000")),
    )
    op.add_column("wallets", sa.Column("forgiven_on", sa.Date(), nullable=True))
    op.add_column("usage_events", sa.Column("label", sa.String(16), nullable=False, server_default=""))
    op.add_column("usage_events", sa.Column("step", sa.Integer(), nullable=True))
    op.create_table(
        "daily_spending",
        sa.Column("project_id", sa.Uuid(), nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("skillpack_id", sa.Uuid(), nullable=False),
        sa.Column("skill_name", sa.String(200), nullable=False),
        sa.Column("api_key_id", sa.Uuid(), nullable=False),
        sa.Column("spent_micros", sa.BigInteger(), nullable=False),
        sa.Column("forgiven_micros", sa.BigInteger(), nullable=False),
        _of_project("daily_spending"),
        sa.PrimaryKeyConstraint(
            "project_id", "day", "skillpack_id", "skill_name", "api_key_id", name=op.f("pk_daily_spending")
        ),
        postgresql_with={"fillfactor": "50"},
    )
    _create_budgets()
    _add_up_the_past()


def downgrade() -> None:
    """Revert the migration."""
    op.drop_table("budgets")
    op.drop_table("daily_spending")
    for column in ("step", "label"):
        op.drop_column("usage_events", column)
    op.drop_column("wallets", "forgiven_on")
    op.drop_column("jobs", "forgivable_micros")
    for table, columns in _NEW_COLUMNS:
        for column in columns:
            op.drop_column(table, column)


def _create_budgets() -> None:
    op.create_table(
        "budgets",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("project_id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.String(100), nullable=False),
        sa.Column("scope", sa.String(16), nullable=False),
        sa.Column("skillpack_id", sa.Uuid(), nullable=True),
        sa.Column("skill_name", sa.String(200), nullable=True),
        sa.Column("api_key_id", sa.Uuid(), nullable=True),
        sa.Column("period", sa.String(16), nullable=False),
        sa.Column("limit_micros", sa.BigInteger(), nullable=False),
        sa.Column("alert_pct", sa.Integer(), nullable=True),
        sa.Column("enforce", sa.Boolean(), nullable=False),
        sa.Column("alerted_on", sa.Date(), nullable=True),
        sa.Column("created_by", sa.String(200), nullable=False),
        sa.Column("created_at", _MOMENT, nullable=False),
        sa.CheckConstraint(
            "scope in ('project', 'skillpack', 'skill', 'key')", name=op.f("ck_budgets_scope")
        ),
        sa.CheckConstraint(
            "period in ('day', 'month', 'rolling30', 'total')", name=op.f("ck_budgets_period")
        ),
        sa.CheckConstraint("limit_micros > 0", name=op.f("ck_budgets_limit_micros")),
        sa.CheckConstraint("alert_pct between 1 and 100", name=op.f("ck_budgets_alert_pct")),
        _of_project("budgets"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_budgets")),
        sa.UniqueConstraint("project_id", "name", name=op.f("uq_budgets_project_id_name")),
    )


def _add_up_the_past() -> None:
    """Calculate the usage of earlier jobs: it was 0 for failed jobs, and above the cost for jobs with a cap."""
    op.execute("""
        update jobs j set used_micros = u.billed from (
          select job_id, sum(billed_micros) as billed from usage_events group by job_id having sum(billed_micros) > 0
        ) u where j.id = u.job_id
    """)
    op.execute("""
        update usage_events u set waived_micros = u.billed_micros - least(u.billed_micros, greatest(0, o.room))
        from (
          select e.id, j.cost_micros - sum(e.billed_micros) over (partition by e.job_id order by e.created_at, e.id)
                       + e.billed_micros as room
          from usage_events e join jobs j on j.id = e.job_id
          where j.finished_at is not null and j.used_micros > j.cost_micros
        ) o where u.id = o.id
    """)
    op.execute("""
        insert into daily_spending (project_id, day, skillpack_id, skill_name, api_key_id, spent_micros,
                                    forgiven_micros)
        select project_id, cast(finished_at at time zone 'UTC' as date), skillpack_id, skill_name,
               coalesce(api_key_id, '00000000-0000-0000-0000-000000000000'), sum(cost_micros), 0
        from jobs where cost_micros > 0 and finished_at is not null group by 1, 2, 3, 4, 5
    """)


def _of_project(table: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint(
        ["project_id"], ["projects.id"], name=op.f(f"fk_{table}_project_id_projects"), ondelete="CASCADE"
    )
