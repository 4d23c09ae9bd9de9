"""Commit the statements of several sessions together, since each of them waits for the disk.

A statement that changes a row locks it until its commit is on the disk. Statements of one process that change the same
row therefore run one after the other, and those that change different rows each have a commit of their own. Here the
statements that arrive while another one runs are collected, and then run in one transaction, which is sent to the
server as a whole: they wait for the disk once, and for the server once. While statements usually run together, the
first ones also wait some milliseconds for the others. A statement that meets no other one runs as it would without this
module.
"""

from __future__ import annotations

import asyncio
import math
from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from operator import attrgetter
from typing import Any, Final, NamedTuple, Protocol
from uuid import UUID

from sqlalchemy import ClauseElement, text

MAX_TOGETHER: Final = 16
"""Maximum statements in one transaction. The first one waits until the last one has run."""
MAX_WAIT_MS: Final = 50
"""Maximum time for which a statement waits for one that changes another row, as that row may be locked for long."""
MAX_GATHER_MS: Final = 10
"""Maximum time for which statements wait until they are as many as usual."""
MAX_EXPECTED: Final = 8
"""So many statements do not wait for more, although more have run together."""

_WEIGHT: Final = 0.25
"""Weight of the last transaction in the usual number of statements."""
_TOLERANCE: Final = 0.25
"""How far the usual number may be above a whole one for no further statement to be expected."""
_LIMIT_WAIT: Final = text(f"set local lock_timeout = {MAX_WAIT_MS}")


class Session(Protocol):
    """A session in which each statement is its own transaction: `FastSession`."""

    async def execute(self, statement: ClauseElement, values: Mapping[str, Any] | None = None) -> Any:
        """Run a statement, and return its rows."""

    async def execute_together(
        self, statements: Sequence[tuple[ClauseElement, Mapping[str, Any]]]
    ) -> Sequence[Any]:
        """Run statements in one transaction and one round trip, and return the rows of each."""

    async def roll_back(self) -> bool:
        """Make the session usable after an error in a transaction; True if nothing of it is stored."""


class RowToLock(NamedTuple):
    """A row that a statement locks before the one that it shares with others."""

    id: UUID | int
    lock: ClauseElement
    """Locks the rows of `:ids` that belong to the shared rows `:rows`, in the order that holds for their table."""


@dataclass(frozen=True, slots=True, eq=False)
class _Call:
    """A statement that waits for its turn, and the session of its caller, which nothing else uses meanwhile."""

    session: Session
    row: UUID
    statement: ClauseElement
    values: Mapping[str, Any]
    row_to_lock: RowToLock | None
    result: asyncio.Future[Any]


class SharedCommits:
    """The statements that run and wait in one process."""

    def __init__(self) -> None:
        self._waiting: list[_Call] = []
        self._changing: set[UUID] = set()
        """The rows that running statements change."""
        self._awaited: asyncio.TimerHandle | None = None
        """The end of the time for which others wait for the running statements; None if nothing waits for any."""
        self._usual = 1.0
        """Moving average of the number of statements that run together."""
        self._gathering: asyncio.TimerHandle | None = None
        """The end of the time for which statements wait until they are as many as usual; None if none wait for that."""
        self._is_complete = False
        """Whether as many statements as usual have arrived, and are about to run."""
        self._running: set[asyncio.Task[None]] = set()

    async def run(
        self,
        session: Session,
        row: UUID,
        statement: ClauseElement,
        values: Mapping[str, Any],
        row_to_lock: RowToLock | None = None,
    ) -> Any:
        """Run a statement, in one transaction with those of other sessions that wait meanwhile.

        Args:
            session: The session of the caller.
            row: Identifies the row that the statement locks, and that others lock too.
            statement: The statement.
            values: Its named values.
            row_to_lock: The row that the statement locks before the shared one. A transaction of several statements
                locks all of them first, since it could deadlock if it locked one after a shared row.

        Returns:
            The rows of the statement.

        Raises:
            DBAPIError: The database rejected this statement, or is unavailable.
        """
        if self._awaited is None and row not in self._changing and self._expected() == 1:
            awaited = self._begin({row}, 1)
            try:
                return await session.execute(statement, values)
            finally:
                self._end({row}, awaited)
        result: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        call = _Call(session, row, statement, values, row_to_lock, result)
        self._waiting.append(call)
        self._run_or_gather()
        try:
            return await asyncio.shield(call.result)
        except asyncio.CancelledError:
            if call in self._waiting:
                self._waiting.remove(call)
            else:  # its transaction may use the session
                await asyncio.wait({call.result})
            raise

    def _expected(self) -> int:
        """Return how many statements run together if all that are expected arrive."""
        return min(math.ceil(self._usual - _TOLERANCE), MAX_EXPECTED)

    def _run_or_gather(self) -> None:
        """Run the statements that wait, unless they wait for running ones or for others that are expected."""
        if self._awaited is not None or not self._waiting:
            return
        expected, loop = self._expected(), asyncio.get_running_loop()
        if expected == 1:
            self._run_next()
        elif len(self._waiting) < expected:
            if self._gathering is None:
                self._gathering = loop.call_later(MAX_GATHER_MS / 1000, self._stop_gathering)
        elif not self._is_complete:
            self._is_complete = True
            loop.call_soon(self._run_complete)  # with those that arrive in this iteration of the loop

    def _stop_gathering(self) -> None:
        """Run the statements that wait, and expect no more than have arrived."""
        self._usual = max(1.0, min(self._usual, len(self._waiting)))
        self._run_next()

    def _run_complete(self) -> None:
        self._is_complete = False
        if self._awaited is None:
            self._run_next()

    def _begin(self, rows: Collection[UUID], statements: int) -> asyncio.TimerHandle:
        """Let other statements wait for those that change these rows now, for a limited time."""
        self._usual += (statements - self._usual) * _WEIGHT
        self._changing.update(rows)
        self._awaited = asyncio.get_running_loop().call_later(MAX_WAIT_MS / 1000, self._stop_waiting)
        return self._awaited

    def _stop_waiting(self) -> None:
        self._awaited = None
        self._run_next()

    def _end(self, rows: Collection[UUID], awaited: asyncio.TimerHandle | None) -> None:
        self._changing.difference_update(rows)
        if awaited is not None:
            awaited.cancel()
            if awaited is self._awaited:
                self._awaited = None
        self._run_or_gather()

    def _run_next(self) -> None:
        """Run the statements that wait; those whose row is being changed wait until that has ended."""
        if self._gathering is not None:
            self._gathering.cancel()
            self._gathering = None
        calls = [call for call in self._waiting if call.row not in self._changing][:MAX_TOGETHER]
        if calls:
            self._waiting = [call for call in self._waiting if call not in calls]
            self._start(calls, self._begin({call.row for call in calls}, len(calls)))

    def _start(self, calls: Sequence[_Call], awaited: asyncio.TimerHandle | None) -> None:
        task = asyncio.create_task(self._run(calls, awaited), name="shared commit")
        self._running.add(task)
        task.add_done_callback(self._running.discard)

    async def _run(self, calls: Sequence[_Call], awaited: asyncio.TimerHandle | None) -> None:
        own = calls
        try:
            if await _run_together(calls):
                return
            by_row = _by_row(calls)
            if len(by_row) > 1:
                own = ()
                for each in by_row.values():
                    self._start(each, None)
            for call in own:
                await _run_alone(call)
        finally:
            for call in own:  # after a cancellation only: at the end of the process
                call.result.cancel()
            self._end({call.row for call in own}, awaited)


async def _run_together(calls: Sequence[_Call]) -> bool:
    """Run the statements in one transaction; False if one of them was rejected, so that nothing is stored."""
    if len(calls) == 1:
        return False
    calls = sorted(calls, key=attrgetter("row"))  # the order in which each process locks the rows
    session, locks = calls[0].session, _locks(calls)
    statements = [(call.statement, call.values) for call in calls]
    try:
        results = (await session.execute_together([*locks, *statements]))[len(locks) :]
    except Exception as error:  # noqa: BLE001 - each caller raises it
        if await session.roll_back():
            return False
        for call in calls:
            call.result.set_exception(error)
        return True
    for call, result in zip(calls, results, strict=True):
        call.result.set_result(result)
    return True


def _locks(calls: Sequence[_Call]) -> list[tuple[ClauseElement, Mapping[str, Any]]]:
    """Return the statements that precede these calls: they lock the rows of all of them."""
    rows = list(dict.fromkeys(call.row for call in calls))
    locked = [call.row_to_lock for call in calls if call.row_to_lock is not None]
    locks: list[tuple[ClauseElement, Mapping[str, Any]]] = [
        (lock, {"ids": [each.id for each in locked if each.lock is lock], "rows": rows})
        for lock in dict.fromkeys(each.lock for each in locked)
    ]
    return locks if len(rows) == 1 else [(_LIMIT_WAIT, {}), *locks]


def _by_row(calls: Sequence[_Call]) -> Mapping[UUID, Sequence[_Call]]:
    by_row: dict[UUID, list[_Call]] = defaultdict(list)
    for call in calls:
        by_row[call.row].append(call)
    return by_row


async def _run_alone(call: _Call) -> None:
    try:
        call.result.set_result(await call.session.execute(call.statement, call.values))
    except Exception as error:  # noqa: BLE001 - the caller raises it
        call.result.set_exception(error)
