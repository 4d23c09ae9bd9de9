"""An instance on several hosts that are disconnected, frozen, killed and restarted: each job ends and is paid once."""

from __future__ import annotations

import asyncio
import http.client
import random
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, Final
from uuid import uuid4

import pytest

from backend.core.db.engine import Database
from backend.money.ledger import audit
from tests.chaos.checks import assert_paid_once, until
from tests.chaos.network.cluster import Cluster, cluster
from tests.chaos.network.faults import Fault, cause, duration_s, plan
from tests.chaos.network.hosts import missing_requirement, network
from tests.chaos.rounds import ROUNDS
from tests.chaos.skills import SKILLS

pytestmark = [
    pytest.mark.chaos,
    pytest.mark.timeout(900),
    pytest.mark.skipif(bool(missing_requirement()), reason=missing_requirement()),
]

Record = Callable[[str], None]
SEEDS: Final = range(1, 1 + min(ROUNDS, 3))
JOBS: Final = 1_200
OTHERS_EVERY: Final = 20
"""Among this number of jobs, one is an agent, which writes to the database at every step, and one calls another job
and waits for it. The short form has fewer jobs and thus none of these, since they start slowly."""
CAP_USD: Final = 0.05
"""The amount that a job of the scarce wallet reserves."""
SCARCE_USD: Final = 4.5 * CAP_USD
"""Sufficient for four concurrent jobs, and for all jobs one after another."""
MAX_ATTEMPTS_PER_JOB: Final = 1.05
SETTLE_S: Final = 120.0


@pytest.mark.parametrize("seed", SEEDS)
def test_jobs_survive_host_faults(seed: int, record: Record) -> None:
    with several_hosts(workers=3) as instance:
        faults = plan(seed, instance.network.hosts)
        record(f"seed {seed}: {under_load(instance, faults, JOBS, seed)}")


def test_jobs_survive_a_disconnected_and_killed_worker(record: Record) -> None:
    with several_hosts(workers=1) as instance:
        faults = [Fault("cut", "worker1", 1.0), Fault("kill", "worker1", 0.0)]
        record(under_load(instance, faults, 20, seed=0))


@contextmanager
def several_hosts(*, workers: int) -> Iterator[Cluster]:
    """Start an instance with the test skills deployed in two projects: the keys are `ample` and `scarce`."""
    with ExitStack() as stack:
        folder = Path(
            stack.enter_context(
                tempfile.TemporaryDirectory(prefix="puras-hosts-", dir="/tmp", ignore_cleanup_errors=True)
            )
        )
        folder.chmod(0o755)
        yield stack.enter_context(cluster(stack.enter_context(network()), folder, workers=workers))


def under_load(instance: Cluster, faults: list[Fault], jobs: int, seed: int) -> str:
    """Cause the faults while two projects submit jobs, and return a summary."""
    began = time.monotonic()
    wallets = {"ample": 1_000.0, "scarce": SCARCE_USD}
    apps = [
        App(
            instance,
            instance.add_project(credit_usd),
            jobs // len(wallets),
            duration_s(faults),
            f"{name} {seed}",
        )
        for name, credit_usd in wallets.items()
    ]
    for app in apps:
        app.start()
    try:
        for app in apps:
            app.has_started.wait(SETTLE_S)
        cause(instance, faults)
    finally:
        for app in apps:
            app.join(SETTLE_S)
    for app in apps:
        assert app.error is None, app.error
        assert not app.is_alive()
    until(
        lambda: instance.run_query(UNFINISHED) == [(0,)],
        SETTLE_S,
        f"unfinished: {instance.run_query(WHY_UNFINISHED)}",
    )
    instance.wait_until_healthy()
    assert_correct(instance, jobs)
    return f"{len(faults)} faults under {jobs} jobs, {time.monotonic() - began:.0f} s: {attempts(instance)}"


class App(threading.Thread):
    """Submits jobs of one project at a constant rate, each with a unique idempotency key and until it is accepted."""

    def __init__(self, instance: Cluster, api_key: str, jobs: int, within_s: float, seed: str) -> None:
        super().__init__(name=f"app {seed}")
        self.error: BaseException | None = None
        self.has_started = threading.Event()
        self._instance, self._api_key, self._jobs, self._within_s = instance, api_key, jobs, within_s
        self._numbers = random.Random(seed)
        self._is_scarce = seed.startswith("scarce")

    def run(self) -> None:
        """Submit all jobs; an error is stored for the test."""
        try:
            with self._instance.network.inside(), self._instance.client(self._api_key) as client:
                client.push(SKILLS)
                began = time.monotonic()
                for number in range(self._jobs):
                    time.sleep(max(0.0, began + number * self._within_s / self._jobs - time.monotonic()))
                    self._submit(client, self._body(number))
                    self.has_started.set()
        except BaseException as error:  # noqa: BLE001 - the test raises it
            self.error = error
        finally:
            self.has_started.set()

    def _body(self, number: int) -> dict[str, Any]:
        if self._is_scarce:
            nap_s = round(self._numbers.uniform(0.02, 0.3), 3)
            return {"skill": "nap", "inputs": {"seconds": nap_s}, "limits": {"cost_usd": CAP_USD}}
        if number % OTHERS_EVERY == OTHERS_EVERY - 1:
            return {"skill": "wander", "model": "puras/rehearsal", "inputs": {"topic": "owls"}}
        skill = "errand" if number % OTHERS_EVERY == OTHERS_EVERY - 2 else "nap"
        return {"skill": skill, "inputs": {"seconds": round(self._numbers.uniform(0.1, 3.0), 3)}}

    def _submit(self, client: Any, body: dict[str, Any]) -> None:
        key, deadline = {"Idempotency-Key": uuid4().hex}, time.monotonic() + SETTLE_S
        while True:
            try:
                response = client.request("POST", "/v1/jobs", body, **key)
            except (OSError, http.client.HTTPException):
                response = None
            if response is not None and response.status in (200, 201):
                return
            assert response is None or "retry-after" in response.headers, response
            assert time.monotonic() < deadline, response
            time.sleep(0.2)


UNFINISHED = "select count(*) from jobs where finished_at is null"
WHY_UNFINISHED = "select id, status, attempt, losses, project_id from jobs where finished_at is null limit 5"
WRONG_JOBS = """
select id, status, error_code, error, result from jobs
where status <> 'succeeded'
   or (skill_name in ('nap', 'errand') and (result->>'slept')::float is distinct from (inputs->>'seconds')::float)
   or (skill_name = 'wander' and coalesce(result->>'summary', '') = '')
"""
CALLED_TWICE = """
select j.id, count(c.id) from jobs j left join jobs c on c.parent_job_id = j.id
where j.skill_name = 'errand' group by j.id having count(c.id) <> 1
"""
WRONG_EVENTS = """
with event as (
  select r.job_id, r.seq - coalesce(jsonb_array_length(r.earlier), 0) + x.number - 1 as seq,
         x.event ->> 1 as type, x.event -> 2 as payload
  from job_events r cross join lateral jsonb_array_elements(
    coalesce(r.earlier, '[]') || jsonb_build_array(jsonb_build_array(0, r.type, r.payload))
  ) with ordinality as x(event, number)
)
select j.id from jobs j join event e on e.job_id = j.id
group by j.id, j.status, j.attempt
having max(e.seq) <> count(*) or min(e.seq) <> 1
    or count(*) filter (where e.type in ('succeeded', 'failed', 'cancelled')) <> 1
    or max(e.seq) filter (where e.type = j.status) is distinct from max(e.seq)
    or array_agg((e.payload->>'attempt')::int order by e.seq) filter (where e.type = 'started')
       <> array(select generate_series(1, j.attempt))
"""
REQUEUED = """
select payload->>'reason', count(*)::int from job_events where type = 'requeued' group by 1 order by 2 desc
"""
LEFTOVERS = {
    "reserved money": "select project_id, reserved_micros from wallets where reserved_micros <> 0",
    "jobs in windows": "select project_id, a.admitted, a.parked from admissions a where (admitted, a.parked) <> (0, 0)",
    "queue entries": "select job_id from job_queue",
    "active jobs": "select id from jobs where reserved_micros <> 0 or status in ('queued', 'running', 'waiting')",
    "lost workers": "select id, host from workers where beat_at < now() - interval '10 s' or running > 0",
    "transactions": "select pid, query from pg_stat_activity where xact_start < now() - interval '15 s'",
    "jobs without events": "select id from jobs j where not exists (select from job_events e where e.job_id = j.id)",
}


def assert_correct(instance: Cluster, jobs: int) -> None:
    """Assert that each job exists once, ended once with the correct result and was paid once, with nothing left."""
    assert instance.run_query("select count(*) from jobs where parent_job_id is null") == [(jobs,)]
    assert instance.run_query(CALLED_TWICE) == []
    assert instance.run_query(WRONG_JOBS) == []
    assert instance.run_query(WRONG_EVENTS) == []
    names = ("id", "status", "cost_micros", "subjob_cost_micros")  # the costs do not include subjobs
    rows = instance.run_query("select id::text, status, cost_micros, 0 from jobs")
    assert_paid_once(instance.run_query, [dict(zip(names, row, strict=True)) for row in rows])
    assert asyncio.run(ledger_discrepancies(instance.database_url)) == []
    for kind, query in LEFTOVERS.items():
        until(lambda: instance.run_query(query) == [], 15, f"left over: {kind}: {instance.run_query(query)}")  # noqa: B023
    log = instance.database_log()
    for error in ("deadlock detected", "violates check constraint"):
        assert error not in log, log[log.index(error) - 500 :][:3000]


async def ledger_discrepancies(database_url: str) -> list[audit.Discrepancy]:
    """Return the discrepancies of the ledger."""
    database = Database(database_url)
    try:
        async with database.transaction() as session:
            return await audit.check_ledger(session)
    finally:
        await database.close()


def attempts(instance: Cluster) -> str:
    """Return a summary of the attempts; there must be few beyond those that the faults caused."""
    # The numbers include subjobs.
    ((total, all_jobs),) = instance.run_query("select sum(attempt)::int, count(*)::int from jobs")
    again: dict[str, int] = dict(instance.run_query(REQUEUED))  # type: ignore[arg-type]  # of two columns
    assert int(str(total)) - again.get("worker_lost", 0) <= MAX_ATTEMPTS_PER_JOB * int(str(all_jobs)), (
        total,
        again,
    )
    reasons = ", ".join(f"{count} {reason}" for reason, count in again.items())
    return f"0 lost, 0 repeated, ledger correct; {total} attempts ({reasons or 'none requeued'})"
