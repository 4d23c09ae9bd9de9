"""A job that is started in the slot of a worker equals one that was claimed, and is neither lost nor run twice."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import aclosing, closing
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any
from unittest.mock import patch
from uuid import UUID, uuid4

import pytest
import pytest_asyncio
from redis import Redis
from redis.asyncio import Redis as AsyncRedis
from sqlalchemy import text

from backend.context import AppContext
from backend.core import local_notifier, notifications
from backend.core.db.engine import Database
from backend.core.local_notifier import PASSED_SLOT_S, LocalNotifier
from backend.core.metrics.instruments import MESSAGES_SENT
from backend.core.notifications import SLOTS_EXPIRE_S, WAKE_CHANNEL, RedisNotifier, WorkerSlot, slots_key
from backend.core.wakeups import WakeUpListener
from backend.execution.events.queries import read_after
from backend.execution.jobs import ended_row, queries, until_ended, wait
from backend.execution.jobs.attempts import direct_start
from backend.execution.jobs.attempts.claim import JobAttempt, claim
from backend.execution.jobs.attempts.direct_start import MAX_INPUT_CHARACTERS
from backend.execution.jobs.schemas import JobCreate
from backend.execution.jobs.submit import JobSpec, submit
from backend.execution.worker_registry import service as workers
from backend.execution.worker_registry.service import MAX_HEARTBEAT_AGE, SWEEP_INTERVAL_S
from backend.money.ledger import service as ledger
from backend.skills.manifest.types import Retries
from tests.factories.tenants import Tenant, make_skill, make_tenant
from tests.integration.deployments.conftest import Project, make_project, project
from workers import slots
from workers.runners.deterministic import DeterministicRunner
from workers.sandbox.host.runtime import SandboxRuntime
from workers.supervisor import Supervisor

__all__ = ["make_project", "project"]

INPUTS = {"text": "ü \U0001f989", "number": 1e22, "large": 10**30, "deep": {"z": [], "a": None}}
NEW = ("id", "created_at", "started_at", "first_started_at", "worker_id")
"""Columns with values that differ between two equal jobs."""
COUNTING = {
    "skills/count/skill.yaml": b"""\
entrypoint: main.py:run
description: Returns a number.
input_schema: {type: object}
output_schema: {type: object}
""",
    "skills/count/main.py": b"def run():\n    return {'n': 1}\n",
    "skills/again/skill.yaml": b"""\
entrypoint: main.py:run
description: Fails.
input_schema: {type: object}
output_schema: {type: object}
retries: {max: 1, on: [error, worker_lost], backoff: 0}
""",
    "skills/again/main.py": b"def run():\n    raise ValueError\n",
}
_JOBS = text("select to_jsonb(j) from jobs j where id = :id")
_QUEUED = text("select count(*) from job_queue")
_ADMISSION = text("select to_jsonb(a) - 'project_id' - 'tail' from admissions a where project_id = :id")
_CLOCK = text("select last_value from fair_clock")
_AGE = text("update workers set beat_at = beat_at - cast(:age as interval)")
_STOP = text("update workers set stopping = true")


@pytest_asyncio.fixture
async def tenant(database: Database) -> Tenant:
    async with database.transaction() as session:
        return await make_tenant(session, make_skill(), make_skill("once", retries=Retries(max=0)))


@pytest_asyncio.fixture(autouse=True)
async def notifier(redis_url: str) -> AsyncIterator[RedisNotifier]:
    async with aclosing(RedisNotifier(redis_url)) as notifier:
        notifications.use(notifier)
        yield notifier
        notifications.use(None)


@pytest_asyncio.fixture
async def worker(database: Database, redis_url: str) -> WorkerSlot:
    """Return a slot of a registered worker process, which receives nothing."""
    slot = WorkerSlot("test", uuid4())
    async with database.transaction() as session:
        await workers.join(session, slot.worker_id, lanes=["default"], capacity=1, layers=[])
    offer(redis_url, slot)
    return slot


def offer(redis_url: str, slot: WorkerSlot) -> None:
    with closing(Redis.from_url(redis_url)) as redis:
        redis.rpush(slots_key("default"), f"{slot.process} {slot.worker_id}")


def slots_left(redis_url: str) -> int:
    with closing(Redis.from_url(redis_url)) as redis:
        return redis.llen(slots_key("default"))  # type: ignore[return-value]  # synchronous


async def submitted(database: Database, tenant: Tenant, skill: str = "echo", **request: Any) -> UUID:
    spec = JobSpec(JobCreate(skill=skill, **request))
    async with database.single() as session:
        return (await submit(session, tenant.principal, spec)).job_id


async def row_of(database: Database, job_id: UUID) -> dict[str, Any]:
    async with database.transaction() as session:
        row: dict[str, Any] = (await session.execute(_JOBS, {"id": job_id})).scalar_one()
        return row


async def state(database: Database, tenant: Tenant, job_id: UUID) -> Any:
    """Return everything that is stored about a job and the window of its project, without new values."""
    row = await row_of(database, job_id)
    async with database.transaction() as session:
        events = await read_after(session, job_id)
        admission = (await session.execute(_ADMISSION, {"id": tenant.project_id})).scalar_one()
        queued = (await session.execute(_QUEUED)).scalar_one()
    known = {name: value for name, value in row.items() if name not in NEW}
    return known, [(e.seq, e.type, {**e.payload, "worker": ""}) for e in events], admission, queued


async def fair_time(database: Database) -> int:
    async with database.transaction() as session:
        at: int = (await session.execute(_CLOCK)).scalar_one()
        return at


async def test_started_job_equals_a_claimed_one(
    database: Database, redis_url: str, worker: WorkerSlot, monkeypatch: pytest.MonkeyPatch
) -> None:
    sent: list[str] = []
    monkeypatch.setattr(direct_start, "StartedJob", lambda slot, lane, job_id, job: sent.append(job))
    monkeypatch.setattr(notifications, "note", lambda *_: None)
    request = {"inputs": INPUTS, "priority": 3, "metadata": {"a": 1}, "limits": {"timeout_s": 5}}
    states, clocks, attempts = [], [], []
    for is_direct in (True, False):
        async with database.transaction() as session:
            tenant = await make_tenant(session, make_skill())
        before = await fair_time(database)
        job_id = await submitted(database, tenant, **request)
        if is_direct:
            [text_of_job] = sent
            attempt = direct_start.read(text_of_job)
        else:
            async with database.transaction() as session:
                [attempt] = await claim(session, worker_id=worker.worker_id, lane="default", limit=8)
        assert attempt is not None
        assert attempt.job_id == job_id
        attempts.append((tenant, attempt))
        states.append(await state(database, tenant, job_id))
        clocks.append(await fair_time(database) - before)
    assert normal(states[0], attempts[0]) == normal(states[1], attempts[1])
    assert json.dumps(attempts[0][1].inputs) == json.dumps(INPUTS)
    assert clocks[0] == 0, "no job waits, so the order of fairness does not matter"


def normal(state: Any, of: tuple[Tenant, JobAttempt]) -> Any:
    """Return state and attempt of a job without what differs between two jobs of two projects."""
    tenant, attempt = of
    same = {
        "job_id": UUID(int=0),
        "project_id": UUID(int=0),
        "skillpack_id": UUID(int=0),
        "project_number": 0,
    }
    when = {
        "created_at": attempt.created_at - attempt.created_at,
        "due_at": attempt.due_at - attempt.created_at,
    }
    shown = replace(attempt, **same, **when, deployment_id=None, stamp=0)  # type: ignore[arg-type]  # for the test
    ids = [
        str(value) for value in (tenant.project_id, tenant.skillpack_id, tenant.deployment_id, attempt.job_id)
    ]
    as_text = json.dumps(state)
    for place, value in enumerate([*ids, str(tenant.principal.id)]):
        as_text = as_text.replace(value, f"<{place}>")
    return as_text, shown


@pytest.mark.parametrize(
    ("skill", "inputs", "prepare"),
    [
        pytest.param("once", {}, None, id="may not run again after a lost worker"),
        pytest.param("echo", {"text": "x" * MAX_INPUT_CHARACTERS}, None, id="large inputs"),
        pytest.param("echo", {}, _AGE, id="no recent heartbeat"),
        pytest.param("echo", {}, _STOP, id="draining"),
        pytest.param("echo", {}, text("delete from workers"), id="gone"),
        pytest.param("echo", {}, text("update workers set shortage = 'disk'"), id="full disk"),
        pytest.param("echo", {}, text("update admissions set admitted = concurrency_limit"), id="no room"),
    ],
)
async def test_job_that_must_not_be_started_is_queued(
    database: Database,
    tenant: Tenant,
    worker: WorkerSlot,
    skill: str,
    inputs: Mapping[str, Any],
    prepare: Any,
) -> None:
    if prepare is not None:
        async with database.transaction() as session:
            values = {"age": MAX_HEARTBEAT_AGE + timedelta(seconds=1)} if prepare is _AGE else {}
            await session.execute(prepare, values)
    job_id = await submitted(database, tenant, skill, inputs=inputs)
    row = await row_of(database, job_id)
    assert (row["status"], row["attempt"], row["worker_id"], row["started_at"]) == ("queued", 0, None, None)


async def test_job_that_costs_something_is_queued(
    database: Database, redis_url: str, worker: WorkerSlot
) -> None:
    async with database.transaction() as session:
        tenant = await make_tenant(session, make_skill("agent", is_agentic=True))
    job_id = await submitted(database, tenant, "agent")
    row = await row_of(database, job_id)
    assert row["cap_micros"] > 0
    assert row["status"] == "queued"
    assert slots_left(redis_url) == 1


async def test_slots_of_ended_workers_expire(redis_url: str, notifier: RedisNotifier) -> None:
    report = notifications.FreeWorker(WorkerSlot("ended", uuid4()), ["default"], is_free=True, slots=2)
    notifier.send([report])
    await until_slots(redis_url, 2)
    with closing(Redis.from_url(redis_url)) as redis:
        assert 0 < redis.ttl(slots_key("default")) <= SLOTS_EXPIRE_S  # type: ignore[operator]  # synchronous


async def test_worker_without_a_lease_offers_no_slots(running: Running, redis_url: str) -> None:
    await until_slots(redis_url, 2)
    running.supervisor.has_lease = lambda: False
    running.supervisor._report_capacity()
    async with asyncio.timeout(10):
        while slots_left(redis_url):  # noqa: ASYNC110 - Redis has no event for it
            await asyncio.sleep(0.01)


async def test_slot_is_taken_once(database: Database, tenant: Tenant, worker: WorkerSlot) -> None:
    jobs = await asyncio.gather(*(submitted(database, tenant) for _ in range(5)))
    statuses = [(await row_of(database, job_id))["status"] for job_id in jobs]
    assert sorted(statuses) == ["queued"] * 4 + ["running"]


class Running:
    """A worker process in this one, whose jobs are counted."""

    def __init__(self, supervisor: Supervisor) -> None:
        self.supervisor = supervisor
        self.started: list[UUID] = []
        start = supervisor._start

        def counted(job: JobAttempt, *args: Any, **kwargs: Any) -> None:
            self.started.append(job.job_id)
            start(job, *args, **kwargs)

        supervisor._start = counted  # type: ignore[method-assign]  # observed only


@pytest_asyncio.fixture
async def listening(instance: AppContext, redis_url: str) -> AsyncIterator[dict[str, Any]]:
    """Subscribe a process to its work; the test sets the supervisor."""
    found: dict[str, Any] = {}

    def receive(lane: str, started: str) -> None:
        running: Running = found["worker"]
        if started:
            running.supervisor.receive_started(lane, started)
        else:
            running.supervisor.receive_wakeup(lane)

    instance.wakeups._on_work = receive
    instance.wakeups.start()
    yield found
    await instance.wakeups.close()


@pytest_asyncio.fixture
async def running(
    instance: AppContext, project: Project, database: Database, listening: dict[str, Any], tmp_path: Path
) -> AsyncIterator[Running]:
    """Run a worker with two slots."""
    async with database.transaction() as session:
        await ledger.top_up(session, project_id=project.id, amount_micros=1_000_000, created_by="test")
    await project.pushed(COUNTING)
    runtime = SandboxRuntime(tmp_path, sandbox="auto", api_base="http://127.0.0.1:1", idle_s=60, pool_mb=512)
    runner = DeterministicRunner(runtime)
    supervisor = Supervisor(instance, {"deterministic": runner}, lanes=["default"], capacity=2)
    listening["worker"] = Running(supervisor)
    await supervisor.join([])
    task = asyncio.create_task(supervisor.run(drain_s=10))
    try:
        yield listening["worker"]
    finally:
        supervisor.stop()
        await asyncio.wait({task})
        await runner.close()


async def until_slots(redis_url: str, at_least: int = 1) -> None:
    async with asyncio.timeout(10):
        while slots_left(redis_url) < at_least:  # noqa: ASYNC110 - Redis has no event for it
            await asyncio.sleep(0.01)


async def test_jobs_run_without_a_claim(running: Running, project: Project, redis_url: str) -> None:
    sent = MESSAGES_SENT.labels("started_job")
    before = sent._value.get()
    for _ in range(6):
        await until_slots(redis_url)
        response = await project.http.post("/v1/jobs?wait=true", json={"skill": "count", "inputs": {}})
        job = response.json()
        assert (response.status_code, job["status"], job["result"]) == (201, "succeeded", {"n": 1})
    assert sent._value.get() - before == len(running.started) == 6
    await until_slots(redis_url, 2)


@pytest_asyncio.fixture
async def local(
    instance: AppContext, notifier: RedisNotifier, tmp_path: Path
) -> AsyncIterator[LocalNotifier]:
    """Let API and worker, which are both this process, send messages over its socket."""
    folder = tmp_path / "sockets"
    folder.mkdir()
    async with aclosing(LocalNotifier(notifier, instance.wakeups, folder)) as local:
        notifications.use(local)
        yield local
        notifications.use(notifier)


@pytest.fixture
def over_redis(notifier: RedisNotifier, monkeypatch: pytest.MonkeyPatch) -> list[notifications.Message]:
    """Return the messages that are sent over Redis."""
    sent: list[notifications.Message] = []
    send = notifier.send

    def recorded(messages: Iterable[notifications.Message]) -> None:
        found = list(messages)
        sent.extend(found)
        send(found)

    monkeypatch.setattr(notifier, "send", recorded)
    return sent


async def run_once(project: Project) -> Any:
    response = await project.http.post("/v1/jobs?wait=true", json={"skill": "count", "inputs": {}})
    assert (response.status_code, response.json()["status"]) == (201, "succeeded")
    return response.json()


def forget_slots(redis_url: str) -> None:
    with closing(Redis.from_url(redis_url)) as redis:
        redis.delete(slots_key("default"))


async def test_process_of_the_same_host_needs_no_redis(
    local: LocalNotifier,
    running: Running,
    project: Project,
    redis_url: str,
    over_redis: list[notifications.Message],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(local_notifier, "PASSED_SLOT_S", 10.0)  # a busy host submits the next job late
    monkeypatch.setattr(slots, "PASSED_UNTIL_S", 20.0)
    await until_slots(redis_url)
    await run_once(project)
    over_redis.clear()
    for number in range(2, 6):
        forget_slots(redis_url)
        assert local._passed["default"], "the slot of the job before"
        job = await run_once(project)
        assert job["result"] == {"n": 1}
        assert len(running.started) == number
    ends = [one for one in over_redis if isinstance(one, notifications.EventNotification) and one.is_last]
    assert not any(isinstance(one, notifications.StartedJob) for one in over_redis)
    assert [one.row for one in ends] == [""] * 4, "others learn only that the jobs have ended"
    assert job == (await project.http.get(f"/v1/jobs/{job['id']}")).json()


@pytest.fixture
def refused_ends(local: LocalNotifier, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the socket of the requesting process take no ends: it holds few messages, and may be on another host."""
    assert local._socket is not None
    send = local._socket.send

    def refuse_ends(process: str, kind: str, text: str) -> bool:
        return kind != "end" and send(process, kind, text)

    monkeypatch.setattr(local._socket, "send", refuse_ends)


async def receivers_of_news(redis_url: str) -> int:
    async with AsyncRedis.from_url(redis_url) as redis:
        return int(dict(await redis.pubsub_numsub(WAKE_CHANNEL))[WAKE_CHANNEL.encode()])


@pytest.mark.usefixtures("refused_ends")
async def test_end_that_no_socket_takes_goes_to_the_requesting_process_over_redis(
    running: Running, project: Project, redis_url: str
) -> None:
    """The request needs no news of events."""
    sent = MESSAGES_SENT.labels("end")
    await until_slots(redis_url)
    before = sent._value.get()
    with patch.object(queries, "get_job", side_effect=AssertionError("the request has read the database")):
        job = await run_once(project)
    assert sent._value.get() - before == 1
    assert len(running.started) == 1
    assert job == (await project.http.get(f"/v1/jobs/{job['id']}")).json()
    assert await receivers_of_news(redis_url) == 0


@pytest.mark.parametrize("is_refused", [False, True], ids=["socket", "Redis"])
async def test_end_with_a_large_result_is_read_from_the_database_immediately(
    local: LocalNotifier,
    running: Running,
    redis_url: str,
    project: Project,
    request: pytest.FixtureRequest,
    monkeypatch: pytest.MonkeyPatch,
    is_refused: bool,
) -> None:
    if is_refused:
        request.getfixturevalue("refused_ends")
    monkeypatch.setattr(ended_row, "MAX_CHARACTERS", 10)
    monkeypatch.setattr(wait, "REREAD_S", 30.0)
    monkeypatch.setattr(until_ended, "REREAD_S", 30.0)
    await until_slots(redis_url)
    async with asyncio.timeout(10):
        assert (await run_once(project))["result"] == {"n": 1}
    assert await receivers_of_news(redis_url) == 0


async def test_request_receives_news_when_its_job_continues_in_another_attempt(
    local: LocalNotifier,
    running: Running,
    redis_url: str,
    project: Project,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The worker of the next attempt does not know who started the job."""
    monkeypatch.setattr(wait, "REREAD_S", 30.0)
    monkeypatch.setattr(until_ended, "REREAD_S", 30.0)
    await until_slots(redis_url)
    async with asyncio.timeout(20):
        response = await project.http.post("/v1/jobs?wait=true", json={"skill": "again", "inputs": {}})
    job = response.json()
    assert (job["status"], job["attempt"]) == ("failed", 2)
    assert await receivers_of_news(redis_url) == 1


async def test_worker_claims_the_job_that_its_end_admits_without_a_message(
    running: Running,
    project: Project,
    database: Database,
    over_redis: list[notifications.Message],
) -> None:
    async with database.transaction() as session:
        await session.execute(text("update admissions set concurrency_limit = 1"))
    running.supervisor.has_lease = lambda: False
    submit = [project.http.post("/v1/jobs", json={"skill": "count", "inputs": {}}) for _ in range(3)]
    jobs = [response.json()["id"] for response in await asyncio.gather(*submit)]
    over_redis.clear()
    running.supervisor.has_lease = lambda: True
    running.supervisor.wake()
    assert {(await ended(project, job))["status"] for job in jobs} == {"succeeded"}
    assert not any(isinstance(one, notifications.WorkerWakeup) for one in over_redis)


async def test_end_that_admits_a_job_of_another_lane_wakes_its_workers(
    running: Running, over_redis: list[notifications.Message]
) -> None:
    running.supervisor.receive_wakeup("gpu")
    assert notifications.WorkerWakeup("gpu") in over_redis


async def test_passed_slot_expires(
    local: LocalNotifier, running: Running, project: Project, redis_url: str
) -> None:
    await until_slots(redis_url)
    await run_once(project)
    forget_slots(redis_url)
    await asyncio.sleep(PASSED_SLOT_S * 1.1)
    response = await project.http.post("/v1/jobs", json={"skill": "count", "inputs": {}})
    assert response.json()["status"] == "queued"
    assert (await ended(project, response.json()["id"]))["status"] == "succeeded"
    await until_slots(redis_url, 2)


async def test_full_worker_passes_no_slot_on(
    local: LocalNotifier,
    running: Running,
    project: Project,
    redis_url: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Other jobs may wait, which come first."""
    await until_slots(redis_url)
    monkeypatch.setattr(running.supervisor, "_room", lambda: 0)
    await run_once(project)
    assert not local._passed["default"]


async def test_messages_to_other_hosts_go_over_redis(
    local: LocalNotifier, over_redis: list[notifications.Message]
) -> None:
    slot = WorkerSlot("elsewhere", uuid4())
    messages: list[notifications.Message] = [
        notifications.StartedJob(slot, "default", uuid4(), "{}"),
        notifications.EndedAttempt("elsewhere", uuid4(), "[]"),
        notifications.WorkerWakeup("default"),
    ]
    local.send(messages)
    assert over_redis == messages
    assert not local.pass_slot("elsewhere", "default", slot)


async def test_lost_message_delays_the_job_and_a_late_one_is_ignored(
    running: Running,
    project: Project,
    redis_url: str,
    notifier: RedisNotifier,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The submitting process may have been frozen before it sent the message."""
    held: list[notifications.Message] = []
    send = notifier.send

    def without_started(messages: Iterable[notifications.Message]) -> None:
        found = list(messages)
        held.extend(one for one in found if isinstance(one, notifications.StartedJob))
        send(one for one in found if not isinstance(one, notifications.StartedJob))

    monkeypatch.setattr(notifier, "send", without_started)
    await until_slots(redis_url)
    response = await project.http.post("/v1/jobs", json={"skill": "count", "inputs": {}})
    assert response.json()["status"] == "running"
    job = await ended(project, response.json()["id"])
    assert (job["status"], job["attempt"]) == ("succeeded", 2)
    [message] = held
    send([message])
    await asyncio.sleep(1)
    assert running.started == [UUID(job["id"])]


async def test_message_for_a_worker_that_may_be_lost_is_ignored(
    running: Running, project: Project, redis_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its jobs may already run elsewhere."""
    started: list[list[UUID]] = []
    supervisor, receive = running.supervisor, running.supervisor.receive_started

    def receive_without_lease(lane: str, message: str) -> None:
        supervisor.has_lease = lambda: False
        receive(lane, message)
        supervisor.has_lease = lambda: True
        started.append(list(running.started))

    monkeypatch.setattr(supervisor, "receive_started", receive_without_lease)
    await until_slots(redis_url)
    response = await project.http.post("/v1/jobs", json={"skill": "count", "inputs": {}})
    assert response.json()["status"] == "running"
    job = await ended(project, response.json()["id"])
    assert (job["status"], job["attempt"]) == ("succeeded", 2)
    assert started == [[]]


async def test_worker_that_may_be_lost_claims_nothing(
    running: Running, project: Project, redis_url: str
) -> None:
    """Its jobs would be recovered as those of a lost worker, which counts as an attempt."""
    await until_slots(redis_url)
    forget_slots(redis_url)
    running.supervisor.has_lease = lambda: False
    response = await project.http.post("/v1/jobs", json={"skill": "count", "inputs": {}})
    assert response.json()["status"] == "queued"
    await asyncio.sleep(SWEEP_INTERVAL_S * 1.5)
    assert running.started == []
    running.supervisor.has_lease = lambda: True
    assert (await ended(project, response.json()["id"]))["status"] == "succeeded"


async def ended(project: Project, job_id: str) -> Any:
    response = await project.http.get(f"/v1/jobs/{job_id}?wait=true&timeout=50")
    return response.json()


def test_release_without_the_same_jobs_receives_none() -> None:
    """A worker of another release offers its slots under another key, and a text of one is not a job."""
    assert direct_start.read('{"job_id": "x"}') is None
    assert direct_start.read("not JSON") is None
    assert not slots_key("default").startswith("puras:slots:default")


def test_wakeups_and_jobs_share_a_channel() -> None:
    received: list[tuple[str, str]] = []
    listener = WakeUpListener(None, on_work=lambda lane, job: received.append((lane, job)))  # type: ignore[arg-type]  # not used
    channel = f"{notifications.WORK_CHANNEL}{listener.process}"
    listener._dispatch(channel, b"default")
    listener._dispatch(channel, b'default 0-0 {"a": "b c"}')
    assert received == [("default", ""), ("default", '0-0 {"a": "b c"}')]
