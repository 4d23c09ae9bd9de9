"""Export the database as text in one snapshot, and import it again.

Rows are exported with `COPY`, so that no dump program has to match the version of the server. Nothing in a backup is
executed: migrations create the tables, and the backup only contains data for them.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable
from typing import Any, Final

from psycopg import AsyncConnection, DataError, IntegrityError, sql

from backend.administration.archives.errors import ArchiveDamaged
from backend.operations.backup.contents import Header, Table
from backend.tables import metadata

PART_BYTES: Final = 4 * 1024 * 1024
Connection = AsyncConnection[Any]

_TABLES: Final = """
select c.relname, array_agg(a.attname::text order by a.attnum) as columns, c.relkind = 'p' as is_partitioned
from pg_class c join pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
     and a.attgenerated = ''
where c.relnamespace = current_schema()::regnamespace and c.relkind in ('r', 'p') and not c.relispartition
group by c.oid order by c.relname
"""
_SIZE: Final = """
select coalesce(sum(pg_table_size(oid)), 0)::bigint from pg_class
where relnamespace = current_schema()::regnamespace and relkind = 'r'
"""
_MONTHS: Final = """
select c.relname from pg_class c join pg_inherits i on i.inhrelid = c.oid
where i.inhparent = to_regclass('job_events') order by c.relname
"""
_SEQUENCES: Final = """
select sequencename, last_value from pg_sequences where schemaname = current_schema() order by sequencename
"""
_REFERENCES: Final = """
select conrelid::regclass::text, quote_ident(conname), pg_get_constraintdef(oid) from pg_constraint
where contype = 'f' and conparentid = 0 and connamespace = current_schema()::regnamespace order by conname
"""


async def tables(connection: Connection) -> list[Table]:
    """Return every table of the instance with its columns, and no table that an operator added to the schema."""
    rows = await _rows(connection, _TABLES)
    return [Table(name=name, columns=columns) for name, columns, _ in rows if name in metadata.tables]


async def size_bytes(connection: Connection) -> int:
    """Return the size of the rows on the disk of the server."""
    return int((await _rows(connection, _SIZE))[0][0])


async def event_months(connection: Connection) -> list[str]:
    """Return the names of the partitions of events, without the default partition."""
    return [name for (name,) in await _rows(connection, _MONTHS) if name != "job_events_other"]


async def sequences(connection: Connection) -> dict[str, int | None]:
    """Return the last value of every sequence. Read after the rows, so that no value in them is greater."""
    return dict(await _rows(connection, _SEQUENCES))


async def parts(connection: Connection, table: Table) -> AsyncIterator[bytes]:
    """Yield the rows of a table, as text with a line for each, in parts of a few MiB with complete rows."""
    query = sql.SQL("copy (select {} from {}) to stdout").format(_columns(table), sql.Identifier(table.name))
    pending = bytearray()
    async with connection.cursor() as cursor, cursor.copy(query) as copy:
        async for row in copy:  # the server sends each row separately
            pending += row
            if len(pending) >= PART_BYTES:
                yield bytes(pending)
                pending.clear()
    if pending:
        yield bytes(pending)


async def require_same_tables(connection: Connection, header: Header) -> None:
    """Check that the tables of the backup are those of its revision.

    Raises:
        ArchiveDamaged: They differ.
    """
    actual = {table.name: set(table.columns) for table in await tables(connection)}
    expected = {table.name: set(table.columns) for table in header.tables}
    wrong = sorted(name for name in actual.keys() | expected.keys() if actual.get(name) != expected.get(name))
    if wrong:
        raise ArchiveDamaged(
            f"its tables are not those of revision {header.revision!r}: {', '.join(wrong[:5])} differ."
        )


async def empty(connection: Connection, header: Header) -> list[bytes]:
    """Prepare the tables for data in any order; return the statements to run afterwards."""
    names = sql.SQL(", ").join(sql.Identifier(table.name) for table in header.tables)
    await connection.execute(sql.SQL("truncate {} cascade").format(names))
    found = await _rows(connection, _REFERENCES)
    for owner, name, _ in found:
        await connection.execute(f"alter table {owner} drop constraint {name}".encode())
    # Deferred triggers replace the configuration stamps, and PostgreSQL alters no table with pending triggers.
    return [
        b"set constraints all immediate",
        *(f"alter table {owner} add constraint {name} {text}".encode() for owner, name, text in found),
    ]


async def fill(connection: Connection, table: Table, chunks: Iterable[bytes]) -> int:
    """Load some rows; return their number.

    Raises:
        ArchiveDamaged: The server rejects them.
    """
    query = sql.SQL("copy {} ({}) from stdin").format(sql.Identifier(table.name), _columns(table))
    try:
        async with connection.cursor() as cursor:
            async with cursor.copy(query) as copy:
                for chunk in chunks:
                    await copy.write(chunk)
            return cursor.rowcount
    except (DataError, IntegrityError) as error:
        raise ArchiveDamaged(
            f"its rows of {table.name} cannot be loaded ({error.diag.message_primary})."
        ) from None


async def set_sequences(connection: Connection, values: dict[str, int | None]) -> None:
    """Set each sequence to its last value.

    Raises:
        ArchiveDamaged: The backup has other sequences.
    """
    actual = (await sequences(connection)).keys()
    if actual != values.keys():
        raise ArchiveDamaged(f"its sequences differ: {', '.join(sorted(actual ^ values.keys()))}.")
    for name, value in values.items():
        if value is not None:
            await connection.execute("select setval(to_regclass(%s), %s)", (name, value))


async def _rows(connection: Connection, query: str) -> list[Any]:
    cursor = await connection.execute(query.encode())
    return await cursor.fetchall()


def _columns(table: Table) -> sql.Composed:
    return sql.SQL(", ").join(sql.Identifier(name) for name in table.columns)
