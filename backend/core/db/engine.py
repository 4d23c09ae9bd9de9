"""Connect to the database: one engine per process, one unit of work per request or task.

Only `transaction()` commits. Messages that a unit of work enqueues (`session.info["outbox"]`, see
`core.notifications`) are sent after its commit, never before.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any, Final, cast
from uuid import UUID

import psycopg
from sqlalchemy import ClauseElement, DateTime, Executable, MetaData
from sqlalchemy.ext.asyncio import (
    AsyncEngine,
    async_sessionmaker,
    create_async_engine,
)
from sqlalchemy.ext.asyncio import AsyncSession as AsyncSession  # the studio imports it from here
from sqlmodel import SQLModel

from backend.core import notifications
from backend.core.db import pooler
from backend.core.db.connections import discard_closed, error_summary
from backend.core.db.fast_path import FastConnections, FastSession
from backend.core.db.liveness import MAX_SILENCE_S, Liveness, WatchedConnection
from backend.core.db.shared_commits import RowToLock
from backend.core.metrics import transactional

NAMING_CONVENTION = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_N_name)s_%(referred_table_name)s",
    "pk": "pk_%(table_name)s",
}
metadata: MetaData = SQLModel.metadata
metadata.naming_convention = NAMING_CONVENTION

Timestamp: Any = DateTime(timezone=True)
"""Column type of all timestamps. They have a time zone; values are aware."""

AnySession = AsyncSession | FastSession
"""Either kind of session; frequent statements run on both."""


@asynccontextmanager
async def one_transaction(session: AnySession) -> AsyncIterator[None]:
    """Run the block in one transaction, also if each statement of the session would otherwise be its own."""
    if isinstance(session, FastSession):
        async with session.one_transaction():
            yield
    else:
        yield


async def execute_shared(
    session: AnySession,
    row: UUID,
    statement: ClauseElement,
    values: Mapping[str, Any],
    row_to_lock: RowToLock | None = None,
) -> Any:
    """Run a statement that locks a row which many statements change, such as that of a project.

    Where each statement of the session is its own transaction, it is committed together with others of the process that
    arrive at the same time. `SharedCommits.run` describes the arguments.
    """
    if isinstance(session, FastSession):
        return await session.execute_shared(row, statement, values, row_to_lock)
    return await session.execute(cast(Executable, statement), values)


def driver_url(database_url: str) -> str:
    """Return the URL with the driver psycopg: `postgresql+psycopg://…`."""
    scheme, _, rest = pooler.plain(database_url).partition("://")
    if scheme.split("+")[0] not in ("postgresql", "postgres"):
        raise ValueError(f"DATABASE_URL must start with postgresql://, not {scheme!r}://.")
    return f"postgresql+psycopg://{rest}"


SETTINGS: Final = {"timezone": "UTC", "lock_timeout": "15s", "statement_timeout": "60s"}
"""Server parameters of each connection."""
MAX_WAIT_S = MAX_SILENCE_S
"""Maximum wait for a connection. By then connections to an unresponsive database have been cut."""

_POOLER_ROUNDS: Final = 3


class Database:
    """The engine and its sessions for one process."""

    def __init__(self, database_url: str, *, pool_size: int = 10, max_idle_s: int = 0) -> None:
        """Configure the pools without opening connections.

        With `max_idle_s`, the server ends transactions that are idle for longer. Without it, a process that freezes
        within a transaction would block others with its locks forever.
        """
        settings = {**SETTINGS, "idle_in_transaction_session_timeout": f"{max_idle_s}s"}
        self.liveness = Liveness(database_url, settings)
        self._url = database_url
        self.engine: AsyncEngine = create_async_engine(
            driver_url(database_url),
            pool_size=pool_size,
            max_overflow=pool_size,
            pool_timeout=MAX_WAIT_S,
            pool_pre_ping=False,
            pool_use_lifo=True,  # the server keeps tables and plans per connection: few of them are warm
            hide_parameters=True,  # errors in the log must not contain values, which may be secret
            connect_args={
                **pooler.connect_settings(database_url),
                "async_creator_fn": self.liveness.connect,
            },
        )
        discard_closed(self.engine)
        self._fast = FastConnections(database_url, self.liveness, size=pool_size, wait_s=MAX_WAIT_S)
        self._sessions = async_sessionmaker(self.engine, expire_on_commit=False)
        self._autocommit = self.engine.execution_options(isolation_level="AUTOCOMMIT")

    async def require_pooler_mode(self) -> None:
        """Check that a pooler in front of the database works in the mode that the URL specifies.

        Raises:
            WrongPoolerMode: The pooler is in another mode; the message says how to change it.
            psycopg.Error: The database is unavailable.
        """
        url, settings = pooler.plain(self._url), pooler.connect_settings(self._url)
        async with (
            await self.liveness.connect(url, autocommit=True, **settings) as one,
            await self.liveness.connect(url, autocommit=True, **settings) as other,
        ):
            if pooler.pools_transactions(self._url):
                await _require_transactions(one)
            else:
                await _require_own_sessions(one, other)

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[AsyncSession]:
        """Run a unit of work: commit, then send its messages; on an error neither happens."""
        self.liveness.raise_if_silent()
        async with self._sessions() as session:
            async with session.begin():
                yield session
            transactional.count(session)
            await notifications.send_enqueued(session)

    def reading(self) -> FastSession:
        """Return a fast session for single reads; each statement sees everything that is committed before it."""
        return self._fast.session()

    @asynccontextmanager
    async def read_session(self) -> AsyncIterator[AsyncSession]:
        """Open a session without a transaction, for reads; each statement sees everything committed before it."""
        self.liveness.raise_if_silent()
        async with AsyncSession(self._autocommit, expire_on_commit=False) as session:
            yield session

    @asynccontextmanager
    async def single(self) -> AsyncIterator[FastSession]:
        """Open a fast session for a unit of work with one writing statement, which is its own transaction."""
        async with self._fast.session() as session:
            yield session
        transactional.count(session, is_single=True)
        await notifications.send_enqueued(session)

    def connections(self) -> dict[tuple[str, str], int]:
        """Return the number of connections by pool (`session`, `hot`) and use (`idle`, `in_use`)."""
        pool: Any = self.engine.pool
        return {
            ("session", "idle"): pool.checkedin(),
            ("session", "in_use"): pool.checkedout(),
            ("hot", "idle"): self._fast.idle,
            ("hot", "in_use"): self._fast.in_use,
        }

    async def close(self) -> None:
        """Close every connection."""
        await self._fast.close()
        await self.engine.dispose()
        await self.liveness.close()


async def _require_transactions(connection: WatchedConnection) -> None:
    try:
        await connection.execute("begin")
        await connection.execute("rollback")
    except psycopg.errors.ProtocolViolation as error:
        raise pooler.WrongPoolerMode(
            f"The pooler of DATABASE_URL rejects transactions ({error_summary(error)}). Set pool_mode = transaction or "
            "pool_mode = session in the pooler's configuration."
        ) from error


async def _require_own_sessions(one: WatchedConnection, other: WatchedConnection) -> None:
    """Check that two open connections have two server processes, which a pooler in transaction mode would share."""
    seen: tuple[set[int], set[int]] = (set(), set())
    for _ in range(_POOLER_ROUNDS):
        for connection, pids in zip((one, other), seen, strict=True):
            row = await (await connection.execute("select pg_backend_pid()", prepare=False)).fetchone()
            pids.add(row[0] if row else 0)
    if len(seen[0] | seen[1]) == 2 and not seen[0] & seen[1]:
        return
    raise pooler.WrongPoolerMode(
        "The pooler of DATABASE_URL is in transaction mode, but the URL does not declare it. "
        "Add ?pgbouncer=true to it and set DATABASE_DIRECT_URL to the database itself, or set pool_mode = session "
        "in the pooler's configuration."
    )
