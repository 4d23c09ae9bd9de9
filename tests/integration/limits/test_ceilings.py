"""Ceilings of the operator: projects set lower limits; higher values are rejected, not reduced."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any
from uuid import UUID

import httpx
import pytest
from sqlalchemy import text

from backend.config.quotas import Quota
from backend.context import AppContext
from backend.core.db.engine import Database
from backend.identity.limits.schemas import defaults_of
from backend.identity.limits.service import cap_windows
from backend.money.pricing import PriceList
from backend.skills.archives.pack import pack_files
from backend.skills.job_limits import JobLimits
from backend.skills.manifest import job_ceilings as ceilings
from backend.skills.manifest.job_ceilings import JobCeilings
from backend.skills.manifest.types import Limits, Retries, Skill
from tests.factories.tenants import make_skill, make_tenant
from tests.integration.auth.conftest import World
from tests.integration.deployments.conftest import BUNDLE, SKILL
from tests.integration.limits.conftest import Serve
from workers.attempt.prepare import run_limits

LOW = JobCeilings(
    max_timeout_s=60,
    max_memory_mb=256,
    max_output_mb=4,
    max_cost_usd=0.5,
    max_steps=20,
    max_tokens=1_000,
    max_retries=2,
)
DECLARED = {
    "timeout_s": (b"timeout_s: 61", b"timeout_s: 60"),
    "memory_mb": (b"limits: {memory_mb: 257}", b"limits: {memory_mb: 256}"),
    "output_mb": (b"limits: {output_mb: 5}", b"limits: {output_mb: 4}"),
    "cost_usd": (b"limits: {cost_usd: 0.51}", b"limits: {cost_usd: 0.5}"),
    "steps": (b"limits: {steps: 21}", b"limits: {steps: 20}"),
    "tokens": (b"limits: {tokens: 1001}", b"limits: {tokens: 1000}"),
    "retries": (b"retries: {max: 3, on: [error]}", b"retries: {max: 2, on: [error]}"),
}
"""For each key of skill.yaml, a value above its ceiling and the ceiling itself."""


@pytest.fixture
def low() -> Iterator[None]:
    """Lower every ceiling of jobs for the duration of a test."""
    ceilings.use(LOW)
    yield
    ceilings.use(JobCeilings())


def bundle(more: bytes) -> bytes:
    """Return the default bundle with another line in its skill.yaml."""
    return pack_files({**BUNDLE, "skills/double/skill.yaml": SKILL + more + b"\n"})


async def window(database: Database, project_id: UUID) -> int:
    """Return the number of jobs of the project that may be ready or running concurrently."""
    query = text("select concurrency_limit from admissions where project_id = :id")
    async with database.transaction() as session:
        return int((await session.execute(query, {"id": project_id})).scalar_one())


async def test_project_sets_its_window_up_to_the_ceiling(
    serve: Serve, world: World, database: Database
) -> None:
    client = await serve(project_concurrency=20)
    owner = await world.user("owner@example.org", is_operator=True)
    project = await world.project("Acme", owner)
    key, path = await world.key(project), f"/v1/projects/{project.id}"
    browser = await world.browser(owner)

    for headers, caller in ((key, client), ({}, browser)):
        maximum = 20 if caller is client else 50  # the other client has the default settings
        rejected = await caller.patch(path, json={"concurrency_limit": maximum + 1}, headers=headers)
        assert (rejected.status_code, rejected.json()["code"]) == (403, "limit_above_ceiling")
        assert f"above the ceiling of {maximum}" in rejected.json()["detail"]
        assert "can raise the ceiling" in rejected.json()["detail"]
    assert await window(database, project.id) == 5

    for requested in (20, 3):
        changed = await client.patch(path, json={"concurrency_limit": requested}, headers=key)
        assert changed.json()["concurrency_limit"] == requested
        assert await window(database, project.id) == requested


async def test_projects_lower_their_limits_and_only_operators_raise_them(
    serve: Serve, world: World, instance: AppContext
) -> None:
    client = await serve(project_requests_per_minute=600)
    project = await world.project("Acme", await world.user("ada@example.org"))
    key, path = await world.key(project), f"/v1/projects/{project.id}/limits"
    defaults = defaults_of(instance.settings) | {"requests_per_minute": 600}
    assert set(defaults) == {*Quota, "concurrency", "requests_per_minute"}

    for name, maximum in defaults.items():
        assert maximum is not None
        rejected = await client.patch(path, json={name: maximum + 1}, headers=key)
        assert (rejected.status_code, rejected.json()["errors"][0]["path"]) == (403, name)
        seen = (await client.get(path, headers=key)).json()
        assert (seen[name], seen["ceilings"][name]) == (
            {"limit": maximum, "has_ceiling": False, "is_own": False},
            maximum,
        )

        for requested in (maximum, maximum - 1):
            lowered = (await client.patch(path, json={name: requested}, headers=key)).json()
            assert (lowered[name]["limit"], lowered["own"][name]) == (requested, requested)
        again = (await client.patch(path, json={name: None}, headers=key)).json()
        assert (again[name]["limit"], again["own"]) == (maximum, {})

    mixed = await client.patch(path, json={"api_keys": 1, "members": 10**6}, headers=key)
    assert mixed.status_code == 403
    assert (await client.get(path, headers=key)).json()["own"] == {}


async def test_limit_lowered_by_a_project_is_enforced(serve: Serve, world: World, database: Database) -> None:
    client = await serve()
    project = await world.project("Acme")
    key, path = await world.key(project), f"/v1/projects/{project.id}/limits"

    body = {"api_keys": 1, "requests_per_minute": 50, "drive_mb": 0, "memory_records": 0, "queued_jobs": 0}
    assert (await client.patch(path, json=body, headers=key)).status_code == 200

    made = await client.post("/v1/api-keys", json={}, headers=key)
    assert (made.status_code, made.json()["code"]) == (409, "quota_reached")
    assert made.headers["RateLimit-Policy"] == '"project";q=50;w=60'
    put = await client.put("/v1/drive/files/a.txt", content=b"x", headers=key)
    assert (put.status_code, put.json()["code"]) == (409, "quota_reached")
    kept = await client.post("/v1/memory", json={"kind": "fact", "record": {}}, headers=key)
    assert (kept.status_code, kept.json()["code"]) == (409, "quota_reached")


async def test_lowered_queue_limit_is_enforced(database: Database, world: World, serve: Serve) -> None:
    client = await serve()
    async with database.transaction() as session:
        tenant = await make_tenant(session, make_skill(), concurrency_limit=1)
        await session.execute(text("""update projects set own_limits = '{"queued_jobs": 1}'"""))
    project: Any = type("Of", (), {"id": tenant.project_id})
    key = await world.key(project)

    responses = [await client.post("/v1/jobs", json={"skill": "echo"}, headers=key) for _ in range(3)]

    assert [response.status_code for response in responses] == [201, 201, 429]
    assert responses[-1].json()["limit"] == 1


async def test_project_limit_applies_again_when_the_ceiling_is_restored(
    serve: Serve, world: World, database: Database
) -> None:
    client = await serve(project_concurrency=20)
    project, unset = await world.project("Acme"), await world.project("Unset")
    key = await world.key(project)
    limits, path = f"/v1/projects/{project.id}/limits", f"/v1/projects/{project.id}"
    await client.patch(path, json={"concurrency_limit": 15}, headers=key)
    await client.patch(limits, json={"api_keys": 50}, headers=key)

    for ceiling in (10, 4, 20):
        lower = await serve(project_concurrency=ceiling, max_api_keys=ceiling)
        async with database.transaction() as session:
            await cap_windows(session, concurrency=ceiling)
        held = min(15, ceiling)
        assert await window(database, project.id) == held
        assert await window(database, unset.id) == min(5, ceiling)
        assert (await lower.get(path, headers=key)).json()["concurrency_limit"] == held
        seen = (await lower.get(limits, headers=key)).json()
        assert (seen["api_keys"]["limit"], seen["own"]["api_keys"], seen["ceilings"]["api_keys"]) == (
            ceiling,
            50,
            ceiling,
        )
        assert (seen["concurrency"]["limit"], seen["own"]["concurrency"]) == (held, 15)


async def test_key_rate_above_the_rate_of_every_key_is_rejected(serve: Serve, world: World) -> None:
    client = await serve(key_requests_per_minute=100)
    key = await world.key(await world.project("Acme"))

    rejected = await client.post("/v1/api-keys", json={"requests_per_minute": 101}, headers=key)
    made = (await client.post("/v1/api-keys", json={"requests_per_minute": 100}, headers=key)).json()
    raised = await client.patch(f"/v1/api-keys/{made['id']}", json={"requests_per_minute": 101}, headers=key)

    for response in (rejected, raised):
        assert (response.status_code, response.json()["code"]) == (422, "limit_above_ceiling")
        assert "PURAS_KEY_REQUESTS_PER_MINUTE" in response.json()["detail"]
    assert made["requests_per_minute"] == 100


AGENT = make_skill("agent", is_agentic=True, entrypoint="SKILL.md")
ABOVE = {
    ("echo", "timeout_s"): (1_801, 1_800),
    ("echo", "memory_mb"): (1_025, 1_024),
    ("echo", "output_mb"): (9, 8),
    ("capped", "timeout_s"): (31, 30),
    ("capped", "memory_mb"): (129, 128),
    ("capped", "output_mb"): (3, 2),
    ("capped", "cost_usd"): (0.26, 0.25),
    ("agent", "cost_usd"): (1.01, 1.0),
    ("agent", "steps"): (251, 250),
}
"""For each limit of a request, a value above the limit of the skill and the limit itself."""


async def create_key(database: Database, world: World) -> dict[str, str]:
    """Create a key of a project with a skill without limits, a skill with limits and an agent."""
    own = Limits(memory_mb=128, output_mb=2, cost_usd=0.25)
    async with database.transaction() as session:
        tenant = await make_tenant(
            session, make_skill(), make_skill("capped", timeout_s=30, limits=own), AGENT
        )
    project: Any = type("Of", (), {"id": tenant.project_id})
    return await world.key(project)


@pytest.mark.parametrize(("skill", "name"), ABOVE)
async def test_job_with_limits_above_those_of_its_skill_is_rejected(
    client: httpx.AsyncClient, database: Database, world: World, skill: str, name: str
) -> None:
    key = await create_key(database, world)
    above, maximum = ABOVE[skill, name]

    responses = [
        await client.post("/v1/jobs", json={"skill": skill, "limits": {name: value}}, headers=key)
        for value in (above, maximum)
    ]

    assert [response.status_code for response in responses] == [422, 201], [one.text for one in responses]
    error = responses[0].json()
    assert (error["code"], error["errors"][0]["path"]) == ("limit_above_ceiling", f"limits.{name}")
    assert f"{above:,.10g} is above the ceiling of {maximum:,.10g}" in error["detail"]


async def test_schedule_with_limits_above_those_of_its_skill_is_rejected(
    client: httpx.AsyncClient, database: Database, world: World
) -> None:
    key = await create_key(database, world)
    body = {"name": "x", "skill": "capped", "cron": "@daily", "limits": {"timeout_s": 31}}

    rejected = await client.post("/v1/schedules", json=body, headers=key)
    made = await client.post("/v1/schedules", json={**body, "limits": {"timeout_s": 30}}, headers=key)
    path = f"/v1/schedules/{made.json()['id']}"
    raised = await client.patch(path, json={"limits": {"memory_mb": 129}}, headers=key)

    assert (rejected.status_code, rejected.json()["errors"][0]["path"]) == (422, "limits.timeout_s")
    assert (raised.status_code, raised.json()["errors"][0]["path"]) == (422, "limits.memory_mb")
    assert (await client.get(path, headers=key)).json()["limits"] == {"timeout_s": 30.0}


async def test_earlier_requests_run_within_a_lowered_ceiling(
    client: httpx.AsyncClient, database: Database, world: World, instance: AppContext
) -> None:
    key = await create_key(database, world)
    body = {"skill": "echo", "limits": {"timeout_s": 1_800, "memory_mb": 1_024}}
    job = (await client.post("/v1/jobs", json=body, headers=key)).json()
    schedule = {"name": "x", "skill": "echo", "cron": "@daily", "limits": {"timeout_s": 1_800}}
    made = (await client.post("/v1/schedules", json=schedule, headers=key)).json()

    ceilings.use(LOW)
    try:
        rejected = await client.post("/v1/jobs", json=body, headers=key)
        replayed = await client.post(f"/v1/jobs/{job['id']}/replay", headers=key)
        ran = await client.post(f"/v1/schedules/{made['id']}/run", headers=key)
    finally:
        ceilings.use(JobCeilings())

    assert [response.status_code for response in (rejected, replayed, ran)] == [422, 201, 201]
    lowered = instance.settings.model_copy(update={"max_job_timeout_s": 60, "max_job_memory_mb": 256})
    held = run_limits(make_skill(), replayed.json()["limits"], lowered)
    assert (held.timeout_s, held.memory_mb) == (60, 256)


@pytest.mark.parametrize("key", DECLARED)
@pytest.mark.usefixtures("low")
async def test_skill_with_limits_above_a_ceiling_is_not_deployed(
    client: httpx.AsyncClient, world: World, key: str
) -> None:
    headers = await world.key(await world.project("Acme"))
    above, maximum = DECLARED[key]
    for path, content in (
        ("main.py", BUNDLE["skills/double/main.py"]),
        ("skill.yaml", SKILL + above + b"\n"),
    ):
        put = await client.put(f"/v1/drafts/files/skills/double/{path}", content=content, headers=headers)
        assert put.status_code == 200, put.text
    for act in ("run", "publish"):
        body = {"skill": "double", "inputs": {"n": 1}} if act == "run" else {}
        draft = await client.post(f"/v1/drafts/{act}", json=body, headers=headers)
        assert draft.status_code == 422, (act, draft.text)
        assert "above the ceiling" in draft.text

    async def push(path: str, more: bytes) -> httpx.Response:
        files = {"bundle": ("skillpack.zip", bundle(more), "application/zip")}
        return await client.post(path, files=files, headers=headers)

    for path, taken in (("/v1/deployments", 201), ("/v1/deployments/validate", 200)):
        rejected = await push(path, above)
        assert (rejected.status_code, rejected.json()["code"]) == (422, "bundle_invalid"), rejected.text
        problem = rejected.json()["errors"][0]
        assert (problem["path"], problem["line"]) == ("skills/double/skill.yaml", 5)
        assert "above the ceiling" in problem["message"]
        assert "operator of this instance can raise it with PURAS_MAX_JOB_" in problem["message"]
        assert (await push(path, maximum)).status_code == taken


async def test_limits_of_earlier_versions_are_reduced_to_a_lowered_ceiling(
    client: httpx.AsyncClient, database: Database, world: World, instance: AppContext
) -> None:
    wide = make_skill(
        timeout_s=600,
        limits=Limits(memory_mb=4_096, output_mb=16, cost_usd=20, steps=500, tokens=10**6),
        retries=Retries(max=9),
    )
    async with database.transaction() as session:
        tenant = await make_tenant(session, wide)
    project: Any = type("Of", (), {"id": tenant.project_id})
    key = await world.key(project)

    ceilings.use(LOW)
    try:
        shown = (await client.get("/v1/skills/echo", headers=key)).json()
        cap = PriceList().cap_micros(wide, JobLimits())
    finally:
        ceilings.use(JobCeilings())

    assert (shown["timeout_s"], shown["retries"]["max"]) == (60, 2)
    assert shown["limits"] == {
        "steps": 20,
        "tokens": 1_000,
        "cost_usd": 0.5,
        "memory_mb": 256,
        "output_mb": 4,
    }
    assert cap == 500_000
    lowered = instance.settings.model_copy(
        update={"max_job_timeout_s": 60, "max_job_memory_mb": 256, "max_job_output_mb": 4}
    )
    held = run_limits(wide, {}, lowered)
    assert (held.timeout_s, held.memory_mb, held.output_mb) == (60, 256, 4)


def test_every_ceiling_has_a_setting(instance: AppContext) -> None:
    defaults = JobCeilings()
    assert JobCeilings.of(instance.settings) == defaults
    changed = instance.settings.model_copy(update={"max_job_steps": 7, "job_cap_usd": 3.0})
    assert JobCeilings.of(changed) == replace(defaults, max_steps=7, cost_usd=3.0)


def test_agent_without_limits_is_limited_to_the_ceiling() -> None:
    low = JobCeilings(max_steps=3, max_cost_usd=0.1, max_timeout_s=5)
    agent: Skill = AGENT
    assert (low.effective_steps(agent), low.effective_cost_usd(agent)) == (3, 0.1)
    assert low.effective_timeout_s(agent) == 5
    assert low.effective_cost_usd(make_skill()) is None
