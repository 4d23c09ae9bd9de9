"""The database: one engine per process, one unit of work per edge.

Nobody commits but `transaction()`. What a unit of work enqueues (`session.info["outbox"]`, see `queue`) is shipped
after its commit, and never before it.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Any

from sqlalchemy import DateTime, MetaData
from sqlalchemy.ext.asyncio import (
    AsyncEngine,
    AsyncSession,
    async_sessionmaker,
    create_async_engine,
)
from sqlmodel import SQLModel

from backend import pooling, queue
from backend.connections import discard_closed
from backend.hot import HotConnections, HotSession
from backend.metrics import committed
from backend.pulse import MOST_SILENCE_S, Pulse

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
"""Column type of every moment: with time zone, read back aware."""

Moment = datetime

AnySession = AsyncSession | HotSession
"""Either way to the database: what the hot statements run on."""


def driver_url(database_url: str) -> str:
    """The address with our one driver in it: `postgresql+psycopg://…`."""
    scheme, _, rest = pooling.plain(database_url).partition("://")
    if scheme.split("+")[0] not in ("postgresql", "postgres"):
        raise ValueError(f"DATABASE_URL must start with postgresql://, not {scheme!r}://.")
    return f"postgresql+psycopg://{rest}"


CONNECTION_OPTIONS = "-c timezone=UTC -c lock_timeout=15s -c statement_timeout=60s"
PLACE_S = MOST_SILENCE_S
"""What a unit of work waits for a connection: whoever holds one is cut off from a silent database by then."""


class Database:
    """The engine and its sessions for one process."""

    def __init__(self, database_url: str, *, pool_size: int = 10, most_idle_s: int = 0) -> None:
        """Open nothing yet; with `most_idle_s`, the server ends a transaction of ours that says nothing for longer.

        A process that is frozen in the middle of one would hold its locks, and everybody who waits for them, for ever.
        """
        options = f"{CONNECTION_OPTIONS} -c idle_in_transaction_session_timeout={most_idle_s}s"
        self.pulse = Pulse(database_url)
        self.engine: AsyncEngine = create_async_engine(
            driver_url(database_url),
            pool_size=pool_size,
            max_overflow=pool_size,
            pool_timeout=PLACE_S,
            pool_pre_ping=False,
            hide_parameters=True,  # they would reach the log with an error, and hold what people keep secret
            connect_args={
                **pooling.connect_settings(database_url, options=options),
                "async_creator_fn": self.pulse.connect,
            },
        )
        discard_closed(self.engine)
        self._hot = HotConnections(database_url, self.pulse, size=pool_size, place_s=PLACE_S, options=options)
        self._sessions = async_sessionmaker(self.engine, expire_on_commit=False)
        self._autocommit = self.engine.execution_options(isolation_level="AUTOCOMMIT")

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[AsyncSession]:
        """One unit of work: commit, then ship what it enqueued; on an error neither happens."""
        self.pulse.refuse_if_silent()
        async with self._sessions() as session:
            async with session.begin():
                yield session
            committed.count(session)
            await queue.ship(session)

    def reading(self) -> HotSession:
        """The short way, for single reads: each statement sees what is committed by then."""
        return self._hot.session()

    @asynccontextmanager
    async def glance(self) -> AsyncIterator[AsyncSession]:
        """A session without a transaction, for reads: each statement sees what is committed by then."""
        self.pulse.refuse_if_silent()
        async with AsyncSession(self._autocommit, expire_on_commit=False) as session:
            yield session

    @asynccontextmanager
    async def single(self) -> AsyncIterator[HotSession]:
        """The short way for a unit of work that writes with one statement, which is its own transaction."""
        async with self._hot.session() as session:
            yield session
        committed.count(session, is_single=True)
        await queue.ship(session)

    def connections(self) -> dict[tuple[str, str], int]:
        """How many connections there are, by pool (`session`, `hot`) and by use (`idle`, `in_use`)."""
        pool: Any = self.engine.pool
        return {
            ("session", "idle"): pool.checkedin(),
            ("session", "in_use"): pool.checkedout(),
            ("hot", "idle"): self._hot.idle,
            ("hot", "in_use"): self._hot.in_use,
        }

    async def close(self) -> None:
        """Close every connection."""
        await self.pulse.close()
        await self._hot.close()
        await self.engine.dispose()
