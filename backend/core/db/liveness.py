"""Whether the database still answers: nobody waits for a server that is frozen.

A statement may take long for good reasons, so its own time says little. After a moment of silence the server is asked
something that it always answers at once: to be let in, and `select 1`. While it answers that, slow statements are left
in peace. When it does not, everything that waits is cut off with the error of a lost connection, and whatever comes is
refused at once, until it answers again.
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
from backend.core.db.disconnect import cut

log = logs.get(__name__)

ASK_AFTER_S: Final = 2.0
"""Silence that is nothing unusual on a busy machine; statements of requests take milliseconds."""
LOOK_S: Final = 1.5
LOOKS: Final = 2
"""Looks that find no answer before the server counts as silent: one alone may have met a busy process of our own."""
MAX_SILENCE_S: Final = ASK_AFTER_S + LOOKS * LOOK_S
"""What a request waits at most before it is told that the database does not answer."""
CONNECT_S: Final = 10.0
"""What letting us in may take a server that answers others."""
ASK_EVERY_S: Final = 2.0
MAX_STATEMENT_S: Final = 70.0
"""The server itself ends statements after 60 s; one that is silent longer has lost its server process."""
RENEW_S: Final = 10
"""A question to a silent server is put again after this: the machine that got it may not be there any more."""
SILENT: Final = "the database is silent: it neither answers nor refuses"


class WatchedConnection(psycopg.AsyncConnection[Any]):
    """A connection whose statements end when the server has fallen silent."""

    pulse: Liveness | None = None
    transaction_sql: bytes = b""
    """Sent with the start of each transaction: through a pooler of transactions no session has settings of its own."""

    async def wait(self, gen: PQGen[Any], interval: float = 0.1, timeout: float | None = None) -> Any:  # noqa: ASYNC109 - psycopg's
        """Wait as psycopg does, for no longer than the server shows that it lives."""
        if self.pulse is None:
            return await super().wait(gen, interval, timeout)
        with self.pulse.watching(partial(cut, self)):
            return await super().wait(gen, interval, timeout)

    async def begin(self) -> None:
        """Start a transaction of the caller's own, in one round trip.

        Raises:
            psycopg.Error: the database rejected it, or is unavailable.
        """
        await self.run_script(b"begin" + self.transaction_sql)

    def _start_query(self) -> PQGen[None]:
        """Start a transaction as psycopg does where one is needed, in one round trip with its settings."""
        if (
            self.autocommit
            or not self.transaction_sql
            or self.pgconn.transaction_status != TransactionStatus.IDLE
        ):
            yield from super()._start_query()
        else:
            yield from self._script(self._get_tx_start_command() + self.transaction_sql)

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

    async def cancel_safe(self, *, timeout: float = LOOK_S) -> None:  # noqa: ASYNC109 - psycopg's
        """Ask the server to end the statement, unless nobody is there to be asked."""
        if self.pulse is None or not self.pulse.is_silent:
            await super().cancel_safe(timeout=min(timeout, LOOK_S))


class Liveness:
    """Watches over the connections of one process to one database."""

    def __init__(self, database_url: str, settings: Mapping[str, str] | None = None) -> None:
        """Open nothing yet; `settings` are parameters of the server for each session or, with a pooler, transaction."""
        self.is_silent = False
        self._database_url = pooler.plain(database_url)
        self._session_sql, self._transaction_sql = b"", b""
        if settings and pooler.pools_transactions(database_url):
            self._transaction_sql = b"; " + pooler.settings_sql(settings, is_local=True)
        elif settings:
            self._session_sql = pooler.settings_sql({**settings, **pooler.SERVER_KEEPALIVE})
        self._waiting_since: dict[Callable[[], None], float] = {}
        self._asking: asyncio.Task[None] | None = None
        self._opened: list[WatchedConnection] = []
        """Those that are open. A pool loses one whose first use is cancelled: `close` closes it all the same."""

    async def connect(self, *args: Any, **settings: Any) -> WatchedConnection:
        """Return a connection that is watched over.

        Raises:
            psycopg.OperationalError: the database is away.
        """
        if self.is_silent:
            raise psycopg.OperationalError(SILENT)
        try:
            async with asyncio.timeout(CONNECT_S) as limit:
                with self.watching(partial(limit.reschedule, 0.0)):
                    connection = await WatchedConnection.connect(*args, **settings)
                    await self._set_up(connection)
        except TimeoutError:
            raise psycopg.OperationalError(f"not let in within {CONNECT_S} s") from None
        connection.pulse = self
        self._opened = [*(one for one in self._opened if not one.closed), connection]
        return connection

    async def _set_up(self, connection: WatchedConnection) -> None:
        # psycopg names its statements by a counter from 0, in each process. From a random one, a pooler that shares a
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

    def refuse_if_silent(self) -> None:
        """Return while the database answers, as far as is known.

        Raises:
            OperationalError: It has fallen silent, and has not answered since.
        """
        if self.is_silent:
            raise OperationalError("", None, psycopg.OperationalError(SILENT), hide_parameters=True)

    @contextlib.contextmanager
    def watching(self, give_up: Callable[[], None]) -> Iterator[None]:
        """Call `give_up` when the server falls silent over what is asked of it in the block."""
        timer = asyncio.get_running_loop().call_later(ASK_AFTER_S, self._wonder, give_up)
        try:
            yield
        finally:
            timer.cancel()
            self._waiting_since.pop(give_up, None)

    async def close(self) -> None:
        """Ask no more, and close what is still open."""
        for connection in self._opened:
            await connection.close()
        self._opened = []
        if self._asking is not None:
            self._asking.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._asking

    def _wonder(self, give_up: Callable[[], None]) -> None:
        if self.is_silent:
            give_up()
            return
        self._waiting_since[give_up] = asyncio.get_running_loop().time() - ASK_AFTER_S
        if self._asking is None or self._asking.done():
            self._asking = asyncio.create_task(self._ask(), name="pulse of the database")

    async def _ask(self) -> None:
        while True:
            look = asyncio.create_task(self._look(), name="look at the database")
            try:
                for _ in range(LOOKS):
                    await asyncio.wait({look}, timeout=LOOK_S)
                if not look.done():
                    self._fall_silent()
                has_answered = await look
            finally:
                look.cancel()
            if has_answered:
                self._come_back()
                self._cut_overdue()
            if not self._waiting_since and not self.is_silent:
                return
            await asyncio.sleep(ASK_EVERY_S if has_answered else 0)

    async def _look(self) -> bool:
        """Return whether the server said anything; a refusal is an answer too."""
        loop = asyncio.get_running_loop()
        try:
            connection = await psycopg.AsyncConnection.connect(
                self._database_url, autocommit=True, connect_timeout=RENEW_S
            )
        except psycopg.errors.ConnectionTimeout:
            return False
        except psycopg.Error:
            return True
        timer = loop.call_later(RENEW_S, cut, connection)
        try:
            await connection.execute("select 1")
        except psycopg.Error:
            return loop.time() < timer.when()
        finally:
            timer.cancel()
            await connection.close()
        return True

    def _fall_silent(self) -> None:
        if not self.is_silent:
            self.is_silent = True
            log.warning(SILENT, waiting=len(self._waiting_since))
        for give_up in list(self._waiting_since):
            give_up()

    def _come_back(self) -> None:
        if self.is_silent:
            self.is_silent = False
            log.warning("the database answers again")

    def _cut_overdue(self) -> None:
        overdue = asyncio.get_running_loop().time() - MAX_STATEMENT_S
        for give_up, since in list(self._waiting_since.items()):
            if since < overdue:
                give_up()
