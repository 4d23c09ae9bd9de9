"""The fast way and FastAPI answer the same requests with the same responses, rows and events.

A process takes the fast way for keys and skills that it remembers, so each key is used before.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import contextmanager
from typing import Any
from unittest.mock import patch
from uuid import UUID

import httpx
import pytest
import pytest_asyncio
from fastapi import FastAPI
from sqlalchemy import text

from backend.core.db.engine import Database
from backend.core.metrics.instruments import HTTP_REQUESTS
from backend.execution.jobs import api, fast_route
from backend.identity.api_keys import keys
from backend.identity.api_keys.keys import Limits
from tests.factories.tenants import Tenant, make_skill, make_tenant

FAST = {"content-type": "application/json"}
BY_FASTAPI = {"content-type": "application/json; charset=utf-8"}
"""The same meaning, which the fast way does not accept."""
NEW = {"id", "created_at", "request_id", "job_id", "ts", "stamp", "submitted_at", "traceparent"}
"""Values that differ between two equal jobs."""
NUMBER = {
    "type": "object",
    "properties": {"n": {"type": "integer", "default": 3}},
    "additionalProperties": False,
}

VALID: Mapping[str, Any] = {
    "defaults": {"skill": "count"},
    "inputs": {"skill": "count", "inputs": {"n": 1}},
    "everything": {
        "skill": "default/count",
        "inputs": {"n": 2},
        "source": "shop",
        "priority": -3,
        "limits": {"timeout_s": 5},
        "metadata": {"order": "ü", "deep": [{"a": None}]},
    },
    "later": {"skill": "count", "run_at": "2027-01-31T09:00:00+01:00"},
    "past": {"skill": "count", "run_at": "2020-01-31T09:00:00Z"},
}
INVALID: Mapping[str, bytes] = {
    "no body": b"",
    "no JSON": b'{"skill": ',
    "not an object": b'["count"]',
    "wrong encoding": b'{"skill": "\xff"}',
    "not a number": b'{"skill": "count", "inputs": {"n": NaN}}',
    "large number": b'{"skill": "count", "inputs": {"n": 1' + b"0" * 5_000 + b"}}",
    "deep": b'{"skill": "count", "metadata": ' + b'{"a":' * 20_000 + b"1" + b"}" * 20_000 + b"}",
    "NUL": b'{"skill": "count", "metadata": {"a": "\\u0000"}}',
    "unknown field": b'{"skill": "count", "input": {}}',
    "two targets": b'{"skill": "count", "prompt": "Count."}',
    "no target": b"{}",
    "wrong types": b'{"skill": 1, "inputs": [], "priority": "high"}',
    "unknown skill": b'{"skill": "missing"}',
    "invalid inputs": b'{"skill": "count", "inputs": {"n": "one", "m": 1}}',
    "limit above the skill's": b'{"skill": "count", "limits": {"timeout_s": 1000000}}',
    "lane not granted": b'{"skill": "count", "lane": "gpu"}',
    "date without time zone": b'{"skill": "count", "run_at": "2027-01-31T09:00:00"}',
    "large metadata": b'{"skill": "count", "metadata": {"a": "' + b"x" * 20_000 + b'"}}',
}
QUERIES: Mapping[str, str] = {
    "": "fast",
    "?wait=true&timeout=0": "fast",
    "?wait=1&timeout=0.01": "fast",
    "?timeout=inf": "FastAPI",
    "?wait=true&wait=false": "FastAPI",
    "?version=1": "FastAPI",
    "?version=7": "FastAPI",
    "?skillpack=missing": "FastAPI",
    "?wait=maybe": "none",
    "?timeout=-1": "none",
    "?timeout=abc": "none",
    "?unknown=1": "none",
}
"""Each query, and the way on which the first of two requests reaches the submission; none if it is not valid."""


@pytest_asyncio.fixture
async def tenant(database: Database) -> Tenant:
    async with database.transaction() as session:
        return await make_tenant(session, make_skill("count", input_schema=NUMBER, output_schema=NUMBER))


@pytest_asyncio.fixture
async def client(app: FastAPI) -> AsyncIterator[httpx.AsyncClient]:
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1:8123") as client:
        yield client


async def key_of(database: Database, tenant: Tenant, kind: Any = "secret", **limits: Any) -> dict[str, str]:
    async with database.transaction() as session:
        made = await keys.create(
            session,
            None,
            project_id=tenant.project_id,
            kind=kind,
            limits=Limits(**limits) if limits else None,
        )
    return {"Authorization": f"Bearer {made.plaintext}"}


@pytest_asyncio.fixture
async def key(database: Database, tenant: Tenant) -> dict[str, str]:
    return await key_of(database, tenant)


@contextmanager
def counted() -> Iterator[list[str]]:
    """Record which of the two ways submits each job."""
    ways: list[str] = []
    fast, slow = fast_route.submit_and_wait, api.submit_and_wait

    async def by_fast(*args: Any) -> Any:
        ways.append("fast")
        return await fast(*args)

    async def by_fastapi(*args: Any) -> Any:
        ways.append("FastAPI")
        return await slow(*args)

    with (
        patch.object(fast_route, "submit_and_wait", by_fast),
        patch.object(api, "submit_and_wait", by_fastapi),
    ):
        yield ways


async def assert_same(
    client: httpx.AsyncClient, database: Database, key: dict[str, str], body: bytes, query: str = ""
) -> tuple[int, list[str]]:
    """Send a request both ways, and return its status and the ways on which jobs were submitted."""
    await remember(client, key)
    with counted() as ways:
        fast = await client.post(f"/v1/jobs{query}", content=body, headers={**key, **FAST})
        slow = await client.post(f"/v1/jobs{query}", content=body, headers={**key, **BY_FASTAPI})
    assert fast.status_code == slow.status_code
    assert without_new(fast.json()) == without_new(slow.json())
    varying = ("x-request-id", "content-length")
    assert [h for h in fast.headers.items() if h[0] not in varying] == [
        h for h in slow.headers.items() if h[0] not in varying
    ]
    if fast.status_code == 201:
        assert await stored(database, fast.json()["id"]) == await stored(database, slow.json()["id"])
    return fast.status_code, ways


async def remember(client: httpx.AsyncClient, key: dict[str, str], skill: str = "count") -> None:
    """Let the process remember the key and its skills."""
    for name in (skill, f"default/{skill}"):
        await client.post("/v1/jobs", json={"skill": name}, headers={**key, **BY_FASTAPI})


async def stored(database: Database, job_id: str) -> Any:
    """Return all rows of a job, without the values that are new for each job."""
    rows = {}
    async with database.transaction() as session:
        for table, column in (("jobs", "id"), ("job_queue", "job_id"), ("job_events", "job_id")):
            found = await session.execute(
                text(f"select to_jsonb(t) from {table} t where {column} = :id"),
                {"id": UUID(job_id)},
            )
            rows[table] = [without_new(row) for (row,) in found]
    return rows


def without_new(value: Any) -> Any:
    return {name: item for name, item in value.items() if name not in NEW}


@pytest.mark.parametrize("name", VALID)
async def test_valid_request(
    client: httpx.AsyncClient, database: Database, key: dict[str, str], name: str
) -> None:
    body = json.dumps(VALID[name]).encode()
    assert await assert_same(client, database, key, body) == (201, ["fast", "FastAPI"])


@pytest.mark.parametrize("name", INVALID)
async def test_invalid_request(
    client: httpx.AsyncClient, database: Database, key: dict[str, str], name: str
) -> None:
    status, ways = await assert_same(client, database, key, INVALID[name])
    assert status in (400, 403, 404, 422)
    assert ways.count("FastAPI") in (0, 2)  # what the fast way does not submit, it passes on


@pytest.mark.parametrize("query", QUERIES)
async def test_query(client: httpx.AsyncClient, database: Database, key: dict[str, str], query: str) -> None:
    _, ways = await assert_same(client, database, key, b'{"skill": "count"}', query)
    assert (ways or ["none"])[0] == QUERIES[query]


@pytest.mark.parametrize(
    ("kind", "limits", "status"),
    [
        ("publishable", {}, 201),
        ("secret", {"skill_allowlist": ["other"]}, 403),
        ("secret", {"scopes": ["jobs:read"]}, 403),
        ("secret", {"daily_cap_micros": 5_000}, 201),
    ],
)
async def test_restricted_key(
    client: httpx.AsyncClient, database: Database, tenant: Tenant, kind: str, limits: Any, status: int
) -> None:
    key = await key_of(database, tenant, kind, **limits)
    assert (await assert_same(client, database, key, b'{"skill": "count"}'))[0] == status


async def test_empty_wallet(client: httpx.AsyncClient, database: Database) -> None:
    async with database.transaction() as session:
        priced = make_skill("priced", limits={"cost_usd": 0.5})
        tenant = await make_tenant(session, make_skill(), priced, credit_micros=0)
    key = await key_of(database, tenant)
    await remember(client, key, "priced")
    assert (await assert_same(client, database, key, b'{"skill": "priced"}'))[0] == 402
    assert (await assert_same(client, database, key, b'{"skill": "echo"}'))[0] == 201


@pytest.mark.parametrize(
    "headers",
    [
        {"Idempotency-Key": "a" * 8},
        {"User-Agent": "puras-mcp/1.0"},
        {"Content-Type": "application/vnd.shop+json"},
    ],
)
async def test_request_of_another_form_is_served_by_fastapi(
    client: httpx.AsyncClient, key: dict[str, str], headers: dict[str, str]
) -> None:
    await remember(client, key)
    with counted() as ways:
        response = await client.post(
            "/v1/jobs", content=b'{"skill": "count"}', headers={**key, **FAST, **headers}
        )
    assert response.status_code == 201
    assert ways == ([] if "Idempotency-Key" in headers else ["FastAPI"])


async def test_large_body_is_served_by_fastapi(client: httpx.AsyncClient, key: dict[str, str]) -> None:
    body = b'{"skill": "count"' + b" " * fast_route.MAX_BODY_BYTES + b"}"
    await remember(client, key)
    with counted() as ways:
        response = await client.post("/v1/jobs", content=body, headers={**key, **FAST})
    assert (response.status_code, ways) == (201, ["FastAPI"])


async def test_requests_are_counted_under_their_route(client: httpx.AsyncClient, key: dict[str, str]) -> None:
    await remember(client, key)
    await client.post("/v1/jobs", content=b'{"skill": "count"}', headers={**key, **FAST})
    samples = [sample for metric in HTTP_REQUESTS.collect() for sample in metric.samples]
    assert [sample.labels["route"] for sample in samples if sample.name.endswith("_total")] == ["/v1/jobs"]
