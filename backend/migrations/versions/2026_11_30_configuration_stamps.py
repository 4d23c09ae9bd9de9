"""A stamp of the configuration of each project, which every change of its keys, versions and limits replaces.

Revision: 0068_configuration_stamps
After: 0067_job_comments
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0068_configuration_stamps"
down_revision = "0067_job_comments"
branch_labels = None
depends_on = None

_CHANGES = {
    "api_keys": """insert or delete or update of project_id, kind, prefix, secret_hash, scopes, skill_allowlist,
        daily_cap_micros, expires_at, revoked_at, requests_per_minute, first_key_id, environment""",
    "budgets": "insert or delete or update",
    "deployments": "delete or update of skillpack_id, version, deleted_at",
    "environment_versions": "insert or delete or update",
    "projects": "insert or update of slug, limits, own_limits, deleted_at",
    "skillpacks": "insert or delete or update of project_id, slug, is_default, active_deployment_id",
}
"""The changes of each table that replace the stamp of their project."""


def upgrade() -> None:
    """Apply the migration."""
    op.execute("set local lock_timeout = '5s'")
    op.create_table(
        "configuration_stamps",
        sa.Column("project_id", sa.Uuid(), nullable=False),
        sa.Column("stamp", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(
            ["project_id"],
            ["projects.id"],
            name=op.f("fk_configuration_stamps_project_id_projects"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("project_id", name=op.f("pk_configuration_stamps")),
    )
    op.execute(
        "insert into configuration_stamps (project_id, stamp) select id, gen_random_uuid() from projects where deleted_at is null"
    )
    op.execute("""
        create function replace_configuration_stamp() returns trigger language plpgsql as $$
        declare
          id_of_project uuid;
        begin
          if tg_table_name = 'projects' then
            id_of_project := new.id;
          else
            id_of_project := coalesce(new.project_id, old.project_id);
          end if;
          if exists (select from projects where id = id_of_project and deleted_at is null) then
            insert into configuration_stamps as c (project_id, stamp) values (id_of_project, gen_random_uuid())
            on conflict (project_id) do update set stamp = excluded.stamp;
          else
            delete from configuration_stamps where project_id = id_of_project;
          end if;
          return null;
        end $$
    """)
    for table, changes in _CHANGES.items():
        # Deferred, so that every transaction locks the stamp last, after all other rows.
        op.execute(f"""
            create constraint trigger replace_configuration_stamp after {changes} on {table}
            deferrable initially deferred for each row execute function replace_configuration_stamp()
        """)


def downgrade() -> None:
    """Revert the migration."""
    op.execute("set local lock_timeout = '5s'")
    for table in _CHANGES:
        op.execute(f"drop trigger replace_configuration_stamp on {table}")
    op.execute("drop function replace_configuration_stamp()")
    op.drop_table("configuration_stamps")
