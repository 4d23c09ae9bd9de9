"""Environments: versions, keys, secrets and budgets of development and staging, and promotions to production."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import httpx
import pytest
from fastapi import FastAPI
from sqlalchemy import text

from backend.authoring.notebooks.tables import NotebookKernel
from backend.core.db.engine import Database
from backend.identity.api_keys import keys
from backend.identity.environments import Environment
from backend.money.ledger import service as ledger
from tests.integration.deployments.conftest import BUNDLE, SKILL, Project, Projects

INPUT = b"{n: {type: integer}}, required: [n]"
BREAKING_INPUT = b"{n: {type: integer}, m: {type: integer}}, required: [n, m]"
BREAKING = {**BUNDLE, "skills/double/skill.yaml": SKILL.replace(INPUT, BREAKING_INPUT)}
GATED = {
    **BUNDLE,
    "skills/double/skill.yaml": SKILL
    + b"""
evals:
  dataset: cases.jsonl
  gate: {threshold: 50, repeat: 1}
  graders: [{name: right, kind: exact_match, field: n}]
""",
    "skills/double/cases.jsonl": b'{"id": "one", "inputs": {"n": 1}, "expected": {"n": 2}}\n',
}
JOB = {"skill": "double", "inputs": {"n": 1}}


@dataclass(frozen=True, slots=True)
class Keys:
    """A project, whose own key is of production, with a key of each other environment."""

    project: Project
    development: httpx.AsyncClient
    staging: httpx.AsyncClient
    publishable: httpx.AsyncClient

    @property
    def production(self) -> httpx.AsyncClient:
        """Return the client of the project."""
        return self.project.http


@pytest.fixture
async def acme(make_project: Projects, app: FastAPI, database: Database) -> AsyncIterator[Keys]:
    """Create a project with money and four keys."""
    project = await make_project.make("Acme")
    clients = []
    async with database.transaction() as session:
        await ledger.top_up(session, project_id=project.id, amount_micros=1_000_000, created_by="test")
        of: list[tuple[Environment, Any]] = [
            ("development", "secret"),
            ("staging", "secret"),
            ("production", "publishable"),
        ]
        for environment, kind in of:
            created = await keys.create(
                session, None, project_id=project.id, kind=kind, environment=environment
            )
            headers = {"Authorization": f"Bearer {created.plaintext}"}
            transport = httpx.ASGITransport(app)
            clients.append(
                httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1:8123", headers=headers)
            )
    yield Keys(project, *clients)
    for client in clients:
        await client.aclose()


async def push(client: httpx.AsyncClient, files: dict[str, bytes], **form: str) -> Any:
    return await Project(None, "", client).pushed(files, **form)  # type: ignore[arg-type]  # the ID is not used


def code_of(response: httpx.Response) -> tuple[int, str]:
    return response.status_code, response.json()["code"]


async def active(acme: Keys) -> dict[str, tuple[int | None, int | None]]:
    """Return the active and the previous version of each environment."""
    rows = (await acme.production.get("/v1/environments")).json()
    assert [row["environment"] for row in rows] == ["development", "staging", "production"]
    return {
        row["environment"]: tuple(row[name] and row[name]["version"] for name in ("active", "previous"))
        for row in rows
    }


async def test_version_is_pushed_to_development_promoted_and_rolled_back(acme: Keys) -> None:
    assert (await push(acme.production, BUNDLE))["version"] == 1
    second = await push(acme.development, BREAKING)
    assert (second["version"], second["is_active"]) == (2, False), "`is_active` is about production"
    assert await active(acme) == {"development": (2, None), "staging": (None, None), "production": (1, None)}

    jobs = [(await client.post("/v1/jobs", json=JOB)) for client in (acme.production, acme.staging)]
    assert (jobs[0].json()["deployment_version"], jobs[0].json()["environment"]) == (1, "production")
    assert code_of(jobs[1]) == (404, "nothing_active")
    assert "Promote or activate" in jobs[1].json()["detail"]
    body = {**JOB, "inputs": {"n": 1, "m": 2}}
    of_development = (await acme.development.post("/v1/jobs", json=body)).json()
    assert (of_development["deployment_version"], of_development["environment"]) == (2, "development")

    path = "/v1/environments/staging/promotion"
    review = (await acme.staging.get(path)).json()
    assert (review["source"], review["head"]["version"], review["base"]) == ("development", 2, None)
    assert (await acme.staging.post(path, json={"version": 2})).json()["id"] == second["id"]
    assert code_of(await acme.staging.post(path, json={})) == (409, "nothing_to_promote")

    path = "/v1/environments/production/promotion"
    review = (await acme.production.get(path)).json()
    assert (review["source"], review["head"]["version"], review["base"]["version"]) == ("staging", 2, 1)
    assert review["diff"]["is_breaking"]
    assert [file["path"] for file in review["diff"]["files"]] == ["skills/double/skill.yaml"]
    assert [(check["name"], check["state"]) for check in review["checks"]] == [
        ("compatibility", "warning"),
        ("secrets", "passed"),
    ]
    assert code_of(await acme.production.post(path, json={"version": 1})) == (409, "promotion_outdated")
    assert (await acme.production.post(path, json={"version": 2})).json()["is_active"]
    kept = (await acme.production.get(f"/v1/jobs/{jobs[0].json()['id']}")).json()
    assert kept["deployment_version"] == 1, "queued jobs keep their version"

    headers = {"Idempotency-Key": "once"}
    path = "/v1/environments/production/rollback"
    for _ in range(2):
        assert (await acme.production.post(path, headers=headers)).json()["version"] == 1
    assert await active(acme) == {"development": (2, None), "staging": (2, None), "production": (1, 2)}
    assert code_of(await acme.staging.post("/v1/environments/staging/rollback")) == (409, "nothing_before")
    assert code_of(await acme.production.delete("/v1/deployments/2")) == (409, "deployment_active")
    listed = (await acme.production.get("/v1/deployments")).json()
    assert [one["environments"] for one in listed] == [["development", "staging"], ["production"]]
    facts = (await acme.production.get("/v1/audit?action=deployment.activated")).json()
    assert [row["details"].get("environment") for row in facts] == [None, None, "staging"]


async def test_gate_is_for_production_only(acme: Keys) -> None:
    first = await push(acme.production, GATED, environment="development")
    assert (await active(acme))["development"] == (1, None)
    assert first["gate"] is None
    review = (await acme.production.get("/v1/environments/production/promotion?source=development")).json()
    assert (review["checks"][0]["name"], review["checks"][0]["state"]) == ("gate", "pending")
    promoted = await acme.production.post(
        "/v1/environments/production/promotion", json={"source": "development"}
    )
    assert (promoted.json()["is_active"], promoted.json()["gate"]["state"]) == (False, "gating")
    assert (await active(acme))["production"] == (None, None)


async def test_key_of_development_cannot_reach_other_environments(acme: Keys, database: Database) -> None:
    await push(acme.production, BUNDLE)
    await push(acme.development, BUNDLE)
    job = (await acme.production.post("/v1/jobs", json=JOB)).json()
    own = (await acme.development.post("/v1/jobs", json=JOB)).json()
    client = acme.development
    assert code_of(await client.get(f"/v1/jobs/{job['id']}")) == (404, "job_not_found")
    assert code_of(await client.post(f"/v1/jobs/{job['id']}/cancel")) == (404, "job_not_found")
    assert [one["id"] for one in (await client.get("/v1/jobs")).json()] == [own["id"]]
    listed = await acme.production.get("/v1/jobs", params={"environment": "development"})
    assert [one["id"] for one in listed.json()] == [own["id"]]
    assert len((await acme.production.get("/v1/jobs")).json()) == 2, "as before: all jobs of the project"

    schedule = {"name": "daily", "skill": "double", "inputs": {"n": 1}, "cron": "@daily"}
    created = (await acme.production.post("/v1/schedules", json=schedule)).json()
    assert (created["environment"], (await client.get("/v1/schedules")).json()) == ("production", [])
    assert (await client.delete(f"/v1/schedules/{created['id']}")).status_code == 404
    there = (await client.post("/v1/schedules", json={**schedule, "name": "mine"})).json()
    assert there["environment"] == "development"

    budget = {"name": "b", "scope": "environment", "window": "day", "limit_usd": 1}
    member = {"email": "eve@example.org", "role": "admin"}
    rejected = {
        "submit": await client.post("/v1/jobs", json={**JOB, "environment": "production"}),
        "publishable": await acme.publishable.post("/v1/jobs", json={**JOB, "environment": "development"}),
        "push": await Project(None, "", client).push(BUNDLE, environment="production"),  # type: ignore[arg-type]  # the ID is not used
        "activate": await client.post("/v1/deployments/2/activate?environment=production"),
        "promote": await client.post("/v1/environments/production/promotion", json={"source": "development"}),
        "roll back": await client.post("/v1/environments/staging/rollback"),
        "delete": await client.delete("/v1/deployments/1"),
        "secret": await client.put(
            "/v1/secrets", json={"name": "A", "value": "b", "environment": "production"}
        ),
        "schedule": await client.post("/v1/schedules", json={**schedule, "environment": "staging"}),
        "budget": await client.post("/v1/budgets", json={**budget, "environment": "development"}),
        "key": await client.post("/v1/api-keys", json={"environment": "development"}),
        "member": await client.post(f"/v1/projects/{acme.project.id}/members", json=member),
        "webhook": await client.post("/v1/webhooks", json={"url": "https://example.org"}),
        "deliveries": await client.get("/v1/webhooks"),
    }
    assert {name: response.status_code for name, response in rejected.items()} == dict.fromkeys(rejected, 403)
    assert rejected["submit"].json()["code"] == "environment_not_on_key"
    assert "use a key of production" in rejected["activate"].json()["detail"].lower()

    event = {"type": "paid", "id": "one"}
    sent = (await client.post("/v1/events", json=event)).json()
    assert sent["environment"] == "development"
    assert code_of(await acme.production.post("/v1/events", json=event)) == (409, "event_id_used")
    await acme.production.post("/v1/events", json={"type": "paid", "id": "two"})
    assert [one["id"] for one in (await client.get("/v1/events")).json()] == ["one"]
    assert [one["id"] for one in (await acme.production.get("/v1/events")).json()] == ["two", "one"]
    kernel = {"id": job["id"], "project_id": acme.project.id, "skillpack_id": job["skillpack_id"]}
    async with database.transaction() as session:
        session.add(
            NotebookKernel(**{name: UUID(str(value)) for name, value in kernel.items()}, path="a", owner="x")
        )
    assert (await client.get(f"/v1/notebooks/kernels/{job['id']}")).status_code == 404
    assert (await acme.production.get(f"/v1/notebooks/kernels/{job['id']}")).status_code == 200

    own_secret = (await client.put("/v1/secrets", json={"name": "TOKEN", "value": "x"})).json()
    assert own_secret["environment"] == "development"
    assert (await acme.production.get("/v1/secrets")).json() == []
    scoped = {"environment": "staging", "scopes": ["members:write"]}
    assert (await acme.production.post("/v1/api-keys", json=scoped)).status_code == 422


async def test_key_of_staging_cannot_change_what_gates_of_production_run(acme: Keys) -> None:
    evals = "/v1/skillpacks/default/evals"
    await push(acme.production, GATED, environment="staging")
    suites = [
        (await client.post(evals, json={"skill": "double", "version": 1})).json()["id"]
        for client in (acme.production, acme.staging)
    ]
    client, (of_production, own) = acme.staging, suites
    rejected = {
        "cancel": await client.post(f"/v1/evals/{of_production}/cancel"),
        "baseline": await client.post(f"/v1/evals/{own}/baseline"),
        "case": await client.post(f"/v1/jobs/{of_production}/eval-case"),
        "delete": await client.delete(f"/v1/eval-cases/{of_production}"),
    }
    assert {name: response.status_code for name, response in rejected.items()} == dict.fromkeys(rejected, 403)
    for reader, expected in ((client, ["gone", "queued"]), (acme.production, ["queued", "queued"])):
        runs = [(await reader.get(f"/v1/evals/{suite}/cases")).json()[0] for suite in suites]
        assert [run["status"] for run in runs] == expected
        assert [run["job_id"] is None for run in runs] == [status == "gone" for status in expected]
    assert (await client.post(f"/v1/evals/{own}/cancel")).json()["status"] == "cancelled"
    assert (await acme.production.post(f"/v1/evals/{of_production}/cancel")).json()["status"] == "cancelled"


async def test_budget_of_an_environment_counts_only_its_jobs(acme: Keys, database: Database) -> None:
    for client in (acme.production, acme.development):
        await push(client, BUNDLE)
    for environment in ("development", "production"):
        body = {"scope": "environment", "environment": environment, "window": "total", "limit_usd": 0.001}
        created = await acme.production.post("/v1/budgets", json={"name": environment, **body})
        assert (created.status_code, created.json()["environment"]) == (201, environment)
    values = {"id": acme.project.id}
    async with database.transaction() as session:
        await session.execute(
            text(
                "insert into daily_spending (project_id, day, skillpack_id, skill_name, api_key_id, spent_micros, "
                "forgiven_micros) values (:id, current_date, :id, 'double', :id, 1500, 0)"
            ),
            values,
        )
        await session.execute(
            text(
                "insert into environment_spending (project_id, day, environment, spent_micros, forgiven_micros) "
                "values (:id, current_date, 'development', 1200, 0)"
            ),
            values,
        )
    budgets = {one["name"]: one["used_micros"] for one in (await acme.production.get("/v1/budgets")).json()}
    assert budgets == {"development": 1_200, "production": 300}
    assert (await acme.production.post("/v1/jobs", json=JOB)).status_code == 201
    assert code_of(await acme.development.post("/v1/jobs", json=JOB)) == (402, "budget_reached")
