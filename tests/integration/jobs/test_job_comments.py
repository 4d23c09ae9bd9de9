"""Comments on jobs: authors, mentions, pages and limits."""

from __future__ import annotations

import json
from typing import Any

import httpx
from sqlalchemy import text

from backend.core.db.engine import Database
from backend.execution.comments.schemas import MAX_CHARACTERS
from backend.identity.auth.principal import Role
from tests.integration.auth.conftest import World, client, world
from tests.integration.jobs.test_annotation_queues import ended_jobs, reviewer_of, tenant_of

__all__ = ["client", "world"]

HOSTILE = "# Hi\n<script>alert(1)</script> [x](javascript:alert(2)) ![y](https://evil.example/y.png) \u202e"


async def test_thread_of_several_authors(client: httpx.AsyncClient, database: Database, world: World) -> None:
    tenant, headers = await tenant_of(database)
    (job,) = await ended_jobs(client, database, headers, 1)
    comments = f"/v1/jobs/{job}/comments"
    ada = await reviewer_of(world, tenant, "ada@example.org", Role.ADMIN)
    bob = await reviewer_of(world, tenant, "bob@example.org", Role.VIEWER)
    hook = {"url": "https://example.org/hook", "events": ["comment.mentioned"]}
    assert (await client.post("/v1/webhooks", json=hook, headers=headers)).status_code == 201

    first = (await ada.post(comments, json={"body": f"  {HOSTILE}  ", "step": "1"})).json()
    assert (first["body"], first["step"]) == (
        HOSTILE,
        "1",
    )  # stored as it was written: pages render it as text
    second = await bob.post(
        comments, json={"body": "@ada, @unknown and me@ada.example: wrong order. @ADA@example.org."}
    )
    assert second.status_code == 201, second.text
    assert second.json()["mentions"] == ["ada@example.org"]
    by_key = (await client.post(comments, json={"body": "From a script"}, headers=headers)).json()
    assert by_key["created_by"].startswith("key:")
    async with database.transaction() as session:
        sent = (await session.execute(text("select body from webhook_deliveries"))).scalars().all()
    assert len(sent) == 1
    assert json.loads(sent[0])["data"]["mentions"] == ["ada@example.org"]
    assert "wrong order" not in sent[0]

    page = await client.get(f"{comments}?limit=2", headers=headers)
    rest = await client.get(page.links["next"]["url"], headers=headers)
    ids = [one["id"] for one in [*page.json(), *rest.json()]]
    assert ids == [first["id"], second.json()["id"], by_key["id"]]

    own, other = f"{comments}/{second.json()['id']}", f"{comments}/{first['id']}"
    edited = (await bob.patch(own, json={"body": "Right order, @ada"})).json()
    assert (edited["body"], edited["edited_at"] is not None) == ("Right order, @ada", True)
    async with database.transaction() as session:
        count = text("select count(*) from webhook_deliveries")
        assert (await session.execute(count)).scalar_one() == 1  # she was mentioned before
    for method, body in (("PATCH", {"body": "x"}), ("DELETE", None)):
        assert (await bob.request(method, other, json=body)).status_code == 403, method
    assert (await ada.patch(own, json={"body": "x"})).status_code == 403
    assert (await ada.delete(own)).status_code == 204
    gone = await bob.delete(own)
    assert (gone.status_code, gone.json()["code"]) == (404, "comment_not_found")


async def test_other_projects_limits_and_deletion(
    client: httpx.AsyncClient, database: Database, monkeypatch: Any
) -> None:
    _, headers = await tenant_of(database)
    (job,) = await ended_jobs(client, database, headers, 1)
    comments = f"/v1/jobs/{job}/comments"
    for body in ("", "   ", "x" * (MAX_CHARACTERS + 1), "a\u0000b"):
        assert (await client.post(comments, json={"body": body}, headers=headers)).status_code == 422
    refused = await client.post(comments, json={"body": "x" * 20_001}, headers=headers)
    assert refused.json()["detail"] == "body: The text has 20,001 characters; at most 20,000 are allowed."
    longest = await client.post(comments, json={"body": "x" * MAX_CHARACTERS}, headers=headers)
    assert longest.status_code == 201
    many = await client.post(comments, json={"body": "@a " * 6_000}, headers=headers)
    assert many.json()["mentions"] == []

    _, others = await tenant_of(database)
    one = f"{comments}/{longest.json()['id']}"
    for method, path, content in (
        ("GET", comments, None),
        ("POST", comments, {"body": "x"}),
        ("PATCH", one, {"body": "x"}),
        ("DELETE", one, None),
    ):
        response = await client.request(method, path, json=content, headers=others)
        assert (response.status_code, response.json()["code"]) == (404, "job_not_found"), method

    monkeypatch.setattr("backend.execution.comments.service.MAX_COMMENTS", 2)
    full = await client.post(comments, json={"body": "More"}, headers=headers)
    assert (full.status_code, full.json()["code"]) == (409, "too_many_comments")
    async with database.transaction() as session:
        await session.execute(text("delete from jobs where id = :id"), {"id": job})
        assert (await session.execute(text("select count(*) from job_comments"))).scalar_one() == 0


async def test_same_request_is_stored_once(client: httpx.AsyncClient, database: Database) -> None:
    _, headers = await tenant_of(database)
    (job,) = await ended_jobs(client, database, headers, 1)
    comments, once = f"/v1/jobs/{job}/comments", {**headers, "Idempotency-Key": "once"}
    first, second = [await client.post(comments, json={"body": "One"}, headers=once) for _ in range(2)]
    assert first.json()["id"] == second.json()["id"]
    assert len((await client.get(comments, headers=headers)).json()) == 1
