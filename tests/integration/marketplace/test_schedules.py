"""Scheduled runs of listings: the project of the schedule pays, at most the accepted price."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import text

from backend.execution.schedules.dispatcher import JobDefaults, fire_due
from backend.money.pricing import PriceList
from tests.integration.marketplace.conftest import PRICE, Market

pytestmark = pytest.mark.asyncio(loop_scope="module")

FEE = PRICE // 10
TERMS = JobDefaults(PriceList(market_fee_pct=10))


async def create_schedule(market: Market, slug: str, **over: Any) -> Any:
    """Create an hourly schedule of the listing for the caller."""
    body = {"name": slug, "listing_id": slug, "inputs": {"text": "hello"}, "cron": "0 * * * *", **over}
    made = await market.caller.http.post("/v1/schedules", json=body)
    assert made.status_code == 201, made.text
    return made.json()


async def last_run(market: Market, schedule: Any, *, at: datetime) -> Any:
    """Fire the schedules that are due at a time, and return the last run of the schedule."""
    await fire_due(market.instance.database, TERMS, at=at)
    runs = (await market.caller.http.get(f"/v1/schedules/{schedule['id']}/runs")).json()
    return runs[0]


async def test_a_schedule_runs_a_listing_and_its_project_pays(market: Market) -> None:
    slug = await market.offer()
    before, earned = await market.balance(market.caller), await market.balance(market.publisher)
    schedule = await create_schedule(market, slug)
    assert (schedule["listing"], schedule["skill"], schedule["skillpack_id"]) == (slug, "shout", None)
    assert schedule["max_price_micros"] == PRICE
    due = datetime.fromisoformat(schedule["next_at"])
    run = await last_run(market, schedule, at=due + timedelta(seconds=1))
    assert run["outcome"] == "submitted", run
    job = await market.ended(run["job_id"])
    assert (job["status"], job["listing"], job["source"]) == ("succeeded", slug, "schedule")
    assert (job["result"]["text"], job["metadata"]["schedule_id"]) == ("HELLO", schedule["id"])
    assert await market.balance(market.caller) == before - PRICE
    assert await market.balance(market.publisher) == earned + PRICE - FEE
    assert await market.ledger_is_consistent()


async def test_increased_price_is_rejected_until_it_is_accepted(market: Market) -> None:
    slug = await market.offer()
    schedule = await create_schedule(market, slug)
    await market.change(slug, price_micros=PRICE * 100)
    due = datetime.fromisoformat(schedule["next_at"])
    run = await last_run(market, schedule, at=due + timedelta(seconds=1))
    assert (run["outcome"], run["code"], run["job_id"]) == ("refused", "price_increased", None)
    assert "$5.000000" in run["reason"]
    async with market.instance.database.transaction() as session:  # as version 0.1 stored it
        await session.execute(
            text("update schedule_runs set code = 'price_rose' where schedule_id = :id"),
            {"id": schedule["id"]},
        )
    stored = (await market.caller.http.get(f"/v1/schedules/{schedule['id']}/runs")).json()
    assert stored[0]["code"] == "price_increased"
    by_hand = await market.caller.http.post(f"/v1/schedules/{schedule['id']}/run")
    error = by_hand.json()
    assert (by_hand.status_code, error["code"]) == (402, "price_increased")
    assert error["max_price_micros"] == error["most_price_micros"] == PRICE, "the former name, too"
    await market.change(slug, price_micros=PRICE * 2)
    changed = await market.caller.http.patch(
        f"/v1/schedules/{schedule['id']}", json={"max_price_micros": PRICE * 2}
    )
    assert changed.json()["max_price_micros"] == PRICE * 2
    manual_run = await market.caller.http.post(f"/v1/schedules/{schedule['id']}/run")
    assert manual_run.status_code == 201, manual_run.text
    job = await market.ended(manual_run.json()["job_id"])
    assert (job["status"], job["price_micros"]) == ("succeeded", PRICE * 2)


async def test_schedule_of_a_taken_down_listing_reports_the_cause(market: Market) -> None:
    slug = await market.offer()
    schedule = await create_schedule(market, slug)
    await market.change(slug, status="taken_down")
    due = datetime.fromisoformat(schedule["next_at"])
    run = await last_run(market, schedule, at=due + timedelta(seconds=1))
    assert (run["outcome"], run["code"]) == ("refused", "listing_not_found")


@pytest.mark.parametrize(
    ("over", "status", "where"),
    [
        ({"listing_id": "unknown-listing"}, 404, ""),
        ({"skill": "shout"}, 422, "either `skill`"),
        ({"listing_id": None}, 422, "either `skill`"),
        ({"inputs": {}}, 422, "inputs.text"),
        ({"skillpack": "default"}, 422, "Only the publisher can set this"),
        ({"max_price_micros": -1}, 422, "max_price_micros"),
        ({"version": 9}, 404, "no version 9"),
    ],
)
async def test_invalid_schedule_is_rejected_when_it_is_created(
    market: Market, over: dict[str, Any], status: int, where: str
) -> None:
    slug = await market.offer()
    body = {"name": "wrong", "listing_id": slug, "inputs": {"text": "x"}, "cron": "@daily", **over}
    response = await market.caller.http.post("/v1/schedules", json=body)
    assert response.status_code == status, response.text
    assert where in response.text


async def test_price_limit_is_allowed_only_for_listings(market: Market) -> None:
    body = {"name": "own", "skill": "shout", "inputs": {"text": "x"}, "cron": "@daily"}
    http = market.publisher.http
    rejected = await http.post("/v1/schedules", json={**body, "max_price_micros": 1})
    assert rejected.status_code == 422
    own = await http.post("/v1/schedules", json={**body, "name": f"own-{datetime.now(UTC).timestamp()}"})
    assert (own.json()["listing"], own.json()["max_price_micros"]) == (None, None)
    changed = await http.patch(f"/v1/schedules/{own.json()['id']}", json={"max_price_micros": 1})
    assert changed.status_code == 422


async def test_former_name_of_the_price_limit_works(market: Market) -> None:
    slug = await market.offer()
    schedule = await create_schedule(market, slug, most_price_micros=PRICE + 1)
    assert schedule["max_price_micros"] == schedule["most_price_micros"] == PRICE + 1
    path, http = f"/v1/schedules/{schedule['id']}", market.caller.http
    changed = await http.patch(path, json={"most_price_micros": PRICE + 2})
    assert changed.json()["max_price_micros"] == PRICE + 2
    same = await http.patch(path, json={"most_price_micros": PRICE + 3, "max_price_micros": PRICE + 3})
    assert same.json()["max_price_micros"] == PRICE + 3
    differ = await http.patch(path, json={"most_price_micros": PRICE, "max_price_micros": PRICE + 4})
    assert differ.status_code == 422
    assert "their values differ" in differ.text
    assert (await http.get(path)).json()["max_price_micros"] == PRICE + 3


async def test_other_projects_cannot_schedule_a_draft(market: Market) -> None:
    slug = await market.offer(publish=False)
    body = {"name": "early", "listing_id": slug, "inputs": {"text": "x"}, "cron": "@daily"}
    assert (await market.caller.http.post("/v1/schedules", json=body)).status_code == 404
