"""A process that is frozen, or lost with its host, while its transaction holds locks: others continue within 15 s."""

from __future__ import annotations

import asyncio
import signal
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path

import pytest
from sqlalchemy import text

from backend.core.db.engine import Database
from backend.embedded import postgres
from backend.execution.worker_registry.service import MAX_IDLE_IN_TRANSACTION_S
from backend.migrations import run as migrations
from tests.chaos.checks import until
from tests.chaos.network import lock_holder, servers
from tests.chaos.network.cluster import start_databases
from tests.chaos.network.hosts import Network, missing_requirement, network
from tests.factories import pooler
from tests.factories.tenants import Tenant, make_job, make_tenant

pytestmark = pytest.mark.chaos

Record = Callable[[str], None]
MAX_RECOVERY_S = 15.0
SESSION_KINDS = {"direct": ("session",), "session": ("fast",), "transaction": ("session", "fast")}
"""The kinds of sessions of the frozen process, by the mode of the pooler."""
_HOLD = text("select from wallets where project_id = :id for update")


@pytest.fixture(scope="module")
def recoveries(database_url: str) -> Iterator[dict[str, list[Future[float]]]]:
    """Measure all modes concurrently: each one takes about ten seconds, in which it only waits."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="pgb-", dir="/tmp")))
        folder.chmod(0o755)
        threads = stack.enter_context(ThreadPoolExecutor(sum(map(len, SESSION_KINDS.values()))))
        measuring: dict[str, list[Future[float]]] = {}
        for mode in SESSION_KINDS if pooler.program() is not None else ("direct",):
            # Each kind has a separate pooler, since a pooler of transactions has only three connections.
            for kind in SESSION_KINDS[mode]:
                pooler_folder = folder / f"{mode}-{kind}"
                url = (
                    database_url
                    if mode == "direct"
                    else stack.enter_context(pooler.pooled(database_url, pooler_folder, mode))
                )
                measured = threads.submit(asyncio.run, recovery_s(url, kind))
                measuring.setdefault(mode, []).append(measured)
        yield measuring


@pytest.mark.parametrize("mode", SESSION_KINDS)
def test_worker_frozen_in_transaction_delays_submissions_at_most_15_s(
    recoveries: dict[str, list[Future[float]]], mode: str, record: Record
) -> None:
    if mode not in recoveries:
        pytest.skip(pooler.MISSING)
    waited = [recovery.result() for recovery in recoveries[mode]]
    record(f"{mode}: {', '.join(f'{one:.1f} s' for one in waited)}")
    assert all(1.0 < one < MAX_RECOVERY_S for one in waited)


async def recovery_s(url: str, kind: str) -> float:
    """Return how long a submission waited for a worker that was frozen while it held the lock of the wallet."""
    database = Database(url)
    try:
        async with database.transaction() as session:
            tenant = await make_tenant(session)
        command = [*_holder_command(url, tenant), kind, str(MAX_IDLE_IN_TRANSACTION_S)]
        worker = await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.PIPE)
        try:
            assert worker.stdout is not None
            assert await worker.stdout.readline() == b"held\n"
            worker.send_signal(signal.SIGSTOP)
            return await _submitted_after_s(database, tenant)
        finally:
            worker.kill()
            await worker.wait()
    finally:
        await database.close()


@pytest.mark.skipif(bool(missing_requirement()), reason=missing_requirement())
def test_host_lost_in_transaction_delays_submissions_at_most_15_s(record: Record) -> None:
    with tempfile.TemporaryDirectory(prefix="puras-lost-", dir="/tmp", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        folder.chmod(0o755)
        with network() as made:
            worker_s, api_s, client_s = asyncio.run(_lose_a_host(made, folder))
    record(
        f"locks of a worker {worker_s:.1f} s, of the API {api_s:.1f} s; the lost host itself {client_s:.1f} s"
    )
    assert max(worker_s, api_s, client_s) < MAX_RECOVERY_S


async def _lose_a_host(made: Network, folder: Path) -> tuple[float, float, float]:
    """Return how long the server kept the locks of a worker and an API, and how long the API waited for the server."""
    data, lost = start_databases(made, folder / "data"), made.add("lost")
    url = postgres.address(folder / "data")
    migrations.upgrade(url)
    database = Database(url)
    tenants = {}
    try:
        for max_idle_s in (MAX_IDLE_IN_TRANSACTION_S, 0):
            async with database.transaction() as session:
                tenants[max_idle_s] = await make_tenant(session)
            command = [
                *_holder_command(servers.database_url(data.address), tenants[max_idle_s]),
                "session",
                str(max_idle_s),
            ]
            lost.start(command, log=folder / str(max_idle_s))
        for max_idle_s in tenants:
            until(lambda: "held" in (folder / str(max_idle_s)).read_text(), 30, "the lock is not held")  # noqa: B023
        made.cut(lost)
        began = time.monotonic()
        waited = await asyncio.gather(*(_submitted_after_s(database, tenant) for tenant in tenants.values()))
    finally:
        await database.close()
    until(lambda: "noticed" in (folder / "0").read_text(), 60, "the lost host waits for the server")
    noticed_at = float((folder / "0").read_text().split()[-1])
    return waited[0], waited[1], noticed_at - began


def _holder_command(url: str, tenant: Tenant) -> list[str]:
    return [sys.executable, "-m", lock_holder.__name__, url, str(tenant.project_id)]


async def _submitted_after_s(database: Database, tenant: Tenant) -> float:
    began = time.monotonic()
    async with asyncio.timeout(4 * MAX_RECOVERY_S), database.transaction() as session:
        await make_job(session, tenant)
        await session.execute(_HOLD, {"id": tenant.project_id})
    return time.monotonic() - began
