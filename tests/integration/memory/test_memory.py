"""Memory over REST: written under keys, found, listed and deleted; private to its project."""

from __future__ import annotations

import asyncio
import json
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest
from sqlalchemy import text

from backend.administration.retention import sweep
from backend.administration.retention.rules import Rules
from backend.context import AppContext
from backend.core.clock import now
from backend.core.db.engine import Database
from backend.data.memory.scoping import job_principal
from backend.data.memory.search import PINNED_FACTOR, WEIGHTS, fused, weight_of
from backend.data.memory.search import Ranks as Order
from backend.data.memory.tables import MemoryRecord
from backend.identity.api_keys import keys
from backend.identity.api_keys.keys import Limits
from backend.identity.auth import job_tokens
from backend.identity.auth.actors import operator
from backend.money.ledger import service as ledger
from tests.integration.deployments.conftest import BUNDLE, Project, Projects, make_project, project

__all__ = ["make_project", "project"]

OWL = {
    "kind": "bird",
    "entity_key": "owl",
    "record": {"says": "hoo"},
    "title": "Owl",
    "summary": "Hunts at night.",
}


async def put(project: Project, **overrides: Any) -> Any:
    response = await project.http.post("/v1/memory", json={**OWL, **overrides})
    assert response.status_code == 201, response.text
    return response.json()


async def found(http: httpx.AsyncClient, **query: Any) -> list[Any]:
    response = await http.post("/v1/memory/search", json=query)
    assert response.status_code == 200, response.text
    results: list[Any] = response.json()["results"]
    assert response.json()["count"] == len(results)
    return results


async def listed(project: Project, query: str = "") -> list[Any]:
    rows: list[Any] = (await project.http.get(f"/v1/memory{query}")).json()
    return rows


async def key_with(project: Project, database: Database, **limits: Any) -> httpx.AsyncClient:
    async with database.transaction() as session:
        created = await keys.create(session, operator(project.id), project_id=project.id, **limits)
    project.http.headers["X-Was"] = "kept"
    return httpx.AsyncClient(
        transport=project.http._transport,
        base_url=project.http.base_url,
        headers={"Authorization": f"Bearer {created.plaintext}"},
    )


async def job_of(
    project: Project, instance: AppContext, *, slug: str = "default"
) -> tuple[UUID, dict[str, str]]:
    """Create a running job of a skillpack, and return its ID and the headers with its token."""
    database, job_id = instance.database, uuid4()
    async with database.transaction() as session:
        await ledger.top_up(session, project_id=project.id, amount_micros=1_000_000, created_by="test")
    where = "/v1" if slug == "default" else f"/v1/skillpacks/{slug}"
    if slug != "default":
        await project.http.post("/v1/skillpacks", json={"name": slug, "slug": slug})
    await project.pushed(BUNDLE, where=where)
    pack = "" if slug == "default" else f"?skillpack={slug}"
    response = await project.http.post(f"/v1/jobs{pack}", json={"skill": "double", "inputs": {"n": 1}})
    assert response.status_code == 201, response.text
    job_id = UUID(response.json()["id"])
    async with database.transaction() as session:
        await session.execute(
            text("update jobs set status = 'running', attempt = 1, started_at = now() where id = :id"),
            {"id": job_id},
        )
    token = job_tokens.mint(
        instance.vault,
        project_id=project.id,
        job_id=job_id,
        attempt=1,
        expires_at=now() + timedelta(minutes=5),
    )
    return job_id, {"X-Puras-Service-Token": token, "Authorization": ""}


async def test_record_is_replaced_by_key_and_episodes_are_added(project: Project) -> None:
    first = await put(project)
    assert (first["version"], first["created"]) == (1, True)
    second = await put(project, record={"says": "hoot"}, title=None, tags=["night"])
    assert second == {"id": first["id"], "version": 2, "created": False}
    record = (await project.http.get(f"/v1/memory/{first['id']}")).json()
    assert (record["record"], record["title"], record["tags"], record["scope"]) == (
        {"says": "hoot"},
        "Owl",
        ["night"],
        "entity",
    )
    other = await put(project, kind="place")
    assert other["created"]
    episodes = {(await put(project, mtype="episodic"))["id"] for _ in range(2)}
    assert len(episodes | {first["id"]}) == 3
    history = (await project.http.get(f"/v1/memory/{first['id']}/changes")).json()
    assert [(one["action"], one["version"], one["created"]) for one in history] == [
        ("put", 2, False),
        ("put", 1, True),
    ]


async def test_concurrent_writes_of_one_key_need_the_newest_version(
    project: Project,
) -> None:
    written = await asyncio.gather(*(put(project, record={"n": n}) for n in range(5)))
    assert sorted(one["version"] for one in written) == [1, 2, 3, 4, 5]
    assert sum(one["created"] for one in written) == 1
    late = await project.http.post("/v1/memory", json={**OWL, "if_version": 4})
    assert (late.status_code, late.json()["code"], late.json()["version"]) == (409, "memory_changed", 5)
    assert (await put(project, if_version=5))["version"] == 6
    taken = await project.http.post("/v1/memory", json={**OWL, "if_version": 0})
    assert taken.status_code == 409


async def test_search_by_key_alias_hash_and_text_ranks_the_best_first(project: Project) -> None:
    owl = await put(project, aliases=["url:HTTPS://Example.org:443/owl/?utm_source=x&b=2&a=1#top"])
    cat = await put(project, entity_key="cat", title="Cat", summary="Sleeps all day, hunting at night.")
    bare = {"entity_key": None, "kind": "note", "title": "", "summary": ""}
    note = await put(project, **bare, record={"text": "nothing hunts here"}, content_hash="abc")
    assert [one["id"] for one in await found(project.http, key=" owl ")] == [owl["id"]]
    by_url = await found(project.http, key="url:https://example.org/owl?a=1&b=2")
    assert [one["id"] for one in by_url] == [owl["id"]]
    assert [one["id"] for one in await found(project.http, content_hash="abc")] == [note["id"]]
    by_words = await found(project.http, query="Which cats hunt during the night?")
    assert [one["id"] for one in by_words] == [cat["id"], owl["id"], note["id"]]
    assert [one["score"] for one in by_words] == sorted((one["score"] for one in by_words), reverse=True)
    both = await found(project.http, key="owl", query="night hunt")
    assert both[0]["id"] == owl["id"]
    assert await found(project.http, query="zebra") == []
    assert [one["id"] for one in await found(project.http, kind="note")] == [note["id"]]
    assert len(await found(project.http, limit=2)) == 2
    special_characters = """'); drop table jobs; -- "quotes" \\ & | ! <-> :* (((  """
    assert await found(project.http, query=special_characters) == []


async def test_record_found_by_key_with_another_hash_is_not_fresh(
    project: Project,
) -> None:
    bare = {"title": "", "summary": ""}
    by_key = await put(project, **bare, content_hash="old")
    by_hash = await put(project, **bare, entity_key=None, content_hash="new")
    both = await put(project, **bare, kind="place", content_hash="new")
    unhashed = await put(project, **bare, kind="note")
    results = await found(project.http, key="owl", content_hash="new")
    assert results[0]["id"] == both["id"]
    fresh = {one["id"]: one["fresh"] for one in results}
    assert fresh == {both["id"]: True, by_hash["id"]: True, by_key["id"]: False, unhashed["id"]: True}
    assert all(one["fresh"] for one in await found(project.http, key="owl"))
    assert [one["id"] for one in await found(project.http, key="cat", content_hash="new", kind="place")] == [
        both["id"]
    ]


async def test_pinned_important_and_new_records_rank_higher(project: Project, database: Database) -> None:
    async def place(**overrides: Any) -> Any:
        return await put(
            project, entity_key=None, record={"text": "same words"}, title="", summary="", **overrides
        )

    plain, pinned, important = await place(), await place(pinned=True), await place(importance=1)
    stale = await place(stale_at="2020-01-01T00:00:00Z", mtype="episodic")
    async with database.transaction() as session:
        await session.execute(
            text("update memory_records set updated_at = now() - interval '1 year' where id = :id"),
            {"id": plain["id"]},
        )
    results = {one["id"]: one for one in await found(project.http, query="same words", kind="bird")}
    ranked = [one["id"] for one in results.values()]
    assert (ranked[0], ranked[-1]) == (important["id"], plain["id"])
    assert results[pinned["id"]]["fresh"]
    assert not results[stale["id"]]["fresh"]
    assert [one["id"] for one in await listed(project, "?state=stale")] == [stale["id"]]


def test_rankings_are_fused_and_weighted_by_age_importance_and_pin() -> None:
    a, b = uuid4(), uuid4()
    scores = fused([Order("exact", [a]), Order("words", [b, a]), Order("vector", [b])])
    assert scores[a] == pytest.approx(1.0 / 61 + 0.7 / 62)
    assert scores[b] == pytest.approx((0.7 + 0.9) / 61)
    assert WEIGHTS["exact"] > WEIGHTS["vector"] > WEIGHTS["words"]

    def row(mtype: str, days: float, **overrides: Any) -> MemoryRecord:
        given = {"importance": 0.5, "pinned": False, **overrides}
        return MemoryRecord(mtype=mtype, updated_at=at - timedelta(days=days), **given)

    at = now()
    for mtype, half_life in (("episodic", 14), ("semantic", 60), ("procedural", 90)):
        assert weight_of(row(mtype, half_life), at) == pytest.approx(0.5)
        assert weight_of(row(mtype, 10_000), at) == pytest.approx(0.35)
    assert weight_of(row("semantic", 0, importance=1.0, pinned=True), at) == pytest.approx(
        1.5 * PINNED_FACTOR
    )


async def test_superseded_and_deleted_records_are_not_found_but_audited(
    project: Project, database: Database
) -> None:
    old = await put(project, entity_key=None)
    new = await put(project, entity_key=None, supersedes=old["id"])
    assert [one["id"] for one in await found(project.http, query="night")] == [new["id"]]
    assert [one["superseded_by"] for one in await listed(project, "?state=superseded")] == [new["id"]]
    gone = await project.http.delete(f"/v1/memory/{new['id']}?reason=wrong")
    assert gone.status_code == 204
    assert await found(project.http, query="night") == []
    assert (await project.http.get(f"/v1/memory/{new['id']}")).status_code == 404
    (kept,) = await listed(project, "?state=forgotten")
    assert (kept["id"], kept["forgotten_reason"]) == (new["id"], "wrong")
    assert (await project.http.delete(f"/v1/memory/{new['id']}?erase=true")).status_code == 204
    assert (await project.http.delete(f"/v1/memory/{new['id']}?erase=true")).status_code == 404
    entries = (await project.http.get("/v1/audit?action=memory")).json()
    assert [entry["action"] for entry in entries] == [
        "memory.erased",
        "memory.forgotten",
        "memory.put",
        "memory.put",
    ]
    async with database.transaction() as session:
        usage = (await session.execute(text("select records, bytes from memory_usage"))).one()
        left = (await session.execute(text("select count(*), sum(size_bytes) from memory_records"))).one()
    assert tuple(usage) == tuple(left)


async def test_lists_are_paginated_and_can_be_filtered(project: Project) -> None:
    ids = [(await put(project, entity_key=f"k{n}", kind=("a", "b")[n % 2]))["id"] for n in range(5)]
    first = await project.http.get("/v1/memory?limit=2")
    assert [one["id"] for one in first.json()] == ids[:-3:-1]
    rest = await project.http.get(f"{first.links['next']['url']}")
    assert [one["id"] for one in rest.json()] == ids[2:0:-1]
    assert len(await listed(project, "?kind=a")) == 3
    assert [one["id"] for one in await listed(project, "?key=k1")] == [ids[1]]
    assert (await project.http.get("/v1/memory?state=odd")).status_code == 422


async def test_memory_of_another_project_is_not_accessible(
    make_project: Projects, instance: AppContext
) -> None:
    own, other_project = await make_project.make("Ours"), await make_project.make("Theirs")
    secret = await put(
        other_project, record={"plan": "zanzibar"}, pinned=True, content_hash="h1", title="zanzibar"
    )
    mine = await put(own)
    for query in ({"query": "zanzibar"}, {"key": "owl"}, {"content_hash": "h1"}, {}, {"kind": "bird"}):
        assert secret["id"] not in [one["id"] for one in await found(own.http, **query)]
    marked = {"query": f"project:{other_project.id} zanzibar"}
    assert await found(own.http, **marked) == []
    assert await found(own.http, key=f"{other_project.id}|owl") == []
    for method, path, body in (
        ("GET", f"/v1/memory/{secret['id']}", None),
        ("GET", f"/v1/memory/{secret['id']}/changes", None),
        ("DELETE", f"/v1/memory/{secret['id']}", None),
        ("DELETE", f"/v1/memory/{secret['id']}?erase=true", None),
        ("POST", "/v1/memory/get", {"id": secret["id"]}),
        ("POST", "/v1/memory/forget", {"id": secret["id"]}),
        ("POST", "/v1/memory", {**OWL, "entity_key": None, "supersedes": secret["id"]}),
        ("POST", "/v1/memory", {**OWL, "entity_key": None, "scope": "skillpack", "skillpack": str(uuid4())}),
    ):
        response = await own.http.request(method, path, json=body)
        assert response.status_code == 404, (method, path, response.text)
    cursor = (await other_project.http.get("/v1/memory?limit=1")).headers.get("link", "")
    assert "zanzibar" not in (await own.http.get(f"/v1/memory?limit=1&{cursor[:0]}")).text
    assert "zanzibar" not in (await own.http.get("/v1/memory/export")).text
    assert [one["id"] for one in await listed(own, "?state=all")] == [mine["id"]]
    _, job = await job_of(own, instance)
    for path, body in (("get", {"id": secret["id"]}), ("forget", {"id": secret["id"]})):
        assert (await own.http.post(f"/v1/memory/{path}", json=body, headers=job)).status_code == 404
    assert secret["id"] not in [
        one["id"]
        for one in (await own.http.post("/v1/memory/search", json={}, headers=job)).json()["results"]
    ]
    assert (await other_project.http.get(f"/v1/memory/{secret['id']}")).json()["version"] == 1


async def test_job_accesses_memory_of_its_skillpack_and_shared_memory(
    project: Project, instance: AppContext
) -> None:
    job_id, job = await job_of(project, instance)
    _, other = await job_of(project, instance, slug="other")

    async def call(path: str, headers: dict[str, str], **body: Any) -> httpx.Response:
        return await project.http.post(f"/v1/memory/{path}", json=body, headers=headers)

    given = {"kind": "lesson", "record": {"text": "measure twice"}, "key": "call-1"}
    written = (await call("put", job, **given)).json()
    again = await call("put", job, **{**given, "record": {"text": "cut once"}})
    assert (again.status_code, again.json()) == (200, written)
    record = (await call("get", job, id=written["id"])).json()
    assert (record["scope"], record["version"], record["record"]) == (
        "skillpack",
        1,
        {"text": "measure twice"},
    )
    assert record["job_id"] == str(job_id)
    assert (await call("get", other, id=written["id"])).status_code == 404
    assert (await call("search", other, query="measure")).json()["count"] == 0
    assert (await call("forget", other, id=written["id"])).status_code == 404
    assert (await call("put", other, **{**given, "key": "x", "supersedes": written["id"]})).status_code == 404
    named = await call(
        "put", other, **{**given, "key": "y", "scope": "skillpack", "skillpack": record["skillpack_id"]}
    )
    assert (named.status_code, named.json()["code"]) == (422, "bad_memory")
    shared = (await call("put", job, kind="lesson", record={"text": "for all"}, scope="workspace")).json()
    assert (await call("get", other, id=shared["id"])).status_code == 200
    assert [one["id"] for one in await listed(project, f"?job_id={job_id}")] == [shared["id"], written["id"]]
    assert (await project.http.get("/v1/memory", headers=job)).status_code == 401
    async with instance.database.transaction() as session:
        await session.execute(text("update jobs set listing_id = :id where id = :id"), {"id": job_id})
    listed_one = await call("search", job)
    assert (listed_one.status_code, listed_one.json()["code"]) == (403, "listing_has_no_memory")
    assert (await call("put", job, **{**given, "key": "z"})).status_code == 403
    async with instance.database.transaction() as session:
        await session.execute(text("update jobs set attempt = 2 where id = :id"), {"id": job_id})
    assert (await call("put", job, **{**given, "key": "late"})).status_code == 401
    assert job_principal(job_id=job_id, project_id=project.id, attempt=1).scopes == {
        "memory:read",
        "memory:write",
    }


async def test_scopes_limit_which_memory_a_key_can_access(
    project: Project, database: Database, make_project: Projects
) -> None:
    written = await put(project)
    reader = await key_with(project, database, limits=Limits(scopes=["memory:read"]))
    writer = await key_with(project, database, limits=Limits(scopes=["memory:write"]))
    public = await key_with(project, database, kind="publishable")
    async with reader, writer, public:
        assert len(await found(reader, query="owl")) == 1
        assert (await reader.post("/v1/memory", json=OWL)).status_code == 403
        assert (await reader.delete(f"/v1/memory/{written['id']}")).status_code == 403
        assert (await writer.post("/v1/memory", json=OWL)).status_code == 201
        assert (await writer.get("/v1/memory/export")).status_code == 403
        for path in ("", "/export", f"/{written['id']}"):
            assert (await public.get(f"/v1/memory{path}")).status_code == 403
        assert (await public.post("/v1/memory/search", json={})).status_code == 403


async def test_secrets_are_redacted_before_records_are_stored(project: Project, instance: AppContext) -> None:
    value = "s3cr3t-value-of-the-project"
    await project.http.put("/v1/secrets", json={"name": "API_KEY", "value": value})
    await put(
        project,
        record={"note": f"the key is {value}", value: [value.encode().hex()]},
        title=f"key {value}",
        summary=value,
        tags=[value],
        aliases=[value],
    )
    rejected = await project.http.post("/v1/memory", json={**OWL, "kind": value})
    assert (rejected.status_code, rejected.json()["errors"][0]["path"]) == (422, "kind")
    assert value not in rejected.text
    async with instance.database.transaction() as session:
        dumped = (
            await session.execute(text("select memory_records::text || words::text from memory_records"))
        ).scalar_one()
    assert value not in dumped
    assert value.encode().hex() not in dumped
    assert "[secret]" in dumped


async def test_memory_quota_is_enforced_and_deletion_frees_space(
    project: Project, database: Database
) -> None:
    async with database.transaction() as session:
        await session.execute(
            text("""update projects set limits = '{"memory_records": 2, "memory_mb": 1}'""")
        )
    kept = [await put(project, entity_key=f"k{n}") for n in range(2)]
    full = await project.http.post("/v1/memory", json={**OWL, "entity_key": "k9"})
    assert (full.status_code, full.json()["code"], full.json()["quota"]) == (
        409,
        "quota_reached",
        "memory_records",
    )
    assert (await put(project, entity_key="k1"))["version"] == 2
    await project.http.delete(f"/v1/memory/{kept[0]['id']}")
    assert (await project.http.post("/v1/memory", json={**OWL, "entity_key": "k9"})).status_code == 409
    await project.http.delete(f"/v1/memory/{kept[0]['id']}?erase=true")
    await put(project, entity_key="k9")
    async with database.transaction() as session:
        await session.execute(
            text("""update projects set limits = '{"memory_records": 100, "memory_mb": 0}'""")
        )
    full = await project.http.post("/v1/memory", json={**OWL, "entity_key": "k10"})
    assert (full.status_code, full.json()["quota"]) == (409, "memory_mb")


async def test_invalid_records_are_rejected_with_the_path(project: Project) -> None:
    for overrides, place in (
        ({"record": {"text": "x" * 70_000}}, "record"),
        ({"entity_key": "img:123"}, "entity_key"),
        ({"aliases": ["fp:xyz"]}, "aliases[0]"),
        ({"entity_key": None, "scope": "entity"}, "entity_key"),
        ({"importance": 2}, "importance"),
        ({"record": "text"}, "record"),
        ({"mtype": "odd"}, "mtype"),
        ({"record": {"text": "a\u0000b"}}, ""),
        ({"tags": ["x" * 200]}, "tags"),
    ):
        response = await project.http.post("/v1/memory", json={**OWL, **overrides})
        assert response.status_code == 422, (overrides, response.text)
        assert place in response.text
    assert await listed(project) == []


async def test_idempotent_write_is_stored_once_and_export_has_all_records(
    project: Project,
) -> None:
    headers = {"Idempotency-Key": "one"}
    first = await project.http.post("/v1/memory", json=OWL, headers=headers)
    second = await project.http.post("/v1/memory", json=OWL, headers=headers)
    assert (second.json(), second.headers["Idempotent-Replayed"]) == (first.json(), "true")
    await put(project, entity_key="cat")
    lines = (await project.http.get("/v1/memory/export")).text.splitlines()
    assert sorted(json.loads(line)["entity_key"] for line in lines) == ["cat", "owl"]
    assert not {"words", "names", "embedded_version"} & json.loads(lines[0]).keys()
    assert (await project.http.get("/v1/audit?action=memory.exported")).json()[0][
        "action"
    ] == "memory.exported"


async def test_deleted_and_stale_records_expire_and_reduce_the_usage(
    project: Project, instance: AppContext
) -> None:
    kept = await put(project)
    for name in ("forgotten_at", "stale_at"):
        old = await put(project, entity_key=name)
        async with instance.database.transaction() as session:
            await session.execute(
                text(f"update memory_records set {name} = now() - interval '40 days' where id = :id"),
                {"id": old["id"]},
            )
    rules = Rules.of(instance.settings.model_copy(update={"keep_stale_memory_days": 30}))
    assert not await sweep.sweep(instance.database, rules, may_continue=lambda: True)
    assert [one["id"] for one in await listed(project, "?state=all")] == [kept["id"]]
    async with instance.database.transaction() as session:
        assert (await session.execute(text("select records from memory_usage"))).scalar_one() == 1
