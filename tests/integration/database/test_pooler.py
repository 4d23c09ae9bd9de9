"""A database behind a pooler that assigns connections per transaction, as that of Supabase on port 6543."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest
import pytest_asyncio
from pydantic import SecretStr
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from backend.config import Settings
from backend.core.db import pooler as pooling
from backend.core.db.engine import Database, driver_url, execute_shared
from backend.core.db.liveness import Liveness
from backend.core.db.pooler import WrongPoolerMode
from backend.embedded import Servers
from backend.execution.jobs import queries
from backend.execution.jobs.access.events import list_events
from backend.execution.jobs.attempts.claim import claim
from backend.execution.jobs.attempts.finish import AttemptResult, finish
from backend.execution.jobs.attempts.recovery import sweep
from backend.execution.worker_registry import service as worker_registry
from backend.migrations import run as migrations
from backend.money.ledger import audit
from backend.operations.checks import servers as servers_doctor
from backend.operations.checks import supabase as doctor
from backend.startup import open_context
from benchmarks.instance import instance
from tests.chaos.skills import SKILLS
from tests.factories import pooler
from tests.factories.tenants import Tenant, make_job, make_tenant
from workers.heartbeat import Heartbeat

needs_pooler = pytest.mark.skipif(pooler.program() is None, reason=pooler.MISSING)
_LIMITS = text(
    "select current_setting('lock_timeout'), current_setting('statement_timeout'), current_setting('timezone')"
)
_PREPARED = text("select array_agg(name) from pg_prepared_statements")
SUPABASE = "postgresql://postgres.abc:p%40ss@aws-0-eu-central-1.pooler.supabase.com:6543/postgres"


def test_pooler_is_detected_by_the_supabase_port_or_a_url_parameter() -> None:
    pooled = (SUPABASE, f"{SUPABASE}?sslmode=require", "postgresql://u@h:6432/d?pgbouncer=true")
    direct = (
        SUPABASE.replace("6543", "5432"),
        "postgresql:///d?host=/run",
        "postgresql://u@h/d?sslmode=require",
    )
    assert [pooling.pools_transactions(url) for url in (*pooled, *direct)] == [True] * 3 + [False] * 3
    for url in pooled:
        assert pooling.connect_settings(url)["prepare_threshold"] is None
    for url in direct:
        assert pooling.connect_settings(url, prepare_threshold=0)["prepare_threshold"] == 0


def test_other_url_parameters_are_passed_to_the_database_library() -> None:
    assert pooling.plain("postgresql://u:p%40s@h:6432/d?pgbouncer=true") == "postgresql://u:p%40s@h:6432/d"
    url = f"{SUPABASE}?sslmode=require&pgbouncer=true"
    assert pooling.plain(url) == f"{SUPABASE}?sslmode=require"
    assert driver_url(url) == f"{SUPABASE}?sslmode=require".replace("postgresql://", "postgresql+psycopg://")
    assert pooling.plain("host=/run dbname=d") == "host=/run dbname=d"
    assert pooling.plain("postgresql+psycopg://u:p%40s@h/d") == "postgresql://u:p%40s@h/d"


@pytest.fixture
def pooled_url(database: Database, database_url: str) -> Iterator[str]:
    """Yield the URL of the empty, migrated database behind a pooler."""
    with tempfile.TemporaryDirectory(prefix="pgb-", dir="/tmp") as folder:
        Path(folder).chmod(0o755)
        with pooler.pooled(database_url, Path(folder) / "pooler") as url:
            yield url


@pytest_asyncio.fixture
async def pooled(pooled_url: str) -> AsyncIterator[Database]:
    database = Database(pooled_url)
    yield database
    await database.close()


@needs_pooler
async def test_pooler_rejects_connections_with_default_settings(pooled_url: str) -> None:
    """Check the assumption of the next tests: this pooler supports no options and no prepared statements."""
    plain = pooling.plain(pooled_url)
    with pytest.raises(psycopg.OperationalError, match="unsupported startup parameter"):
        psycopg.connect(plain, options="-c lock_timeout=15s")
    first = psycopg.connect(plain, autocommit=True, prepare_threshold=0)
    other = psycopg.connect(plain, autocommit=True, prepare_threshold=0)
    with pytest.raises(psycopg.Error, match="prepared statement"):
        for number in range(20):
            for connection in (first, other):
                connection.execute(f"select {number} + %s", (number,), prepare=True)  # type: ignore[call-overload]
    first.close()
    other.close()


@needs_pooler
async def test_jobs_run_through_a_pooler(pooled: Database) -> None:
    async with pooled.transaction() as session:
        tenants = [await make_tenant(session) for _ in range(3)]
    job_ids = await asyncio.gather(*(_submit(pooled, tenant) for tenant in tenants for _ in range(12)))
    ended: set[UUID] = set()

    async def work() -> None:
        worker_id = uuid4()
        async with pooled.transaction() as session:
            await worker_registry.join(session, worker_id, lanes=["default"], capacity=8, layers=[])
        while True:
            async with pooled.single() as session:
                jobs = await claim(session, worker_id=worker_id, lane="default", limit=3)
            if not jobs:
                return
            for job in jobs:
                async with pooled.single() as session:
                    assert await finish(session, job, AttemptResult("succeeded", result={"ok": True}))
                assert job.job_id not in ended
                ended.add(job.job_id)
            async with pooled.transaction() as session:
                await sweep(session)

    await asyncio.gather(*(work() for _ in range(6)))
    assert ended == set(job_ids)
    async with pooled.read_session() as session:
        view = await queries.get_job(session, tenants[0].principal, job_ids[0])
        events = await list_events(session, tenants[0].principal, job_ids[0], after=0, limit=100)
    assert view.status == "succeeded"
    assert [event.seq for event in events] == list(range(1, len(events) + 1))
    async with pooled.transaction() as session:
        assert await audit.check_ledger(session) == []


async def _submit(database: Database, tenant: Tenant) -> UUID:
    async with database.transaction() as session:
        return await make_job(session, tenant)


@needs_pooler
async def test_heartbeats_and_probes_work_repeatedly_through_a_pooler(
    pooled: Database, pooled_url: str
) -> None:
    worker_id = uuid4()
    async with pooled.transaction() as session:
        await worker_registry.join(session, worker_id, lanes=["default"], capacity=8, layers=[])
    expired: list[UUID] = []
    heartbeat = Heartbeat(
        pooled_url,
        worker_id=lambda: worker_id,
        running=lambda: 0,
        on_expired=expired.append,
        on_drain=lambda: None,
    )
    settings = {"autocommit": True, **pooling.connect_settings(pooled_url)}
    with (
        psycopg.connect(pooling.plain(pooled_url), **settings) as one,
        psycopg.connect(pooling.plain(pooled_url), **settings) as two,
    ):
        for _ in range(20):
            heartbeat._send(one)
            heartbeat._send(two)
    assert expired == []
    assert await Liveness(pooled_url)._probe()


@needs_pooler
async def test_statements_that_are_committed_together_have_the_limits_of_a_transaction(
    pooled: Database,
) -> None:
    async def limits() -> Any:
        async with pooled.single() as session:
            return (await execute_shared(session, "row", _LIMITS, {})).one()

    first, *together = await asyncio.gather(*(limits() for _ in range(4)))
    assert together == [("15s", "1min", "UTC")] * 3, "the first one runs alone, without a transaction"
    assert len(first) == len(together[0])


@needs_pooler
async def test_error_in_a_transaction_does_not_affect_the_next_one(pooled: Database) -> None:
    for _ in range(12):
        with pytest.raises(DBAPIError):
            async with pooled.transaction() as session:
                await session.execute(text("select pg_advisory_xact_lock(42)"))
                await session.execute(text("set local statement_timeout = 1"))
                await session.execute(text("select 1/0"))
    async with pooled.transaction() as session:
        assert (await session.execute(text("select pg_try_advisory_xact_lock(42)"))).scalar_one()
        assert (await session.execute(text("show statement_timeout"))).scalar_one() == "1min"


@pytest.fixture
def url_of(request: pytest.FixtureRequest, database: Database, database_url: str) -> Iterator[str]:
    """Yield the URL of the empty, migrated database behind a pooler of the mode that the test names."""
    with tempfile.TemporaryDirectory(prefix="pgb-", dir="/tmp") as folder:
        Path(folder).chmod(0o755)
        with pooler.pooled(database_url, Path(folder) / "pooler", request.param) as url:
            yield url


@needs_pooler
@pytest.mark.parametrize("url_of", ["session"], indirect=True)
async def test_session_pooler_of_debian_needs_no_setting(url_of: str) -> None:
    database = Database(url_of)
    await database.require_pooler_mode()
    async with database.transaction() as session:
        tenant = await make_tenant(session)
        shown = (await session.execute(_LIMITS)).one()
    async with database.reading() as reader:
        assert (await reader.execute(_LIMITS)).one() == shown == ("15s", "1min", "UTC")
    await _submit(database, tenant)
    worker_id = uuid4()
    async with database.transaction() as session:
        await worker_registry.join(session, worker_id, lanes=["default"], capacity=8, layers=[])
    async with database.single() as session:
        (job,) = await claim(session, worker_id=worker_id, lane="default", limit=3)
    async with database.single() as session:
        assert await finish(session, job, AttemptResult("succeeded", result={"ok": True}))
    await database.close()


@needs_pooler
@pytest.mark.parametrize("url_of", ["transaction", "statement"], indirect=True)
async def test_pooler_mode_that_contradicts_the_url_is_rejected(
    url_of: str, redis_url: str, tmp_path: Path
) -> None:
    url = pooling.plain(url_of) if await _mode(url_of) == "transaction" else url_of
    with pytest.raises(WrongPoolerMode, match=r"pgbouncer=true|pool_mode"):
        await Database(url).require_pooler_mode()
    settings = Settings(home=tmp_path, database_url=SecretStr(url), redis_url=SecretStr(redis_url))
    with pytest.raises(WrongPoolerMode):
        async with open_context(settings):
            pass
    found = await asyncio.to_thread(lambda: list(servers_doctor.checks(settings)))
    (check,) = [check for check in found if check.name == "connections"]
    assert check.verdict == "fail"
    assert "pool_mode" in check.found + check.remedy


async def _mode(url: str) -> str:
    async with await psycopg.AsyncConnection.connect(pooling.plain(url), autocommit=True) as connection:
        try:
            await connection.execute("begin")
        except psycopg.Error:
            return "statement"
    return "transaction"


async def test_prepared_statements_of_two_connections_never_share_a_name(database: Database) -> None:
    names: list[list[str]] = []
    async with database.reading() as one, database.reading() as other:
        for reader in (one, other):
            await reader.execute(text("select cast(:n as int)"), {"n": 1})
            names.append(list((await reader.execute(_PREPARED)).one()[0]))
    async with database.transaction() as one_session, database.transaction() as other_session:
        for session in (one_session, other_session):
            for _ in range(8):
                await session.execute(text("select cast(:n as int) + 1"), {"n": 1})
            names.append(list((await session.execute(_PREPARED)).one()[0]))
    assert all(names)
    flat = [name for each in names for name in each]
    assert len(flat) == len(set(flat))


@needs_pooler
@pytest.mark.timeout(120)
def test_instance_runs_behind_a_pooler_and_migrates_directly(servers: Servers) -> None:
    name = f"puras_pooled_{uuid4().hex[:8]}"
    with psycopg.connect(servers.database_url, autocommit=True) as connection:
        connection.execute(f'create database "{name}"')  # type: ignore[call-overload]
    direct = servers.database_url.replace("/puras?", f"/{name}?")
    try:
        with tempfile.TemporaryDirectory(prefix="pgb-", dir="/tmp") as folder:
            Path(folder).chmod(0o755)
            with (
                pooler.pooled(direct, Path(folder) / "pooler") as url,
                instance(DATABASE_URL=url, DATABASE_DIRECT_URL=direct, PURAS_WORKER_JOBS="4") as running,
                running.client() as client,
            ):
                client.push(SKILLS)
                job_ids = [client.submit("noop", n=number) for number in range(40)]
                assert client.run("talk", {"lines": 30})["status"] == "succeeded"
                for number, job_id in enumerate(job_ids):
                    job = client.call("GET", f"/v1/jobs/{job_id}")
                    assert (job["status"], job["result"]) == ("succeeded", {"n": number})
                log = running.log.read_text()
            assert "prepared statement" not in log
            assert migrations.current_revision(direct) == migrations.newest_revision()
    finally:
        with psycopg.connect(servers.database_url, autocommit=True) as connection:
            connection.execute(f'drop database if exists "{name}" with (force)')  # type: ignore[call-overload]


@needs_pooler
async def test_doctor_reports_the_pooler_and_missing_role_settings(
    pooled_url: str, database_url: str, tmp_path: Path
) -> None:
    def run_checks(**given: str) -> dict[str, str]:
        settings = Settings(home=tmp_path, **{name: SecretStr(url) for name, url in given.items()})  # type: ignore[arg-type]
        checks = doctor.checks(settings, create_buckets=False)
        return {check.name: f"{check.verdict}: {check.found} {check.remedy}" for check in checks}

    alone = run_checks(database_url=pooled_url)
    assert alone["database connection"].startswith("warn: a pooler in transaction mode, also for migrations")
    assert "alter role current_user set lock_timeout = '15s'" in alone["statement timeouts"]
    both = run_checks(database_url=pooled_url, database_direct_url=database_url)
    assert both["database connection"].startswith("ok: a pooler in transaction mode, direct")
    direct = run_checks(database_url=database_url)
    assert direct["database connection"].startswith("ok: direct")
    assert direct["database encryption"].startswith("ok: on this host")
    assert "statement timeouts" not in direct
