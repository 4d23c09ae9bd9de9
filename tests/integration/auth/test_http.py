"""Properties of each HTTP response: security headers, error format, request logs and readiness."""

from __future__ import annotations

import json
import logging
from dataclasses import replace
from typing import Any
from uuid import uuid4

import httpx
import pytest
from fastapi import FastAPI
from fastapi.routing import iter_route_contexts
from redis.asyncio import Redis
from sqlalchemy import text
from structlog.testing import capture_logs

from backend.app import create_app, serving
from backend.context import AppContext
from backend.core.clock import now
from backend.core.db.engine import Database
from backend.core.http import query_parameters
from backend.execution.worker_registry.tables import Worker
from backend.identity.auth.permissions import AuthorizedRoute


async def test_valid_request_id_is_kept_and_an_invalid_one_is_replaced(client: httpx.AsyncClient) -> None:
    for given in ("short", "x" * 65, "with space", "new\tline", "<script>", ""):
        made = (await client.get("/health", headers={"X-Request-Id": given})).headers["X-Request-Id"]
        assert made != given
        assert len(made) == 32
    kept = await client.get("/health", headers={"X-Request-Id": "trace-1234.A_b"})
    assert kept.headers["X-Request-Id"] == "trace-1234.A_b"


async def test_every_response_has_security_headers(client: httpx.AsyncClient) -> None:
    for path in ("/health", "/v1/me", "/sign-in", "/nothing"):
        headers = (await client.get(path)).headers
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert headers["X-Frame-Options"] == "DENY"
    api = (await client.get("/v1/me")).headers
    assert api["Cache-Control"] == "no-store"
    for path in ("/health", "/v1/me", "/v1/nothing", "/bundles/x", "/schemas/skill.json"):
        headers = (await client.get(path)).headers
        assert headers["Content-Security-Policy"] == "default-src 'none'; sandbox; frame-ancestors 'none'", (
            path
        )
        assert headers["Cross-Origin-Resource-Policy"] == "same-origin"


async def test_cors_allows_every_origin_for_the_api_only_and_without_cookies(
    client: httpx.AsyncClient, world: Any
) -> None:
    headers = await world.key(await world.project("Mine")) | {"Origin": "https://shop.example"}
    preflight = await client.options(
        "/v1/jobs",
        headers={
            "Origin": "https://shop.example",
            "Access-Control-Request-Method": "POST",
            "Access-Control-Request-Headers": "authorization, idempotency-key, x-puras-end-user",
        },
    )
    assert preflight.status_code == 200
    assert preflight.headers["Access-Control-Allow-Origin"] == "*"
    response = await client.get("/v1/me", headers=headers)
    assert response.headers["Access-Control-Allow-Origin"] == "*"
    assert "Access-Control-Allow-Credentials" not in response.headers
    rejected = await client.get("/v1/me", headers={"Origin": "https://shop.example"})
    assert (rejected.status_code, rejected.headers["Access-Control-Allow-Origin"]) == (401, "*")
    for path in ("/sign-in", "/health"):
        assert "Access-Control-Allow-Origin" not in (await client.get(path, headers=headers)).headers


async def test_unknown_routes_and_methods_return_api_errors(client: httpx.AsyncClient, world: Any) -> None:
    headers = await world.key(await world.project("Mine"))
    missing = await client.get("/v1/nothing", headers=headers)
    assert (missing.status_code, missing.json()["code"]) == (404, "not_found")
    other = await client.put("/v1/me", headers=headers)
    assert (other.status_code, other.json()["code"]) == (405, "method_not_allowed")
    assert other.headers["Allow"] == "GET"


@pytest.mark.parametrize(
    ("body", "status", "path"),
    [
        (b"{", 400, None),
        (b"", 422, "body"),
        (b"[]", 422, "body"),
        (b"\xff\xfe", 400, None),
        (b"[" * 100_000, 400, None),
        (b'{"nmae": "x"}', 422, "nmae"),
        (b'{"name": 1}', 422, "name"),
        (b'{"name": "a\\u0000b"}', 422, "body"),
        (b'{"name": "\\ud800"}', 422, "body"),
        (b'{"scopes": ["jobs:read", 7]}', 422, "scopes[1]"),
        (b'{"scopes": ["jobs:eat"]}', 422, "scopes[0]"),
        (b'{"daily_cap_micros": 1e400}', 422, "body"),
        (b'{"daily_cap_micros": NaN}', 422, "body"),
        (b'{"daily_cap_micros": -1}', 422, "daily_cap_micros"),
        (b'{"daily_cap_micros": 99999999999999999999999999}', 422, "daily_cap_micros"),
        (b'{"expires_at": "2001-01-01T00:00:00Z"}', 422, "expires_at"),
        (b'{"expires_at": "2091-01-01T00:00:00"}', 422, "expires_at"),
        (b'{"kind": "master"}', 422, "kind"),
    ],
)
async def test_invalid_body_is_reported_with_the_path_of_the_field(
    client: httpx.AsyncClient, world: Any, body: bytes, status: int, path: str | None
) -> None:
    headers = await world.key(await world.project("Mine")) | {"Content-Type": "application/json"}
    response = await client.post("/v1/api-keys", content=body, headers=headers)

    assert response.status_code == status
    assert set(response.json()) >= {"detail", "code", "request_id"}
    if path is not None:
        assert response.json()["errors"][0]["path"] == path
    assert len((await client.get("/v1/api-keys", headers=headers)).json()) == 1


async def test_body_over_8_mib_is_rejected(client: httpx.AsyncClient, world: Any) -> None:
    headers = await world.key(await world.project("Mine")) | {"Content-Type": "application/json"}

    async def endless() -> Any:
        for _ in range(20):
            yield b" " * 1024 * 1024

    for content in (b" " * (8 * 1024 * 1024 + 1), endless()):
        response = await client.post("/v1/api-keys", content=content, headers=headers)
        assert (response.status_code, response.json()["code"]) == (413, "too_large")


@pytest.mark.parametrize("path", ["/v1/projects/a%00b", "/v1/audit?cursor=%00", "/v1/audit?x=a%00"])
async def test_nul_in_the_url_is_rejected(client: httpx.AsyncClient, world: Any, path: str) -> None:
    headers = await world.key(await world.project("Mine"))
    assert (await client.get(path, headers=headers)).status_code == 400


@pytest.mark.parametrize("query", ["limit=0", "limit=201", "limit=x", "limit=", "limit=1.5"])
async def test_invalid_limit_is_reported_with_its_path(
    client: httpx.AsyncClient, world: Any, query: str
) -> None:
    response = await client.get(f"/v1/audit?{query}", headers=await world.key(await world.project("Mine")))
    assert (response.status_code, response.json()["errors"][0]["path"]) == (422, "query.limit")


async def test_unexpected_error_is_logged_and_returned_without_details(instance: AppContext) -> None:
    app = create_app(instance.settings)

    @app.get("/broken")
    async def broken() -> None:
        raise RuntimeError("the password is hunter2")

    async with serving(app, instance), _browse(app) as client:
        with capture_logs() as logs:
            response = await client.get("/broken")
    assert response.status_code == 500
    assert response.json()["code"] == "internal_error"
    assert "hunter2" not in response.text
    assert any(entry["event"] == "request failed unexpectedly" for entry in logs)


async def test_each_request_is_logged_once_without_secrets(client: httpx.AsyncClient, world: Any) -> None:
    headers = await world.key(await world.project("Mine"))
    with capture_logs() as logs:
        await client.get("/v1/me?token=s3cret", headers=headers)
        await client.get("/v1/drive/signed/s3cret/file.png")
        await client.get("/bundles/s3cret")
        await client.get("/setup?token=s3cret")
        await client.get("/health")
    lines = [entry for entry in logs if entry["event"] == "request answered"]
    assert [line["path"] for line in lines] == ["/v1/me", "/v1/drive/signed/…", "/bundles/…", "/setup"]
    assert lines[0]["caller"].startswith("key:")
    assert "s3cret" not in json.dumps(lines, default=str)
    assert headers["Authorization"].split(".")[1] not in json.dumps(logs, default=str)


async def test_unavailable_database_returns_503_with_retry_after(instance: AppContext) -> None:
    unavailable = Database("postgresql://unused@127.0.0.1:1/none?connect_timeout=1")
    app = create_app(instance.settings)
    async with serving(app, replace(instance, database=unavailable)), _browse(app) as client:
        bearer = {"Authorization": "Bearer puras_live_abcdefgh." + "x" * 32}
        response = await client.get("/v1/me", headers=bearer)
        ready = await client.get("/ready")
    await unavailable.close()
    assert (response.status_code, response.json()["code"]) == (503, "unavailable")
    assert int(response.headers["Retry-After"]) >= 1
    assert ready.json()["missing"] == ["the database is unavailable"]


async def test_api_is_ready_without_workers_or_redis_but_not_while_it_stops(
    client: httpx.AsyncClient, database: Database, instance: AppContext
) -> None:
    assert (await client.get("/health")).json() == {"status": "ok"}
    response = await client.get("/ready")
    no_worker = ["no worker has sent a heartbeat in the last 10 s"]
    assert (response.status_code, response.json()) == (200, {"status": "degraded", "problems": no_worker})
    response = await client.get("/ready/workers")
    assert (response.status_code, response.json()["missing"]) == (503, no_worker)

    async with database.transaction() as session:
        session.add(Worker(id=uuid4(), host="h", pid=1, lanes=["default"], capacity=1, beat_at=now()))
    for path in ("/ready", "/ready/workers"):
        assert (await client.get(path)).json() == {"status": "ok", "problems": []}
    async with database.transaction() as session:
        await session.execute(text("update workers set shortage = 'disk: 1 MiB free'"))
    assert (await client.get("/ready")).json()["problems"] == ["h: disk: 1 MiB free"]
    assert (await client.get("/ready/workers")).status_code == 503

    app = create_app(instance.settings)
    without = replace(instance, redis=Redis.from_url("redis://127.0.0.1:1"))
    async with serving(app, without), _browse(app) as its:
        assert (await its.get("/ready")).json()["problems"][0] == "Redis is unavailable"
        app.state.is_stopping = True
        response = await its.get("/ready")
        assert (response.status_code, response.json()["missing"]) == (503, ["this process is stopping"])


def _browse(app: FastAPI) -> httpx.AsyncClient:
    return httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://127.0.0.1:8123")


@pytest.fixture(autouse=True)
def _logs_at_info() -> Any:
    root = logging.getLogger()
    before = root.level
    root.setLevel(logging.INFO)
    yield
    root.setLevel(before)


async def test_unknown_query_parameters_are_rejected_with_their_names(
    client: httpx.AsyncClient, world: Any
) -> None:
    project = await world.project("Mine")
    headers = await world.key(project)
    rejected = await client.get("/v1/jobs?limit=5&statsu=failed&zzz=1&project=mine", headers=headers)
    assert (rejected.status_code, rejected.json()["code"]) == (422, "invalid")
    assert rejected.json()["detail"].startswith(
        "query.statsu: The query parameter is unknown. Did you mean 'status'?"
    )
    assert [one["path"] for one in rejected.json()["errors"]] == ["query.statsu", "query.zzz"]
    assert "limit" in rejected.json()["errors"][1]["message"]
    assert (await client.get("/v1/jobs?limit=5&project=mine", headers=headers)).status_code == 200
    assert (
        (await client.get("/v1/me?x=1", headers=headers))
        .json()["errors"][0]["message"]
        .endswith("has no query parameters.")
    )
    assert (await client.get("/v1/jobs?zzz=1")).status_code == 401
    described = {
        (method.upper(), path): {
            one["name"] for one in operation.get("parameters", ()) if one["in"] == "query"
        }
        for path, methods in client._transport.app.openapi()["paths"].items()  # type: ignore[attr-defined]
        for method, operation in methods.items()
    }
    checked = 0
    for context in iter_route_contexts(client._transport.app.routes):  # type: ignore[attr-defined]
        route = context.original_route
        for method in route.methods if isinstance(route, AuthorizedRoute) and route.include_in_schema else ():
            if (method, context.path) in described:
                assert query_parameters.names(route) == described[method, context.path], context.path
                checked += 1
    assert checked > 150
