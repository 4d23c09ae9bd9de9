"""Detect a database server that no longer responds, so that requests do not wait for it.

The duration of a statement shows little, since a statement may take long for good reasons. When a statement has waited
for some seconds, a probe opens a new connection and runs `select 1`, which a working server always does immediately.
While the probe succeeds, slow statements may continue. When it fails, every waiting statement fails with the error of a
lost connection, and new ones are rejected immediately, until the server responds again.
"""

from __future__ import annotations

import asyncio
import contextlib
import secrets
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import Any, Final

import psycopg
from psycopg import generators, pq
from psycopg.abc import PQGen
from psycopg.pq import TransactionStatus
from sqlalchemy.exc import OperationalError

from backend.core import logs
from backend.core.db import pooler
from backend.core.db.disconnect import shut_down

log = logs.get(__name__)

PROBE_AFTER_S: Final = 2.0
"""Waiting time after which the probe starts. It is not unusual on a busy host; statements of requests take
milliseconds."""
PROBE_INTERVAL_S: Final = 1.5
PROBE_INTERVALS: Final = 2
"""Intervals without a response before the server counts as silent: one alone may be due to this process being busy."""
MAX_SILENCE_S: Final = PROBE_AFTER_S + PROBE_INTERVALS * PROBE_INTERVAL_S
"""Maximum time that a request waits before it fails because the database does not respond."""
CONNECT_S: Final = 10.0
"""Maximum time to open a connection to a server that responds to others."""
PROBE_EVERY_S: Final = 2.0
MAX_STATEMENT_S: Final = 70.0
"""The server itself ends statements after 60 s; one that takes longer has lost its server process."""
RENEW_S: Final = 10
"""Time after which a probe of a silent server is repeated, since the host that received it may have been replaced."""
SILENT: Final = "the database does not respond: it neither accepts nor rejects connections"


class WatchedConnection(psycopg.AsyncConnection[Any]):
    """A connection whose statements fail when the server stops responding."""

    liveness: Liveness | None = None
    transaction_sql: bytes = b""
    """The first statement of each transaction: through a pooler in transaction mode, a session has no settings."""

    async def wait(self, gen: PQGen[Any], interval: float = 0.1, timeout: float | None = None) -> Any:  # noqa: ASYNC109 - psycopg's
        """Wait as psycopg does, but only while the server responds."""
        if self.liveness is None:
            return await super().wait(gen, interval, timeout)
        with self.liveness.watching(partial(shut_down, self)):
            return await super().wait(gen, interval, timeout)

    @property
    def transaction_start(self) -> list[bytes]:
        """The statements that start a transaction of the caller's own."""
        return [b"begin", *filter(None, [self.transaction_sql])]

    async def begin(self) -> None:
        """Start a transaction of the caller's own, in one round trip.

        Raises:
            psycopg.Error: the database rejected it, or is unavailable.
        """
        await self.run_script(b"; ".join(self.transaction_start))

    def _start_query(self) -> PQGen[None]:
        """Start a transaction as psycopg does where one is needed, in one round trip with its settings."""
        if (
            self.autocommit
            or not self.transaction_sql
            or self.pgconn.transaction_status != TransactionStatus.IDLE
        ):
            yield from super()._start_query()
        else:
            yield from self._script(self._get_tx_start_command() + b"; " + self.transaction_sql)

    async def run_script(self, sql: bytes) -> None:
        """Run statements without values and without a transaction of psycopg's, in one round trip.

        Raises:
            psycopg.Error: the database rejected one, or is unavailable.
        """
        await self.wait(self._script(sql))

    def _script(self, sql: bytes) -> PQGen[None]:
        self.pgconn.send_query(sql)
        for result in (yield from generators.execute(self.pgconn)):
            if result.status not in (pq.ExecStatus.COMMAND_OK, pq.ExecStatus.TUPLES_OK):
                raise psycopg.errors.error_from_result(result, encoding=self.info.encoding)

    async def cancel_safe(self, *, timeout: float = PROBE_INTERVAL_S) -> None:  # noqa: ASYNC109 - psycopg's
        """Ask the server to cancel the statement, unless the server does not respond."""
        if self.liveness is None or not self.liveness.is_silent:
            await super().cancel_safe(timeout=min(timeout, PROBE_INTERVAL_S))


class Liveness:
    """Monitors the connections of one process to one database."""

    def __init__(self, database_url: str, settings: Mapping[str, str] | None = None) -> None:
        """Configure the monitor; `settings` are server parameters of each session or, with a pooler, transaction."""
        self.is_silent = False
        self._database_url = pooler.plain(database_url)
        self._session_sql, self._transaction_sql = b"", b""
        if settings and pooler.pools_transactions(database_url):
            self._transaction_sql = pooler.settings_sql(settings, is_local=True)
        elif settings:
            self._session_sql = pooler.settings_sql({**settings, **pooler.SERVER_KEEPALIVE})
        self._waiting_since: dict[Callable[[], None], float] = {}
        self._monitoring: asyncio.Task[None] | None = None
        self._opened: list[WatchedConnection] = []
        """Open connections. A pool loses one whose first use is cancelled; `close` closes it nevertheless."""

    async def connect(self, *args: Any, **settings: Any) -> WatchedConnection:
        """Return a monitored connection.

        Raises:
            psycopg.OperationalError: the database is unavailable.
        """
        if self.is_silent:
            raise psycopg.OperationalError(SILENT)
        try:
            async with asyncio.timeout(CONNECT_S) as limit:
                with self.watching(partial(limit.reschedule, 0.0)):
                    connection = await WatchedConnection.connect(*args, **settings)
                    await self._set_up(connection)
        except TimeoutError:
            raise psycopg.OperationalError(
                f"the server accepted no connection within {CONNECT_S} s"
            ) from None
        connection.liveness = self
        self._opened = [*(one for one in self._opened if not one.closed), connection]
        return connection

    async def _set_up(self, connection: WatchedConnection) -> None:
        # psycopg names its statements by a counter from 0 in each process. With a random start, a pooler that shares a
        # server connection by mistake cannot run the statement of another process.
        connection._prepared._prepared_idx = secrets.randbits(48)
        connection.transaction_sql = self._transaction_sql
        if not self._session_sql:
            return
        try:
            await connection.run_script(self._session_sql)
        except BaseException:
            await connection.close()
            raise

    def raise_if_silent(self) -> None:
        """Return if the database responds, as far as is known.

        Raises:
            OperationalError: It stopped responding, and has not responded since.
        """
        if self.is_silent:
            raise OperationalError("", None, psycopg.OperationalError(SILENT), hide_parameters=True)

    @contextlib.contextmanager
    def watching(self, cut_off: Callable[[], None]) -> Iterator[None]:
        """Call `cut_off` if the server stops responding while the block waits for it."""
        timer = asyncio.get_running_loop().call_later(PROBE_AFTER_S, self._watch, cut_off)
        try:
            yield
        finally:
            timer.cancel()
            self._waiting_since.pop(cut_off, None)

    async def close(self) -> None:
        """Stop the probe, and close all open connections."""
        for connection in self._opened:
            await connection.close()
        self._opened = []
        if self._monitoring is not None:
            self._monitoring.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._monitoring

    def _watch(self, cut_off: Callable[[], None]) -> None:
        if self.is_silent:
            cut_off()
            return
        self._waiting_since[cut_off] = asyncio.get_running_loop().time() - PROBE_AFTER_S
        if self._monitoring is None or self._monitoring.done():
            self._monitoring = asyncio.create_task(self._monitor(), name="database liveness")

    async def _monitor(self) -> None:
        while True:
            probe = asyncio.create_task(self._probe(), name="database probe")
            try:
                for _ in range(PROBE_INTERVALS):
                    await asyncio.wait({probe}, timeout=PROBE_INTERVAL_S)
                if not probe.done():
                    self._mark_silent()
                has_responded = await probe
            finally:
                probe.cancel()
            if has_responded:
                self._mark_responding()
                self._cut_overdue()
            if not self._waiting_since and not self.is_silent:
                return
            await asyncio.sleep(PROBE_EVERY_S if has_responded else 0)

    async def _probe(self) -> bool:
        """Return whether the server responded; a rejection is a response too."""
        loop = asyncio.get_running_loop()
        try:
            connection = await psycopg.AsyncConnection.connect(
                self._database_url, autocommit=True, connect_timeout=RENEW_S
            )
        except psycopg.errors.ConnectionTimeout:
            return False
        except psycopg.Error:
            return True
        timer = loop.call_later(RENEW_S, shut_down, connection)
        try:
            await connection.execute("select 1")
        except psycopg.Error:
            return loop.time() < timer.when()
        finally:
            timer.cancel()
            await connection.close()
        return True

    def _mark_silent(self) -> None:
        if not self.is_silent:
            self.is_silent = True
            log.warning(SILENT, waiting=len(self._waiting_since))
        for cut_off in list(self._waiting_since):
            cut_off()

    def _mark_responding(self) -> None:
        if self.is_silent:
            self.is_silent = False
            log.warning("the database responds again")

    def _cut_overdue(self) -> None:
        overdue = asyncio.get_running_loop().time() - MAX_STATEMENT_S
        for cut_off, since in list(self._waiting_since.items()):
            if since < overdue:
                cut_off()
