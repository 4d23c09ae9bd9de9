"""Usage: spending by group, with pagination; the sum of the groups equals the charges of the wallet."""

from __future__ import annotations

import re
from datetime import timedelta

import httpx
import pytest
import pytest_asyncio
from fastapi import FastAPI
from sqlalchemy import text

from backend.core.clock import now
from backend.core.db.engine import Database
from backend.identity.api_keys import keys
from tests.integration.auth.conftest import browse
from tests.integration.ledger.money import call, ended, record_calls, running, spent, tenant_of


@pytest_asyncio.fixture
async def client(app: FastAPI, database: Database) -> httpx.AsyncClient:
    """Return a client of a project with three finished jobs and one running job."""
    tenant = await tenant_of(database)
    await spent(database, tenant, 100, "echo")
    await spent(database, tenant, 250, "other")
    failed = await running(database, tenant, "other")
    await record_calls(database, failed, call(40, model="", kind="web", quantity={"searches": 1}))
    assert await ended(database, failed, "failed", [call(600)])
    async with database.transaction() as session:
        made = await keys.create(session, tenant.principal, project_id=tenant.project_id)
    client = browse(app)
    client.headers["Authorization"] = f"Bearer {made.plaintext}"
    return client


async def test_sum_of_the_groups_equals_the_charges_of_the_wallet(client: httpx.AsyncClient) -> None:
    day = now().date().isoformat()
    by_skill = (await client.get("/v1/usage?group_by=skill")).json()
    assert [
        (one["group"], one["jobs"], one["failed"], one["cost_micros"], one["forgiven_micros"])
        for one in by_skill
    ] == [("echo", 1, 0, 100, 0), ("other", 2, 1, 250 + 140, 500)]
    both = (await client.get("/v1/usage", params={"group_by": "day,skill"})).json()
    assert [one["groups"] for one in both] == [{"day": day, "skill": "echo"}, {"day": day, "skill": "other"}]
    for group in ("day", "key", "version"):
        (whole,) = (await client.get("/v1/usage", params={"group_by": group})).json()
        assert (whole["jobs"], whole["cost_micros"], whole["calls"]) == (3, 490, None)
    (failed,) = (await client.get("/v1/jobs?status=failed")).json()
    money = (failed["used_micros"], failed["cost_micros"], failed["forgiven_micros"])
    assert money == (640, 140, 500)
    balance = (await client.get("/v1/billing/balance")).json()["balance_micros"]
    assert balance == 10_000_000 - 490


async def test_usage_by_model_counts_calls_and_tokens(client: httpx.AsyncClient) -> None:
    rows = (await client.get("/v1/usage", params={"group_by": "model,skill"})).json()
    assert [(one["group"], one["calls"], one["cost_micros"], one["forgiven_micros"]) for one in rows] == [
        ("claude/test / echo", 1, 100, 0),
        ("claude/test / other", 2, 250 + 100, 500),
        ("web / other", 1, 40, 0),
    ]
    assert (rows[1]["input_tokens"], rows[1]["cache_read_tokens"], rows[2]["input_tokens"]) == (20, 180, 0)


async def test_usage_is_paginated_and_limited_to_the_requested_period(client: httpx.AsyncClient) -> None:
    first = await client.get("/v1/usage?group_by=skill,day&limit=1")
    rest = re.search(r"<([^>]+)>", first.headers["Link"])
    assert rest is not None
    second = await client.get(rest[1])
    assert [page.json()[0]["groups"]["skill"] for page in (first, second)] == ["echo", "other"]
    assert "Link" not in second.headers
    other_list = rest[1].replace("skill%2Cday", "skill")
    assert (await client.get(other_list)).json()["errors"][0]["path"] == "query.cursor"

    soon = (now() + timedelta(minutes=1)).isoformat()
    assert (
        await client.get("/v1/usage", params={"since": soon, "until": soon[:-6] + "+00:01"})
    ).status_code == 422
    later = (now() + timedelta(hours=1)).isoformat()
    assert (await client.get("/v1/usage", params={"since": soon, "until": later})).json() == []
    wrong = (await client.get("/v1/usage?group_by=day,week")).json()
    assert (wrong["errors"][0]["path"], "week" in wrong["detail"]) == ("query.group_by", True)


async def test_overview_adds_up_outcomes_durations_cost_and_tokens(
    client: httpx.AsyncClient, database: Database
) -> None:
    async with database.transaction() as session:
        await session.execute(
            text(
                "update jobs set first_started_at = finished_at - interval '4 seconds' where skill_name = 'echo'"
            )
        )
        await session.execute(
            text(
                "update jobs set first_started_at = finished_at - interval '8 seconds' where skill_name = 'other'"
            )
        )
    overview = (await client.get("/v1/usage/overview?group_by=skill")).json()
    total = overview["total"]
    summary = total["summary"]
    assert (summary["jobs"], summary["succeeded"], summary["failed"], summary["cost_micros"]) == (
        3,
        2,
        1,
        490,
    )
    assert (summary["p50_s"], summary["p95_s"]) == (pytest.approx(6), pytest.approx(7.8))
    assert (summary["input_tokens"], summary["cache_read_tokens"]) == (30, 270)
    assert overview["step_s"] == 6 * 3_600
    assert sum(point["jobs"] for point in total["points"]) == 3
    assert len(total["points"]) in (28, 29)
    assert total["points"][-1]["jobs"] + total["points"][-2]["jobs"] == 3
    assert [(one["name"], one["summary"]["jobs"]) for one in overview["groups"]] == [
        ("other", 2),
        ("echo", 1),
    ]
    assert {len(one["points"]) for one in overview["groups"]} == {len(total["points"])}
    one = (await client.get("/v1/usage/overview?skill=echo&environment=production")).json()
    assert (one["total"]["summary"]["jobs"], one["groups"]) == (1, [])
    none = (await client.get("/v1/usage/overview?environment=staging&group_by=model")).json()
    assert (none["total"]["summary"]["jobs"], none["total"]["summary"]["p50_s"], none["groups"]) == (
        0,
        None,
        [],
    )
    for group in ("version", "model", "environment"):
        assert len((await client.get(f"/v1/usage/overview?group_by={group}")).json()["groups"]) == 1


async def test_overview_rejects_an_empty_or_long_period(client: httpx.AsyncClient) -> None:
    for since in (now() + timedelta(minutes=1), now() - timedelta(days=93)):
        response = await client.get("/v1/usage/overview", params={"since": since.isoformat()})
        assert (response.status_code, response.json()["errors"][0]["path"]) == (422, "query.since")
