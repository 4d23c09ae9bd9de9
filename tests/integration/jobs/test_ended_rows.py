"""A request that waits returns the same job whether it gets the row from the worker or reads the database."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from typing import Any
from unittest.mock import patch
from uuid import UUID, uuid4

import httpx
import pytest
import pytest_asyncio
from fastapi import FastAPI
from sqlalchemy import text

from backend.context import AppContext
from backend.core import notifications
from backend.core.db.engine import Database
from backend.core.errors import NotAllowed
from backend.core.notifications import WAKE_CHANNEL, RedisNotifier
from backend.execution.jobs import ended_row, queries
from backend.execution.jobs.attempts.claim import JobAttempt, claim
from backend.execution.jobs.attempts.finish import AttemptResult, finish, is_one_statement
from backend.execution.jobs.attempts.requeue import requeue
from backend.identity.api_keys import keys
from backend.identity.auth.principal import Principal
from backend.identity.webhook_outbox.tables import Webhook
from backend.money.ledger.service import LineItem
from tests.factories.tenants import Tenant, make_listing, make_skill, make_tenant

WAIT = "/v1/jobs?wait=true&timeout=20"
OUTPUT = {"name": "image", "drive_path": "out/ü.png", "size_bytes": 3, "mime": "image/png"}
MODEL_REPLY = LineItem("model", {"input_tokens": 7, "output_tokens": 9}, 1_000, 1_200, provider="claude")

RESULTS: Mapping[str, AttemptResult] = {
    "object": AttemptResult("succeeded", {"z": 1, "a": {"b": [1, 2, None, True]}}, usage={"wall_s": 0.25}),
    "null": AttemptResult("succeeded"),
    "text": AttemptResult("succeeded", 'ü \U0001f989 "quoted" \\ \n\t\x00 \ud800'),
    "numbers": AttemptResult(
        "succeeded", [2**70, -(2**63), 1e22, 1e-7, 0.1, -0.0, 1.0], usage={"x": 1e22, "y": 2**70, "z": 1.0}
    ),
    "failed": AttemptResult("failed", error='No “ü” \U0001f989: "x"\n', error_code="exception"),
    "cancelled": AttemptResult("cancelled", error="Canceled.", error_code="cancelled"),
    "evals": AttemptResult("succeeded", {}, evals={"score": 70, "passed": True, "graders": []}),
    "simulated": AttemptResult(
        "succeeded", {"n": 1}, usage={"label": "rehearsal", "simulated_from": "example"}
    ),
    "failed simulation": AttemptResult(
        "failed",
        error="No.",
        error_code="no_output",
        usage={
            "label": "rehearsal",
            "simulated_from": "sample",
            "untried_tools": ["refund"],
            "failed_tools": ["find"],
        },
    ),
    "outputs": AttemptResult("succeeded", {"image": OUTPUT["drive_path"]}, outputs=[OUTPUT]),
    "paid": AttemptResult("succeeded", {"n": 1}, used=(MODEL_REPLY,)),
    "forgiven": AttemptResult("failed", error="No.", error_code="exception", used=(MODEL_REPLY,)),
}
REQUEST: Mapping[str, Any] = {
    "skill": "echo",
    "inputs": {"z": "ü", "a": 1e22, "n": 2**70},
    "source": "shop",
    "priority": -3,
    "limits": {"timeout_s": 5},
    "metadata": {"order": "ü \U0001f989", "long name": 1e22, "b": {"z": [], "a": 1.0}},
}


@pytest_asyncio.fixture
async def tenant(database: Database) -> Tenant:
    async with database.transaction() as session:
        return await make_tenant(session, make_skill("echo"), make_skill("agent", is_agentic=True))


@pytest_asyncio.fixture
async def client(app: FastAPI, instance: AppContext, redis_url: str) -> AsyncIterator[httpx.AsyncClient]:
    """Return a client of an application that is subscribed to notifications."""
    notifier = RedisNotifier(redis_url)
    notifications.use(notifier)
    instance.wakeups.start()
    with instance.wakeups.subscribe(uuid4()) as subscription:
        async with asyncio.timeout(10):
            while instance.wakeups._announcement is None:
                await subscription.wait(1)
            await instance.wakeups._announcement  # which lets all requests read the database
    async with httpx.AsyncClient(
        transport=httpx.ASGITransport(app), base_url="http://127.0.0.1:8123"
    ) as client:
        yield client
    await instance.wakeups.close()
    notifications.use(None)
    await notifier.aclose()


class Waiting:
    """A request that submits a job and waits for it."""

    def __init__(
        self, client: httpx.AsyncClient, headers: Mapping[str, str], request: Mapping[str, Any]
    ) -> None:
        self._client, self._headers = client, dict(headers)
        self._response = asyncio.create_task(client.post(WAIT, json=dict(request), headers=self._headers))

    async def status_code(self) -> int:
        """Return the status of the response."""
        return (await self._response).status_code

    async def returned(self) -> Any:
        """Return the job of the response, which must equal the one that a later request reads."""
        response = await self._response
        assert response.status_code == 201, response.text
        job = response.json()
        stored = (await self._client.get(f"/v1/jobs/{job['id']}", headers=self._headers)).json()
        assert without_signatures(job) == without_signatures(stored)
        assert list(job) == list(stored)
        return job


def without_signatures(job: dict[str, Any]) -> str:
    """Return the job as text, which also shows types of numbers and the order of keys."""
    for output in job["outputs"]:
        output["url"] = output["url"].partition("/signed/")[0]
    return json.dumps(job)


async def headers_of(database: Database, tenant: Tenant, kind: Any = "secret") -> dict[str, str]:
    async with database.transaction() as session:
        made = await keys.create(session, None, project_id=tenant.project_id, kind=kind)
    return {"Authorization": f"Bearer {made.plaintext}"}


@pytest_asyncio.fixture
async def headers(database: Database, tenant: Tenant) -> dict[str, str]:
    return await headers_of(database, tenant)


async def claimed(database: Database) -> JobAttempt:
    """Claim the next job as soon as it is in the queue."""
    async with asyncio.timeout(10):
        while True:
            async with database.transaction() as session:
                for attempt in await claim(session, worker_id=uuid4(), lane="default", limit=1):
                    return attempt
            await asyncio.sleep(0.01)


async def end(database: Database, attempt: JobAttempt, result: AttemptResult) -> None:
    """Store the end of an attempt as a worker does."""
    unit = database.single if is_one_statement(attempt, result) else database.transaction
    async with unit() as session:
        assert await finish(session, attempt, result)


@contextmanager
def reading() -> Iterator[list[str]]:
    """Record the status of the job in each read of waiting requests."""
    statuses: list[str] = []
    get_job = queries.get_job

    async def recorded(*args: Any) -> Any:
        job = await get_job(*args)
        statuses.append(job.status)
        return job

    with patch.object(queries, "get_job", recorded):
        yield statuses


async def run(
    database: Database, waiting: Waiting, result: AttemptResult, *, is_handed_over: bool = True
) -> Any:
    """Run the job of a waiting request, and return the job of its response."""
    with reading() as statuses:
        await end(database, await claimed(database), result)
        async with asyncio.timeout(10):
            await waiting.status_code()
    assert (result.status not in statuses) is is_handed_over
    return await waiting.returned()


@pytest.mark.parametrize("kind", RESULTS)
async def test_row_from_the_worker_shows_the_same_job(
    client: httpx.AsyncClient, database: Database, headers: dict[str, str], kind: str
) -> None:
    result = RESULTS[kind]
    request = {**REQUEST, "skill": "agent", "limits": {}} if result.used else REQUEST
    job = await run(database, Waiting(client, headers, request), result)
    assert (job["status"], job["error_code"]) == (result.status, result.error_code)
    assert job["used_micros"] == sum(item.billed_micros for item in result.used)
    assert job["forgiven_micros"] == (job["used_micros"] if kind == "forgiven" else 0)
    if kind == "failed simulation":
        assert "The result" not in job["simulation"], "there is none"
        assert "Failed: find." in job["simulation"]
        assert "Not called: refund." in job["simulation"]


async def test_row_of_a_retried_job_shows_the_same_job(
    client: httpx.AsyncClient, database: Database, headers: dict[str, str]
) -> None:
    waiting = Waiting(client, headers, REQUEST)
    first = await claimed(database)
    async with database.transaction() as session:
        await requeue(
            session, job_id=first.job_id, attempt=first.attempt, reason="exception: no", is_retry=True
        )
    job = await run(database, waiting, RESULTS["object"])
    assert job["attempt"] == 2


async def test_row_of_a_prompt_shows_the_same_job(
    client: httpx.AsyncClient, database: Database, headers: dict[str, str]
) -> None:
    job = await run(database, Waiting(client, headers, {"prompt": "Count “ü”."}), RESULTS["object"])
    assert job["prompt"] == "Count “ü”."


async def test_row_of_a_listing_hides_the_version_of_its_publisher(
    client: httpx.AsyncClient, database: Database, headers: dict[str, str]
) -> None:
    async with database.transaction() as session:
        listing = await make_listing(session, await make_tenant(session, make_skill("echo")))
        await session.flush()
        slug = listing.slug
    job = await run(database, Waiting(client, headers, {"listing_id": slug}), RESULTS["object"])
    assert (job["listing"], job["deployment_id"]) == (slug, None)


async def test_project_with_webhooks_sends_rows(
    client: httpx.AsyncClient, database: Database, tenant: Tenant, headers: dict[str, str]
) -> None:
    async with database.transaction() as session:
        session.add(Webhook(project_id=tenant.project_id, url="https://example.org", ciphertext="x"))
    for _ in range(2):  # the second end uses what the first has learned about the project
        await run(database, Waiting(client, headers, REQUEST), RESULTS["object"])


async def test_publishable_key_gets_the_row_of_its_job(
    client: httpx.AsyncClient, database: Database, tenant: Tenant
) -> None:
    headers = await headers_of(database, tenant, "publishable")
    request = {"skill": "echo", "inputs": REQUEST["inputs"]}
    await run(database, Waiting(client, headers, request), RESULTS["object"])


@pytest.mark.parametrize("part", ["result", "inputs"])
async def test_large_job_is_read_from_the_database(
    client: httpx.AsyncClient, database: Database, headers: dict[str, str], part: str
) -> None:
    large = "".join(uuid4().hex for _ in range(ended_row.MAX_CHARACTERS // 32))
    request = {**REQUEST, "inputs": {"text": large}} if part == "inputs" else REQUEST
    result = AttemptResult("succeeded", large if part == "result" else None)
    job = await run(database, Waiting(client, headers, request), result, is_handed_over=False)
    assert (job["result"] or job["inputs"]["text"]) == large


async def test_compressible_job_is_read_from_the_database(
    client: httpx.AsyncClient, database: Database, headers: dict[str, str]
) -> None:
    """The database measures the compressed inputs."""
    request = {**REQUEST, "inputs": {"text": "x" * 50_000}}
    await run(database, Waiting(client, headers, request), RESULTS["object"], is_handed_over=False)


async def test_job_rated_while_it_runs_is_read_from_the_database(
    client: httpx.AsyncClient, database: Database, headers: dict[str, str]
) -> None:
    waiting = Waiting(client, headers, REQUEST)
    attempt = await claimed(database)
    rating = await client.post(f"/v1/jobs/{attempt.job_id}/feedback", json={"rating": 1}, headers=headers)
    assert rating.status_code == 200
    await end(database, attempt, RESULTS["object"])
    assert len((await waiting.returned())["feedback"]) == 1


async def test_without_a_message_the_job_is_read_from_the_database(
    client: httpx.AsyncClient, database: Database, headers: dict[str, str]
) -> None:
    waiting = Waiting(client, headers, REQUEST)
    attempt = await claimed(database)
    notifications.use(None)
    await end(database, attempt, RESULTS["object"])
    assert (await waiting.returned())["status"] == "succeeded"


async def test_unusable_rows_are_ignored(
    client: httpx.AsyncClient, instance: AppContext, database: Database, headers: dict[str, str]
) -> None:
    other = await run(database, Waiting(client, headers, REQUEST), RESULTS["failed"])
    other_row = await row_of(database, UUID(other["id"]))
    version, *values = json.loads(other_row)
    waiting = Waiting(client, headers, REQUEST)
    attempt = await claimed(database)
    unusable = {
        "another job": other_row,
        "running": await row_of(database, attempt.job_id),
        "another version": json.dumps(["00000000", *values]),
        "too short": json.dumps([version, *values[1:]]),
        "wrong types": json.dumps([version, *([[]] * len(values))]),
        "no version": "[]",
        "no array": "5",
        "no JSON": "[",
        "no text": "\ud800",
        "none": "",
    }
    for kind, row in unusable.items():
        with reading() as statuses:
            message = f"{attempt.job_id} 9 end {row}".encode(errors="surrogatepass")
            await instance.redis.publish(WAKE_CHANNEL, message)
            async with asyncio.timeout(10):
                while not statuses:  # noqa: ASYNC110 - the read of another task has no event
                    await asyncio.sleep(0.01)
            assert set(statuses) == {"running"}, kind
    await end(database, attempt, RESULTS["object"])
    assert (await waiting.returned())["status"] == "succeeded"


async def test_row_is_only_for_principals_that_may_read_the_job(
    client: httpx.AsyncClient, database: Database, tenant: Tenant, headers: dict[str, str]
) -> None:
    job = await run(database, Waiting(client, headers, REQUEST), RESULTS["object"])
    job_id, owner = UUID(job["id"]), tenant.principal
    row = await row_of(database, job_id)
    other_project = Principal("secret_key", owner.id, uuid4(), owner.label, owner.role)
    other_job = Principal("job", uuid4(), owner.project_id, "job:x", owner.role)
    submits_only = replace(owner, scopes=frozenset({"jobs:submit"}))
    assert ended_row.read(row, owner, job_id) is not None
    assert ended_row.read(row, other_project, job_id) is None
    assert ended_row.read(row, other_job, job_id) is None
    with pytest.raises(NotAllowed):
        ended_row.read(row, submits_only, job_id)


async def row_of(database: Database, job_id: UUID) -> str:
    """Return the row that is sent at the end of a job."""
    async with database.transaction() as session:
        statement = text(f"select {ended_row.SQL} from jobs where id = :job_id")
        return str((await session.execute(statement, {"job_id": job_id})).scalar_one())
