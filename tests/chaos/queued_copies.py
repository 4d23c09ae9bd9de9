"""Many queued jobs within seconds: copies of a job that the API has accepted, counted as submitted jobs are."""

from __future__ import annotations

from typing import Final

import psycopg
from psycopg import sql

BATCH: Final = 5_000
"""The number of jobs in one transaction. It locks the row of the window of the project, as a submission does."""
_TABLES: Final = {"jobs": "id", "job_queue": "job_id", "job_events": "job_id"}
"""The tables into which a submission inserts rows, with the column that contains the job ID."""
_WINDOW: Final = """
update admissions a set parked = a.parked + %(number)s from job_queue q
where q.job_id = %(job_id)s and q.stamp is null and a.project_id = q.project_id and a.admitted = a.concurrency_limit
"""


def copy_queued(database_url: str, job_id: str, number: int) -> None:
    """Queue copies of this job, which waits outside of the full window of its project.

    A submission into a full window locks the row of the project, stores the job, its first event and its queue entry
    without a stamp, and increments the count in that row. This function does the same for many jobs together; the
    admission of the product decides when each job runs.
    """
    with psycopg.connect(database_url) as connection:
        connection.execute("create temporary table copies (id uuid not null)")
        for start in range(0, number, BATCH):
            size = min(BATCH, number - start)
            counted = connection.execute(_WINDOW, {"job_id": job_id, "number": size})
            assert counted.rowcount == 1, "the job is not pending, or the window of its project is not full"
            connection.execute("truncate copies")
            connection.execute(
                "insert into copies select gen_random_uuid() from generate_series(1, %s)", [size]
            )
            for table, key in _TABLES.items():
                connection.execute(_copy_statement(connection, table, key), [job_id])
            connection.commit()


def _copy_statement(connection: psycopg.Connection[tuple[object, ...]], table: str, key: str) -> sql.Composed:
    """Return the statement that copies the rows of one job in a table for every new ID."""
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
