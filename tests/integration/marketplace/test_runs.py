"""Runs of listings: charges, runs without a charge, and the limits of the caller."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import text

from backend.core.clock import now
from backend.evals.tables import EvalCase
from tests.doubles.messages import calls, says
from tests.integration.marketplace.conftest import BUNDLE, PRICE, Market

pytestmark = pytest.mark.asyncio(loop_scope="module")

FEE = PRICE // 10
FAILS = "raise ValueError('no')"


async def test_run_costs_its_price_once_and_pays_the_publisher_minus_the_fee(
    market: Market,
) -> None:
    slug, before, earned = (
        await market.offer(),
        await market.balance(market.caller),
        await market.balance(market.publisher),
    )
    job = await market.run(slug)
    assert (job["status"], job["result"]["text"], job["cost_micros"]) == ("succeeded", "HELLO", PRICE)
    assert (job["listing"], job["listing_version"], job["price_micros"]) == (slug, 1, PRICE)
    assert await market.balance(market.caller) == before - PRICE
    assert await market.balance(market.publisher) == earned + PRICE - FEE
    receipt = (await market.caller.http.get(f"/v1/jobs/{job['id']}/receipt")).json()
    [line] = receipt["lines"]
    assert (line["kind"], line["billed_micros"], line["charged_micros"]) == ("listing", PRICE, PRICE)
    assert line["quantity"] == {"runs": 1, "listing": slug, "version": 1}
    sale, *_ = (await market.publisher.http.get("/v1/billing/ledger")).json()
    assert (sale["kind"], sale["amount_micros"], sale["note"]) == ("listing_sale", PRICE - FEE, slug)
    [usage] = (await market.caller.http.get("/v1/usage", params={"group_by": "listing"})).json()
    assert (usage["group"], usage["cost_micros"]) == (slug, PRICE)
    sales = (await market.publisher.http.get(f"/v1/marketplace/listings/{slug}/sales")).json()
    assert (sales["callers"], sales["runs"], sales["succeeded"]) == (1, 1, 1)
    assert (sales["charged_micros"], sales["earned_micros"]) == (PRICE, PRICE - FEE)
    assert (await market.caller.http.get(f"/v1/marketplace/listings/{slug}/sales")).status_code == 404
    assert (await market.publisher.http.get(f"/v1/jobs/{job['id']}")).status_code == 404
    assert await market.ledger_is_consistent()


async def test_flow_runs_with_all_of_its_steps_and_keeps_them_private(market: Market) -> None:
    slug, before = await market.offer("chorus"), await market.balance(market.caller)
    listing = (await market.caller.http.get(f"/v1/marketplace/listings/{slug}")).json()
    assert listing["type"] == "flow"
    job = await market.run(slug)
    assert (job["status"], job["type"], job["result"]) == ("succeeded", "flow", {"text": "HELLOhello"})
    assert job["cost_micros"] == before - await market.balance(market.caller) == PRICE
    http = market.caller.http
    for response in (
        await http.get(f"/v1/jobs/{job['id']}/steps"),
        await http.post(f"/v1/jobs/{job['id']}/fork", json={"step": "quiet"}),
    ):
        assert (response.status_code, response.json()["code"]) == (409, "content_owned_by_publisher")
    assert await market.ledger_is_consistent()


async def test_failed_and_cancelled_runs_do_not_cost_the_price(market: Market) -> None:
    slug, before = await market.offer(), await market.balance(market.caller)
    failed = await market.run(slug, inputs={"text": "x", "do": FAILS})
    assert (failed["status"], failed["cost_micros"], failed["error_code"]) == ("failed", 0, "exception")
    slow = await market.submit(slug, inputs={"text": "x", "do": "import time; time.sleep(30)"})
    await market.until_held(PRICE)
    await market.caller.http.post(f"/v1/jobs/{slow.json()['id']}/cancel")
    assert (await market.ended(slow.json()["id"]))["status"] == "cancelled"
    assert await market.balance(market.caller) == before
    receipt = (await market.caller.http.get(f"/v1/jobs/{failed['id']}/receipt")).json()
    assert (receipt["lines"], "charged only for runs that succeed" in receipt["notes"][0]) == ([], True)
    sales = (await market.publisher.http.get(f"/v1/marketplace/listings/{slug}/sales")).json()
    assert (sales["runs"], sales["succeeded"], sales["earned_micros"]) == (2, 0, 0)
    assert await market.ledger_is_consistent()


async def test_run_of_an_agent_pays_model_costs_with_margin_and_the_price(market: Market) -> None:
    slug = await market.offer("oracle")
    market.set_replies(says(calls("set_output", answer="yes"), input_tokens=1000, output_tokens=100))
    job = await market.run(slug, inputs={"question": "Will it rain?"})
    assert (job["status"], job["result"]) == ("succeeded", {"answer": "yes"})
    lines = (await market.caller.http.get(f"/v1/jobs/{job['id']}/receipt")).json()["lines"]
    assert [line["kind"] for line in lines] == ["listing", "model"]
    model_micros = lines[1]["charged_micros"]
    assert model_micros > 0
    assert job["cost_micros"] == PRICE + model_micros
    assert await market.ledger_is_consistent()


async def test_run_needs_room_for_price_and_cap_in_wallet_and_limits(market: Market) -> None:
    slug, expensive = await market.offer("oracle"), await market.offer(price_micros=6_000_000)
    poor = await market.submit(expensive)
    assert (poor.status_code, poor.json()["code"], poor.json()["price_micros"]) == (
        402,
        "wallet_too_small",
        6_000_000,
    )
    low = await market.submit(slug, inputs={"question": "?"}, limits={"cost_usd": 0.04})
    assert (low.status_code, low.json()["code"]) == (402, "price_over_limit")
    calls_before = market.upstream.asked
    capped = await market.run(slug, inputs={"question": "?"}, limits={"cost_usd": 0.05})
    assert (capped["status"], capped["error_code"], capped["cost_micros"]) == ("failed", "cost_capped", 0)
    assert market.upstream.asked == calls_before
    limited = await market.caller.http.post(
        "/v1/budgets", json={"name": "All", "scope": "project", "window": "day", "limit_usd": 0.06}
    )
    assert limited.status_code == 201, limited.text
    plain = await market.offer()
    assert (await market.run(plain))["status"] == "succeeded"
    second = await market.run(plain)
    assert (second["status"], second["error_code"]) == ("failed", "budget_reached")
    assert await market.ledger_is_consistent()


async def test_submitted_job_keeps_its_price(market: Market) -> None:
    slug = await market.offer()
    later = {"run_at": (now() + timedelta(days=300)).isoformat()}
    waiting = (await market.submit(slug, **later)).json()
    await market.change(slug, price_micros=PRICE * 4)
    assert (await market.caller.http.get(f"/v1/jobs/{waiting['id']}")).json()["price_micros"] == PRICE
    assert (await market.submit(slug, **later)).json()["price_micros"] == PRICE * 4
    [changed] = (await market.publisher.http.get("/v1/audit", params={"action": "listing.changed"})).json()
    assert (changed["details"]["price_micros"], changed["details"]["price_micros_before"]) == (
        PRICE * 4,
        PRICE,
    )


async def test_a_caller_does_not_see_the_version_of_the_publisher(market: Market) -> None:
    await market.publisher.pushed(BUNDLE)
    await market.publisher.pushed(BUNDLE)
    slug = await market.offer()
    job = await market.run(slug)
    assert (job["deployment_id"], job["deployment_version"], job["listing_version"]) == (None, None, 1)
    [listed] = [one for one in (await market.caller.http.get("/v1/jobs")).json() if one["id"] == job["id"]]
    assert (listed["deployment_id"], listed["deployment_version"]) == (None, None)
    events = (await market.caller.http.get(f"/v1/jobs/{job['id']}/events")).json()
    assert events[0]["payload"]["version"] == 1
    own = await market.run(slug, by=market.publisher)
    assert own["deployment_version"] > 1
    assert own["deployment_id"]


async def test_publisher_runs_its_own_listing_for_free_with_full_access(market: Market) -> None:
    slug, before = await market.offer(publish=False), await market.balance(market.publisher)
    job = await market.run(slug, by=market.publisher, inputs={"text": "x", "do": "print('seen')"})
    assert (job["status"], job["price_micros"], job["cost_micros"]) == ("succeeded", 0, 0)
    events = (await market.publisher.http.get(f"/v1/jobs/{job['id']}/events")).json()
    assert any(event["payload"].get("text") == "seen\n" for event in events)
    assert await market.balance(market.publisher) == before
    sales = (await market.publisher.http.get(f"/v1/marketplace/listings/{slug}/sales")).json()
    assert (sales["runs"], sales["callers"]) == (0, 0)


async def test_keys_run_the_listings_in_their_allowlists(market: Market) -> None:
    slug, other = await market.offer(price_micros=0), await market.offer(price_micros=0)

    async def submitted(kind: str, allowed: list[str], which: str) -> tuple[int, str]:
        body = {"name": kind, "kind": kind, "skill_allowlist": allowed}
        made = await market.caller.http.post("/v1/api-keys", json=body)
        assert made.status_code == 201, made.text
        headers = {"Authorization": f"Bearer {made.json()['key']}"}
        response = await market.caller.http.post(
            "/v1/jobs", json={"listing_id": which, "inputs": {"text": "a"}}, headers=headers
        )
        return response.status_code, response.json().get("code", "")

    assert await submitted("publishable", [], slug) == (403, "skill_not_on_key")
    assert await submitted("publishable", [f"listing:{slug}"], slug) == (201, "")
    assert await submitted("publishable", [f"listing:{slug}"], other) == (403, "skill_not_on_key")
    assert await submitted("secret", ["*/shout"], slug) == (403, "skill_not_on_key")
    assert await submitted("secret", [], other) == (201, "")


async def test_job_of_a_listing_cannot_set_how_the_skill_runs(
    market: Market,
) -> None:
    slug = await market.offer()
    both = await market.caller.http.post("/v1/jobs", json={"skill": "shout", "listing_id": slug})
    assert both.status_code == 422
    for over in ({"model": "claude/opus-4-8"}, {"lane": "gpu"}):
        response = await market.submit(slug, **over)
        assert (response.status_code, response.json()["code"]) == (422, "bad_listing_job")
    bad = await market.submit(slug, inputs={"txt": 1})
    assert (bad.status_code, bad.json()["code"]) == (422, "invalid")
    same = {"Idempotency-Key": "one"}
    body = {"listing_id": slug, "inputs": {"text": "a"}}
    first = await market.caller.http.post("/v1/jobs", json=body, headers=same)
    second = await market.caller.http.post("/v1/jobs", json=body, headers=same)
    assert first.json()["id"] == second.json()["id"]


async def test_a_run_of_another_projects_listing_does_not_become_an_eval_case(market: Market) -> None:
    slug = await market.offer()
    job = await market.run(slug)
    denied = await market.caller.http.post(f"/v1/jobs/{job['id']}/eval-case", json={"id": "mine"})
    assert (denied.status_code, denied.json()["code"]) == (422, "invalid"), denied.text
    assert "listing" in denied.json()["detail"]
    # A row from before this check does not occupy an ID of the publisher.
    async with market.instance.database.transaction() as session:
        skillpack_id = await session.scalar(
            text("select skillpack_id from jobs where id = :id"), {"id": job["id"]}
        )
        session.add(
            EvalCase(
                project_id=market.caller.id,
                skillpack_id=skillpack_id,
                skill_name="shout",
                case_id="mine",
                inputs={},
            )
        )
    own = await market.run(slug, by=market.publisher)
    kept = await market.publisher.http.post(f"/v1/jobs/{own['id']}/eval-case", json={"id": "mine"})
    assert kept.status_code == 201, kept.text
    again = await market.publisher.http.post(f"/v1/jobs/{own['id']}/eval-case", json={"id": "mine"})
    assert again.json()["code"] == "case_id_taken"
