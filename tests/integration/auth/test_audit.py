"""The audit log: each change and each disclosure has a row with its actor, and rows can be filtered."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, NamedTuple
from uuid import UUID, uuid4

import httpx
from fastapi import FastAPI
from fastapi.routing import APIRoute, iter_route_contexts
from sqlalchemy import func, select, text
from sqlmodel import col

from backend.core.clock import now
from backend.core.db.engine import Database
from backend.evals.tables import EvalCase, EvalSuite
from backend.execution.approvals.tables import Approval
from backend.execution.jobs.failures.tables import FailureCluster
from backend.execution.journal import service as journal
from backend.execution.journal.service import Entry
from backend.execution.sessions.tables import AgentSession
from backend.execution.worker_registry import service as worker_registry
from backend.identity.auth.accounts import passwords
from backend.identity.tables import AuditRow, Project
from backend.sign_in import setup
from backend.skills.archives.pack import pack_files
from tests.integration.auth.conftest import PASSWORD, World, browse
from tests.integration.deployments.conftest import BUNDLE

GRADED = {
    "skills/graded/skill.yaml": b"""
entrypoint: main.py:run
input_schema: {type: object, properties: {}}
output_schema: {type: object, properties: {}}
evals: {dataset: cases.jsonl, graders: [{name: form, kind: schema}]}
""",
    "skills/graded/main.py": b"def run():\n    return {}\n",
    "skills/graded/cases.jsonl": b'{"inputs": {}}\n',
    "skills/talk/skill.yaml": b"entrypoint: prompt.md\ninput_schema: {type: object}\noutput_schema: {type: object}\n",
    "skills/talk/prompt.md": b"You talk.",
}
NOT_AUDITED = {
    "PATCH /v1/me/preferences": "it changes only what its user sees and which e-mail they get",
    "POST /v1/jobs": "the row of the job contains its submitter, key and request",
    "POST /v1/skills/{name:path}/run": "the same",
    "POST /v1/openai/chat/completions": "the same",
    "POST /v1/openai/responses": "the same",
    "POST /v1/sessions/{session_id}/messages": "the same",
    "POST /v1/sessions/{session_id}/cancel": "without a turn that runs it changes nothing; else `job.cancelled`",
    "POST /v1/subagent/describe": "reads",
    "POST /v1/subagent/invoke": "the row of the subjob contains which job submitted it",
    "POST /v1/media/generate": "what a job creates is in its receipt and its events",
    "POST /v1/web/search": "what a job searches for is in its receipt and its events",
    "POST /v1/web/image-search": "the same",
    "POST /v1/web/fetch": "the same",
    "POST /v1/memory/search": "it changes nothing and returns what every reader may read",
    "POST /v1/memory/put": "the changes of the record contain the job; other actions of a job are in its events",
    "POST /v1/memory/get": "the same as the search",
    "POST /v1/memory/forget": "the same as what a job stores in memory",
    "POST /v1/deployments/validate": "it stores and reveals nothing",
    "POST /v1/skill-yaml/edit": "the same",
    "POST /v1/api-tools": "the same",
    "POST /v1/flow-yaml/edit": "the same",
    "POST /v1/drafts/python/diagnostics": "the same",
    "POST /v1/drafts/python/format": "the same",
    **dict.fromkeys(
        (
            f"POST {where}/drafts/{what}"
            for where in ("/v1", "/v1/skillpacks/{skillpack}")
            for what in (
                "search",
                *(f"python/{one}" for one in ("completions", "definitions", "hover", "rename")),
            )
        ),
        "it changes nothing and returns what every reader may read",
    ),
    **dict.fromkeys(
        (
            route
            for where in ("/v1", "/v1/skillpacks/{skillpack}")
            for route in (
                f"PUT {where}/drafts/files/{{path:path}}",
                f"DELETE {where}/drafts/files/{{path:path}}",
                f"POST {where}/drafts/restore/{{path:path}}",
                f"POST {where}/drafts/move",
                f"POST {where}/drafts/examples",
            )
        ),
        "the file of the draft records who wrote, deleted or moved it last; publishing is audited",
    ),
    "POST /v1/drafts/sessions": "audited as `agent_session.created`, which the route of other sessions shows",
    "POST /v1/skillpacks/{skillpack}/drafts/sessions": "the same",
    "POST /v1/drafts/mcp-tools": "audited as `mcp_server.listed`; tests/integration/web has a server to connect to",
    "POST /v1/skillpacks/{skillpack}/drafts/mcp-tools": "the same",
    "POST /v1/annotation-queues/{queue_id}/next": "a claim of ten minutes; the review that follows is audited",
    "POST /v1/annotation-queues/{queue_id}/items/{item_id}/claim": "the same",
    "POST /v1/annotation-queues/{queue_id}/items/{item_id}/release": "the end of such a claim",
    "PUT /v1/saved-views/{name}": "a personal setting that changes nothing for other users",
    "DELETE /v1/saved-views/{name}": "the same",
    "POST /v1/notebooks/kernels": "a kernel is a job, whose own row contains who submitted it",
    "POST /v1/notebooks/kernels/{kernel_id}/cells": "the rows of the kernel and of its cells contain it",
    "POST /v1/notebooks/kernels/{kernel_id}/interrupt": "the same",
    "POST /v1/notebooks/kernels/{kernel_id}/restart": "the same",
    "POST /v1/notebooks/opened": "as for each file of the draft, which records who wrote it",
    "POST /v1/skillpacks/{skillpack}/hindsight": "not available: it returns 501",
    "OPTIONS /v1/drive/uploads": "it returns the supported protocol version",
    "OPTIONS /v1/drive/uploads/{upload_id}": "the same",
}
SETUP = "POST /setup"
"""It is possible only before the first account exists, so a separate test does it."""
REVEALING = {
    "GET /v1/deployments/{deployment}/bundle",
    "GET /v1/deployments/pull",
    "GET /v1/skillpacks/{skillpack}/deployments/{deployment}/bundle",
    "GET /v1/skillpacks/{skillpack}/deployments/pull",
    "GET /v1/drafts/bundle",
    "GET /v1/skillpacks/{skillpack}/drafts/bundle",
}
"""Reads that are audited because they export more than a page shows."""


class AuditedRequest(NamedTuple):
    """A request to a route and the name of its action in the audit log."""

    route: str
    url: str
    action: str
    options: dict[str, Any] = {}  # noqa: RUF012 - read only

    @property
    def method(self) -> str:
        return self.route.partition(" ")[0]


@dataclass(frozen=True)
class Scene:
    """A project with one item of each kind, the browser of its owner, and a signed-out browser."""

    owner: httpx.AsyncClient
    anonymous: httpx.AsyncClient
    project: Project
    ids: dict[str, str]


async def test_every_route_that_writes_or_reveals_is_audited(
    app: FastAPI, world: World, database: Database
) -> None:
    scene = await _scene(app, world, database)
    requests = list(_requests(scene))
    routes = {f"{method} {path}" for method, path in _routes(app)}
    writes = {route for route in routes if not route.startswith(("GET ", "HEAD "))}
    known = {request.route for request in requests} | set(NOT_AUDITED) | {SETUP}
    assert writes | REVEALING <= known, "add the request to `_requests`, or add the reason to `NOT_AUDITED`"
    assert known <= routes, "delete routes that do not exist any more"

    missing: list[str] = []
    for request in requests:
        before = await _last_id(database)
        response = await _send(scene, request)
        assert response.status_code < 400, (request, response.text)
        async with database.transaction() as session:
            new = await session.scalars(select(AuditRow.action).where(col(AuditRow.id) > before))
        if request.action not in new.all():
            missing.append(request.route)
    assert not missing


async def test_setup_is_audited(app: FastAPI, database: Database) -> None:
    async with database.transaction() as session:
        token = await setup.issue(session)
    async with browse(app) as browser:
        browser.cookies.set("puras_form_8123", "c")
        fields = {"csrf": "c", "token": token, "email": "ada@example.org", "password": PASSWORD}
        assert (await browser.post("/setup", data=fields)).status_code == 303
    async with database.transaction() as session:
        found = set((await session.scalars(select(AuditRow.action))).all())
    assert found == {"setup_link.issued", "user.created", "instance.set_up", "session.began"}


async def test_rejected_sign_in_is_audited_without_the_password(
    app: FastAPI, world: World, database: Database
) -> None:
    await world.user("ada@example.org")
    async with browse(app) as browser:
        browser.cookies.set("puras_form_8123", "c")
        fields = {"csrf": "c", "email": "ada@example.org", "password": "not the password"}
        assert (await browser.post("/sign-in", data=fields)).status_code == 401
    async with database.transaction() as session:
        row = (await session.scalars(select(AuditRow).order_by(col(AuditRow.id).desc()).limit(1))).one()
    assert (row.actor, row.action, row.target) == ("anonymous", "session.refused", "ada@example.org")
    assert row.facts == {"address": "127.0.0.1"}


async def test_audit_log_is_filtered_by_actor_action_and_time(
    client: httpx.AsyncClient, world: World, database: Database
) -> None:
    headers = await world.key(await world.project("Acme"))
    for name in ("ONE", "TWO"):
        await client.put("/v1/secrets", json={"name": name, "value": "v"}, headers=headers)
    await client.delete("/v1/secrets/ONE", headers=headers)
    other = await world.key(await world.project("Other"))
    await client.put("/v1/secrets", json={"name": "THEIRS", "value": "v"}, headers=other)

    async def found(**query: str) -> list[str]:
        rows = (await client.get("/v1/audit", params=query, headers=headers)).json()
        return [f"{row['action']} {row['target']}" for row in rows]

    key = headers["Authorization"].split("_")[2].split(".")[0]
    assert await found(action="secret") == ["secret.deleted ONE", "secret.set TWO", "secret.set ONE"]
    assert await found(action="secret.set") == ["secret.set TWO", "secret.set ONE"]
    assert await found(action="secre") == []
    assert await found(action="%") == []
    assert await found(actor=f"key:{key}", action="secret.deleted") == ["secret.deleted ONE"]
    assert await found(actor="operator", action="secret") == []
    async with database.transaction() as session:
        earlier = text("update audit_rows set at = :at where target = 'ONE'")
        await session.execute(earlier, {"at": now() - timedelta(days=2)})
    since = (now() - timedelta(days=1)).isoformat()
    assert await found(action="secret", since=since) == ["secret.set TWO"]
    wrong = await client.get("/v1/audit", params={"since": "2026-01-01T00:00:00"}, headers=headers)
    assert (wrong.status_code, wrong.json()["errors"][0]["path"]) == (422, "query.since")

    first = await client.get("/v1/audit?action=secret&limit=1", headers=headers)
    rest = re.search(r"<([^>]+)>", first.headers["Link"])
    assert rest is not None
    assert [row["target"] for row in (await client.get(rest[1], headers=headers)).json()] == ["TWO"]


async def test_admins_read_their_project_and_operators_the_instance(world: World) -> None:
    ada = await world.user("ada@example.org", is_operator=True)
    bob = await world.user("bob@example.org")
    project = await world.project("Acme", ada)
    operator, member = await world.browser(ada), await world.browser(bob)
    for client in (operator, member):
        client.headers["X-Puras-Project"] = str(project.id)
    members = f"/v1/projects/{project.id}/members"
    await world.member(project, bob)
    assert (await member.get("/v1/audit")).status_code == 403

    await operator.patch(f"{members}/{bob.id}", json={"role": "admin"})
    assert (await member.get("/v1/audit")).status_code == 200
    assert (await member.get("/v1/audit?instance=true")).status_code == 403
    rows = (await operator.get("/v1/audit?instance=true")).json()
    assert {"user.created", "session.began"} == {row["action"] for row in rows}


def _requests(scene: Scene) -> Iterator[AuditedRequest]:
    """Yield each request once, in an order in which each of them is possible."""
    ids = scene.ids
    project = f"/v1/projects/{scene.project.id}"
    files = pack_files({**BUNDLE, **GRADED})
    bundle = {"files": {"bundle": ("b.zip", files, "application/zip")}}
    yield AuditedRequest("POST /v1/projects", "/v1/projects", "project.created", {"json": {"name": "More"}})
    yield AuditedRequest(
        "PATCH /v1/projects/{project}", project, "project.changed", {"json": {"name": "Renamed"}}
    )
    limits = {"json": {"members": 50}}
    yield AuditedRequest("PATCH /v1/projects/{project}/limits", f"{project}/limits", "limits.changed", limits)
    yield from _member_requests(ids, project)
    yield from _key_requests(ids)
    budget = {"json": {"name": "Month", "window": "month", "limit_usd": 5}}
    yield AuditedRequest("POST /v1/budgets", "/v1/budgets", "budget.created", budget)
    one = f"/v1/budgets/{ids['budget']}"
    yield AuditedRequest("PATCH /v1/budgets/{budget_id}", one, "budget.changed", {"json": {"enforce": False}})
    yield AuditedRequest("DELETE /v1/budgets/{budget_id}", one, "budget.deleted")
    yield from _webhook_requests(ids)
    yield from _alert_requests(ids)
    route, one = "/v1/schedules/{schedule_id}", f"/v1/schedules/{ids['schedule']}"
    requested = {"json": {"name": "Daily", "skill": "double", "inputs": {"n": 1}, "cron": "@daily"}}
    yield AuditedRequest("POST /v1/schedules", "/v1/schedules", "schedule.created", requested)
    yield AuditedRequest(f"PATCH {route}", one, "schedule.changed", {"json": {"cron": "@weekly"}})
    yield AuditedRequest(f"POST {route}/run", f"{one}/run", "schedule.run_asked")
    yield AuditedRequest(f"DELETE {route}", one, "schedule.deleted")
    yield AuditedRequest("POST /v1/events", "/v1/events", "event.sent", {"json": {"type": "paid"}})
    yield AuditedRequest(
        "POST /v1/skillpacks", "/v1/skillpacks", "skillpack.created", {"json": {"name": "Side"}}
    )
    for where, base in (("/v1", "/v1"), ("/v1/skillpacks/{skillpack}", "/v1/skillpacks/side")):
        for _ in range(2):
            yield AuditedRequest(
                f"POST {where}/deployments", f"{base}/deployments", "deployment.pushed", bundle
            )
        one = "deployments/{deployment}"
        at = f"{base}/deployments/{ids['first'] if base == '/v1' else 1}"
        yield AuditedRequest(f"POST {where}/{one}/activate", f"{at}/activate", "deployment.activated")
        one_environment = f"{where}/environments/{{environment}}"
        for version in ("1", "2"):
            promoted = {"json": {"deployment": version}}
            path = f"{base}/environments/staging/promotion"
            yield AuditedRequest(f"POST {one_environment}/promotion", path, "deployment.activated", promoted)
        path = f"{base}/environments/staging/rollback"
        yield AuditedRequest(f"POST {one_environment}/rollback", path, "deployment.activated")
        yield AuditedRequest(f"GET {where}/{one}/bundle", f"{at}/bundle", "deployment.downloaded")
        yield AuditedRequest(
            f"GET {where}/deployments/pull", f"{base}/deployments/pull", "deployment.pull_signed"
        )
        yield AuditedRequest(f"DELETE {where}/{one}", f"{base}/deployments/2", "deployment.deleted")
        yield from _draft_requests(where, f"{base}/drafts", bundle)
        if base == "/v1":
            yield from _conversation_requests(ids)
        secret = {"json": {"name": "TOKEN", "value": "value"}}
        yield AuditedRequest(f"PUT {where}/secrets", f"{base}/secrets", "secret.set", secret)
        yield AuditedRequest(f"DELETE {where}/secrets/{{name}}", f"{base}/secrets/TOKEN", "secret.deleted")
    yield from _listing_requests()
    remembered = {"json": {"kind": "note", "record": {"a": 1}}}
    yield AuditedRequest("POST /v1/memory", "/v1/memory", "memory.put", remembered)
    yield AuditedRequest("DELETE /v1/memory/{memory_id}", f"/v1/memory/{ids['memory']}", "memory.forgotten")
    own = {"json": {"api_key": "sk-1", "base_url": "https://models.example.org"}}
    yield AuditedRequest("PUT /v1/providers/{family}", "/v1/providers/claude", "provider_key.set", own)
    yield AuditedRequest(
        "POST /v1/providers/{family}/probe", "/v1/providers/claude/probe", "provider_key.tried"
    )
    price = {"json": {"input_usd": 1, "output_usd": 2}}
    at = "/v1/providers/claude/prices/haiku-5-5"
    route = "/v1/providers/{family}/prices/{variant}"
    yield AuditedRequest(f"PUT {route}", at, "provider_price.set", price)
    yield AuditedRequest(f"DELETE {route}", at, "provider_price.deleted")
    yield AuditedRequest("DELETE /v1/providers/{family}", "/v1/providers/claude", "provider_key.deleted")
    job = f"/v1/jobs/{ids['job']}"
    yield AuditedRequest("POST /v1/jobs/{job_id}/shares", f"{job}/shares", "job.shared", {"json": {}})
    revoked = f"{job}/shares/{ids['share']}"
    yield AuditedRequest("DELETE /v1/jobs/{job_id}/shares/{share_id}", revoked, "job.share_revoked")
    yield from _comment_requests(ids, job)
    for action, audited in (("resolve", "resolved"), ("ignore", "ignored"), ("reopen", "reopened")):
        route = f"POST /v1/job-failures/{{error_signature}}/{action}"
        path = f"/v1/job-failures/{ids['failure']}/{action}"
        yield AuditedRequest(route, path, f"failure.{audited}")
    yield AuditedRequest("POST /v1/jobs/{job_id}/replay", f"{job}/replay", "job.replay_asked")
    yield AuditedRequest(
        "POST /v1/jobs/{job_id}/feedback", f"{job}/feedback", "job.rated", {"json": {"rating": 1}}
    )
    forked = {"json": {"step": 0}}
    agent = f"/v1/jobs/{ids['agent']}"
    yield AuditedRequest("POST /v1/jobs/{job_id}/fork", f"{agent}/fork", "job.replay_asked", forked)
    again = {"json": {"inputs": {"n": 1}}}
    yield AuditedRequest("POST /v1/jobs/{job_id}/continue", f"{agent}/continue", "job.replay_asked", again)
    first, second = ids["approvals"].split()
    route = "POST /v1/approvals/{approval_id}"
    yield AuditedRequest(
        f"{route}/approve", f"/v1/approvals/{first}/approve", "approval.approved", {"json": {}}
    )
    yield AuditedRequest(f"{route}/deny", f"/v1/approvals/{second}/deny", "approval.denied", {"json": {}})
    yield AuditedRequest("POST /v1/jobs/{job_id}/cancel", f"{job}/cancel", "job.cancelled")
    kernel = f"/v1/notebooks/kernels/{ids['kernel']}"
    yield AuditedRequest("DELETE /v1/notebooks/kernels/{kernel_id}", kernel, "kernel.stopped")
    yield from _eval_requests(ids, job)
    label, labeled = "/v1/skills/talk/prompts/labels/approved?skillpack=side", {"json": {"number": 1}}
    where = "/v1/skills/{name:path}/prompts/labels/{label}"
    yield AuditedRequest(f"PUT {where}", label, "prompt.labeled", labeled)
    yield AuditedRequest(f"DELETE {where}", label, "prompt.unlabeled")
    yield from _annotation_requests(ids)
    file = {"files": {"file": ("a.txt", b"x")}, "data": {"path": "a.txt"}}
    yield AuditedRequest("POST /v1/drive/upload", "/v1/drive/upload", "drive.uploaded", file)
    yield AuditedRequest("POST /v1/drive/sign", "/v1/drive/sign", "drive.signed", {"json": {"path": "a.txt"}})
    yield AuditedRequest(
        "PUT /v1/drive/files/{path:path}", "/v1/drive/files/b.txt", "drive.uploaded", {"content": b"x"}
    )
    yield from _upload_requests(ids)
    yield AuditedRequest(
        "POST /v1/drive/folders", "/v1/drive/folders", "drive.folder_made", {"json": {"path": "out"}}
    )
    there = {"json": {"source": "b.txt", "target": "out/b.txt"}}
    yield AuditedRequest("POST /v1/drive/copy", "/v1/drive/copy", "drive.copied", there)
    there = {"json": {"source": "out/b.txt", "target": "out/c.txt"}}
    yield AuditedRequest("POST /v1/drive/move", "/v1/drive/move", "drive.moved", there)
    folder = "/v1/drive/folders/out"
    yield AuditedRequest("DELETE /v1/drive/folders/{path:path}", folder, "drive.folder_deleted")
    yield AuditedRequest("DELETE /v1/drive/files/{path:path}", "/v1/drive/files/a.txt", "drive.deleted")
    yield from _instance_requests(ids)
    other = f"/v1/projects/{ids['other project']}"
    yield AuditedRequest("DELETE /v1/projects/{project}", other, "project.deleted")
    yield from _session_requests(ids)


def _draft_requests(where: str, base: str, bundle: dict[str, Any]) -> Iterator[AuditedRequest]:
    route = f"{where}/drafts"
    yield AuditedRequest(
        f"POST {route}/reset", f"{base}/reset", "draft.replaced", {"json": {"template": "starter"}}
    )
    yield AuditedRequest(f"POST {route}/import", f"{base}/import", "draft.replaced", bundle)
    yield AuditedRequest(f"GET {route}/bundle", f"{base}/bundle", "draft.downloaded")
    run = {"json": {"skill": "double", "inputs": {"n": 1}}}
    yield AuditedRequest(f"POST {route}/run", f"{base}/run", "draft.stored", run)
    task = {"json": {"task": "Explain the draft.", "budget_usd": 0.01}}
    yield AuditedRequest(f"POST {route}/assistant", f"{base}/assistant", "draft.stored", task)
    unpublished = {"json": {"activate": False}}
    yield AuditedRequest(f"POST {route}/publish", f"{base}/publish", "deployment.pushed", unpublished)


def _conversation_requests(ids: dict[str, str]) -> Iterator[AuditedRequest]:
    route, one = "/v1/sessions/{session_id}", f"/v1/sessions/{ids['chat']}"
    requested = {"json": {"skill": "talk"}}
    yield AuditedRequest("POST /v1/sessions", "/v1/sessions", "agent_session.created", requested)
    yield AuditedRequest(f"PATCH {route}", one, "agent_session.changed", {"json": {"title": "Owls"}})
    yield AuditedRequest(f"DELETE {route}", one, "agent_session.deleted")


def _alert_requests(ids: dict[str, str]) -> Iterator[AuditedRequest]:
    route, one = "/v1/alerts/{alert_id}", f"/v1/alerts/{ids['alert']}"
    requested = {"json": {"name": "Spend", "metric": "spend", "threshold": 5}}
    yield AuditedRequest("POST /v1/alerts", "/v1/alerts", "alert.created", requested)
    yield AuditedRequest(f"PATCH {route}", one, "alert.changed", {"json": {"threshold": 6}})
    yield AuditedRequest(f"DELETE {route}", one, "alert.deleted")


def _webhook_requests(ids: dict[str, str]) -> Iterator[AuditedRequest]:
    route, one = "/v1/webhooks/{webhook_id}", f"/v1/webhooks/{ids['webhook']}"
    requested = {"json": {"url": "https://example.org/hook"}}
    yield AuditedRequest("POST /v1/webhooks", "/v1/webhooks", "webhook.created", requested)
    yield AuditedRequest(f"PATCH {route}", one, "webhook.changed", {"json": {"description": "x"}})
    yield AuditedRequest(f"POST {route}/rotate", f"{one}/rotate", "webhook.secret_rotated")
    yield AuditedRequest(f"POST {route}/test", f"{one}/test", "webhook.tested")
    delivery = f"deliveries/{ids['delivery']}/redeliver"
    again = "deliveries/{delivery_id}/redeliver"
    yield AuditedRequest(f"POST {route}/{again}", f"{one}/{delivery}", "webhook.redelivered")
    yield AuditedRequest(f"DELETE {route}", one, "webhook.deleted")


def _eval_requests(ids: dict[str, str], job: str) -> Iterator[AuditedRequest]:
    finished, running, case = ids["evals"].split()
    requested = {"json": {"skill": "graded"}}
    where = "/v1/skillpacks/{skillpack}/evals"
    yield AuditedRequest(f"POST {where}", "/v1/skillpacks/side/evals", "eval.started", requested)
    yield AuditedRequest("POST /v1/evals/{suite_id}/cancel", f"/v1/evals/{running}/cancel", "eval.cancelled")
    yield AuditedRequest(
        "POST /v1/evals/{suite_id}/baseline", f"/v1/evals/{finished}/baseline", "eval.baseline_set"
    )
    yield AuditedRequest("POST /v1/jobs/{job_id}/eval-case", f"{job}/eval-case", "eval_case.kept")
    yield AuditedRequest("DELETE /v1/eval-cases/{case_id}", f"/v1/eval-cases/{case}", "eval_case.deleted")


def _annotation_requests(ids: dict[str, str]) -> Iterator[AuditedRequest]:
    """Yield the requests about a queue whose jobs have ended."""
    route, base = "/v1/annotation-queues", f"/v1/annotation-queues/{ids['queue']}"
    one, items = f"{route}/{{queue_id}}", f"{route}/{{queue_id}}/items"
    rubric = [{"key": "good", "label": "Good", "kind": "yes_no"}]
    made = {"json": {"name": "More", "rubric": rubric}}
    yield AuditedRequest(f"POST {route}", route, "annotation_queue.created", made)
    yield AuditedRequest(f"PATCH {one}", base, "annotation_queue.changed", {"json": {"name": "Other"}})
    added = {"json": {"job_ids": [ids["job"]]}}
    yield AuditedRequest(f"POST {items}", f"{base}/items", "annotation_queue.jobs_added", added)
    first, second = (f"{base}/items/{item}" for item in ids["items"].split())
    skip = f"POST {items}/{{item_id}}/skip"
    yield AuditedRequest(skip, f"{first}/skip", "annotation.skipped")
    review = {"json": {"scores": {"good": True}, "corrected_output": 1}}
    put = f"PUT {items}/{{item_id}}/annotation"
    yield AuditedRequest(put, f"{first}/annotation", "annotation.reviewed", review)
    yield AuditedRequest(f"DELETE {items}/{{item_id}}", second, "annotation_queue.job_removed")
    yield AuditedRequest(f"POST {one}/eval-cases", f"{base}/eval-cases", "eval_case.kept")
    saved = {"json": {"include_uncorrected": True}}
    case = "POST /v1/jobs/{job_id}/annotations/eval-case"
    yield AuditedRequest(case, f"/v1/jobs/{ids['reviewed']}/annotations/eval-case", "eval_case.kept", saved)
    deleted = f"/v1/annotations/{ids['annotation']}"
    yield AuditedRequest("DELETE /v1/annotations/{annotation_id}", deleted, "annotation.deleted")
    yield AuditedRequest(f"DELETE {one}", base, "annotation_queue.deleted")


def _comment_requests(ids: dict[str, str], job: str) -> Iterator[AuditedRequest]:
    route, one = "/v1/jobs/{job_id}/comments", f"{job}/comments/{ids['comment']}"
    written = {"json": {"body": "Look"}}
    yield AuditedRequest(f"POST {route}", f"{job}/comments", "comment.created", written)
    yield AuditedRequest(f"PATCH {route}/{{comment_id}}", one, "comment.changed", written)
    yield AuditedRequest(f"DELETE {route}/{{comment_id}}", one, "comment.deleted")


def _upload_requests(ids: dict[str, str]) -> Iterator[AuditedRequest]:
    tus = {"Tus-Resumable": "1.0.0"}
    start = {"headers": {**tus, "Upload-Length": "1"}}
    yield AuditedRequest("POST /v1/drive/uploads", "/v1/drive/uploads", "drive.upload_began", start)
    more = {**tus, "Upload-Offset": "0", "Content-Type": "application/offset+octet-stream"}
    route, first, second = "/v1/drive/uploads/{upload_id}", *ids["uploads"].split()
    yield AuditedRequest(f"PATCH {route}", first, "drive.uploaded", {"headers": more, "content": b"x"})
    over = {"headers": {**more, "X-HTTP-Method-Override": "PATCH"}, "content": b"x"}
    yield AuditedRequest(f"POST {route}", second, "drive.uploaded", over)
    yield AuditedRequest(f"DELETE {route}", second, "drive.upload_ended", {"headers": tus})


def _listing_requests() -> Iterator[AuditedRequest]:
    route = "/v1/marketplace/listings"
    offered = {"json": {"slug": "offer", "skill": "double"}}
    yield AuditedRequest(f"POST {route}", route, "listing.created", offered)
    one = f"{route}/offer"
    price = {"json": {"price_micros": 5}}
    yield AuditedRequest(f"PATCH {route}/{{listing}}", one, "listing.changed", price)
    again = {"json": {"notes": "the same"}}
    yield AuditedRequest(
        f"POST {route}/{{listing}}/versions", f"{one}/versions", "listing.version_added", again
    )
    yield AuditedRequest(f"DELETE {route}/{{listing}}", one, "listing.deleted")


def _member_requests(ids: dict[str, str], project: str) -> Iterator[AuditedRequest]:
    members = f"{project}/members"
    route = "/v1/projects/{project}/members"
    requested = {"json": {"email": "eve@example.org"}}
    yield AuditedRequest(f"POST {route}", members, "member.invited", requested)
    one = f"{project}/invitations/{ids['invitation']}"
    yield AuditedRequest(
        "DELETE /v1/projects/{project}/invitations/{invitation_id}", one, "invitation.withdrawn"
    )
    one = f"{members}/{ids['bob']}"
    yield AuditedRequest(f"PATCH {route}/{{user_id}}", one, "member.changed", {"json": {"role": "viewer"}})
    yield AuditedRequest(f"DELETE {route}/{{user_id}}", one, "member.removed")


def _instance_requests(ids: dict[str, str]) -> Iterator[AuditedRequest]:
    worker = f"/v1/instance/workers/{ids['worker']}/drain"
    yield AuditedRequest("POST /v1/instance/workers/{worker_id}/drain", worker, "worker.drained")
    money = {"json": {"amount_usd": 1}}
    project = "/v1/instance/projects/acme/top-ups"
    yield AuditedRequest("POST /v1/instance/projects/{project}/top-ups", project, "wallet.topped_up", money)
    new = {"json": {"email": "new@example.org"}}
    yield AuditedRequest("POST /v1/instance/users", "/v1/instance/users", "user.created", new)
    links = f"/v1/instance/users/{ids['eve']}/password-links"
    yield AuditedRequest("POST /v1/instance/users/{user_id}/password-links", links, "password_reset.issued")


def _key_requests(ids: dict[str, str]) -> Iterator[AuditedRequest]:
    one = f"/v1/api-keys/{ids['key']}"
    yield AuditedRequest("POST /v1/api-keys", "/v1/api-keys", "api_key.created", {"json": {}})
    rate = {"json": {"requests_per_minute": 9}}
    yield AuditedRequest("PATCH /v1/api-keys/{key_id}", one, "api_key.changed", rate)
    yield AuditedRequest("DELETE /v1/api-keys/{key_id}", one, "api_key.revoked")


def _session_requests(ids: dict[str, str]) -> Iterator[AuditedRequest]:
    one = f"/v1/me/sessions/{ids['session']}"
    yield AuditedRequest("DELETE /v1/me/sessions/{session_id}", one, "session.revoked")
    yield AuditedRequest("DELETE /v1/me/sessions", "/v1/me/sessions", "sessions.revoked")
    words = {"current_password": PASSWORD, "new_password": "three other words now"}
    yield AuditedRequest("POST /v1/me/password", "/v1/me/password", "password.changed", {"json": words})
    form = {"csrf": "c", "email": "ada@example.org", "password": words["new_password"]}
    yield AuditedRequest("POST /sign-in", "/sign-in", "session.began", {"data": form})
    form = {"csrf": "c", "current": words["new_password"], "password": "still other words"}
    yield AuditedRequest("POST /password", "/password", "password.changed", {"data": form})
    form = {"csrf": "c", "token": ids["reset"], "password": "yet three more words"}
    yield AuditedRequest("POST /reset", "/reset", "password.reset", {"data": form})
    form = {"csrf": "c", "token": ids["join"]}
    yield AuditedRequest("POST /join", "/join", "member.joined", {"data": form})
    yield AuditedRequest("POST /sign-out", "/sign-out", "session.ended", {"data": {}})


async def _scene(app: FastAPI, world: World, database: Database) -> Scene:
    ada = await world.user("ada@example.org", is_operator=True)
    bob = await world.user("bob@example.org")
    project, other = await world.project("Acme", ada), await world.project("Other", ada)
    owner, anonymous = await world.browser(ada), browse(app)
    await world.browser(ada)
    owner.headers["X-Puras-Project"] = str(project.id)
    anonymous.cookies.set("puras_form_8123", "c")
    files = {"bundle": ("b.zip", pack_files({**BUNDLE, **GRADED}), "application/zip")}
    first = (await owner.post("/v1/deployments", files=files)).json()
    async with database.transaction() as session:
        await session.execute(text("update wallets set balance_micros = 1000000"))
        reset = await passwords.issue_reset(session, bob.email)
    job = (await owner.post("/v1/jobs", json={"skill": "double", "inputs": {"n": 1}})).json()
    key = (await owner.post("/v1/api-keys", json={})).json()
    requested = {"name": "Day", "window": "day", "limit_usd": 5}
    budget = (await owner.post("/v1/budgets", json=requested)).json()
    webhook = (await owner.post("/v1/webhooks", json={"url": "https://example.org/"})).json()
    delivery = (await owner.post(f"/v1/webhooks/{webhook['id']}/test")).json()
    requested = {"name": "Slow", "metric": "latency_p95", "threshold": 60}
    alert = (await owner.post("/v1/alerts", json=requested)).json()
    requested = {"name": "Hourly", "skill": "double", "inputs": {"n": 1}, "cron": "@hourly"}
    schedule = (await owner.post("/v1/schedules", json=requested)).json()
    memory = (await owner.post("/v1/memory", json={"kind": "note", "record": {"a": 0}})).json()
    members = f"/v1/projects/{project.id}/members"
    invited = await owner.post(members, json={"email": "joe@example.org"})
    joining = await owner.post(members, json={"email": bob.email})
    await world.member(project, bob)
    (idle,) = [one for one in (await owner.get("/v1/me/sessions")).json() if not one["is_current"]]
    upload_headers = {"Tus-Resumable": "1.0.0", "Upload-Length": "1"}
    uploads = [await owner.post("/v1/drive/uploads", headers=upload_headers) for _ in range(2)]
    async with database.transaction() as session:
        chat = AgentSession(
            project_id=project.id, skillpack_id=UUID(first["skillpack_id"]), skill_name="talk"
        )
        session.add(chat)
    ids = {
        "chat": str(chat.id),
        "uploads": " ".join(upload.headers["Location"] for upload in uploads),
        "approvals": await _approvals(database, project, job["id"]),
        "agent": await _agent(database, owner),
        "evals": await _evals(database, first),
        "bob": str(bob.id),
        "eve": str((await world.user("eve@example.org")).id),
        "other project": str(other.id),
        "first": first["id"],
        "job": job["id"],
        "share": (await owner.post(f"/v1/jobs/{job['id']}/shares", json={})).json()["id"],
        "comment": (await owner.post(f"/v1/jobs/{job['id']}/comments", json={"body": "x"})).json()["id"],
        "failure": await _failure(database, project),
        **await _annotated(owner),
        "key": key["id"],
        "kernel": (await owner.post("/v1/notebooks/kernels", json={"path": "a.ipynb"})).json()["id"],
        "budget": budget["id"],
        "webhook": webhook["id"],
        "alert": alert["id"],
        "schedule": schedule["id"],
        "memory": memory["id"],
        "delivery": delivery["id"],
        "session": idle["id"],
        "worker": await _worker(database),
        "reset": reset,
        "invitation": invited.json()["id"],
        "join": joining.json()["link"].partition("token=")[2],
    }
    return Scene(owner, anonymous, project, ids)


async def _failure(database: Database, project: Project) -> str:
    """Return the signature of an error of the project."""
    async with database.transaction() as session:
        cluster = FailureCluster(
            project_id=project.id,
            signature="0123456789abcdef",
            skill_name="double",
            error_code="exception",
            message="Broken.",
            frame="",
        )
        session.add(cluster)
        return cluster.signature


async def _annotated(owner: httpx.AsyncClient) -> dict[str, str]:
    """Create a queue with four jobs that have ended, of which the last one is annotated."""
    jobs = []
    for number in range(4):
        submitted = await owner.post("/v1/jobs", json={"skill": "double", "inputs": {"n": number}})
        jobs.append(submitted.json()["id"])
        await owner.post(f"/v1/jobs/{jobs[-1]}/cancel")
    rubric = [{"key": "good", "label": "Good", "kind": "yes_no"}]
    queue = (await owner.post("/v1/annotation-queues", json={"name": "Queue", "rubric": rubric})).json()["id"]
    base = f"/v1/annotation-queues/{queue}"
    await owner.post(f"{base}/items", json={"job_ids": jobs[:3]})
    items = [one["id"] for one in (await owner.get(f"{base}/items")).json()]
    review = {"scores": {"good": False}}
    saved = await owner.put(f"{base}/items/{items[2]}/annotation", json=review)
    return {
        "queue": queue,
        "items": " ".join(items[:2]),
        "reviewed": jobs[3],
        "annotation": saved.json()["id"],
    }


async def _worker(database: Database) -> str:
    """Register a worker and return its ID."""
    worker_id = uuid4()
    async with database.transaction() as session:
        await worker_registry.join(session, worker_id, lanes=["default"], capacity=1, layers=[])
    return str(worker_id)


async def _agent(database: Database, owner: httpx.AsyncClient) -> str:
    """Create a finished job with the journal of an agent and return its ID."""
    job = (await owner.post("/v1/jobs", json={"skill": "double", "inputs": {"n": 1}})).json()
    await owner.post(f"/v1/jobs/{job['id']}/cancel")
    opening = Entry(
        0,
        0,
        "opening",
        {"system": "", "messages": [{"role": "user", "content": []}], "model": "", "tools": []},
    )
    async with database.transaction() as session:
        await session.execute(text("update jobs set type = 'agentic' where id = :id"), {"id": job["id"]})
        await journal.copy_entries(session, UUID(job["id"]), [opening])
    return str(job["id"])


async def _approvals(database: Database, project: Project, job_id: str) -> str:
    """Create two pending approvals of an agent and return their IDs."""
    approvals = [
        Approval(
            project_id=project.id,
            job_id=UUID(job_id),
            step=1,
            place=place,
            tool="send",
            tool_use_id="",
            input={},
            expires_at=now() + timedelta(hours=1),
        )
        for place in (1, 2)
    ]
    ids = " ".join(str(one.id) for one in approvals)
    async with database.transaction() as session:
        session.add_all(approvals)
    return ids


async def _evals(database: Database, deployment: dict[str, Any]) -> str:
    """Create a finished suite, a running suite and a case, and return their IDs."""
    place = {name: UUID(deployment[name]) for name in ("project_id", "skillpack_id")}
    made = [
        EvalSuite(
            **place,
            skill_name="double",
            deployment_id=UUID(deployment["id"]),
            status=status,
            summary={} if status == "succeeded" else None,
            actor_id=place["project_id"],
            finished_at=now() if status == "succeeded" else None,
        )
        for status in ("succeeded", "running")
    ]
    case = EvalCase(**place, skill_name="double", case_id="one", inputs={})
    ids = " ".join(str(one.id) for one in (*made, case))
    async with database.transaction() as session:
        session.add_all([*made, case])
    return ids


async def _send(scene: Scene, request: AuditedRequest) -> httpx.Response:
    if "/v1/" in request.route:
        return await scene.owner.request(request.method, request.url, **request.options)
    me = (await scene.anonymous.get("/v1/me")).json()
    scene.anonymous.cookies.set("puras_form_8123", "c")
    fields = {"csrf": me.get("csrf_token"), **request.options["data"]}
    return await scene.anonymous.post(request.url, data=fields)


async def _last_id(database: Database) -> int:
    async with database.transaction() as session:
        return await session.scalar(select(func.max(AuditRow.id))) or 0


def _routes(app: FastAPI) -> Iterator[tuple[str, str]]:
    for context in iter_route_contexts(app.routes):
        if isinstance(context.route, APIRoute):
            for method in context.route.methods:
                yield method, context.path
