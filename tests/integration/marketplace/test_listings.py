"""Listings: private drafts, search, versions with breaking changes, and removal."""

from __future__ import annotations

import asyncio
import os
import sys
from typing import Any

import pytest
from sqlalchemy import text

from tests.integration.marketplace.conftest import BUNDLE, PRICE, YAML, Market

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def search_listings(market: Market, **params: Any) -> list[str]:
    response = await market.caller.http.get("/v1/marketplace/listings", params=params)
    assert response.status_code == 200, response.text
    return [one["slug"] for one in response.json()]


async def test_draft_is_visible_only_to_its_publisher(market: Market) -> None:
    slug = await market.offer(publish=False)
    assert slug not in await search_listings(market)
    rejected = await market.caller.http.get(f"/v1/marketplace/listings/{slug}")
    assert (rejected.status_code, rejected.json()["code"]) == (404, "listing_not_found")
    assert (await market.submit(slug)).status_code == 404
    await market.change(slug, status="published")
    assert slug in await search_listings(market)
    seen = (await market.caller.http.get(f"/v1/marketplace/listings/{slug}")).json()
    assert (seen["title"], seen["publisher"], seen["is_own"]) == ("Shouter", "Publisher", False)
    assert (seen["price_micros"], seen["price_usd"], seen["version"]) == (PRICE, 0.05, 1)
    assert seen["marketing"]["keywords"] == ["megaphone", "loud"]
    assert seen["input_schema"]["required"] == ["text"]
    assert seen["examples"][0]["inputs"] == {"text": "hello"}
    assert (seen["access"]["network"], seen["deployment_version"]) == ("public", None)
    assert seen["cap_micros"] == PRICE
    own = (await market.publisher.http.get(f"/v1/marketplace/listings/{slug}")).json()
    assert (own["is_own"], own["deployment_version"]) == (True, 1)


async def test_listings_are_sorted_and_paginated(market: Market) -> None:
    word = f"okapi{market.publisher.slug[-6:]}"
    prices = {"shout": 300, "whisper": 100, "oracle": 200}
    slugs = [
        await market.offer(skill, price_micros=price, title=title, description=word)
        for (skill, price), title in zip(prices.items(), ("b", "C", "a"), strict=True)
    ]
    loud, quiet, wise = slugs
    expected = {
        "-published_at": [wise, quiet, loud],
        "published_at": [loud, quiet, wise],
        "price": [quiet, wise, loud],
        "-price": [loud, wise, quiet],
        "title": [wise, loud, quiet],
        "-title": [quiet, loud, wise],
    }
    for sort, order in expected.items():
        assert await search_listings(market, q=word, sort=sort) == order
        pages: list[str] = []
        url: str | None = f"/v1/marketplace/listings?q={word}&sort={sort}&limit=1"
        while url is not None:
            response = await market.caller.http.get(url)
            pages += [one["slug"] for one in response.json()]
            url = response.links.get("next", {}).get("url")
        assert pages == order
    foreign = await market.caller.http.get("/v1/marketplace/listings?sort=-earned")
    assert (foreign.status_code, foreign.json()["code"]) == (422, "invalid")

    sell = text("""
    insert into listing_callers (listing_id, caller_id, project_id, runs, succeeded, charged_micros, earned_micros)
    select id, gen_random_uuid(), project_id, 5, :succeeded, 0, :earned from listings where slug = :slug
    """)
    async with market.instance.database.transaction() as session:
        for slug, succeeded, earned in ((quiet, 4, 10), (wise, 2, 90)):
            await session.execute(sell, {"slug": slug, "succeeded": succeeded, "earned": earned})
    await market.change(loud, status="taken_down")

    async def own(**params: Any) -> list[str]:
        query = {"mine": "true", "q": word, **params}
        response = await market.publisher.http.get("/v1/marketplace/listings", params=query)
        assert response.status_code == 200, response.text
        return [one["slug"] for one in response.json()]

    assert await own(sort="-earned") == [wise, quiet, loud]
    assert await own(sort="runs") == [loud, wise, quiet]
    assert (await own(sort="-status"))[0] == loud
    assert (await own(sort="callers", limit=1)) == [loud]
    assert await own(status="taken_down", sort="title") == [loud]


async def test_listings_are_searched_by_word_and_paginated(market: Market) -> None:
    slugs = [await market.offer(skill) for skill in ("shout", "whisper", "oracle")]
    word = f"zebra{market.publisher.slug[-6:]}"
    await market.change(slugs[1], description=f"For a {word} only.")
    assert await search_listings(market, q=word.upper()) == [slugs[1]]
    assert await search_listings(market, q=f"{word} -only") == []
    assert slugs[0] in await search_listings(market, q="megaphone", limit=200)
    assert slugs[2] not in await search_listings(market, q="megaphone", limit=200)
    assert await search_listings(market, q="' or 1=1 --%\\") == []
    first = await market.caller.http.get("/v1/marketplace/listings", params={"limit": 2})
    assert [one["slug"] for one in first.json()] == [slugs[2], slugs[1]]
    second = await market.caller.http.get(first.links["next"]["url"])
    assert second.json()[0]["slug"] == slugs[0]
    mine = await market.publisher.http.get(
        "/v1/marketplace/listings", params={"mine": True, "status": "draft"}
    )
    assert mine.json() == []


async def test_breaking_version_is_reported_and_callers_can_pin_the_old_one(market: Market) -> None:
    pinned, following = await market.offer(), await market.offer(follows_active=True)
    older = YAML.replace("required: [text]", "required: [text, voice]").replace(
        "do: {type", "voice: {type: string}, do: {type"
    )
    older = older.replace("inputs: {text: hello}", "inputs: {text: hello, voice: high}")
    without_flow = {path: content for path, content in BUNDLE.items() if "/chorus/" not in path}
    await market.publisher.pushed({**without_flow, "skills/shout/skill.yaml": older.encode()})
    path = f"/v1/marketplace/listings/{following}/versions"
    newest, first = (await market.caller.http.get(path)).json()
    assert (newest["number"], newest["is_breaking"], first["is_breaking"]) == (2, True, False)
    assert newest["changes"][0]["place"] == "shout.input_schema.voice"
    assert newest["deployment_version"] is None
    assert len((await market.caller.http.get(path.replace(following, pinned))).json()) == 1
    assert (await market.submit(following)).json()["code"] == "invalid"
    assert (await market.run(following, version=1))["result"]["text"] == "HELLO"
    assert (await market.run(pinned))["listing_version"] == 1
    gone = await market.submit(following, version=9)
    assert (gone.status_code, gone.json()["code"]) == (404, "listing_version_not_found")
    added = await market.publisher.http.post(
        path.replace(following, pinned), json={"version": 2, "notes": "Now with voices."}
    )
    assert (added.status_code, added.json()["is_breaking"], added.json()["notes"]) == (
        201,
        True,
        "Now with voices.",
    )


async def test_version_of_a_listing_cannot_be_deleted_and_stays_pinned(
    market: Market,
) -> None:
    slug = await market.offer(follows_active=True)
    without = {name: text for name, text in BUNDLE.items() if "shout" not in name}
    await market.publisher.pushed(without)
    assert (await market.run(slug))["listing_version"] == 1
    rejected = await market.publisher.http.delete("/v1/deployments/1")
    assert (rejected.status_code, rejected.json()["code"]) == (409, "deployment_listed")
    acts = (await market.publisher.http.get("/v1/audit", params={"action": "listing.version_refused"})).json()
    assert acts[0]["target"] == slug
    await market.change(slug, status="taken_down")
    assert (await market.publisher.http.delete("/v1/deployments/1")).status_code == 204
    again = await market.publisher.http.patch(
        f"/v1/marketplace/listings/{slug}", json={"status": "published"}
    )
    assert (again.status_code, again.json()["code"]) == (409, "listing_not_ready")


async def test_taken_down_listing_starts_no_more_runs(market: Market) -> None:
    slug = await market.offer()
    job = await market.run(slug)
    await market.change(slug, status="taken_down")
    assert slug not in await search_listings(market, limit=200)
    assert (await market.submit(slug)).status_code == 404
    replayed = await market.caller.http.post(f"/v1/jobs/{job['id']}/replay")
    assert (replayed.status_code, replayed.json()["code"]) == (404, "listing_not_found")
    kept = await market.publisher.http.delete(f"/v1/marketplace/listings/{slug}")
    assert (kept.status_code, kept.json()["code"]) == (409, "listing_in_use")
    async with market.instance.database.transaction() as session:
        acts = (
            await session.scalars(
                text("select action from audit_rows where project_id = :id and target = :slug order by id"),
                {"id": market.publisher.id, "slug": slug},
            )
        ).all()
    assert acts == ["listing.created", "listing.published", "listing.taken_down"]


async def test_deleting_a_project_deletes_its_listings(
    market: Market, database_url: str, redis_url: str
) -> None:
    slug = await market.offer()
    deleted = await market.publisher.http.delete(f"/v1/projects/{market.publisher.slug}")
    if deleted.status_code == 403:  # a key cannot delete a project, so its owner does
        from backend.administration.projects import deletion

        async with market.instance.database.transaction() as session:
            await deletion.delete(session, market.publisher.principal)
    assert slug not in await search_listings(market, limit=200)
    assert (await market.submit(slug)).status_code == 404
    async with market.instance.database.transaction() as session:
        status = await session.scalar(text("select status from listings where slug = :slug"), {"slug": slug})
    assert status == "taken_down"
    settings = market.instance.settings
    words = (sys.executable, "-m", "backend.operations.cli", "project", "undelete", str(market.publisher.id))
    environment = os.environ | {
        "DATABASE_URL": database_url,
        "REDIS_URL": redis_url,
        "PURAS_HOME": str(settings.home),
    }
    process = await asyncio.create_subprocess_exec(*words, env=environment, stdout=asyncio.subprocess.PIPE)
    out, _ = await process.communicate()
    assert process.returncode == 0
    assert "listings remain taken down" in out.decode()
    assert slug in out.decode()
    await market.change(slug, status="published")


HIDDEN_DEFAULTS = (
    ("file: {$ref: '#/$defs/one', default: private.txt}", "file", "$defs: {one: {type: file}}"),
    ("file: {default: private.txt}", "file", "allOf: [{properties: {file: {type: file}}}]"),
    ("file: {default: private.txt}", "file", "patternProperties: {'^file$': {type: file}}"),
    (
        "more: {$ref: '#/$defs/more', default: {file: private.txt}}",
        "more",
        "$defs: {more: {type: object, properties: {file: {type: file}}}}",
    ),
)


async def test_only_admins_create_listings_and_invalid_ones_are_rejected(market: Market) -> None:
    http = market.publisher.http
    weak = await http.post("/v1/api-keys", json={"name": "reader", "scopes": ["marketplace:read"]})
    assert weak.status_code == 201, weak.text
    body = {"slug": "mine", "skill": "shout"}
    as_reader = {"Authorization": f"Bearer {weak.json()['key']}"}
    rejected = await http.post("/v1/marketplace/listings", json=body, headers=as_reader)
    assert (rejected.status_code, rejected.json()["scope"]) == (403, "marketplace:write")
    assert (await http.get("/v1/marketplace/listings", headers=as_reader)).status_code == 200
    slug = await market.offer()
    wrong = {
        "listing_slug_taken": {**body, "slug": slug},
        "skill_not_found": {**body, "skill": "nothing"},
        "invalid": {**body, "price_micros": -1},
    }
    for code, one in wrong.items():
        response = await http.post("/v1/marketplace/listings", json=one)
        assert response.json()["code"] == code, response.text
    for bad in ("Not A Slug", "0" * 65, str(market.caller.id), "a\0"):
        assert (await http.post("/v1/marketplace/listings", json={**body, "slug": bad})).status_code == 422
    trap = YAML.replace("file: {type: file}", "file: {type: file, default: drive/private.txt}")
    await market.publisher.pushed({**BUNDLE, "skills/shout/skill.yaml": trap.encode()})
    response = await http.post("/v1/marketplace/listings", json=body)
    assert (response.status_code, response.json()["code"]) == (422, "not_listable")
    assert response.json()["errors"][0]["path"] == "input_schema.properties.file.default"
    for hidden, at, rest in HIDDEN_DEFAULTS:
        trap = YAML.replace("file: {type: file}", hidden).replace(
            "required: [text]", f"required: [text]\n  {rest}"
        )
        await market.publisher.pushed({**BUNDLE, "skills/shout/skill.yaml": trap.encode()})
        response = await http.post("/v1/marketplace/listings", json=body)
        assert (response.status_code, response.json()["code"]) == (422, "not_listable"), (
            hidden,
            response.text,
        )
        assert response.json()["errors"][0]["path"] == f"input_schema.properties.{at}.default", response.text
    declared = b"attachments: {type: array, default: [private.txt]}, question:"
    trapped = BUNDLE["skills/oracle/skill.yaml"].replace(b"question:", declared, 1)
    await market.publisher.pushed({**BUNDLE, "skills/oracle/skill.yaml": trapped})
    response = await http.post("/v1/marketplace/listings", json={**body, "skill": "oracle"})
    assert response.json()["errors"][0]["path"] == "input_schema.properties.attachments.default", (
        response.text
    )
    other = await market.caller.http.patch(f"/v1/marketplace/listings/{slug}", json={"price_micros": 0})
    assert other.status_code == 404


async def test_publisher_decides_whether_callers_see_approvals(market: Market) -> None:
    asks = b"""
entrypoint: prompt.md
input_schema: {type: object, properties: {}}
output_schema: {type: object, properties: {answer: {type: text}}}
tools:
  - name: pay
    entrypoint: "tools.py:pay"
    confirm: true
    input_schema: {type: object, properties: {amount: {type: integer}}, required: [amount]}
    output_schema: {type: object, properties: {}}
"""
    agent = {
        "skills/asker/skill.yaml": asks,
        "skills/asker/prompt.md": b"Pay.",
        "skills/asker/tools.py": b"def pay(amount: int):\n    return amount\n",
    }
    http = market.publisher.http
    await market.publisher.pushed({**BUNDLE, **agent})
    body = {"slug": f"asker-{market.publisher.slug[-6:]}", "skill": "asker"}
    rejected = await http.post("/v1/marketplace/listings", json=body)
    assert (rejected.status_code, rejected.json()["code"]) == (422, "not_listable")
    assert "Set 'shows_approvals' to true" in rejected.text
    other = await http.post("/v1/marketplace/listings", json={**body, "skill": "oracle"})
    assert other.json()["code"] == "not_listable", "an approval rule of a bundle applies to all of its agents"
    plain = await market.offer("shout", follows_active=True)
    assert (await market.caller.http.get(f"/v1/marketplace/listings/{plain}")).json()[
        "shows_approvals"
    ] is False
    made = await http.post("/v1/marketplace/listings", json={**body, "shows_approvals": True})
    assert made.status_code == 201, made.text
    listing = f"/v1/marketplace/listings/{body['slug']}"
    hides = await http.patch(listing, json={"shows_approvals": False})
    assert hides.json()["code"] == "not_listable"
    assert (await http.patch(listing, json={"status": "published"})).status_code == 200
    assert (await market.caller.http.get(listing)).json()["shows_approvals"] is True
    await market.publisher.pushed(
        {**BUNDLE, **agent, "skills/asker/skill.yaml": asks.replace(b"    confirm: true\n", b"")}
    )
    assert (await http.post(f"{listing}/versions", json={})).status_code == 201
    assert (await http.patch(listing, json={"shows_approvals": False})).json()["shows_approvals"] is False
    # A version that requires approvals again is not offered by a listing that follows the active version.
    assert (await http.patch(listing, json={"follows_active": True})).status_code == 200
    await market.publisher.pushed({**BUNDLE, **agent})
    assert (await market.caller.http.get(listing)).json()["version"] == 2
    [audited, *_] = (await http.get("/v1/audit", params={"action": "listing.version_refused"})).json()
    assert "shows_approvals" in audited["details"]["reason"]


async def test_flow_shows_its_approvals_and_no_addresses(market: Market) -> None:
    flow = "steps: [{id: sign, approval: {message: Go?, reviewers: [%s]}}]"
    skill = b"entrypoint: flow.yaml\ninput_schema: {type: object}\noutput_schema: {type: object}\n"
    files = {**BUNDLE, "skills/signed/skill.yaml": skill}
    http = market.publisher.http
    body = {"slug": f"signed-{market.publisher.slug[-6:]}", "skill": "signed"}
    await market.publisher.pushed({**files, "skills/signed/flow.yaml": (flow % "ada@example.org").encode()})
    rejected = await http.post("/v1/marketplace/listings", json=body)
    assert "shows_approvals" in rejected.text
    assert "Name roles in 'reviewers'" in rejected.text
    await market.publisher.pushed({**files, "skills/signed/flow.yaml": (flow % "admin").encode()})
    made = await http.post("/v1/marketplace/listings", json={**body, "shows_approvals": True})
    assert made.status_code == 201, made.text
