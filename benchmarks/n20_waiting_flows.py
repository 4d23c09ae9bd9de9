"""N20: flows that wait for an approval, and idle sessions: the memory of each, and the time to continue one."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from typing import Any, Final, TypeVar

import psycopg

from backend.config import Settings
from backend.embedded import attach
from benchmarks import memory
from benchmarks.client import Client
from benchmarks.instance import Running, instance
from benchmarks.measurement import Measurement, at_most
from benchmarks.memory import pss_kb
from benchmarks.numbers import milliseconds, percentile, report_progress
from benchmarks.upstream import SKILL, upstream

FLOWS: Final = 10_000
SESSIONS: Final = 1_000
WOKEN: Final = 200
WARM_UP: Final = 100
CLIENTS: Final = 4
PLACES: Final = 64
SETTLE_S: Final = 10.0
TIMEOUT_S: Final = 1_800.0
FLOW: Final = {
    "skills/ask/skill.yaml": b"""\
entrypoint: flow.yaml
description: Asks before it ends.
input_schema: {type: object, properties: {n: {type: integer}}}
output_schema: {type: object, properties: {n: {type: integer}}}
""",
    "skills/ask/flow.yaml": b"""\
steps:
  - id: sign
    approval: {message: "Continue with ${{ inputs.n }}?", expires_after: 7d}
output: {n: "${{ inputs.n }}"}
""",
}
METHOD: Final = (
    f"{CLIENTS} clients submit the flows, each of which requests one approval. The memory is the PSS of all workers "
    f"{SETTLE_S:g} s after the last flow waits, less their PSS before, when {WARM_UP} flows have run. The time to "
    "continue is from the request that approves to the response that the flow has ended, for "
    f"{WOKEN} flows one after the other while the others wait. Then each session gets one message, to which a scripted "
    "model server replies immediately; a turn is the time from the message to its reply. There are no rounds"
)
Value = TypeVar("Value")
_WAITING: Final = "select count(*) from jobs where status = 'waiting' and type = 'flow'"
_WORKERS: Final = "select pid from workers where not stopping"
_PENDING: Final = """
select a.id, a.job_id from approvals a join jobs j on j.id = a.job_id
where a.status = 'pending' and j.status = 'waiting' order by a.created_at limit %s
"""


def measure(_rounds: int, flows: int = FLOWS, sessions: int = SESSIONS) -> Measurement:
    """Start the flows, continue some of them, and then start the sessions in the same instance."""
    with ExitStack() as stack:
        server = stack.enter_context(upstream(steps=1))
        running = stack.enter_context(instance(None, **server.settings()))
        url = attach(Settings(home=running.home)).database_url
        database = stack.enter_context(psycopg.connect(url, autocommit=True))
        client = stack.enter_context(running.client())
        database.execute("update admissions set concurrency_limit = %s", (PLACES,))
        client.push({**FLOW, **SKILL})
        _start(running, database, WARM_UP)
        _continue(client, database, WARM_UP)
        before = _sizes_kb(running, database)
        start_s = _start(running, database, flows)
        after = _sizes_kb(running, database)
        woken_s = _continue(client, database, min(WOKEN, flows))
        each_kb = (after["workers"] - before["workers"]) / flows
        report_progress(f"N20 {flows} flows wait after {start_s:.0f} s, {each_kb:.2f} kB of workers for each")
        _turns(running, min(WARM_UP, sessions))  # workers load the modules of agents with the first one
        idle = _sizes_kb(running, database)
        turns_s = _turns(running, sessions)
        full = _sizes_kb(running, database)
    session_kb = (full["workers"] - idle["workers"]) / sessions
    report_progress(
        f"N20 {sessions} sessions, {session_kb:.2f} kB of workers for each, turn {milliseconds(turns_s)}"
    )
    wake_p95_ms, turn_p95_ms = (percentile(times, 0.95) * 1000 for times in (woken_s, turns_s))
    rate = f"{flows / start_s:.0f} per second"
    whole = f"whole instance {(after['instance'] - before['instance']) / flows:.1f} kB"
    whole_of_sessions = f"whole instance {(full['instance'] - idle['instance']) / sessions:.1f} kB"
    wake_detail = f"p50 {statistics.median(woken_s) * 1000:.0f} ms"
    turn_detail = f"p50 {statistics.median(turns_s) * 1000:.0f} ms, {CLIENTS} at the same time"
    return Measurement(
        "N20",
        (
            at_most(
                "memory",
                f"memory of workers for each of {flows:,} waiting flows",
                each_kb,
                1,
                "kB PSS",
                detail=whole,
            ),
            at_most(
                "start",
                f"time until {flows:,} flows wait for an approval",
                start_s,
                flows / 50,
                "s",
                detail=rate,
            ),
            at_most(
                "wake", "approval until the end of its flow, p95", wake_p95_ms, 250, "ms", detail=wake_detail
            ),
            at_most(
                "session",
                f"memory of workers for each of {sessions:,} sessions",
                session_kb,
                5,
                "kB PSS",
                detail=whole_of_sessions,
            ),
            at_most("turn", "turn of a session, p95", turn_p95_ms, 500, "ms", detail=turn_detail),
        ),
        {
            "before_kb": before,
            "after_kb": after,
            "start_s": start_s,
            "woken_s": woken_s,
            "idle_kb": idle,
            "full_kb": full,
            "turn_s": turns_s,
        },
        METHOD,
    )


def _start(running: Running, database: psycopg.Connection[Any], flows: int) -> float:
    """Start flows, and return the seconds until all of them wait."""
    expected = _count(database) + flows
    began = time.monotonic()
    _by_clients(running, range(flows), lambda client, n: client.submit("ask", n=n))
    while (waiting := _count(database)) < expected:
        if time.monotonic() - began > TIMEOUT_S:
            raise RuntimeError(f"{waiting} of {expected} flows wait after {TIMEOUT_S:.0f} s")
        time.sleep(0.2)
    return time.monotonic() - began


def _continue(client: Client, database: psycopg.Connection[Any], flows: int) -> list[float]:
    """Approve flows one after the other, and return the seconds until each has ended."""
    times = []
    for approval_id, job_id in database.execute(_PENDING, (flows,)).fetchall():
        began = time.perf_counter()
        client.call("POST", f"/v1/approvals/{approval_id}/approve")
        job = client.call("GET", f"/v1/jobs/{job_id}?wait=true&timeout=55")
        times.append(time.perf_counter() - began)
        if job["status"] != "succeeded":
            raise RuntimeError(f"a flow did not succeed: {job}")
    return times


def _turns(running: Running, sessions: int) -> list[float]:
    """Start sessions with one message each, and return the seconds until each reply."""

    def turn(client: Client, n: int) -> float:
        session_id = client.call("POST", "/v1/sessions", {"skill": "turns"})["id"]
        began = time.perf_counter()
        sent = client.call("POST", f"/v1/sessions/{session_id}/messages", {"content": f"t{n}"})
        job = client.call("GET", f"/v1/jobs/{sent['job_id']}?wait=true&timeout=55")
        if job["status"] != "succeeded":
            raise RuntimeError(f"a turn did not succeed: {job}")
        return time.perf_counter() - began

    return _by_clients(running, range(sessions), turn)


def _by_clients(running: Running, numbers: Iterable[int], act: Callable[[Client, int], Value]) -> list[Value]:
    """Call `act` for each number, with a client of each thread."""
    numbers = list(numbers)

    def work(share: list[int]) -> list[Value]:
        with running.client() as client:
            return [act(client, n) for n in share]

    with ThreadPoolExecutor(CLIENTS) as threads:
        shares = [numbers[start::CLIENTS] for start in range(CLIENTS)]
        return [value for values in threads.map(work, shares) for value in values]


def _sizes_kb(running: Running, database: psycopg.Connection[Any]) -> dict[str, int]:
    """Return the PSS of the workers and of the whole instance, once nothing runs any more."""
    time.sleep(SETTLE_S)
    workers = [int(pid) for (pid,) in database.execute(_WORKERS).fetchall()]
    return {
        "workers": sum(map(pss_kb, workers)),
        "instance": sum(map(pss_kb, memory.of_instance(running.process.pid, running.home))),
    }


def _count(database: psycopg.Connection[Any]) -> int:
    row = database.execute(_WAITING).fetchone()
    return int(row[0]) if row else 0
