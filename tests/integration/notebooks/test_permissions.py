"""Access to kernels by project, role and API key."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

import httpx
import pytest

from backend.identity.api_keys import keys
from backend.identity.api_keys.keys import Limits
from backend.identity.auth.accounts import sessions, users
from backend.identity.auth.principal import Role
from backend.identity.projects import members
from tests.integration.deployments.conftest import Project
from tests.integration.notebooks.conftest import KERNELS, PATH, Lab

pytestmark = pytest.mark.asyncio(loop_scope="module")

CELLS = {"cells": [{"cell": "a", "code": "1"}]}


async def queued(project: Project) -> str:
    """Create a kernel that no worker has started."""
    response = await project.http.post(KERNELS, json={"path": PATH})
    assert response.status_code == 201, response.text
    return str(response.json()["id"])


def requests(kernel_id: str) -> list[tuple[str, str, Any]]:
    return [
        ("GET", f"{KERNELS}/{kernel_id}", None),
        ("POST", f"{KERNELS}/{kernel_id}/cells", CELLS),
        ("POST", f"{KERNELS}/{kernel_id}/interrupt", None),
        ("POST", f"{KERNELS}/{kernel_id}/restart", None),
        ("DELETE", f"{KERNELS}/{kernel_id}", None),
    ]


async def status_codes(http: httpx.AsyncClient, kernel_id: str) -> list[int]:
    """Return the status code of each request about a kernel."""
    return [
        (await http.request(method, path, json=body)).status_code
        for method, path, body in requests(kernel_id)
    ]


async def test_kernel_of_another_project_is_not_found(served: Lab) -> None:
    mine, other = await served.project(), await served.project("Other")
    kernel_id = await queued(mine)
    assert set(await status_codes(other.http, kernel_id)) == {404}
    assert (await other.http.get(KERNELS)).json() == []
    assert set(await status_codes(mine.http, str(uuid4()))) == {404}


async def test_viewer_can_read_but_not_run_cells(served: Lab) -> None:
    project = await served.project()
    await project.http.get("/v1/drafts")
    kernel_id = await queued(project)
    async with served.instance.database.transaction() as session:
        user = await users.create(
            session, email=f"{uuid4().hex}@example.org", password="three words make one"
        )
        await members.add(session, project.principal, email=user.email, role=Role.VIEWER)
        login = await sessions.start(session, user)
    cookies = {sessions.cookie_name("http://127.0.0.1:8123"): login.token}
    headers = {"X-CSRF-Token": login.signed_in.csrf_token, "X-Puras-Project": project.slug}
    transport = httpx.ASGITransport(served.app)
    async with httpx.AsyncClient(
        transport=transport, base_url="http://127.0.0.1:8123", cookies=cookies, headers=headers
    ) as viewer:
        assert await status_codes(viewer, kernel_id) == [200, 403, 403, 403, 403]
        assert len((await viewer.get(KERNELS)).json()) == 1
        assert (await viewer.post(KERNELS, json={"path": PATH})).status_code == 403


@pytest.mark.parametrize("kind", ["publishable", "restricted"])
async def test_key_for_some_skills_cannot_run_cells(served: Lab, kind: str) -> None:
    project = await served.project()
    kernel_id = await queued(project)
    limits = Limits(skill_allowlist=("double",)) if kind == "restricted" else None
    async with served.instance.database.transaction() as session:
        api_key = await keys.create(
            session,
            None,
            project_id=project.id,
            kind="publishable" if kind == "publishable" else "secret",
            limits=limits,
        )
    headers = {"Authorization": f"Bearer {api_key.plaintext}"}
    for method, path, body in [*requests(kernel_id)[1:], ("POST", KERNELS, {"path": PATH})]:
        response = await project.http.request(method, path, json=body, headers=headers)
        assert response.status_code == 403, path
        assert response.json()["code"] in ("kernel_not_on_key", "not_allowed")


async def test_number_of_kernels_of_a_project_is_limited(served: Lab) -> None:
    project = await served.project()
    limit = served.instance.settings.notebook_kernels
    for number in range(limit):
        assert (await project.http.post(KERNELS, json={"path": f"{number}.ipynb"})).status_code == 201
    rejected = await project.http.post(KERNELS, json={"path": "more.ipynb"})
    assert (rejected.status_code, rejected.json()["code"]) == (409, "too_many_kernels")
    assert "0.ipynb" in rejected.json()["detail"]
    assert (await project.http.post(KERNELS, json={"path": "0.ipynb"})).status_code == 201


async def test_reason_why_a_kernel_has_not_started_is_returned(served: Lab) -> None:
    project = await served.project()
    seen = (await project.http.get(f"{KERNELS}/{await queued(project)}")).json()
    assert (seen["status"], seen["reason"]) == ("starting", "no worker in lane default")


@pytest.mark.parametrize(
    "body",
    [
        {"path": "notes.md"},
        {"path": ""},
        {"path": "a.ipynb", "kind": "x"},
        {},
    ],
    ids=["not a notebook", "empty path", "unknown field", "no path"],
)
async def test_invalid_notebook_paths_are_rejected(served: Lab, body: dict[str, Any]) -> None:
    project = await served.project()
    assert (await project.http.post(KERNELS, json=body)).status_code == 422


async def test_kernel_that_costs_nothing_needs_no_credit(served: Lab) -> None:
    project = await served.projects.make("Poor")
    response = await project.http.post(KERNELS, json={"path": PATH})
    assert response.status_code == 201


async def test_job_request_cannot_name_the_kernel_skill(served: Lab) -> None:
    project = await served.project()
    response = await project.http.post("/v1/jobs", json={"skill": "@notebook", "inputs": {}})
    assert response.status_code == 404


async def test_number_of_queued_cells_is_limited(served: Lab) -> None:
    project = await served.project()
    kernel_id = await queued(project)
    many = {"cells": [{"cell": "a", "code": "1"}] * 200}
    assert (await project.http.post(f"{KERNELS}/{kernel_id}/cells", json=many)).status_code == 201
    assert (await project.http.post(f"{KERNELS}/{kernel_id}/cells", json=many)).status_code == 201
    rejected = await project.http.post(f"{KERNELS}/{kernel_id}/cells", json=many)
    assert (rejected.status_code, rejected.json()["code"]) == (409, "too_many_cells")
