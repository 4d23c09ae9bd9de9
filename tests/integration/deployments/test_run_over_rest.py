"""The steps of a caller before a job runs: types, keys, retries and common mistakes."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from backend.core.db.engine import Database
from backend.identity.api_keys import keys
from backend.identity.api_keys.keys import Limits
from backend.money.ledger import service as ledger
from tests.integration.deployments.conftest import BUNDLE

RUN = "/v1/skills/double/run?timeout=0"


@pytest.fixture
async def project(make_project: Any, database: Database) -> Any:
    """Create a project with money and the skill `double`."""
    project = await make_project.make("Mine")
    async with database.transaction() as session:
        await ledger.top_up(session, project_id=project.id, amount_micros=1_000_000, created_by="test")
    await project.pushed(BUNDLE)
    return project


async def test_project_describes_its_skills_with_types(project: Any) -> None:
    spec = (await project.http.get(f"/v1/projects/{project.slug}/openapi.json")).json()
    assert spec["servers"] == [{"url": "http://127.0.0.1:8123"}]
    assert list(spec["paths"]) == ["/v1/skills/double/run"]
    assert spec["components"]["schemas"]["DoubleInputs"]["properties"] == {"n": {"type": "integer"}}


async def test_described_skills_can_be_called(project: Any) -> None:
    await project.http.post("/v1/skillpacks", json={"name": "Work", "slug": "work"})
    await project.pushed(BUNDLE, where="/v1/skillpacks/work")
    spec = (await project.http.get(f"/v1/projects/{project.id}/openapi.json")).json()
    assert len(spec["paths"]) == 2
    for path in spec["paths"]:
        response = await project.http.post(path, params={"timeout": 0}, json={"n": 2})
        assert (response.status_code, response.json()["status"]) == (200, "queued"), path


async def test_description_of_another_project_is_not_found(project: Any, make_project: Any) -> None:
    address = f"/v1/projects/{project.id}/openapi.json"
    other, public = await make_project.make("Other"), await make_project.make("Public", kind="publishable")
    assert (await other.http.get(address)).status_code == 404
    assert (await public.http.get(f"/v1/projects/{public.id}/openapi.json")).status_code == 403


@pytest.mark.parametrize("route", ["run", "replay"])
async def test_run_and_replay_are_created_once_per_idempotency_key(project: Any, route: str) -> None:
    async def send(key: str) -> httpx.Response:
        headers = {"Idempotency-Key": key}
        if route == "run":
            return await project.http.post(RUN, json={"n": 1}, headers=headers)
        return await project.http.post(f"/v1/jobs/{first['id']}/replay", headers=headers)

    first = (await project.http.post(RUN, json={"n": 1})).json()
    one, again, other = await send("a"), await send("a"), await send("b")
    assert one.json()["id"] == again.json()["id"] != other.json()["id"]
    assert again.headers["Idempotent-Replayed"] == "true"
    assert "Idempotent-Replayed" not in one.headers
    assert len((await project.http.get("/v1/jobs")).json()) == 3


async def test_body_without_json_content_type_is_rejected_with_a_hint(project: Any) -> None:
    response = await project.http.post("/v1/jobs", content=b'{"skill": "double", "inputs": {"n": 1}}')
    assert response.status_code == 415
    assert "Content-Type: application/json" in response.json()["detail"]
    missing = await project.http.post("/v1/jobs")
    assert missing.status_code == 422


@pytest.mark.parametrize(
    ("where", "value"),
    [
        ("metadata", '{"a": "\\u0000"}'),
        ("metadata", '{"a": ["\\ud800"]}'),
        ("metadata", '{"a": 1e999}'),
        ("inputs.n", '{"n": NaN}'),
        ("source", '"\\udfff"'),
        ("skill", '"double\\u0000"'),
    ],
)
async def test_values_that_cannot_be_stored_are_rejected_with_their_path(
    project: Any, where: str, value: str
) -> None:
    body = {"skill": '"double"', "inputs": '{"n": 1}', where.partition(".")[0]: value}
    content = "{" + ", ".join(f'"{name}": {written}' for name, written in body.items()) + "}"
    response = await project.http.post(
        "/v1/jobs", content=content, headers={"Content-Type": "application/json"}
    )
    assert response.status_code == 422, response.text
    assert response.json()["errors"][0]["path"] == where


async def test_bundle_that_is_not_a_form_file_is_rejected_with_a_hint(project: Any) -> None:
    response = await project.http.post("/v1/deployments", files={"bundle": (None, "text")})
    assert response.status_code == 422
    assert "a part of the form with a file name" in response.json()["detail"]


async def test_publishable_key_reads_jobs_by_id_and_cannot_list(project: Any, database: Database) -> None:
    async with database.transaction() as session:
        created = await keys.create(session, None, project_id=project.id, kind="publishable")
    headers = {"Authorization": f"Bearer {created.plaintext}"}
    job = (await project.http.post(RUN, json={"n": 1}, headers=headers)).json()
    assert (await project.http.get(f"/v1/jobs/{job['id']}", headers=headers)).status_code == 200
    for path in ("/v1/jobs", "/v1/pricing"):
        response = await project.http.get(path, headers=headers)
        assert (response.status_code, response.json()["code"]) == (403, "not_allowed"), path


async def test_key_over_its_spending_limit_is_rejected(project: Any, database: Database) -> None:
    async with database.transaction() as session:
        created = await keys.create(
            session, None, project_id=project.id, kind="secret", limits=Limits(daily_cap_micros=0)
        )
    response = await project.http.post(
        "/v1/jobs",
        json={"skill": "double", "inputs": {"n": 1}},
        headers={"Authorization": f"Bearer {created.plaintext}"},
    )
    assert (response.status_code, response.json()["code"]) == (402, "key_cap_reached")


@pytest.mark.parametrize("number", ["-1", "x", str(2**31), "9" * 30])
async def test_invalid_event_number_is_rejected_before_the_stream_starts(project: Any, number: str) -> None:
    job = (await project.http.post(RUN, json={"n": 1})).json()
    for path, headers in (("events", {}), ("stream", {}), ("stream", {"Last-Event-ID": number})):
        params = {} if headers else {"after": number}
        response = await project.http.get(f"/v1/jobs/{job['id']}/{path}", params=params, headers=headers)
        assert response.status_code == 422
