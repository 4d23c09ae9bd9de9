"""An agent whose database is unavailable for a short time waits for it, at each point of its run."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from uuid import uuid4

import psycopg
import pytest
from psycopg.sql import SQL, Identifier

from backend.embedded import Servers
from backend.execution.jobs.attempts.claim import claim
from tests.doubles.messages import calls, says
from tests.factories.agents import DONE
from tests.integration.agents.conftest import Agents, CountingTool
from workers.agent.journal import Journal
from workers.recorder import BufferedRecorder

Outage = Callable[[], AbstractContextManager[None]]
OBSERVED_S = 1.0
RECOVERY_S = 20.0


@pytest.fixture
def outage(servers: Servers, database_url: str) -> Iterator[Outage]:
    """Return a context manager that makes the database reject all connections while a block runs."""
    name = psycopg.conninfo.conninfo_to_dict(database_url)["dbname"]
    with psycopg.connect(servers.database_url, autocommit=True) as operator:

        def allow_connections(value: str) -> None:
            change = SQL("alter database {} allow_connections {}")
            operator.execute(change.format(Identifier(str(name)), SQL(value)))

        @contextmanager
        def interrupt() -> Iterator[None]:
            allow_connections("false")
            try:
                operator.execute(
                    "select pg_terminate_backend(pid) from pg_stat_activity where datname = %s", (name,)
                )
                yield
            finally:
                allow_connections("true")

        yield interrupt


async def test_result_of_tool_call_is_recorded_after_database_outage(agents: Agents, outage: Outage) -> None:
    look = CountingTool(gate=asyncio.Event())
    agents.tools.append(look)
    agents.upstream.script = [says(calls("look", at="home")), says(calls("set_output", **DONE))]
    async with agents.running_worker():
        job_id = await agents.submit()
        async with asyncio.timeout(RECOVERY_S):
            await look.started.wait()
        with outage():
            assert look.gate is not None
            look.gate.set()
            # The worker probably notices the outage in this time; the assertions below hold in either case.
            await asyncio.sleep(OBSERVED_S / 2)
        job = await agents.wait_for_end(job_id)
    assert (job["status"], job["attempt"], len(look.calls), agents.upstream.asked) == ("succeeded", 1, 1, 2)


async def test_journal_is_read_after_database_outage(agents: Agents, outage: Outage) -> None:
    await agents.submit()
    database = agents.instance.database
    async with database.transaction() as session:
        (claimed,) = await claim(session, worker_id=uuid4(), lane="default", limit=1)
    journal = Journal(database, claimed, BufferedRecorder(database, claimed, on_refused=lambda: None))
    with outage():
        reading = asyncio.create_task(journal.read())
        await asyncio.wait({reading}, timeout=OBSERVED_S)
        assert not reading.done(), "the read did not wait for the database"
    async with asyncio.timeout(RECOVERY_S):
        await reading
    assert journal.last_step == 0
