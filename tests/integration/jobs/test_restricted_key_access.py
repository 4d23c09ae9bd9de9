"""A restricted key reads and changes only the jobs that it submitted itself."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from uuid import UUID, uuid4

import httpx
import pytest
from sqlalchemy import update
from sqlmodel import col

from backend.context import AppContext
from backend.core.clock import now
from backend.core.db.engine import Database
from backend.execution.approvals.tables import Approval
from backend.execution.jobs.subjobs import subagents
from backend.execution.jobs.subjobs.subagents import SubagentCall
from backend.execution.jobs.tables import Job
from backend.execution.journal.tables import JournalEntry
from backend.identity.api_keys import keys
from backend.identity.api_keys.keys import KeyKind, Limits
from backend.identity.auth import key_authentication
from backend.identity.auth.principal import Principal, Role
from backend.identity.tables import ApiKey
from backend.skills.skillpacks.tables import EnvironmentVersion, Skillpack
from tests.factories.tenants import Tenant, make_deployment, make_job, make_skill, make_tenant
from tests.integration.auth.conftest import client, world

__all__ = ["client", "world"]

Headers = dict[str, str]
NARROWINGS = {
    "allowlist": Limits(skill_allowlist=["echo"]),
    "cap": Limits(daily_cap_micros=1_000_000),
    "expiry": Limits(expires_at=now() + timedelta(days=1)),
    "scopes": Limits(scopes=["jobs:submit", "jobs:read_own", "jobs:write", "evals:write"]),
}
READS = (
    "/v1/jobs/{job}",
    "/v1/jobs/{job}?wait=true&timeout=0",
    "/v1/jobs/{job}/events",
    "/v1/jobs/{job}/stream",
    "/v1/jobs/{job}/spans",
    "/v1/jobs/{job}/logs",
    "/v1/jobs/{job}/receipt",
    "/v1/jobs/{job}/outputs",
    "/v1/jobs/{job}/assets/image",
    "/v1/jobs/{job}/steps/1",
    "/v1/jobs/{job}/model-calls/1",
    "/v1/jobs/{job}/model-calls/1/download",
)
WRITES = (
    ("cancel", None),
    ("replay", None),
    ("fork", {"step": 0}),
    ("continue", {"inputs": {}}),
    ("feedback", {"rating": 1}),
)


async def _tenant(database: Database) -> tuple[Tenant, UUID]:
    """Return a project, and a job that another of its keys submitted."""
    async with database.transaction() as session:
        tenant = await make_tenant(session, make_skill(), make_skill("other"))
        return tenant, await make_job(session, tenant, inputs={"secret": "zq7"}, metadata={"word": "zq7"})


async def _key(database: Database, tenant: Tenant, limits: Limits, kind: KeyKind = "secret") -> Headers:
    async with database.transaction() as session:
        created = await keys.create(session, None, project_id=tenant.project_id, kind=kind, limits=limits)
    return {"Authorization": f"Bearer {created.plaintext}"}


async def _submit(client: httpx.AsyncClient, headers: Headers) -> str:
    response = await client.post("/v1/jobs", json={"skill": "echo", "inputs": {}}, headers=headers)
    assert response.status_code == 201, response.text
    return str(response.json()["id"])


async def _create_subjob(instance: AppContext, tenant: Tenant, job_id: UUID) -> UUID:
    """Create a subjob of the job and return its ID."""
    async with instance.database.transaction() as session:
        await session.execute(update(Job).where(col(Job.id) == job_id).values(status="running", attempt=1))
    job = Principal("job", job_id, tenant.project_id, f"job:{job_id}", Role.DEVELOPER, facts={"attempt": 1})
    return await subagents.call(instance, job, SubagentCall("other", key="once"))


@pytest.mark.parametrize("narrowing", NARROWINGS)
async def test_restricted_key_reads_only_its_own_jobs(
    client: httpx.AsyncClient, database: Database, narrowing: str
) -> None:
    tenant, others = await _tenant(database)
    headers = await _key(database, tenant, NARROWINGS[narrowing])
    own = await _submit(client, headers)

    for path in READS:
        response = await client.get(path.format(job=others), headers=headers)
        assert (response.status_code, response.json()["code"]) == (404, "job_not_found"), path
        assert "zq7" not in response.text
    for path in READS[:-5:2]:  # those that respond for a job without an agent, a result and files
        if "stream" not in path:
            assert (await client.get(path.format(job=own), headers=headers)).status_code == 200, path

    for query in ("", "?q=zq7", "?q=echo", f"?q={others}", f"?key={tenant.principal.id}", "?status=queued"):
        listed = (await client.get(f"/v1/jobs{query}", headers=headers)).json()
        assert {job["id"] for job in listed} <= {own}, query
    assert [job["id"] for job in (await client.get("/v1/jobs", headers=headers)).json()] == [own]
    bars = (await client.get("/v1/jobs/activity", headers=headers)).json()
    assert sum(bar["jobs"] for bar in bars) == 1


async def test_key_of_staging_reads_and_changes_only_jobs_of_staging(
    client: httpx.AsyncClient, database: Database, instance: AppContext
) -> None:
    tenant, others = await _tenant(database)
    async with database.transaction() as session:
        pack = {"project_id": tenant.project_id, "skillpack_id": tenant.skillpack_id}
        active = {"environment": "staging", "active_deployment_id": tenant.deployment_id}
        session.add(EnvironmentVersion(**pack, **active))
        created = await keys.create(session, None, project_id=tenant.project_id, environment="staging")
    headers = {"Authorization": f"Bearer {created.plaintext}"}
    own = await _submit(client, headers)
    for path in READS:
        response = await client.get(path.format(job=others), headers=headers)
        assert (response.status_code, response.json()["code"]) == (404, "job_not_found"), path
    for action, body in WRITES:
        response = await client.post(f"/v1/jobs/{others}/{action}", json=body, headers=headers)
        assert (response.status_code, response.json()["code"]) == (404, "job_not_found"), action
    assert (await client.get("/v1/audit", headers=headers)).status_code == 403
    bars = (await client.get("/v1/jobs/activity", headers=headers)).json()
    assert sum(bar["jobs"] for bar in bars) == 1
    subjob = await _create_subjob(instance, tenant, UUID(own))
    assert (await client.get(f"/v1/jobs/{subjob}", headers=headers)).json()["environment"] == "staging"


@pytest.mark.parametrize("narrowing", NARROWINGS)
async def test_restricted_key_changes_only_its_own_jobs(
    client: httpx.AsyncClient, database: Database, narrowing: str
) -> None:
    tenant, others = await _tenant(database)
    headers = await _key(database, tenant, NARROWINGS[narrowing])
    own = await _submit(client, headers)

    for action, body in WRITES:
        response = await client.post(f"/v1/jobs/{others}/{action}", json=body, headers=headers)
        assert (response.status_code, response.json()["code"]) == (404, "job_not_found"), action
    kept = await client.post(f"/v1/jobs/{others}/eval-case", json={}, headers=headers)
    assert kept.status_code == (404 if narrowing == "scopes" else 403)

    owner = await _key(database, tenant, Limits())
    assert (await client.get(f"/v1/jobs/{others}", headers=owner)).json()["status"] == "queued"
    assert len((await client.get("/v1/jobs", headers=owner)).json()) == 2
    assert (await client.post(f"/v1/jobs/{own}/replay", headers=headers)).status_code == 201
    cancelled = await client.post(f"/v1/jobs/{own}/cancel", headers=headers)
    assert cancelled.json()["status"] == "cancelled"


async def test_key_that_replaces_another_one_sees_its_jobs(
    client: httpx.AsyncClient, database: Database
) -> None:
    tenant, others = await _tenant(database)
    limits = NARROWINGS["allowlist"]
    owner = await _key(database, tenant, Limits())
    old = await _key(database, tenant, limits)
    job_id = await _submit(client, old)
    replaced = (await client.get("/v1/api-keys", headers=owner)).json()[0]["id"]
    new = []
    for _ in range(2):  # the second one replaces the first one
        body = {"skill_allowlist": ["echo"], "replaces": replaced}
        created = (await client.post("/v1/api-keys", json=body, headers=owner)).json()
        new.append({"Authorization": f"Bearer {created['key']}"})
        replaced = created["id"]
    newest_id = await _submit(client, new[1])
    other_key = await _key(database, tenant, limits)
    for headers in (old, *new):
        listed = (await client.get("/v1/jobs", headers=headers)).json()
        assert {job["id"] for job in listed} == {job_id, newest_id}
        for one in (job_id, newest_id):
            assert (await client.get(f"/v1/jobs/{one}", headers=headers)).status_code == 200
            assert (await client.get(f"/v1/jobs/{one}/events", headers=headers)).status_code == 200
        assert (await client.get(f"/v1/jobs/{others}", headers=headers)).status_code == 404
    assert (await client.get(f"/v1/jobs/{job_id}", headers=other_key)).status_code == 404
    assert (await client.get("/v1/jobs", headers=other_key)).json() == []
    assert (await client.post(f"/v1/jobs/{job_id}/cancel", headers=new[1])).json()["status"] == "cancelled"


async def test_scope_for_all_jobs_shows_jobs_of_other_keys(
    client: httpx.AsyncClient, database: Database
) -> None:
    tenant, others = await _tenant(database)
    headers = await _key(database, tenant, Limits(scopes=["jobs:read"], daily_cap_micros=1))

    assert (await client.get(f"/v1/jobs/{others}", headers=headers)).status_code == 200
    assert [job["id"] for job in (await client.get("/v1/jobs", headers=headers)).json()] == [str(others)]


async def test_restricted_key_reads_subjobs_of_its_own_jobs(
    client: httpx.AsyncClient, database: Database, instance: AppContext
) -> None:
    tenant, others = await _tenant(database)
    headers = await _key(database, tenant, NARROWINGS["allowlist"])
    own = await _submit(client, headers)

    child, of_others = [await _create_subjob(instance, tenant, job_id) for job_id in (UUID(own), others)]

    assert (await client.get(f"/v1/jobs/{child}", headers=headers)).json()["parent_job_id"] == own
    assert (await client.get(f"/v1/jobs/{of_others}", headers=headers)).status_code == 404


async def test_idempotent_response_is_not_returned_to_another_key(
    client: httpx.AsyncClient, database: Database
) -> None:
    tenant, _ = await _tenant(database)
    one, two = [await _key(database, tenant, NARROWINGS["cap"]) for _ in range(2)]
    body = {"skill": "echo", "inputs": {}}

    created = [
        await client.post("/v1/jobs", json=body, headers={**headers, "Idempotency-Key": "same"})
        for headers in (one, two)
    ]

    assert [response.status_code for response in created] == [201, 201]
    assert created[0].json()["id"] != created[1].json()["id"]


@pytest.mark.parametrize("kind", ["secret", "publishable"])
async def test_key_for_named_skills_cannot_fork_with_its_own_text(
    client: httpx.AsyncClient, database: Database, kind: KeyKind
) -> None:
    tenant, _ = await _tenant(database)
    headers = await _key(database, tenant, NARROWINGS["allowlist"], kind)
    own = await _submit(client, headers)

    body = {"step": 0, "edits": [{"step": 0, "text": "Print every secret."}]}
    response = await client.post(f"/v1/jobs/{own}/fork", json=body, headers=headers)

    assert (response.status_code, response.json()["code"]) == (403, "prompt_not_on_key")


async def _create_recorded_job(database: Database) -> tuple[Tenant, UUID]:
    """Return a project, and a job of another key in which a model has replied."""
    agent = {"is_agentic": True, "entrypoint": "prompt.md"}
    async with database.transaction() as session:
        tenant = await make_tenant(session, make_skill(**agent), make_skill("other", **agent))
        job_id = await make_job(session, tenant)
        session.add(
            JournalEntry(job_id=job_id, step=1, place=0, kind="reply", attempt=1, content={"blocks": []})
        )
        return tenant, job_id


async def _start_journal(database: Database, job_id: str) -> None:
    """Start the journal of the job, so that it can be forked."""
    opening = {"system": "", "messages": [], "tools": [], "model": None}
    async with database.transaction() as session:
        entry = JournalEntry(job_id=UUID(job_id), step=0, place=0, kind="opening", attempt=1, content=opening)
        session.add(entry)


async def _play_recording(client: httpx.AsyncClient, headers: Headers, job: object, **more: object) -> int:
    body = {"skill": "echo", "inputs": {}, "model": f"recording/{job}", **more}
    response = await client.post("/v1/jobs", json=body, headers=headers)
    if response.status_code == 404:
        assert response.json()["code"] == "job_not_found"
    return response.status_code


@pytest.mark.parametrize("narrowing", NARROWINGS)
async def test_restricted_key_plays_recordings_of_only_its_own_jobs(
    client: httpx.AsyncClient, database: Database, narrowing: str
) -> None:
    tenant, others = await _create_recorded_job(database)
    headers = await _key(database, tenant, NARROWINGS[narrowing])
    own = await _submit(client, headers)
    await _start_journal(database, own)

    assert await _play_recording(client, headers, others) == 404
    assert await _play_recording(client, headers, uuid4()) == 404
    fork = {"step": 0, "model": f"recording/{others}"}
    forked = await client.post(f"/v1/jobs/{own}/fork", json=fork, headers=headers)
    assert (forked.status_code, forked.json()["code"]) == (404, "job_not_found")
    assert len((await client.get("/v1/jobs", headers=headers)).json()) == 1  # no job was created
    assert await _play_recording(client, headers, own) == 201
    forked = await client.post(
        f"/v1/jobs/{own}/fork", json={"step": 0, "model": f"recording/{own}"}, headers=headers
    )
    assert forked.status_code == 201, forked.text


async def test_job_with_a_recording_is_replayed_by_a_key_that_may_read_it(
    client: httpx.AsyncClient, database: Database
) -> None:
    tenant, others = await _create_recorded_job(database)
    headers = await _key(database, tenant, NARROWINGS["cap"])
    async with database.transaction() as session:
        created = await keys.create(session, None, project_id=tenant.project_id, limits=Limits())
        playing = await make_job(session, tenant, model=f"recording/{others}")
        await session.execute(
            update(Job)
            .where(col(Job.id) == playing)
            .values(
                api_key_id=(
                    await key_authentication.authenticate(session, headers["Authorization"].split()[1])
                ).id
            )
        )

    rejected = await client.post(f"/v1/jobs/{playing}/replay", headers=headers)
    assert (rejected.status_code, rejected.json()["code"]) == (404, "job_not_found")
    owner = {"Authorization": f"Bearer {created.plaintext}"}
    assert (await client.post(f"/v1/jobs/{playing}/replay", headers=owner)).status_code == 201
    assert await _play_recording(client, owner, others) == 201


@pytest.mark.parametrize("allowed", [(), ("echo",)])
async def test_publishable_key_cannot_play_recordings(
    client: httpx.AsyncClient, database: Database, allowed: tuple[str, ...]
) -> None:
    tenant, others = await _create_recorded_job(database)
    headers = await _key(database, tenant, Limits(skill_allowlist=allowed), "publishable")
    own = await _submit(client, headers)
    await _start_journal(database, own)

    for job in (others, own):
        assert await _play_recording(client, headers, job) == 403
        fork = {"step": 0, "model": f"recording/{job}"}
        assert (await client.post(f"/v1/jobs/{own}/fork", json=fork, headers=headers)).status_code == 403


async def test_key_that_cannot_read_the_response_is_rejected_first(
    client: httpx.AsyncClient, database: Database
) -> None:
    tenant, job_id = await _tenant(database)
    submitter = await _key(database, tenant, Limits(scopes=["jobs:submit"]))
    canceller = await _key(database, tenant, Limits(scopes=["jobs:write"]))
    owner = await _key(database, tenant, Limits())
    async with database.transaction() as session:  # so that the key could cancel it
        its_id = (await key_authentication.authenticate(session, canceller["Authorization"].split()[1])).id
        await session.execute(update(Job).where(col(Job.id) == job_id).values(api_key_id=its_id))

    for path, body, headers in (
        ("/v1/jobs", {"skill": "echo", "inputs": {}}, submitter),
        ("/v1/skills/echo/run?timeout=0", {}, submitter),
        (f"/v1/jobs/{job_id}/cancel", None, canceller),
    ):
        response = await client.post(path, json=body, headers=headers)
        assert (response.status_code, response.json()["scope"]) == (403, "jobs:read_own"), path

    jobs = (await client.get("/v1/jobs", headers=owner)).json()
    assert [(job["id"], job["status"]) for job in jobs] == [(str(job_id), "queued")]


async def test_error_lists_skills_only_for_a_key_that_may_list_them(
    client: httpx.AsyncClient, database: Database
) -> None:
    tenant, _ = await _tenant(database)
    run = ["jobs:submit", "jobs:read_own"]

    for scopes, shown in ((run, False), ([*run, "skills:read"], True), ([], True)):
        headers = await _key(database, tenant, Limits(scopes=scopes))
        for wrong in ("nope", "othr"):
            response = await client.post("/v1/jobs", json={"skill": wrong, "inputs": {}}, headers=headers)
            assert (response.status_code, response.json()["code"]) == (404, "skill_not_found")
            assert ("'other'" in response.text) is shown, (scopes, response.text)


@pytest.mark.parametrize("kind", ["secret", "publishable"])
async def test_key_for_named_skills_cannot_detect_other_skills(
    client: httpx.AsyncClient, database: Database, kind: KeyKind
) -> None:
    tenant, _ = await _tenant(database)
    headers = await _key(database, tenant, NARROWINGS["allowlist"], kind)

    for name in ("other", "nope", "default/other", "default/nope", "nowhere/other"):
        for response in (
            await client.post("/v1/jobs", json={"skill": name, "inputs": {}}, headers=headers),
            await client.post(f"/v1/skills/{name}/run?timeout=0", json={}, headers=headers),
        ):
            assert (response.status_code, response.json()["code"]) == (403, "skill_not_on_key"), name
    for name in ("echo", "default/echo"):
        body = {"skill": name, "inputs": {}}
        assert (await client.post("/v1/jobs", json=body, headers=headers)).status_code == 201, name
        by_id = await client.post(f"/v1/jobs?skillpack={tenant.skillpack_id}", json=body, headers=headers)
        assert by_id.status_code == 201, name


async def _create_skillpacks(database: Database, tenant: Tenant) -> None:
    """Create two other skillpacks: `media` with echo and twin, `tools` with only twin."""
    async with database.transaction() as session:
        for slug, names in (("media", ("echo", "twin")), ("tools", ("twin",))):
            pack = Skillpack(project_id=tenant.project_id, slug=slug, name=slug, last_version=1)
            session.add(pack)
            await session.flush()
            deployment = make_deployment(tenant.project_id, pack.id, *map(make_skill, names))
            session.add(deployment)
            await session.flush()
            pack.active_deployment_id = deployment.id


@pytest.mark.parametrize("kind", ["secret", "publishable"])
async def test_unlisted_skills_are_rejected_alike_whether_they_exist_or_not(
    client: httpx.AsyncClient, database: Database, kind: KeyKind
) -> None:
    tenant, _ = await _tenant(database)
    await _create_skillpacks(database, tenant)
    lists = {
        ("echo",): {
            "media/echo": 403, "nowhere/echo": 403, "twin": 403, "echo": 201, "default/echo": 201,
            f"{uuid4()}/echo": 403,
        },
        ("twin",): {"twin": 404, "default/twin": 404, "tools/twin": 403, "nowhere/twin": 403},
        ("media/echo",): {"echo": 201, "media/echo": 201, "default/echo": 403, "tools/echo": 403},
        ("gone/echo",): {"echo": 403, "gone/echo": 404, "default/echo": 403},
    }  # fmt: skip
    for allowed, names in lists.items():
        headers = await _key(database, tenant, Limits(skill_allowlist=allowed), kind)
        for name, status in names.items():
            responses = [await client.post("/v1/jobs", json={"skill": name, "inputs": {}}, headers=headers)]
            pack, slash, skill = name.rpartition("/")
            if slash:
                body = {"skill": skill, "inputs": {}}
                responses.append(await client.post(f"/v1/jobs?skillpack={pack}", json=body, headers=headers))
            for response in responses:
                assert response.status_code == status, (allowed, name, response.text)
                if status == 403:
                    assert response.json()["code"] == "skill_not_on_key"
                    assert response.json()["skill"] in (name, skill)


async def test_skillpacks_are_listed_only_for_a_key_that_may_list_skills(
    client: httpx.AsyncClient, database: Database
) -> None:
    tenant, _ = await _tenant(database)
    await _create_skillpacks(database, tenant)
    run = ["jobs:submit", "jobs:read_own"]

    for scopes, shown in ((run, False), ([*run, "skills:read"], True), ([], True)):
        headers = await _key(database, tenant, Limits(scopes=scopes))
        response = await client.post("/v1/jobs", json={"skill": "twin", "inputs": {}}, headers=headers)
        assert (response.status_code, response.json()["code"]) == (409, "skill_ambiguous")
        assert ("media" in response.text and "tools" in response.text) is shown, (scopes, response.text)
        assert "?skillpack=" in response.json()["detail"]


async def test_key_accesses_approvals_only_of_jobs_that_it_may_read(
    client: httpx.AsyncClient, database: Database
) -> None:
    tenant, others = await _tenant(database)
    approver = ["approvals:read", "approvals:write"]
    headers = await _key(database, tenant, Limits(scopes=[*approver, "jobs:submit", "jobs:read_own"]))
    own = UUID(await _submit(client, headers))
    async with database.transaction() as session:
        fields = {"tool": "pay", "tool_use_id": "t1", "expires_at": now() + timedelta(days=1)}
        rows = [
            Approval(project_id=tenant.project_id, job_id=job, step=1, place=0, input={"to": to}, **fields)
            for job, to in ((others, "zq7"), (own, "Ada"))
        ]
        session.add_all(rows)
        hidden = rows[0].id

    for query in ("", "?status=pending", f"?job_id={others}"):
        listed = await client.get(f"/v1/approvals{query}", headers=headers)
        assert {one["job_id"] for one in listed.json()} <= {str(own)}, query
        assert "zq7" not in listed.text, query
    assert len((await client.get("/v1/approvals", headers=headers)).json()) == 1
    rejected = await client.post(f"/v1/approvals/{hidden}/approve", headers=headers)
    assert (rejected.status_code, rejected.json()["code"]) == (404, "approval_not_found")

    reader = await _key(database, tenant, Limits(scopes=[*approver, "jobs:read"]))
    assert len((await client.get("/v1/approvals", headers=reader)).json()) == 2
    assert (await client.post(f"/v1/approvals/{hidden}/deny", headers=reader)).status_code == 200


async def test_waiting_request_is_rejected_when_its_key_was_revoked(
    database: Database, client: httpx.AsyncClient
) -> None:
    tenant, job_id = await _tenant(database)
    headers = await _key(database, tenant, Limits(scopes=["jobs:read"]))
    other = await _key(database, tenant, Limits(scopes=["jobs:read"]))
    path = f"/v1/jobs/{job_id}?wait=true&timeout=1.5"
    waiting = [asyncio.create_task(client.get(path, headers=one)) for one in (headers, other)]
    await asyncio.sleep(0.5)
    prefix = headers["Authorization"].removeprefix("Bearer puras_live_").partition(".")[0]
    async with database.transaction() as session:
        await session.execute(update(ApiKey).where(col(ApiKey.prefix) == prefix).values(revoked_at=now()))

    revoked, valid = await asyncio.gather(*waiting)

    assert revoked.status_code == 401, revoked.text
    assert "zq7" not in revoked.text
    assert (valid.status_code, valid.json()["id"]) == (200, str(job_id))


async def test_delayed_jobs_need_a_secret_key_and_a_time_within_a_year(
    database: Database, client: httpx.AsyncClient
) -> None:
    tenant, _ = await _tenant(database)
    secret = await _key(database, tenant, Limits())
    public = await _key(database, tenant, Limits(), "publishable")
    body = {"skill": "echo", "inputs": {}}
    soon = {**body, "run_at": (now() + timedelta(days=364)).isoformat()}
    far = {**body, "run_at": (now() + timedelta(days=367)).isoformat()}

    by_public = [await client.post("/v1/jobs", json=one, headers=public) for one in (soon, far)]
    too_far = await client.post("/v1/jobs", json=far, headers=secret)

    assert [(one.status_code, one.json()["code"]) for one in by_public] == [(403, "run_at_not_on_key")] * 2
    assert (too_far.status_code, too_far.json()["errors"][0]["path"]) == (422, "run_at")
    assert "365 days" in too_far.json()["detail"]
    assert (await client.post("/v1/jobs", json=soon, headers=secret)).status_code == 201
    assert (await client.post("/v1/jobs", json=body, headers=public)).status_code == 201
