"""Many queued jobs within seconds: copies of one that the API has accepted, counted as a submit counts them."""

from __future__ import annotations

from typing import Final

import psycopg
from psycopg import sql

BATCH: Final = 5_000
"""Jobs of one transaction. Each holds the row of the project's window, as a submit does."""
_TABLES: Final = {"jobs": "id", "job_queue": "job_id", "job_events": "job_id"}
"""The rows that a submit inserts, and the column that names the job."""
_WINDOW: Final = """
update admissions a set parked = a.parked + %(number)s from job_queue q
where q.job_id = %(job_id)s and q.stamp is null and a.project_id = q.project_id and a.admitted = a.concurrency_limit
"""


def copy_queued(database_url: str, job_id: str, number: int) -> None:
    """Queue more jobs that equal this one, which waits outside of its project's full window.

    A submit into a full window stores the job, its first event and its place without a stamp, and counts it in the
    project's row, which it locks first. This does the same for many jobs at once; who runs when is left to the
    product's own admission.
    """
    with psycopg.connect(database_url) as connection:
        connection.execute("create temporary table copies (id uuid not null)")
        for start in range(0, number, BATCH):
            size = min(BATCH, number - start)
            counted = connection.execute(_WINDOW, {"job_id": job_id, "number": size})
            assert counted.rowcount == 1, "the job is not parked, or the window of its project is not full"
            connection.execute("truncate copies")
            connection.execute(
                "insert into copies select gen_random_uuid() from generate_series(1, %s)", [size]
            )
            for table, key in _TABLES.items():
                connection.execute(_copying(connection, table, key), [job_id])
            connection.commit()


def _copying(connection: psycopg.Connection[tuple[object, ...]], table: str, key: str) -> sql.Composed:
    """Return the statement that copies the rows of one job in a table for every new id."""
    found = connection.execute(
        "select column_name from information_schema.columns "
        "where table_name = %s and table_schema = current_schema() and is_generated = 'NEVER' and is_identity = 'NO'",
        [table],
    ).fetchall()
    columns = [str(name) for (name,) in found]
    values = [sql.Identifier("c", "id") if name == key else sql.Identifier("t", name) for name in columns]
    return sql.SQL(
        "insert into {table} ({columns}) select {values} from {table} t, copies c where t.{key} = %s"
    ).format(
        table=sql.Identifier(table),
        columns=sql.SQL(", ").join(map(sql.Identifier, columns)),
        values=sql.SQL(", ").join(values),
        key=sql.Identifier(key),
    )
