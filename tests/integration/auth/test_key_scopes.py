"""Scopes of API keys: what they allow, who grants them, and how they are shown and changed."""

from __future__ import annotations

import asyncio
import json
import os
import random
from collections import defaultdict
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path
from typing import Any, Final
from uuid import UUID, uuid4

import httpx
import pytest
import pytest_asyncio
from fastapi import APIRouter
from fastapi.responses import StreamingResponse
from fastapi.routing import iter_route_contexts
from sqlalchemy import select, text, update
from sqlmodel import col

from backend.api import require_authorized_routes, router
from backend.context import AppContext
from backend.core.clock import now
from backend.core.db.engine import Database
from backend.data.drive import download, provenance
from backend.execution.jobs.attempts.claim import claim
from backend.execution.jobs.tables import Job
from backend.execution.journal.tables import JournalEntry
from backend.identity.api_keys import keys
from backend.identity.api_keys.keys import Limits
from backend.identity.auth import permissions, scopes
from backend.identity.auth.permissions import AuthorizedRoute
from backend.identity.auth.principal import Role
from backend.identity.auth.scopes import KeyKind
from backend.identity.tables import ApiKey
from backend.money.ledger import service as ledger
from backend.skills.archives.pack import pack_files
from backend.storage.file_errors import BadDrivePath, FileReplaced
from backend.storage.paths import parse_drive_path
from tests.factories.errors import error_of
from tests.factories.tenants import make_skill
from tests.integration.auth.test_permissions import ROUTES, ask
from workers.attempt.attempt import Attempt
from workers.attempt.prepare import prepare
from workers.attempt.run import run_attempt
from workers.attempt.store_files import output_files

Needs = dict[tuple[str, str], permissions.Permission]


def declared() -> Needs:
    """Return the permission that each operation needs, as its route declares it."""
    found: Needs = {}
    for context in iter_route_contexts(router.routes):
        route = context.original_route
        assert isinstance(route, AuthorizedRoute), context.path
        path = str(context.path).replace(":path}", "}")
        found |= {(method, path): route.permission for method in context.methods or ()}
    return found


def test_every_scope_is_used_and_every_route_declares_its_scopes() -> None:
    needs = declared()
    assert set(needs) == set(ROUTES)
    used = scopes.with_included(scope for one in needs.values() for scope in one.scopes)
    # `sessions:anonymous` decides which visitors the routes of sessions accept, not which keys.
    assert used == set(scopes.SCOPES) - {scopes.ANONYMOUS_SESSIONS}


def test_route_without_a_permission_cannot_be_registered() -> None:
    undeclared = APIRouter(route_class=AuthorizedRoute)

    async def endpoint() -> None:
        raise AssertionError("unreachable")

    with pytest.raises(LookupError, match="declares no permission"):
        undeclared.get("/free")(endpoint)
    plain = APIRouter()
    plain.get("/free")(endpoint)
    with pytest.raises(TypeError, match="/free does not check permissions"):
        require_authorized_routes(plain)
    with pytest.raises(ValueError, match="no scope jobs:eat"):
        permissions.needs("jobs:eat")


async def test_each_route_needs_all_of_its_scopes_and_no_others(
    client: httpx.AsyncClient, world: Any
) -> None:
    project = await world.project("Mine")
    by_need: dict[tuple[str, ...], list[tuple[str, str]]] = defaultdict(list)
    for route, one in declared().items():
        if one.who == "member" and one.role < Role.OWNER:
            by_need[one.scopes].append(route)

    for needed, routes in by_need.items():
        enough = await world.key(project, limits=Limits(scopes=needed))
        for route in routes:
            response = await ask(client, route, project.id, enough)
            assert response.status_code != 403, (needed, route, response.text)
        for missing in needed:
            others = [
                scope
                for scope in scopes.OF_SECRET
                if missing not in scopes.with_included([scope]) and scope != missing
            ]
            headers = await world.key(project, limits=Limits(scopes=others))
            for route in routes:
                response = await ask(client, route, project.id, headers)
                assert response.status_code == 403, (missing, route, response.text)
                if route[0] != "HEAD":
                    assert error_of(response)["scope"] == missing


async def test_granted_scope_is_shown_and_allows_only_its_routes(
    client: httpx.AsyncClient, world: Any
) -> None:
    project = await world.project("Mine")
    owner = await world.key(project)
    body = {"name": "ci", "skill_allowlist": ["greet"], "scopes": ["webhooks:read"]}

    made = (await client.post("/v1/api-keys", json=body, headers=owner)).json()
    its = {"Authorization": f"Bearer {made['key']}"}

    assert made["scopes"] == made["effective_scopes"] == ["webhooks:read"]
    assert (await client.get("/v1/webhooks", headers=its)).status_code == 200
    for path in ("/v1/jobs", "/v1/secrets", "/v1/budgets"):
        assert (await client.get(path, headers=its)).status_code == 403
    me = (await client.get("/v1/me", headers=its)).json()
    assert (me["scopes"], me["is_restricted"]) == (["webhooks:read"], True)


@pytest.mark.parametrize(
    "limits",
    [
        {"skill_allowlist": ["greet"]},
        {"daily_cap_micros": 1},
        {"expires_at": (now() + timedelta(days=1)).isoformat()},
    ],
)
async def test_restricted_key_without_scopes_runs_skills_and_reads_own_jobs(
    client: httpx.AsyncClient, world: Any, limits: dict[str, Any]
) -> None:
    owner = await world.key(await world.project("Mine"))

    made = (await client.post("/v1/api-keys", json=limits, headers=owner)).json()
    plain = (await client.post("/v1/api-keys", json={}, headers=owner)).json()

    assert (made["scopes"], made["effective_scopes"]) == ([], sorted(scopes.RESTRICTED))
    assert (plain["scopes"], plain["effective_scopes"]) == ([], None)
    me = (await client.get("/v1/me", headers={"Authorization": f"Bearer {plain['key']}"})).json()
    assert (me["scopes"], me["is_restricted"]) == ([], False)


async def test_only_admins_and_unrestricted_keys_change_scopes(client: httpx.AsyncClient, world: Any) -> None:
    ada = await world.user("ada@example.org")
    project = await world.project("Mine", ada)
    browser, owner = await world.browser(ada), await world.key(project)
    made = (await client.post("/v1/api-keys", json={"skill_allowlist": ["greet"]}, headers=owner)).json()
    its, path = {"Authorization": f"Bearer {made['key']}"}, f"/v1/api-keys/{made['id']}"
    here = {"X-Puras-Project": str(project.id)}

    granted = await browser.patch(path, json={"scopes": ["keys:write", "drive:read"]}, headers=here)
    assert granted.json()["effective_scopes"] == ["drive:read", "keys:write"]
    assert (await client.get("/v1/drive", headers=its)).status_code == 200

    for attempt in (
        client.patch(path, json={"scopes": ["members:write"]}, headers=its),
        client.patch(path, json={"requests_per_minute": None}, headers=its),
        client.post("/v1/api-keys", json={"skill_allowlist": ["greet"]}, headers=its),
        client.post("/v1/api-keys", json={"kind": "publishable"}, headers=its),
    ):
        assert (await attempt).status_code == 403

    taken = await client.patch(path, json={"scopes": []}, headers=owner)
    assert taken.json()["effective_scopes"] == sorted(scopes.RESTRICTED)
    assert (await client.get("/v1/drive", headers=its)).status_code == 403
    rows = (await client.get("/v1/audit?action=api_key.changed", headers=owner)).json()
    assert rows[1]["details"] == {"scopes_before": [], "scopes": ["drive:read", "keys:write"]}


async def test_last_restriction_of_a_key_is_removed_only_on_explicit_request(
    client: httpx.AsyncClient, world: Any
) -> None:
    owner = await world.key(await world.project("Mine"))
    made = (await client.post("/v1/api-keys", json={"scopes": ["jobs:read"]}, headers=owner)).json()
    path = f"/v1/api-keys/{made['id']}"

    for body in ({"scopes": []}, {"scopes": [], "unrestricted": False}):
        rejected = await client.patch(path, json=body, headers=owner)
        assert (rejected.status_code, rejected.json()["code"]) == (422, "key_would_be_unrestricted")
        assert '"unrestricted": true' in rejected.json()["errors"][0]["message"]
    for body in ({"scopes": ["jobs:read"], "unrestricted": True}, {"unrestricted": True}):
        assert (await client.patch(path, json=body, headers=owner)).status_code == 422, body
    [row] = [
        row for row in (await client.get("/v1/api-keys", headers=owner)).json() if row["id"] == made["id"]
    ]
    assert row["effective_scopes"] == ["jobs:read", "jobs:read_own"]

    for _ in range(2):
        widened = await client.patch(path, json={"scopes": [], "unrestricted": True}, headers=owner)
        assert widened.json()["effective_scopes"] is None, widened.text
    assert (await client.patch(path, json={"scopes": []}, headers=owner)).status_code == 200, (
        "the key is already unrestricted"
    )


async def test_invalid_change_of_a_key_is_reported_with_its_path(
    client: httpx.AsyncClient, world: Any
) -> None:
    owner = await world.key(await world.project("Mine"))
    made = (await client.post("/v1/api-keys", json={"kind": "publishable"}, headers=owner)).json()
    path = f"/v1/api-keys/{made['id']}"

    for body, place in (
        ({"scopes": ["drive:read"]}, "scopes[0]"),
        ({"scopes": ["x"]}, "scopes[0]"),
        ({}, "body"),
    ):
        response = await client.patch(path, json=body, headers=owner)
        assert (response.status_code, response.json()["errors"][0]["path"]) == (422, place)


async def test_publishable_key_reads_own_jobs_with_either_read_scope(
    client: httpx.AsyncClient, world: Any
) -> None:
    owner = await world.key(await world.project("Mine"))

    for given in ([], ["jobs:read"], ["jobs:read_own"], ["jobs:submit", "jobs:read"]):
        body = {"kind": "publishable", "scopes": given}
        made = (await client.post("/v1/api-keys", json=body, headers=owner)).json()
        can = {
            scope.replace("jobs:read", "jobs:read_own") if scope == "jobs:read" else scope for scope in given
        }
        assert made["effective_scopes"] == sorted(can or scopes.DEFAULT_OF_PUBLISHABLE)
        headers = {"Authorization": f"Bearer {made['key']}"}
        assert (await client.get("/v1/jobs", headers=headers)).status_code == 403


async def test_only_keys_with_the_scope_invite_members(client: httpx.AsyncClient, world: Any) -> None:
    project = await world.project("Mine")
    path, body = f"/v1/projects/{project.id}/members", {"email": "eve@example.org", "role": "admin"}

    for limits in (
        Limits(daily_cap_micros=1),
        Limits(scopes=["project:write", "members:read", "keys:write"]),
    ):
        headers = await world.key(project, limits=limits)
        response = await client.post(path, json=body, headers=headers)
        assert (response.status_code, response.json()["scope"]) == (403, "members:write")
    granted = await world.key(project, limits=Limits(scopes=["members:write"], daily_cap_micros=1))
    assert (await client.post(path, json=body, headers=granted)).status_code == 201


FUNCTION = """
entrypoint: main.py:run
description: Copies files.
marketing: {keywords: [copy, files], faq: [{q: Why?, a: To have two.}]}
examples: [{inputs: {photo: "data:,x"}, outputs: {}}]
input_schema:
  type: object
  properties:
    photo: {type: file}
    pages: {type: array, items: {type: object, properties: {scan: {type: image}}}}
    either: {anyOf: [{type: file}, {type: "null"}]}
    shared: {$ref: "#/$defs/paper"}
    parts: {type: object, additionalProperties: {type: file}}
    pair: {type: array, prefixItems: [{type: string}, {type: file}]}
    note: {type: string}
  $defs: {paper: {type: file}}
output_schema: {type: object, properties: {}}
evals: {dataset: cases.jsonl, graders: [{name: same, kind: exact_match}]}
"""
LETTER = """
entrypoint: main.py:run
input_schema:
  type: object
  properties:
    head: {type: file, default: private/foreign.txt}
    more: {type: object, default: {}, properties: {foot: {type: file, default: private/foreign.txt}}}
    foot: {type: file}
output_schema: {type: object, properties: {}}
"""
AGENT = """
entrypoint: prompt.md
description: Looks at files.
input_schema: {type: object, properties: {photo: {type: image}}}
output_schema: {type: object, properties: {}}
"""
SCOPES: Final = [
    *("jobs:submit", "jobs:read_own", "drive:write", "schedules:read", "schedules:write"),
    *("deployments:read", "deployments:write", "evals:read", "evals:write"),
]
OWN: Final = ("own", "own_output", "own_job_file", "own_output_with_id")
OTHERS: Final = ("foreign", "other_output", "other_job_file", "missing")


@dataclass
class Files:
    """A project whose drive contains files of an owner, and a key that may not read them."""

    client: httpx.AsyncClient
    database: Database
    project_id: UUID
    owner: dict[str, str]
    its: dict[str, str]
    key_id: UUID
    paths: dict[str, str] = field(default_factory=dict)
    own_job: str = ""
    listing: str = "copies"

    async def send(self, method: str, path: str, *, by_owner: bool = False, **more: Any) -> httpx.Response:
        return await self.client.request(method, path, headers=self.owner if by_owner else self.its, **more)

    async def upload(self, path: str, *, by_owner: bool = False) -> None:
        """Upload a file, as the owner if `by_owner` is set."""
        response = await self.send("PUT", f"/v1/drive/files/{path}", content=b"zq7", by_owner=by_owner)
        assert response.status_code == 201, response.text

    async def submit(self, *, by_owner: bool = False, **body: Any) -> str:
        response = await self.send("POST", "/v1/jobs", json=body, by_owner=by_owner)
        assert response.status_code == 201, response.text
        return str(response.json()["id"])

    async def create_job_with_input(self, skill: str, path: str) -> str:
        """Create a job of the key with the file as input, submitted by the owner to avoid the check."""
        job_id = await self.submit(skill=skill, inputs={"photo": path}, by_owner=True)
        opening = {"system": "", "messages": [{"role": "user", "content": []}], "tools": [], "model": None}
        async with self.database.transaction() as session:
            session.add(
                JournalEntry(job_id=UUID(job_id), step=0, place=0, kind="opening", attempt=1, content=opening)
            )
            ended = {"status": "cancelled", "finished_at": now(), "api_key_id": self.key_id}
            await session.execute(update(Job).where(col(Job.id) == UUID(job_id)).values(**ended))
        return job_id

    async def set_outputs(self, job_id: str, *paths: str, **more: str) -> None:
        outputs = [
            {"name": f"file{n}", "drive_path": path, "size_bytes": 3, "mime": "text/plain", **more}
            for n, path in enumerate(paths)
        ]
        async with self.database.transaction() as session:
            await session.execute(update(Job).where(col(Job.id) == UUID(job_id)).values(outputs=outputs))


Way = Callable[[Files, str], Awaitable[httpx.Response]]


def _submit(body: Callable[[str], dict[str, Any]], skill: str = "copy") -> Way:
    async def send(files: Files, path: str) -> httpx.Response:
        return await files.send("POST", "/v1/jobs", json={"skill": skill, "inputs": body(path)})

    return send


def _from_job(
    act: str, skill: str, body: Callable[[str], Any] = lambda _: None, *, names: bool = True
) -> Way:
    async def send(files: Files, path: str) -> httpx.Response:
        job_id = await files.create_job_with_input(skill, path if names else "data:,x")
        return await files.send("POST", f"/v1/jobs/{job_id}/{act}", json=body(path))

    return send


async def _run(files: Files, path: str) -> httpx.Response:
    return await files.send("POST", "/v1/skills/copy/run?timeout=0", json={"photo": path})


async def _prompt(files: Files, path: str) -> httpx.Response:
    body = {"prompt": "Look.", "inputs": {"attachments": [path]}}
    return await files.send("POST", "/v1/jobs", json=body)


async def _listing(files: Files, path: str) -> httpx.Response:
    return await files.send("POST", "/v1/jobs", json={"listing_id": files.listing, "inputs": {"photo": path}})


async def _schedule(files: Files, path: str) -> httpx.Response:
    body = {"name": uuid4().hex, "skill": "copy", "cron": "0 9 * * *", "inputs": {"photo": path}}
    return await files.send("POST", "/v1/schedules", json=body)


async def _reschedule(files: Files, path: str) -> httpx.Response:
    made = (await _schedule(files, "data:,x")).json()
    return await files.send("PATCH", f"/v1/schedules/{made['id']}", json={"inputs": {"photo": path}})


async def _draft(files: Files, path: str) -> httpx.Response:
    body = {"skill": "copy", "inputs": {"photo": path}}
    return await files.send("POST", "/v1/drafts/run", json=body)


async def _suite(files: Files, path: str) -> httpx.Response:
    [case] = [kind for kind, its in files.paths.items() if its == path]
    body = {"skill": "copy", "case_ids": [case]}
    return await files.send("POST", "/v1/skillpacks/default/evals", json=body)


BY_ANY_KEY: Final[dict[str, Way]] = {
    "field": _submit(lambda path: {"photo": path}),
    "object": _submit(lambda path: {"photo": {"drive_path": f"drive/{path}"}}),
    "url_of_object": _submit(lambda path: {"photo": {"url": f"./drive/{path}"}}),
    "list": _submit(lambda path: {"pages": [{}, {"scan": path}]}),
    "alternative": _submit(lambda path: {"either": path}),
    "reference": _submit(lambda path: {"shared": path}),
    "any_name": _submit(lambda path: {"parts": {"a": {"drive_path": path}}}),
    "place_in_list": _submit(lambda path: {"pair": ["x", path]}),
    "input_of_agent": _submit(lambda path: {"photo": path}, "look"),
    "attachment": _submit(lambda path: {"attachments": [{"drive_path": path}]}, "look"),
    "run": _run,
    "replay": _from_job("replay", "copy"),
    "fork": _from_job("fork", "look", lambda _: {"step": 0}),
    "fork_with_inputs": _from_job(
        "fork", "look", lambda path: {"step": 0, "inputs": {"photo": path}}, names=False
    ),
    "continue": _from_job("continue", "look", lambda path: {"inputs": {"attachments": [path]}}, names=False),
    "listing": _listing,
}
BY_SECRET_KEY: Final[dict[str, Way]] = {
    "prompt": _prompt,
    "schedule": _schedule,
    "change_of_schedule": _reschedule,
    "draft": _draft,
    "suite": _suite,
}


async def _files(client: httpx.AsyncClient, world: Any, kind: KeyKind) -> Files:
    project = await world.project("Mine")
    database: Database = world.database
    owner = await world.key(project)
    its = await world.key(project, kind, Limits(scopes=SCOPES) if kind == "secret" else None)
    async with database.transaction() as session:
        await ledger.top_up(session, project_id=project.id, amount_micros=50_000_000, created_by="test")
        prefix = (await client.get("/v1/me", headers=its)).json()["label"].removeprefix("key:")
        key_id = (await session.scalars(select(col(ApiKey.id)).where(col(ApiKey.prefix) == prefix))).one()
    files = Files(client, database, project.id, owner, its, key_id)
    made = files.paths
    made |= {"foreign": "private/foreign.txt", "missing": "private/missing.txt", "own": "mine/own.txt"}
    made |= {"own_output": "out/own.txt", "other_output": "out/other.txt"}
    skills = {
        "skills/copy/skill.yaml": FUNCTION,
        "skills/copy/main.py": "def run(**inputs):\n    return {}\n",
    }
    skills |= {
        "skills/letter/skill.yaml": LETTER,
        "skills/letter/main.py": "def run(**inputs):\n    return {}\n",
    }
    skills |= {"skills/look/skill.yaml": AGENT, "skills/look/prompt.md": "Look at it.\n"}

    async def push() -> None:
        cases = "".join(
            json.dumps({"id": each, "inputs": {"photo": path}}) + "\n" for each, path in made.items()
        )
        packed = pack_files(
            {name: text.encode() for name, text in {**skills, "skills/copy/cases.jsonl": cases}.items()}
        )
        bundle = {"bundle": ("skillpack.zip", packed, "application/zip")}
        response = await files.send("POST", "/v1/deployments", files=bundle, by_owner=True)
        assert response.status_code == 201, response.text

    await push()
    files.own_job = await files.submit(skill="copy", inputs={})
    other_job = await files.submit(skill="copy", inputs={}, by_owner=True)
    made["own_job_file"] = f"_jobs/{files.own_job}/page.txt"
    made["own_output_with_id"] = f"out/{files.own_job}.txt"
    made["other_job_file"] = f"_jobs/{other_job}/page.txt"
    await files.set_outputs(files.own_job, made["own_output"], made["own_output_with_id"])
    await files.set_outputs(other_job, made["other_output"])
    await push()
    for each, path in made.items():
        if each != "missing":
            await files.upload(path, by_owner=kind == "publishable" or each != "own")
    if kind == "secret":
        body = {"slug": files.listing, "skill": "copy", "price_micros": 0}
        response = await files.send("POST", "/v1/marketplace/listings", json=body, by_owner=True)
        assert response.status_code == 201, response.text
        shown = {"status": "published"}
        response = await files.send(
            "PATCH", f"/v1/marketplace/listings/{files.listing}", json=shown, by_owner=True
        )
        assert response.status_code == 200, response.text
    return files


@pytest_asyncio.fixture
async def files(client: httpx.AsyncClient, world: Any) -> Files:
    """Create a project with files and a secret key that does not have the scope `drive:read`."""
    return await _files(client, world, "secret")


def _is_rejected(response: httpx.Response, path: str) -> str:
    """Assert that the request was rejected, and return the message without the path."""
    error = response.json()
    assert (response.status_code, error["code"], error.get("scope")) == (403, "not_allowed", "drive:read"), (
        error
    )
    assert path in error["path"]
    return str(error["detail"]).replace(error["path"], "PATH")


@pytest.mark.parametrize("kind", ["secret", "publishable"])
async def test_key_without_drive_read_submits_only_its_own_files(
    client: httpx.AsyncClient, world: Any, kind: KeyKind
) -> None:
    files = await _files(client, world, kind)
    ways = BY_ANY_KEY | (BY_SECRET_KEY if kind == "secret" else {})
    if kind == "publishable":
        del ways["listing"]
    messages = set()

    for way, send in ways.items():
        for each in OTHERS:
            path = files.paths[each]
            messages.add(_is_rejected(await send(files, path), path))
        for each in OWN:
            # Users of one publishable key know jobs only by their IDs, and such a key cannot upload files.
            response = await send(files, files.paths[each])
            if kind == "publishable" and each in ("own", "own_output"):
                _is_rejected(response, files.paths[each])
            else:
                assert response.status_code in (200, 201), (way, each, response.text)
    assert len(messages) == 1, messages  # the message is the same for a missing file
    [message] = messages
    assert "'drive:read'" in message
    assert "data:" in message


SPELLINGS: Final = (
    "drive/private/foreign.txt",
    "././drive/private/foreign.txt",
    "/drive/private/foreign.txt",
    "private//foreign.txt",
    "private/./foreign.txt",
    "private/foreign.txt/",
    " private/foreign.txt",
    "mine/../private/foreign.txt",
    "mine\\..\\private\\foreign.txt",
    "%70rivate/foreign.txt",
    "drive:private/foreign.txt",
    "puras://private/foreign.txt",
    "PRIVATE/foreign.txt",
    "private/fore\u0131gn.txt",
    "_jobs/../private/foreign.txt",
)


async def test_no_spelling_of_a_path_gives_access_to_a_forbidden_file(files: Files) -> None:
    for spelling in SPELLINGS:
        values: list[Any] = [spelling, {"drive_path": spelling}, {"url": spelling}]
        values += [{"base64": "eA==", "path": spelling}, {"base64": "eA==", "drive_path": spelling}]
        for value in values:
            body = {"skill": "copy", "inputs": {"photo": value}}
            _is_rejected(await files.send("POST", "/v1/jobs", json=body), spelling.rpartition("oreign")[1])
        text = {"note": spelling, "photo": {"data": "eA=="}}
        await files.submit(skill="copy", inputs=text)  # a text field is not a file field


LONG_SPELLINGS: Final = (
    "./" * 2_100 + "private/foreign.txt",
    "drive/" + "/" * 4_200 + "private/foreign.txt",
    "private" + "/." * 2_100 + "/foreign.txt",
)


async def test_no_long_path_opens_a_file(files: Files) -> None:
    for spelling in LONG_SPELLINGS:
        for key in ("drive_path", "path", "url"):
            value = {"base64": "eA==", key: spelling}
            for skill, inputs in (
                ("copy", {"photo": value}),
                ("copy", {"pages": [{"scan": value}]}),
                ("look", {"photo": value}),
                ("look", {"attachments": [value]}),
            ):
                response = await files.send("POST", "/v1/jobs", json={"skill": skill, "inputs": inputs})
                error = response.json()
                assert (response.status_code, error["code"]) == (403, "not_allowed"), (key, skill, error)
                assert len(error["detail"]) < 1_000
        # A plain text of this length may be base64, so it is accepted: no reader opens it as a path.
        with pytest.raises(BadDrivePath, match="more than 4,096 characters"):
            parse_drive_path(spelling)


async def test_content_urls_and_schema_defaults_need_no_drive_scope(files: Files) -> None:
    content = ["data:,x", "DATA:,x", "https://example.org/a", "HTTP://example.org/a", "eA" * 2_100]
    for value in [*content, {"base64": "eA=="}, {"url": "https://example.org/a"}]:
        await files.submit(skill="copy", inputs={"photo": value})
    job_id = await files.submit(skill="letter", inputs={})
    job = (await files.send("GET", f"/v1/jobs/{job_id}")).json()
    assert job["inputs"] == {"head": "private/foreign.txt", "more": {"foot": "private/foreign.txt"}}
    assert (await files.send("POST", f"/v1/jobs/{job_id}/replay")).status_code == 201
    body = {"skill": "letter", "inputs": {"foot": "private/foreign.txt"}}
    _is_rejected(await files.send("POST", "/v1/jobs", json=body), "private/foreign.txt")


async def test_key_cannot_move_or_copy_a_file_that_it_may_not_read(files: Files) -> None:
    for act in ("move", "copy"):
        for source in ("private/foreign.txt", "private/missing.txt", "private", "out/other.txt"):
            for target in ("mine/new.txt", f"_jobs/{files.own_job}/new.txt", "out/own.txt"):
                body = {"source": source, "target": target, "overwrite": True}
                _is_rejected(await files.send("POST", f"/v1/drive/{act}", json=body), source)
        body = {"source": "mine/own.txt", "target": f"mine/{act}.txt"}
        assert (await files.send("POST", f"/v1/drive/{act}", json=body)).status_code == 200
        await files.submit(skill="copy", inputs={"photo": f"mine/{act}.txt"})
        await files.upload("mine/own.txt")
        body = {"source": "private/foreign.txt", "target": f"private/{act}.txt"}
        assert (await files.send("POST", f"/v1/drive/{act}", json=body, by_owner=True)).status_code == 200
        await files.upload("private/foreign.txt", by_owner=True)


async def test_output_replaced_after_the_end_of_its_job_is_not_readable(files: Files) -> None:
    job = col(Job.id) == UUID(files.own_job)
    for ended_at, status in ((now() + timedelta(minutes=1), 201), (now() - timedelta(minutes=1), 403)):
        async with files.database.transaction() as session:
            ended = {"status": "succeeded", "finished_at": ended_at}
            await session.execute(update(Job).where(job).values(**ended))
        body = {"skill": "copy", "inputs": {"photo": "out/own.txt"}}
        assert (await files.send("POST", "/v1/jobs", json=body)).status_code == status


SHOWN: Final = {
    "type": "object",
    "properties": {"file": {"type": "file"}},
}


async def _finish(files: Files, instance: AppContext, path: str) -> Path:
    """Finish the job of the key with a file as its output, as a worker records it, and return the file."""
    drive = instance.storage.drive_dir(files.project_id, None)
    assert drive is not None
    file = drive / path
    file.write_bytes(b"made by the job")
    skill = make_skill("show").model_copy(update={"output_schema": SHOWN})
    [output] = await output_files(instance.storage, files.project_id, skill, {"file": path})
    job = col(Job.id) == UUID(files.own_job)
    ended = {"status": "succeeded", "finished_at": now(), "outputs": [output]}
    async with files.database.transaction() as session:
        await session.execute(text("delete from drive_files where path = :path"), {"path": path})
        await session.execute(update(Job).where(job).values(**ended))
    return file


async def _urls(files: Files, *, by_owner: bool = False) -> list[Any]:
    """Return the URL of the output of the job of the key, as each route shows it."""
    job = f"/v1/jobs/{files.own_job}"
    shown = [(await files.send("GET", path, by_owner=by_owner)).json() for path in (job, "/v1/jobs")]
    listed = next(one for one in shown[1] if one["id"] == files.own_job)
    outputs = [(await files.send("GET", f"{job}/outputs", by_owner=by_owner)).json()]
    outputs += [shown[0]["outputs"], listed["outputs"]]
    assert all((one[0]["url"] is None) == bool(one[0]["url_unavailable_reason"]) for one in outputs)
    return [one[0]["url"] for one in outputs]


async def test_file_replaced_during_a_move_does_not_become_readable(
    files: Files, instance: AppContext
) -> None:
    drive = instance.storage.drive_dir(files.project_id, None)
    assert drive is not None
    for number in range(20):
        await files.upload("mine/own.txt")
        staged, target = drive.with_name("staged"), f"mine/{number}.txt"
        staged.write_bytes(b"not for the key")

        async def replace(staged: Path = staged) -> None:
            await asyncio.sleep(random.random() / 50)
            await asyncio.to_thread(os.replace, staged, drive / "mine/own.txt")  # as a job replaces it

        body = {"source": "mine/own.txt", "target": target}
        response, _ = await asyncio.gather(files.send("POST", "/v1/drive/move", json=body), replace())
        assert (drive / "mine/own.txt").read_bytes() == b"not for the key"
        if response.status_code == 200:
            assert (drive / target).read_bytes() == b"zq7"
            await files.submit(skill="copy", inputs={"photo": target})
        else:
            _is_rejected(response, "mine/own.txt")
            assert not (drive / target).exists()


async def test_output_url_serves_only_the_version_that_the_job_wrote(
    files: Files, instance: AppContext
) -> None:
    file = await _finish(files, instance, "out/own.txt")
    asset = f"/v1/jobs/{files.own_job}/assets/own.txt"
    before, of_owner = await _urls(files), await _urls(files, by_owner=True)
    for url in (*before, *of_owner):
        assert (await files.client.get(url)).content == b"made by the job"
    assert (await files.send("GET", asset)).status_code == 302

    with file.open("r+b") as opened:  # as another job writes it, before the change is recorded
        opened.write(b"not for the key")
    for url in (*before, *await _urls(files)):
        response = await files.client.get(url)
        assert (response.status_code, response.json()["code"]) == (404, "drive_file_replaced"), response.text

    await files.upload("out/own.txt", by_owner=True)
    assert await _urls(files) == [None] * 3
    for response in (*[await files.client.get(url) for url in before], await files.send("GET", asset)):
        assert (response.status_code, response.json()["code"]) == (404, "drive_file_replaced"), response.text
    [shown] = (await files.send("GET", f"/v1/jobs/{files.own_job}/outputs")).json()
    assert "'drive:read'" in shown["url_unavailable_reason"]
    assert "version" not in shown
    for url in (*of_owner, *await _urls(files, by_owner=True)):  # the owner may read the drive
        assert (await files.client.get(url)).content == b"zq7"

    await files.upload("out/own.txt")  # a key may read files that it wrote itself
    for url in await _urls(files):
        assert (await files.client.get(url)).content == b"zq7"
    assert (await files.send("GET", asset)).status_code == 302


async def test_output_url_without_a_version_needs_a_record_of_the_writer(
    files: Files, instance: AppContext
) -> None:
    """The outputs are those of jobs that finished before outputs had versions."""
    await _finish(files, instance, "out/own.txt")
    await files.set_outputs(files.own_job, "out/own.txt")
    assert await _urls(files) == [None] * 3
    entry = await instance.storage.stat(files.project_id, parse_drive_path("out/own.txt"))
    writer = {"kind": "job", "id": files.own_job}
    for known, is_shown in ((None, False), (writer, True)):
        at = None if known is None else now() - timedelta(minutes=1)
        async with files.database.transaction() as session:
            await provenance.put(session, files.project_id, entry, written_by=known, written_at=at)
        for url in await _urls(files):
            assert (url is not None) == is_shown
            assert url is None or (await files.client.get(url)).content == b"made by the job"


async def test_download_of_an_output_stops_when_the_file_changes(files: Files, instance: AppContext) -> None:
    file = await _finish(files, instance, "out/own.txt")
    opened = await instance.storage.open_read(files.project_id, parse_drive_path("out/own.txt"))
    response = await download.respond(opened, download.RequestConditions(is_pinned=True))
    with file.open("r+b") as changed:
        changed.write(b"not for the key")
    assert isinstance(response, StreamingResponse)
    with pytest.raises(FileReplaced):
        [chunk async for chunk in response.body_iterator]
    await opened.close()


async def test_output_without_a_recorded_writer_must_not_have_changed(
    files: Files, instance: AppContext
) -> None:
    file = await _finish(files, instance, "out/own.txt")
    claimed = []
    for is_changed in (False, True):
        job_id = UUID(await files.submit(skill="copy", inputs={"photo": "out/own.txt"}))
        async with files.database.transaction() as session:
            got = await claim(session, worker_id=uuid4(), lane="default", limit=50)
        [one] = [one for one in got if one.job_id == job_id]
        if is_changed:
            file.write_bytes(b"not for the key")
        claimed.append(one)
        await run_attempt(Attempt(instance, {}, one))
    jobs = [(await files.send("GET", f"/v1/jobs/{one.job_id}")).json() for one in claimed]
    assert [job["error_code"] == "input_file_changed" for job in jobs] == [False, True]


async def test_callers_with_drive_read_can_name_any_file(files: Files) -> None:
    limits = Limits(scopes=[*SCOPES, "drive:read"])
    async with files.database.transaction() as session:
        made = await keys.create(session, None, project_id=files.project_id, limits=limits)
    reader = replace(files, its={"Authorization": f"Bearer {made.plaintext}"}, key_id=made.key.id)
    for files_of in (reader, replace(files, its=files.owner)):
        for path in ("private/foreign.txt", "private/missing.txt", "/drive/private/foreign.txt"):
            await files_of.submit(skill="copy", inputs={"photo": path})
        assert (await _schedule(files_of, "private/foreign.txt")).status_code == 201
        body = {"source": "private/foreign.txt", "target": f"private/{uuid4()}.txt"}
        assert (await files_of.send("POST", "/v1/drive/copy", json=body)).status_code == 200


async def test_file_replaced_after_the_check_is_not_read(files: Files, instance: AppContext) -> None:
    await files.send("POST", f"/v1/jobs/{files.own_job}/cancel")
    await files.upload("mine/later.txt")
    claimed = {}
    for each in ("own", "later"):
        job_id = UUID(await files.submit(skill="copy", inputs={"photo": f"mine/{each}.txt"}))
        async with files.database.transaction() as session:
            got = await claim(session, worker_id=uuid4(), lane="default", limit=50)
        [claimed[each]] = [one for one in got if one.job_id == job_id]
    await files.upload("mine/own.txt", by_owner=True)

    ready = await prepare(Attempt(instance, {}, claimed["later"]))
    assert ready.assignment.inputs["photo"] == "mine/later.txt"
    await run_attempt(Attempt(instance, {}, claimed["own"]))

    job = (await files.send("GET", f"/v1/jobs/{claimed['own'].job_id}")).json()
    assert (job["status"], job["error_code"]) == ("failed", "input_file_changed")
    assert "mine/own.txt" in job["error"]
    assert "drive:read" in job["error"]


async def test_schedule_reads_only_files_that_its_key_may_still_read(files: Files) -> None:
    made = (await _schedule(files, "mine/own.txt")).json()
    owners = (await _schedule(replace(files, its=files.owner), "private/foreign.txt")).json()
    runs = [f"/v1/schedules/{one['id']}/run" for one in (made, owners)]

    for run in runs:  # the key may run a schedule of an owner
        assert (await files.send("POST", run)).status_code == 201, run
    await files.upload("mine/own.txt", by_owner=True)
    _is_rejected(await files.send("POST", runs[0]), "mine/own.txt")

    changed = await files.send("PATCH", f"/v1/schedules/{made['id']}", json={"metadata": {"a": 1}})
    assert changed.status_code == 200
    own = {"inputs": {"photo": "mine/own.txt"}}
    changed = await files.send("PATCH", f"/v1/schedules/{made['id']}", json=own, by_owner=True)
    assert changed.status_code == 200
    assert (await files.send("POST", runs[0])).status_code == 201


async def test_schedule_loses_drive_access_with_its_key(files: Files) -> None:
    key = col(ApiKey.id) == files.key_id
    ran = []
    made: dict[str, Any] = {}
    for granted in ([*SCOPES, "drive:read"], SCOPES):
        async with files.database.transaction() as session:
            await session.execute(update(ApiKey).where(key).values(scopes=granted))
        made = made or (await _schedule(files, "private/foreign.txt")).json()
        ran.append(await files.send("POST", f"/v1/schedules/{made['id']}/run", by_owner=True))
    assert ran[0].status_code == 201, ran[0].text
    _is_rejected(ran[1], "private/foreign.txt")
