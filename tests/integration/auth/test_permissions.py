"""The routes that each kind of caller can use, checked for all routes of the API."""

from __future__ import annotations

import re
from collections.abc import Iterator, Set
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest
from fastapi.routing import iter_route_contexts

from backend.api import router
from backend.core.clock import now
from backend.core.http import query_parameters
from backend.identity.api_keys.keys import Limits
from backend.identity.auth.permissions import AuthorizedRoute
from backend.identity.auth.principal import Role
from tests.factories.errors import error_of

Routes = Set[tuple[str, str]]

OPEN = {
    ("GET", "/v1/drive/signed/{token}/{name}"),
    ("HEAD", "/v1/drive/signed/{token}/{name}"),
    ("GET", "/v1/shared-job"),
    ("OPTIONS", "/v1/drive/uploads"),
    ("OPTIONS", "/v1/drive/uploads/{upload_id}"),
}
"""Routes that need no credentials."""
ANY_CALLER = {("GET", "/v1/me"), ("GET", "/v1/docs"), ("GET", "/v1/docs/{name}")}
OWN_JOBS = {
    ("GET", "/v1/jobs/{job_id}"),
    ("GET", "/v1/jobs/{job_id}/assets/{name}"),
    ("GET", "/v1/jobs/{job_id}/events"),
    ("GET", "/v1/jobs/{job_id}/logs"),
    ("GET", "/v1/jobs/{job_id}/outputs"),
    ("GET", "/v1/jobs/{job_id}/receipt"),
    ("GET", "/v1/jobs/{job_id}/spans"),
    ("GET", "/v1/jobs/{job_id}/steps"),
    ("GET", "/v1/jobs/{job_id}/steps/{step}"),
    ("GET", "/v1/jobs/{job_id}/stream"),
    ("POST", "/v1/jobs"),
    ("POST", "/v1/jobs/{job_id}/continue"),
    ("POST", "/v1/jobs/{job_id}/feedback"),
    ("POST", "/v1/jobs/{job_id}/fork"),
    ("POST", "/v1/jobs/{job_id}/replay"),
    ("POST", "/v1/openai/chat/completions"),
    ("POST", "/v1/openai/responses"),
    ("POST", "/v1/skills/{name}/run"),
}
"""Routes that publishable keys and restricted keys can use."""
OWN_SESSIONS = {
    ("DELETE", "/v1/sessions/{session_id}"),
    ("GET", "/v1/sessions"),
    ("GET", "/v1/sessions/{session_id}"),
    ("GET", "/v1/sessions/{session_id}/messages"),
    ("GET", "/v1/sessions/{session_id}/stream"),
    ("PATCH", "/v1/sessions/{session_id}"),
    ("POST", "/v1/sessions"),
    ("POST", "/v1/sessions/{session_id}/cancel"),
    ("POST", "/v1/sessions/{session_id}/messages"),
}
"""Routes that restricted keys can use, and publishable keys with the token of a user."""
WITH_BODY = {route for route in OWN_SESSIONS if route[0] in ("PATCH", "POST") and "cancel" not in route[1]}
"""Of these, the routes that reject an invalid body before they require the token."""
OWN_LISTS = {
    ("GET", "/v1/jobs"),
    ("GET", "/v1/jobs/activity"),
    ("GET", "/v1/job-failures"),
    ("GET", "/v1/jobs/{job_id}/model-calls/{step}"),
    ("GET", "/v1/jobs/{job_id}/model-calls/{step}/download"),
    ("POST", "/v1/jobs/{job_id}/cancel"),
}
"""Routes that a restricted secret key can also use."""
FORM = ("GET", "/v1/embeds/{skill}")
"""Rejected for a key with a list of skills that lacks this one, and for a publishable key without a list."""
PERSONAL = {
    ("GET", "/v1/projects"),
    ("POST", "/v1/projects"),
    ("GET", "/v1/me/sessions"),
    ("DELETE", "/v1/me/sessions"),
    ("DELETE", "/v1/me/sessions/{session_id}"),
    ("POST", "/v1/me/password"),
    ("GET", "/v1/me/preferences"),
    ("PATCH", "/v1/me/preferences"),
}
"""Routes that a signed-in user can use outside of a project."""
READ_BY_POST = {
    ("POST", "/v1/deployments/validate"),
    ("POST", "/v1/drive/sign"),
    ("POST", "/v1/jobs/{job_id}/comments"),
    ("PATCH", "/v1/jobs/{job_id}/comments/{comment_id}"),
    ("DELETE", "/v1/jobs/{job_id}/comments/{comment_id}"),
    ("POST", "/v1/jobs/{job_id}/feedback"),
    ("POST", "/v1/memory/get"),
    ("POST", "/v1/memory/search"),
    ("POST", "/v1/skill-yaml/edit"),
    ("POST", "/v1/api-tools"),
    ("POST", "/v1/flow-yaml/edit"),
    ("POST", "/v1/drafts/search"),
    ("POST", "/v1/skillpacks/{skillpack}/drafts/search"),
    ("PUT", "/v1/saved-views/{name}"),
    ("DELETE", "/v1/saved-views/{name}"),
}
"""Routes that viewers may use although their method is not GET."""
NOT_FOR_VIEWERS = {
    ("GET", "/v1/api-keys"),
    ("GET", "/v1/api-keys/scopes"),
    ("GET", "/v1/audit"),
    ("GET", "/v1/instance/health"),
    ("GET", "/v1/instance/projects"),
    ("GET", "/v1/instance/queue"),
    ("GET", "/v1/instance/support-bundle"),
    ("GET", "/v1/instance/users"),
    ("GET", "/v1/instance/workers"),
    ("GET", "/v1/jobs/{job_id}/shares"),
    ("GET", "/v1/projects/{project}/export"),
    ("GET", "/v1/projects/{project}/invitations"),
    ("GET", "/v1/providers"),
    ("GET", "/v1/providers/{family}"),
    ("GET", "/v1/secrets"),
    ("GET", "/v1/skillpacks/{skillpack}/secrets"),
    ("GET", "/v1/webhooks"),
    ("GET", "/v1/webhooks/{webhook_id}"),
    ("GET", "/v1/webhooks/{webhook_id}/deliveries"),
    ("GET", "/v1/webhooks/{webhook_id}/deliveries/{delivery_id}"),
    ("HEAD", "/v1/drive/uploads/{upload_id}"),
}
RESTRICTIONS = {
    "allowlist": Limits(skill_allowlist=["greet"]),
    "cap": Limits(daily_cap_micros=1_000_000),
    "expiry": Limits(expires_at=now() + timedelta(days=1)),
}


def routes() -> Iterator[tuple[tuple[str, str], frozenset[str]]]:
    """Yield the method and path of each operation of the API, and its query parameters."""
    for route in iter_route_contexts(router.routes):
        assert isinstance(route.original_route, AuthorizedRoute)
        for method in sorted(route.methods or ()):
            path = re.sub(r":path}", "}", str(route.path))
            yield (method, path), query_parameters.names(route.original_route)


QUERIES = dict(routes())
ROUTES = sorted(QUERIES)
INVALID = {"limit": "many", "timeout": "long", "version": "x", "since": "x"}


def path_of(template: str, project: UUID) -> str:
    """Return a path with the ID of the project and with IDs that do not exist."""
    filled = template.replace("{project}", str(project)).replace("{step}", "1")
    return re.sub(r"{[a-z_]+}", str(uuid4()), filled)


async def ask(
    client: httpx.AsyncClient, route: tuple[str, str], project: UUID, headers: dict[str, str]
) -> httpx.Response:
    """Send a request with an invalid query and body, if the route has them."""
    method, template = route
    return await client.request(
        method,
        path_of(template, project),
        params={name: value for name, value in INVALID.items() if name in QUERIES[route]},
        content=b'{"not": "valid' if method in ("POST", "PUT", "PATCH") else None,
        headers={**headers, "Content-Type": "application/json"},
    )


async def denied(
    client: httpx.AsyncClient, project: UUID, headers: dict[str, str], *, except_routes: Routes = frozenset()
) -> set[tuple[str, str]]:
    """Return the routes, except some, that return 403 for the invalid request of the caller."""
    found = set()
    for route in ROUTES:
        if route in except_routes:
            continue
        response = await ask(client, route, project, headers)
        assert response.status_code != 401, route
        if response.status_code == 403:
            assert route[0] == "HEAD" or error_of(response)["detail"]
            found.add(route)
    return found


def lines(routes: Routes) -> list[str]:
    """Return the routes as lines, for a readable message of a failed assertion."""
    return [" ".join(route) for route in sorted(routes)]


@pytest.mark.parametrize("restriction", RESTRICTIONS)
async def test_a_restricted_key_reaches_its_own_jobs_and_no_other_route(
    client: httpx.AsyncClient, world: Any, restriction: str
) -> None:
    project = await world.project("Mine")
    headers = await world.key(project, limits=RESTRICTIONS[restriction])

    allowed = set(ROUTES) - await denied(client, project.id, headers)

    own = OWN_JOBS | OWN_LISTS | OWN_SESSIONS | (set() if restriction == "allowlist" else {FORM})
    assert lines(allowed) == lines(OPEN | ANY_CALLER | own)


async def test_publishable_key_is_rejected_before_validation(client: httpx.AsyncClient, world: Any) -> None:
    project = await world.project("Mine")
    headers = await world.key(project, "publishable")

    allowed = set(ROUTES) - await denied(client, project.id, headers)

    assert lines(allowed) == lines(OPEN | ANY_CALLER | OWN_JOBS | WITH_BODY)


async def test_viewer_is_rejected_for_every_write_before_validation(
    client: httpx.AsyncClient, world: Any
) -> None:
    owner, viewer = await world.user("owner@example.org"), await world.user("viewer@example.org")
    project = await world.project("Mine", owner)
    await world.member(project, viewer, Role.VIEWER)
    browser = await world.browser(viewer)

    allowed = set(ROUTES) - await denied(browser, project.id, {"X-Puras-Project": str(project.id)})

    reads = {route for route in ROUTES if route[0] in ("GET", "HEAD")} - NOT_FOR_VIEWERS
    assert lines(allowed) == lines(reads | OPEN | ANY_CALLER | PERSONAL | READ_BY_POST)


async def test_requests_of_owners_and_unrestricted_keys_reach_validation(
    client: httpx.AsyncClient, world: Any
) -> None:
    owner = await world.user("owner@example.org", is_operator=True)
    project = await world.project("Mine", owner)
    browser = await world.browser(owner)

    deletion = {("DELETE", "/v1/projects/{project}")}  # the deletion would succeed
    by_owner = await denied(browser, project.id, {"X-Puras-Project": str(project.id)}, except_routes=deletion)
    by_key = await denied(client, project.id, await world.key(project))

    in_jobs = {route for route in ROUTES if route[1].startswith(("/v1/media/", "/v1/web/", "/v1/subagent/"))}
    assert lines(by_owner) == lines(in_jobs)
    operators = {route for route in ROUTES if route[1].startswith("/v1/instance/")}
    owners = deletion | {("GET", "/v1/projects/{project}/export")}
    assert lines(by_key) == lines(in_jobs | operators | owners | PERSONAL - {("GET", "/v1/projects")})
