"""IDs of eval cases are unique within a project.

Revision: 0036_eval_case_ids
After: 0035_later_jobs
"""

from __future__ import annotations

from alembic import op

revision = "0036_eval_case_ids"
down_revision = "0035_later_jobs"
branch_labels = None
depends_on = None

BEFORE = "uq_eval_cases_skillpack_id_skill_name_case_id"
AFTER = "uq_eval_cases_skillpack_id_skill_name_case_id_project_id"


def upgrade() -> None:
    """Apply the migration."""
    op.execute("set local lock_timeout = '5s'")
    op.create_unique_constraint(AFTER, "eval_cases", ["skillpack_id", "skill_name", "case_id", "project_id"])
    op.drop_constraint(BEFORE, "eval_cases", type_="unique")


def downgrade() -> None:
    """Revert the migration; a case for a skillpack of another project, which cannot run, is deleted on a conflict."""
    op.execute("set local lock_timeout = '5s'")
    op.execute("""
    delete from eval_cases c using skillpacks s, eval_cases other
    where s.id = c.skillpack_id and s.project_id <> c.project_id
      and other.skillpack_id = c.skillpack_id and other.skill_name = c.skill_name and other.case_id = c.case_id
      and other.id <> c.id
    """)
    op.create_unique_constraint(BEFORE, "eval_cases", ["skillpack_id", "skill_name", "case_id"])
    op.drop_constraint(AFTER, "eval_cases", type_="unique")
