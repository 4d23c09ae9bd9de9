"""The orders of a list of jobs, with their pages."""

from __future__ import annotations

from datetime import timedelta
from typing import Any, NamedTuple
from uuid import UUID

import httpx
import pytest
from sqlalchemy import text

from backend.core.clock import now
from backend.core.db.engine import Database
from backend.execution.jobs.sorting import SORTS
from backend.identity.api_keys import keys
from tests.factories.errors import error_of
from tests.factories.tenants import make_job, make_skill, make_tenant
from tests.integration.auth.conftest import client, world

__all__ = ["client", "world"]

_AS = text("""
update jobs set status = :status, created_at = :at, first_started_at = :at, started_at = :at, cost_micros = :cost,
  called_cost_micros = :called, finished_at = cast(:at as timestamptz) + cast(:took as interval)
where id = :id
""")


class Listed(NamedTuple):
    """Jobs by a letter: `a` is the oldest; `q` is queued."""

    headers: dict[str, str]
    letters: dict[UUID, str]


@pytest.fixture
async def listed(database: Database) -> Listed:
    rows = (
        ("a", "succeeded", 1, 500, 0),
        ("b", "failed", 30, 100, 0),
        ("c", "succeeded", 30, 100, 900),
        ("d", "cancelled", 0.5, 0, 0),
        ("q", "queued", None, 0, 0),
    )
    letters: dict[UUID, str] = {}
    async with database.transaction() as session:
        tenant = await make_tenant(session, make_skill())
        created = await keys.create(session, None, project_id=tenant.principal.project_id)
        for age, (letter, status, took_s, cost, called) in enumerate(rows):
            job_id = await make_job(session, tenant)
            letters[job_id] = letter
            values: dict[str, Any] = {"id": job_id, "status": status, "cost": cost, "called": called}
            if took_s is not None:
                at = now() - timedelta(minutes=10 - age)
                await session.execute(_AS, {**values, "at": at, "took": timedelta(seconds=took_s)})
    return Listed({"Authorization": f"Bearer {created.plaintext}"}, letters)


async def order(client: httpx.AsyncClient, listed: Listed, **query: Any) -> str:
    """Return the letters of the jobs of all pages."""
    letters, url, params = "", "/v1/jobs", query or None
    while url:
        response = await client.get(url, params=params, headers=listed.headers)
        assert response.status_code == 200, response.text
        letters += "".join(listed.letters[UUID(job["id"])] for job in response.json())
        url, params = response.links.get("next", {}).get("url", ""), None
    return letters


@pytest.mark.parametrize(
    ("sort", "letters"),
    [
        ("-created_at", "qdcba"),
        ("created_at", "abcdq"),
        ("-cost", "cabdq"),
        ("cost", "dbacq"),
        ("-duration", "cbadq"),
        ("duration", "dabcq"),
        ("status", "qcabd"),
        ("-status", "dbcaq"),
    ],
)
async def test_pages_of_each_order_follow_each_other(
    client: httpx.AsyncClient, listed: Listed, sort: str, letters: str
) -> None:
    if sort.endswith("duration"):  # `b` and `c` took equally long, so that their IDs decide
        first, second = sorted((one for one in listed.letters if listed.letters[one] in "bc"), reverse=True)
        equal = listed.letters[first] + listed.letters[second]
        letters = letters.replace("cb", equal) if sort[0] == "-" else letters.replace("bc", equal[::-1])
    for limit in (1, 2, 50):
        assert await order(client, listed, sort=sort, limit=limit) == letters


async def test_orders_work_with_filters(client: httpx.AsyncClient, listed: Listed) -> None:
    assert await order(client, listed, sort="-cost", status="succeeded", limit=1) == "ca"
    assert await order(client, listed, sort="cost", status="queued") == "q"
    assert await order(client, listed, sort="status", status="failed") == "b"
    assert await order(client, listed, sort="-duration", min_seconds=1, limit=1) in ("cba", "bca")


async def test_cursors_of_other_orders_and_unknown_orders_are_rejected(
    client: httpx.AsyncClient, listed: Listed
) -> None:
    for sort in SORTS:
        response = await client.get("/v1/jobs", params={"sort": sort, "limit": 1}, headers=listed.headers)
        cursor = httpx.URL(response.links["next"]["url"]).params["cursor"]
        other = "-created_at" if sort != "-created_at" else "cost"
        again = await client.get("/v1/jobs", params={"sort": other, "cursor": cursor}, headers=listed.headers)
        assert (again.status_code, error_of(again)["code"]) == (422, "invalid")
    unknown = await client.get("/v1/jobs", params={"sort": "price"}, headers=listed.headers)
    assert unknown.status_code == 422
