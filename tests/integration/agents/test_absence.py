"""An agent whose database is away for a moment waits for it, wherever in its run it is."""

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
from tests.integration.agents.conftest import Agents, Counter
from workers.agent.journal import Journal
from workers.recorder import BufferedRecorder

Away = Callable[[], AbstractContextManager[None]]
LOOKED_S = 1.0
BACK_S = 20.0


@pytest.fixture
def away(servers: Servers, database_url: str) -> Iterator[Away]:
    """Makes the database refuse everybody for as long as a block runs."""
    name = psycopg.conninfo.conninfo_to_dict(database_url)["dbname"]
    with psycopg.connect(servers.database_url, autocommit=True) as operator:

        def allow(whether: str) -> None:
            change = SQL("alter database {} allow_connections {}")
            operator.execute(change.format(Identifier(str(name)), SQL(whether)))

        @contextmanager
        def cut() -> Iterator[None]:
            allow("false")
            try:
                operator.execute(
                    "select pg_terminate_backend(pid) from pg_stat_activity where datname = %s", (name,)
                )
                yield
            finally:
                allow("true")

        yield cut


async def test_what_was_bought_and_done_meanwhile_is_written_down_later(agents: Agents, away: Away) -> None:
    look = Counter(gate=asyncio.Event())
    agents.tools.append(look)
    agents.upstream.script = [says(calls("look", at="home")), says(calls("set_output", **DONE))]
    async with agents.working():
        job_id = await agents.submit()
        async with asyncio.timeout(BACK_S):
            await look.begun.wait()
        with away():
            assert look.gate is not None
            look.gate.set()
            await asyncio.sleep(
                LOOKED_S / 2
            )  # for the worker to meet it; what is said below holds either way
        job = await agents.ended(job_id)
    assert (job["status"], job["attempt"], len(look.calls), agents.upstream.asked) == ("succeeded", 1, 1, 2)


async def test_a_run_that_begins_meanwhile_reads_its_journal_later(agents: Agents, away: Away) -> None:
    await agents.submit()
    database = agents.instance.database
    async with database.transaction() as session:
        (claimed,) = await claim(session, worker_id=uuid4(), lane="default", limit=1)
    journal = Journal(database, claimed, BufferedRecorder(database, claimed, on_refused=lambda: None))
    with away():
        reading = asyncio.create_task(journal.read())
        await asyncio.wait({reading}, timeout=LOOKED_S)
        assert not reading.done(), "it has not waited"
    async with asyncio.timeout(BACK_S):
        await reading
    assert journal.last_step == 0
