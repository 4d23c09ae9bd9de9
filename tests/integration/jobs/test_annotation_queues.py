"""Annotation queues: filters, claims of two reviewers, rubrics, exports and eval cases."""

from __future__ import annotations

import asyncio
import csv
import io
import json
from datetime import timedelta
from typing import Any

import httpx
from fastapi import FastAPI
from sqlalchemy import text

from backend.core.db.engine import Database
from backend.evals.cases import MAX_EXPECTED_BYTES
from backend.identity.api_keys import keys
from backend.identity.api_keys.keys import Limits
from backend.identity.auth.principal import Role
from backend.identity.tables import Project
from tests.factories.tenants import Tenant, make_skill, make_tenant
from tests.integration.auth.conftest import World, client, world

__all__ = ["client", "world"]

Headers = dict[str, str]
RUBRIC = [
    {"key": "quality", "label": "Quality", "kind": "score"},
    {"key": "polite", "label": "Polite", "kind": "yes_no", "required": False},
    {"key": "kind", "label": "Kind", "kind": "category", "categories": ["a", "b"], "required": False},
]
QUEUES = "/v1/annotation-queues"


async def tenant_of(database: Database) -> tuple[Tenant, Headers]:
    """Return a project with two skills, and a key of it."""
    async with database.transaction() as session:
        tenant = await make_tenant(session, make_skill(), make_skill("other"))
        created = await keys.create(
            session, None, project_id=tenant.project_id, kind="secret", limits=Limits()
        )
    return tenant, {"Authorization": f"Bearer {created.plaintext}"}


async def ended_jobs(
    client: httpx.AsyncClient, database: Database, headers: Headers, count: int, skill: str = "echo"
) -> list[str]:
    """Submit jobs and let them succeed, in this order."""
    ids = []
    for number in range(count):
        body = {"skill": skill, "inputs": {"n": number}}
        response = await client.post("/v1/jobs", json=body, headers=headers)
        assert response.status_code == 201, response.text
        ids.append(response.json()["id"])
        await end(database, ids[-1], {"answer": number})
    return ids


async def end(database: Database, job_id: str, result: Any) -> None:
    async with database.transaction() as session:
        done = text(
            "update jobs set status = 'succeeded', finished_at = clock_timestamp(), result = cast(:result as json) "
            "where id = :id"
        )
        await session.execute(done, {"id": job_id, "result": json.dumps(result)})


async def queue_of(client: httpx.AsyncClient, headers: Headers, name: str = "Weekly", **more: Any) -> str:
    """Create a queue, and return its path."""
    body = {"name": name, "rubric": RUBRIC, **more}
    created = await client.post(QUEUES, json=body, headers=headers)
    assert created.status_code == 201, created.text
    return f"{QUEUES}/{created.json()['id']}"


async def reviewer_of(
    world: World, tenant: Tenant, email: str, role: Role = Role.DEVELOPER
) -> httpx.AsyncClient:
    """Return the browser of a member of the project."""
    user = await world.user(email)
    await world.member(Project(id=tenant.project_id, slug="p", name="p"), user, role)
    browser = await world.browser(user)
    browser.headers["X-Puras-Project"] = str(tenant.project_id)
    return browser


async def test_filter_adds_jobs_that_end_before_and_after_its_creation(
    client: httpx.AsyncClient, database: Database
) -> None:
    _, headers = await tenant_of(database)
    first = await ended_jobs(client, database, headers, 2)
    await ended_jobs(client, database, headers, 1, skill="other")
    queue = await queue_of(client, headers, filter={"skill": "echo", "status": "succeeded"})
    listed = (await client.get(f"{queue}/items", headers=headers)).json()
    assert [one["job_id"] for one in listed] == first
    assert {one["added_by"] for one in listed} == {"filter"}

    later = await ended_jobs(client, database, headers, 1)
    read = (await client.get(queue, headers=headers)).json()
    assert (read["pending"], read["done"]) == (3, 0)
    page = await client.get(f"{queue}/items?limit=2", headers=headers)
    rest = await client.get(page.links["next"]["url"], headers=headers)
    assert [one["job_id"] for one in [*page.json(), *rest.json()]] == [*first, *later]

    stopped = await client.patch(queue, json={"filter": None, "name": "Echo"}, headers=headers)
    assert (stopped.json()["name"], stopped.json()["filter"]) == ("Echo", None)
    await ended_jobs(client, database, headers, 1)
    assert (await client.get(queue, headers=headers)).json()["pending"] == 3
    wrong = await client.patch(queue, json={"filter": {"status": "running"}}, headers=headers)
    assert (wrong.status_code, wrong.json()["errors"][0]["path"]) == (422, "filter.status")


async def test_two_reviewers_never_get_the_same_job(
    client: httpx.AsyncClient, database: Database, world: World
) -> None:
    tenant, headers = await tenant_of(database)
    jobs = await ended_jobs(client, database, headers, 4)
    queue = await queue_of(client, headers)
    added = await client.post(f"{queue}/items", json={"job_ids": [*jobs, jobs[0]]}, headers=headers)
    assert added.json() == {"added": 4, "already_in_queue": 0}
    ada, bob = [await reviewer_of(world, tenant, f"{name}@example.org") for name in ("ada", "bob")]

    claims = await asyncio.gather(*(who.post(f"{queue}/next") for who in (ada, bob)))
    first, second = (one.json()["item"] for one in claims)
    assert first["job_id"] != second["job_id"]
    assert first["claimed_by"] == "user:ada@example.org"
    taken = await bob.post(f"{queue}/items/{first['id']}/claim")
    assert (taken.status_code, taken.json()["code"]) == (409, "annotation_item_claimed")
    body = {"scores": {"quality": 1}}
    taken = await bob.put(f"{queue}/items/{first['id']}/annotation", json=body)
    assert taken.json()["code"] == "annotation_item_claimed"
    assert (await client.get(queue, headers=headers)).json()["claimed"] == 2

    # The claim of a reviewer who has left ends, and the next one moves on instead of getting the same job again.
    async with database.transaction() as session:
        past = {"past": timedelta(hours=1)}
        await session.execute(text("update annotation_items set claimed_until = claimed_until - :past"), past)
    assert (await bob.post(f"{queue}/items/{first['id']}/claim")).status_code == 200
    following = (await bob.post(f"{queue}/next", json={"after": first["number"]})).json()["item"]
    assert following["number"] > first["number"]
    assert (await bob.post(f"{queue}/items/{following['id']}/release")).status_code == 204

    # All jobs are reviewed exactly once, by both at the same time.
    async def work(who: httpx.AsyncClient) -> list[str]:
        done = []
        while (item := (await who.post(f"{queue}/next")).json()["item"]) is not None:
            saved = await who.put(f"{queue}/items/{item['id']}/annotation", json=body)
            assert saved.status_code == 200, saved.text
            done.append(item["job_id"])
        return done

    by_ada, by_bob = await asyncio.gather(work(ada), work(bob))
    assert sorted([*by_ada, *by_bob]) == sorted(jobs)
    read = (await client.get(queue, headers=headers)).json()
    assert (read["pending"], read["claimed"], read["done"]) == (0, 0, 4)
    async with database.transaction() as session:
        finished = "select count(*) from audit_rows where action = 'annotation_queue.finished'"
        assert (await session.execute(text(finished))).scalar_one() == 1


async def test_rubric_is_checked_and_steps_do_not_complete_a_job(
    client: httpx.AsyncClient, database: Database
) -> None:
    _, headers = await tenant_of(database)
    (job,) = await ended_jobs(client, database, headers, 1)
    queue = await queue_of(client, headers)
    await client.post(f"{queue}/items", json={"job_ids": [job]}, headers=headers)
    item = (await client.post(f"{queue}/next", headers=headers)).json()["item"]
    annotation = f"{queue}/items/{item['id']}/annotation"

    for scores, path in (
        ({}, "scores.quality"),
        ({"quality": 2}, "scores.quality"),
        ({"quality": True}, "scores.quality"),
        ({"quality": 1, "polite": 1}, "scores.polite"),
        ({"quality": 1, "kind": "c"}, "scores.kind"),
        ({"quality": 1, "unknown": 1}, "scores.unknown"),
    ):
        rejected = await client.put(annotation, json={"scores": scores}, headers=headers)
        assert (rejected.status_code, rejected.json()["errors"][0]["path"]) == (422, path), scores
    too_long = await client.put(annotation, json={"scores": {}, "comment": "x" * 10_001}, headers=headers)
    assert too_long.status_code == 422
    huge = {"scores": {"quality": 1}, "corrected_output": "x" * MAX_EXPECTED_BYTES}
    assert (await client.put(annotation, json=huge, headers=headers)).status_code == 422

    of_step = {"scores": {"quality": 0.5}, "step": "2", "comment": "<img src=x onerror=alert(1)>"}
    assert (await client.put(annotation, json=of_step, headers=headers)).json()["step"] == "2"
    assert (await client.get(queue, headers=headers)).json()["pending"] == 1
    whole = {"scores": {"quality": 1, "polite": True, "kind": "a"}, "corrected_output": None}
    saved = (await client.put(annotation, json=whole, headers=headers)).json()
    assert (saved["has_corrected_output"], saved["labels"]["quality"]) == (True, "Quality")
    again = {"scores": {"quality": 0.25}, "comment": "Better."}
    replaced = (await client.put(annotation, json=again, headers=headers)).json()
    assert (replaced["id"], replaced["has_corrected_output"]) == (saved["id"], False)

    listed = (await client.get(f"/v1/jobs/{job}/annotations", headers=headers)).json()
    assert [(one["step"], one["scores"]) for one in listed] == [
        (None, {"quality": 0.25}),
        ("2", {"quality": 0.5}),
    ]
    assert (await client.delete(queue, headers=headers)).status_code == 204
    listed = (await client.get(f"/v1/jobs/{job}/annotations", headers=headers)).json()
    assert [(one["queue"], one["queue_id"]) for one in listed] == [("", None)] * 2
    deleted = await client.delete(f"/v1/annotations/{saved['id']}", headers=headers)
    assert deleted.status_code == 204
    gone = await client.delete(f"/v1/annotations/{saved['id']}", headers=headers)
    assert (gone.status_code, gone.json()["code"]) == (404, "annotation_not_found")


async def test_viewers_and_other_projects(
    client: httpx.AsyncClient, database: Database, world: World, monkeypatch: Any
) -> None:
    tenant, headers = await tenant_of(database)
    (job,) = await ended_jobs(client, database, headers, 1)
    queue = await queue_of(client, headers)
    await client.post(f"{queue}/items", json={"job_ids": [job]}, headers=headers)
    item = (await client.get(f"{queue}/items", headers=headers)).json()[0]
    viewer = await reviewer_of(world, tenant, "viewer@example.org", Role.VIEWER)
    assert (await viewer.get(queue)).status_code == 200
    assert (await viewer.get(f"/v1/jobs/{job}/annotations")).json() == []
    for method, path, body in (
        ("POST", f"{queue}/next", {}),
        ("POST", f"{queue}/items", {"job_ids": [job]}),
        ("PUT", f"{queue}/items/{item['id']}/annotation", {"scores": {"quality": 1}}),
        ("PATCH", queue, {"name": "x"}),
        ("DELETE", queue, None),
    ):
        response = await viewer.request(method, path, json=body)
        assert response.status_code == 403, path

    _, others = await tenant_of(database)
    their_queue = await queue_of(client, others)
    for method, path, body, code in (
        ("GET", queue, None, "annotation_queue_not_found"),
        ("GET", f"{queue}/items", None, "annotation_queue_not_found"),
        ("GET", f"{queue}/export", None, "annotation_queue_not_found"),
        ("POST", f"{queue}/next", {}, "annotation_queue_not_found"),
        ("POST", f"{queue}/eval-cases", {}, "annotation_queue_not_found"),
        ("POST", f"{their_queue}/items", {"job_ids": [job]}, "job_not_found"),
        ("POST", f"{their_queue}/items/{item['id']}/claim", None, "annotation_item_not_found"),
        ("GET", f"/v1/jobs/{job}/annotations", None, "job_not_found"),
    ):
        response = await client.request(method, path, json=body, headers=others)
        assert (response.status_code, response.json()["code"]) == (404, code), path

    running = (await client.post("/v1/jobs", json={"skill": "echo", "inputs": {}}, headers=headers)).json()
    not_ended = await client.post(f"{queue}/items", json={"job_ids": [running["id"]]}, headers=headers)
    assert (not_ended.status_code, not_ended.json()["code"]) == (409, "jobs_not_ended")
    taken = await client.post(QUEUES, json={"name": "Weekly", "rubric": RUBRIC}, headers=headers)
    assert (taken.status_code, taken.json()["code"]) == (409, "annotation_queue_name_taken")
    twice = {"name": "Twice", "rubric": [RUBRIC[0], RUBRIC[0]]}
    assert (await client.post(QUEUES, json=twice, headers=headers)).status_code == 422
    monkeypatch.setattr("backend.evals.annotations.queues.MAX_QUEUES", 1)
    full = await client.post(QUEUES, json={"name": "More", "rubric": RUBRIC}, headers=headers)
    assert (full.status_code, full.json()["code"]) == (409, "too_many_annotation_queues")


async def test_export_and_eval_cases(client: httpx.AsyncClient, database: Database) -> None:
    _, headers = await tenant_of(database)
    jobs = await ended_jobs(client, database, headers, 3)
    queue = await queue_of(client, headers, filter={})
    for number in range(3):
        item = (await client.post(f"{queue}/next", headers=headers)).json()["item"]
        body: dict[str, Any] = {"scores": {"quality": 0.5}, "comment": "=1+1"}
        if number == 0:
            body["corrected_output"] = {"answer": "corrected"}
        path = f"{queue}/items/{item['id']}/annotation"
        assert (await client.put(path, json=body, headers=headers)).status_code == 200
    exported = await client.get(f"{queue}/export?format=csv", headers=headers)
    assert exported.headers["content-type"].startswith("text/csv")
    rows = list(csv.DictReader(io.StringIO(exported.text)))
    assert sorted(row["job_id"] for row in rows) == sorted(jobs)
    assert {(row["quality"], row["comment"]) for row in rows} == {("0.5", "'=1+1")}
    lines = (await client.get(f"{queue}/export", headers=headers)).text.splitlines()
    corrected = [one for one in map(json.loads, lines) if "corrected_output" in one]
    assert [(one["job_id"], one["corrected_output"]) for one in corrected] == [
        (jobs[0], {"answer": "corrected"})
    ]

    made = (await client.post(f"{queue}/eval-cases", json={"tags": ["seen"]}, headers=headers)).json()
    assert (made["created"], made["uncorrected"], made["next_after"]) == (1, 2, None)
    (case,) = (await client.get("/v1/eval-cases", headers=headers)).json()
    assert (case["expected"], case["tags"]) == ({"answer": "corrected"}, ["seen"])
    again = {"include_uncorrected": True}
    made = (await client.post(f"{queue}/eval-cases", json=again, headers=headers)).json()
    assert (made["created"], made["existing"], made["rejected"]) == (2, 1, [])
    made = (await client.post(f"/v1/jobs/{jobs[0]}/annotations/eval-case", headers=headers)).json()
    assert (made["created"], made["existing"]) == (0, 1)


async def test_annotations_are_deleted_with_their_job(
    app: FastAPI, client: httpx.AsyncClient, database: Database
) -> None:
    _, headers = await tenant_of(database)
    jobs = await ended_jobs(client, database, headers, 2)
    queue = await queue_of(client, headers, filter={})
    item = (await client.post(f"{queue}/next", headers=headers)).json()["item"]
    path = f"{queue}/items/{item['id']}/annotation"
    await client.put(path, json={"scores": {"quality": 1}}, headers=headers)
    async with database.transaction() as session:
        await session.execute(text("delete from jobs where id = :id"), {"id": jobs[0]})
    async with database.transaction() as session:
        assert (await session.execute(text("select count(*) from annotations"))).scalar_one() == 0
    read = (await client.get(queue, headers=headers)).json()
    assert (read["pending"], read["done"]) == (1, 0)
