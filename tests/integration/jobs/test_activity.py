"""The activity of a project: what it contains, for whom, and in pages."""

from __future__ import annotations

from datetime import timedelta

import httpx
from sqlalchemy import text

from backend.administration.activity.summaries import KINDS, Entry
from backend.core.clock import now
from backend.core.db.engine import Database
from backend.identity.auth.principal import Role
from tests.integration.auth.conftest import World, client, world
from tests.integration.jobs.test_annotation_queues import ended_jobs, queue_of, reviewer_of, tenant_of

__all__ = ["client", "world"]


async def test_activity_of_members_and_jobs(
    client: httpx.AsyncClient, database: Database, world: World
) -> None:
    tenant, headers = await tenant_of(database)
    (job,) = await ended_jobs(client, database, headers, 1)
    viewer = await reviewer_of(world, tenant, "viewer@example.org", Role.VIEWER)
    await client.post(f"/v1/jobs/{job}/comments", json={"body": "Look"}, headers=headers)
    await client.put("/v1/secrets", json={"name": "TOKEN", "value": "v"}, headers=headers)
    queue = await queue_of(client, headers, filter={})
    item = (await client.post(f"{queue}/next", headers=headers)).json()["item"]
    path = f"{queue}/items/{item['id']}/annotation"
    await client.put(path, json={"scores": {"quality": 1}}, headers=headers)

    entries = (await client.get("/v1/activity", headers=headers)).json()
    summaries = [one["summary"] for one in entries]
    assert summaries[:6] == [
        "finished the annotation queue Weekly (1 job)",
        "reviewed a job of Weekly",
        "created the annotation queue Weekly",
        "set the secret TOKEN",
        "commented on a job",
        "added viewer@example.org as viewer",
    ]
    assert entries[4]["path"].startswith(f"/jobs/{job}?tab=comments#comment-")
    seen = [one["summary"] for one in (await viewer.get("/v1/activity")).json()]
    assert "commented on a job" in seen
    assert not any("secret" in one or "API key" in one for one in seen)
    assert (await viewer.get("/v1/audit")).status_code == 403

    first = await client.get("/v1/activity?limit=2", headers=headers)
    rest = await client.get(first.links["next"]["url"], headers=headers)
    assert [one["summary"] for one in [*first.json(), *rest.json()]] == summaries[:4]
    only = (await client.get("/v1/activity?category=comments", headers=headers)).json()
    assert [one["action"] for one in only] == ["comment.created"]
    by_operator = (await client.get("/v1/activity?actor=operator", headers=headers)).json()
    assert {one["actor"] for one in by_operator} == {"operator"}
    for hours, count in ((-1, len(summaries)), (1, 0)):
        since = {"since": (now() + timedelta(hours=hours)).isoformat(), "actor": by_operator[0]["actor"]}
        found = (await client.get("/v1/activity", params=since, headers=headers)).json()
        assert len(found) == (len(by_operator) if count else 0)
        del since["actor"]
        found = (await client.get("/v1/activity", params=since, headers=headers)).json()
        assert len(found) == count
    _, others = await tenant_of(database)
    assert not any(
        "Weekly" in one["summary"] for one in (await client.get("/v1/activity", headers=others)).json()
    )
    assert (await client.get("/v1/activity?category=unknown", headers=headers)).status_code == 422


async def test_activations_are_shown_as_promotions_and_rollbacks(
    client: httpx.AsyncClient, database: Database
) -> None:
    tenant, headers = await tenant_of(database)
    async with database.transaction() as session:
        insert = text(
            "insert into audit_rows (project_id, actor, action, target, facts, request_id, at) values "
            "(:project_id, 'user:ada@example.org', 'deployment.activated', :target, cast(:facts as jsonb), '', now())"
        )
        for target, facts in (
            ("default v2", "{}"),
            ("default v0", f'{{"previous_deployment_id": "{tenant.deployment_id}"}}'),
            ("default v2", '{"environment": "staging"}'),
        ):
            values = {"project_id": tenant.project_id, "target": target, "facts": facts}
            await session.execute(insert, values)
    entries = (await client.get("/v1/activity?category=publishing", headers=headers)).json()
    assert [one["summary"] for one in entries] == [
        "promoted default v2 to staging",
        "rolled back default from v1 to v0",
        "activated default v2",
    ]


def test_every_kind_has_a_summary_without_details() -> None:
    for action, kind in KINDS.items():
        entry = Entry("job:1", {})
        assert kind.summary(entry), action
        assert kind.path(entry).startswith("/"), action
