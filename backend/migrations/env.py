"""Entry point of Alembic: run the migrations on the connection from `run`, or on DATABASE_URL."""

from __future__ import annotations

from typing import Any

from alembic import context
from sqlalchemy import Connection, create_engine

from backend.config import settings
from backend.core.db.engine import driver_url
from backend.tables import metadata


def is_compared(thing: Any, name: str | None, kind: str, reflected: bool, compare_to: Any) -> bool:
    """Return whether Alembic compares the object: partitions of job_events are created and deleted over time."""
    return not (kind == "table" and reflected and name is not None and name.startswith("job_events_"))


def migrate(connection: Connection) -> None:
    """Run the requested migrations on this connection."""
    context.configure(
        connection=connection,
        target_metadata=metadata,
        include_object=is_compared,
        compare_server_default=True,
        transaction_per_migration=False,
    )
    with context.begin_transaction():
        connection.exec_driver_sql("SET LOCAL lock_timeout = '10s'")
        context.run_migrations()


given: Connection | None = context.config.attributes.get("connection")
if given is not None:
    migrate(given)
else:
    url = settings().database_url
    if url is None:
        raise SystemExit(
            "Set DATABASE_URL, or use `puras-studio migrate`, which finds the embedded database."
        )
    with create_engine(driver_url(url.get_secret_value())).begin() as connection:
        migrate(connection)
