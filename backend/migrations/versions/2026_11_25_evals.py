"""Evals: suites, their runs, stored cases, and the scores of graders.

Revision: 0022_evals
After: 0021_called_bills
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0022_evals"
down_revision = "0021_called_bills"
branch_labels = None
depends_on = None

_STATUSES = "status in ('preparing', 'running', 'succeeded', 'failed', 'cancelled')"
_KINDS_BEFORE = "kind in ('opening', 'reply', 'started', 'result', 'note')"
_KINDS = "kind in ('opening', 'reply', 'started', 'result', 'note', 'verdict')"


def upgrade() -> None:
    """Apply the migration."""
    op.execute("set local lock_timeout = '5s'")
    op.add_column("jobs", sa.Column("eval_results", postgresql.JSONB(), nullable=True))
    op.drop_constraint(op.f("ck_journal_entries_kind"), "journal_entries", type_="check")
    op.create_check_constraint(op.f("ck_journal_entries_kind"), "journal_entries", _KINDS)
    _suites()
    _runs()
    _cases()


def downgrade() -> None:
    """Revert the migration."""
    op.execute("set local lock_timeout = '5s'")
    op.drop_table("eval_cases")
    op.drop_table("eval_runs")
    op.drop_table("eval_suites")
    op.execute("delete from journal_entries where kind = 'verdict'")
    op.drop_constraint(op.f("ck_journal_entries_kind"), "journal_entries", type_="check")
    op.create_check_constraint(op.f("ck_journal_entries_kind"), "journal_entries", _KINDS_BEFORE)
    op.drop_column("jobs", "eval_results")


def _suites() -> None:
    op.create_table(
        "eval_suites",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("project_id", sa.Uuid(), nullable=False),
        sa.Column("skillpack_id", sa.Uuid(), nullable=False),
        sa.Column("skill_name", sa.String(length=200), nullable=False),
        sa.Column("deployment_id", sa.Uuid(), nullable=False),
        sa.Column("deployment_version", sa.Integer(), nullable=True),
        sa.Column("status", sa.String(), nullable=False),
        sa.Column("waiting_reason", sa.String(length=2000), nullable=False),
        sa.Column("error", sa.String(length=2000), nullable=False),
        sa.Column("repeat", sa.Integer(), nullable=False),
        sa.Column("threshold", sa.Float(), nullable=True),
        sa.Column("model", sa.String(length=200), nullable=True),
        sa.Column("total_runs", sa.Integer(), nullable=False),
        sa.Column("is_gate", sa.Boolean(), nullable=False),
        sa.Column("is_baseline", sa.Boolean(), nullable=False),
        sa.Column("summary", postgresql.JSONB(), nullable=True),
        sa.Column("created_by", sa.String(length=200), nullable=False),
        sa.Column("actor_kind", sa.String(length=32), nullable=False),
        sa.Column("actor_id", sa.Uuid(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("finished_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint(_STATUSES, name=op.f("ck_eval_suites_status")),
        _of("eval_suites", "project_id", "projects"),
        _of("eval_suites", "skillpack_id", "skillpacks"),
        _of("eval_suites", "deployment_id", "deployments"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_eval_suites")),
    )
    newest = [sa.text("created_at DESC"), sa.text("id DESC")]
    op.create_index(
        "ix_eval_suites_skillpack_id_skill_name_created_at",
        "eval_suites",
        ["skillpack_id", "skill_name", *newest],
    )
    op.create_index("ix_eval_suites_project_id_created_at", "eval_suites", ["project_id", *newest])
    op.create_index(
        "ix_eval_suites_created_at_live",
        "eval_suites",
        ["created_at"],
        postgresql_where=sa.text("finished_at is null"),
    )
    op.create_index(
        "ix_eval_suites_finished_at",
        "eval_suites",
        ["finished_at"],
        postgresql_where=sa.text("finished_at is not null"),
    )
    op.create_index("ix_eval_suites_deployment_id", "eval_suites", ["deployment_id"])
    op.create_index(
        "uq_eval_suites_baseline",
        "eval_suites",
        ["skillpack_id", "skill_name"],
        unique=True,
        postgresql_where=sa.text("is_baseline"),
    )


def _runs() -> None:
    op.create_table(
        "eval_runs",
        sa.Column("suite_id", sa.Uuid(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("round", sa.Integer(), nullable=False),
        sa.Column("project_id", sa.Uuid(), nullable=False),
        *_case_columns(),
        sa.Column("model", sa.String(length=200), nullable=True),
        sa.Column("submitted_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("job_id", sa.Uuid(), nullable=True),
        sa.Column("error", sa.String(length=2000), nullable=True),
        _of("eval_runs", "suite_id", "eval_suites"),
        _of("eval_runs", "project_id", "projects"),
        _of("eval_runs", "job_id", "jobs", ondelete="SET NULL"),
        sa.PrimaryKeyConstraint("suite_id", "number", name=op.f("pk_eval_runs")),
    )
    op.create_index(
        "uq_eval_runs_job_id",
        "eval_runs",
        ["job_id"],
        unique=True,
        postgresql_where=sa.text("job_id is not null"),
    )
    op.create_index(
        "ix_eval_runs_suite_id_waiting",
        "eval_runs",
        ["suite_id", "number"],
        postgresql_where=sa.text("submitted_at is null and error is null"),
    )


def _cases() -> None:
    op.create_table(
        "eval_cases",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("project_id", sa.Uuid(), nullable=False),
        sa.Column("skillpack_id", sa.Uuid(), nullable=False),
        sa.Column("skill_name", sa.String(length=200), nullable=False),
        *_case_columns(),
        sa.Column("source_job_id", sa.Uuid(), nullable=True),
        sa.Column("created_by", sa.String(length=200), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        _of("eval_cases", "project_id", "projects"),
        _of("eval_cases", "skillpack_id", "skillpacks"),
        _of("eval_cases", "source_job_id", "jobs", ondelete="SET NULL"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_eval_cases")),
        sa.UniqueConstraint(
            "skillpack_id",
            "skill_name",
            "case_id",
            name=op.f("uq_eval_cases_skillpack_id_skill_name_case_id"),
        ),
    )
    op.create_index(
        "ix_eval_cases_project_id_created_at",
        "eval_cases",
        ["project_id", sa.text("created_at DESC"), sa.text("id DESC")],
    )
    op.create_index(
        "ix_eval_cases_source_job_id",
        "eval_cases",
        ["source_job_id"],
        postgresql_where=sa.text("source_job_id is not null"),
    )


def _case_columns() -> list[sa.Column[object]]:
    return [
        sa.Column("case_id", sa.String(length=200), nullable=False),
        sa.Column("inputs", postgresql.JSON(astext_type=sa.Text()), nullable=False),
        sa.Column("expected", postgresql.JSON(astext_type=sa.Text()), nullable=True),
        sa.Column("has_expected", sa.Boolean(), nullable=False),
        sa.Column("tags", postgresql.JSONB(), server_default=sa.text("'[]'"), nullable=False),
    ]


def _of(table: str, column: str, other: str, *, ondelete: str = "CASCADE") -> sa.ForeignKeyConstraint:
    name = op.f(f"fk_{table}_{column}_{other}")
    return sa.ForeignKeyConstraint([column], [f"{other}.id"], name=name, ondelete=ondelete)
