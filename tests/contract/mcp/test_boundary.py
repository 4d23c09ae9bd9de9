"""Check authentication, isolation and limits of `/mcp`."""

from __future__ import annotations

import asyncio
import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx2
import pytest
from puras_mcp.hosted import MAX_BODY_BYTES, MAX_OPEN_CALLS

from backend.core.clock import now
from tests.contract.mcp.conftest import Project, call, refusal

LIST: dict[str, Any] = {"jsonrpc": "2.0", "id": 1, "method": "tools/list", "params": {}}
HEADERS = {"Accept": "application/json, text/event-stream", "Content-Type": "application/json"}


def post(project: Project, body: object = LIST, **headers: str) -> httpx2.Response:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return httpx2.post(f"{project.address}/mcp", json=body, headers={**HEADERS, **named}, timeout=60)


def bearer(key: str) -> str:
    return f"Bearer {key}"


@pytest.mark.parametrize("authorization", ["", "Bearer puras_live_abcdefgh.nothing", "Basic YTpi", "Bearer"])
def test_a_call_without_a_valid_key_is_rejected(project: Project, authorization: str) -> None:
    answer = post(project, Authorization=authorization) if authorization else post(project)
    assert (answer.status_code, answer.headers["www-authenticate"]) == (401, "Bearer")
    assert "tools" not in answer.text


def test_cookies_are_ignored(project: Project) -> None:
    assert post(project, Cookie=f"puras_session={project.key}").status_code == 401
    assert post(project, Authorization=bearer(project.key)).status_code == 200


def test_dns_rebinding_is_rejected(project: Project) -> None:
    answer = post(project, Host="evil.example:8000", Authorization=bearer(project.key))
    assert (answer.status_code, answer.json()["code"]) == (421, "wrong_host")


@pytest.mark.parametrize(
    "origin", ["https://evil.example", "null", "http://localhost.evil.example", "http://127.0.0.1:1"]
)
def test_pages_of_other_sites_cannot_call_tools(project: Project, origin: str) -> None:
    answer = post(project, Origin=origin, Authorization=bearer(project.key))
    assert (answer.status_code, answer.json()["code"]) == (403, "wrong_origin")
    assert "access-control-allow-origin" not in answer.headers


@pytest.mark.parametrize("method", ["GET", "DELETE", "PUT", "OPTIONS"])
def test_streams_and_sessions_are_rejected(project: Project, method: str) -> None:
    answer = httpx2.request(
        method, f"{project.address}/mcp", headers={**HEADERS, "Authorization": bearer(project.key)}
    )
    assert answer.status_code == 405
    assert "mcp-session-id" not in post(project, Authorization=bearer(project.key)).headers


async def test_a_key_reads_only_its_project_with_any_session_id(project: Project, neighbour: Project) -> None:
    async with project.over_http(mode="legacy") as mine, neighbour.over_http(mode="legacy") as theirs:
        job = await call(mine, "submit_job", skill="tally", wait=True, timeout=50)
        assert "no job" in (await refusal(theirs, "get_job", job_id=job["id"])).lower()
        assert (await call(theirs, "list_skills"))["skills"] == []
        assert (await call(theirs, "show_config"))["project_id"] == neighbour.id
        assert (await call(mine, "show_config"))["project_id"] == project.id
    body = {
        "jsonrpc": "2.0",
        "id": 1,
        "method": "tools/call",
        "params": {"name": "list_jobs", "arguments": {}},
    }
    response = post(project, body, Authorization=bearer(neighbour.key), Mcp_Session_Id="0" * 32)
    assert response.status_code == 200
    assert job["id"] not in response.text


async def test_concurrent_calls_of_two_keys_are_isolated(project: Project, neighbour: Project) -> None:
    async def who(one: Project) -> str:
        async with one.over_http() as client:
            found: str = (await call(client, "show_config"))["project_id"]
            return found

    asked = [project, neighbour] * 4
    assert await asyncio.gather(*(who(one) for one in asked)) == [one.id for one in asked]


async def test_a_publishable_key_has_no_additional_permissions(project: Project) -> None:
    made = httpx2.post(
        f"{project.address}/v1/api-keys",
        headers={"Authorization": bearer(project.key)},
        json={"kind": "publishable", "name": "page"},
    )
    assert made.status_code == 201, made.text
    async with project.over_http(key=made.json()["key"]) as client:
        await refusal(client, "list_secrets")
        await refusal(client, "push", files={"skills/a/SKILL.md": "---\nname: a\n---\n"})


async def test_a_hosted_call_cannot_use_files_of_the_server(project: Project, tmp_path: Path) -> None:
    target = tmp_path / "target"
    async with project.over_http() as client:
        tools = {tool.name: tool for tool in (await client.list_tools()).tools}
        for tool in tools.values():
            assert not {"project_dir", "file", "api_base"} & set(tool.input_schema["properties"]), tool.name
        await call(client, "init_project", project_dir=str(target))
        await refusal(client, "push", project_dir="/etc")
        await refusal(client, "validate", project_dir="/etc")
        await refusal(client, "drive_upload", file="/etc/passwd", path="passwd")
        await refusal(client, "configure", api_base="http://evil.example", api_key="x")
    assert not target.exists()
    assert not [*project.up.home.rglob(".purasbackend"), *project.up.home.rglob(".puras")]


@pytest.mark.parametrize(
    "name", ["../secrets", "..", "x/../../../secrets", "%2e%2e", "?limit=1", "tally#", "tally/findings"]
)
async def test_a_name_cannot_lead_to_another_route(project: Project, name: str) -> None:
    async with project.over_http() as client:
        await refusal(client, "get_skill", name=name)
        await refusal(client, "delete_deployment", deployment_id=name)


def test_an_endless_body_is_rejected(project: Project) -> None:
    answer = httpx2.post(
        f"{project.address}/mcp",
        content=b" " * (MAX_BODY_BYTES + 1),
        headers={**HEADERS, "Authorization": bearer(project.key)},
        timeout=60,
    )
    assert answer.status_code == 413


async def test_open_calls_are_limited_by_key(project: Project, neighbour: Project) -> None:
    follow = {"jsonrpc": "2.0", "id": 1, "method": "tools/call"}
    async with httpx2.AsyncClient(timeout=60, limits=httpx2.Limits(max_connections=100)) as http:
        headers = {**HEADERS, "Authorization": bearer(project.key)}
        job = await http.post(
            f"{project.address}/v1/jobs",
            headers={"Authorization": bearer(project.key)},
            json={"skill": "tally", "run_at": (now() + timedelta(days=300)).isoformat()},
        )
        body = follow | {
            "params": {"name": "tail_job", "arguments": {"job_id": job.json()["id"], "max_seconds": 12}}
        }
        open_ = [
            asyncio.create_task(http.post(f"{project.address}/mcp", json=body, headers=headers))
            for _ in range(MAX_OPEN_CALLS + 8)
        ]
        done, _ = await asyncio.wait(open_, timeout=15, return_when=asyncio.FIRST_COMPLETED)
        refused = next(iter(done)).result()
        assert (refused.status_code, refused.json()["code"]) == (429, "too_many_concurrent_requests")
        assert refused.json()["former_code"] == "too_many_at_once"
        others = await http.post(
            f"{project.address}/mcp",
            json=LIST,
            headers={**HEADERS, "Authorization": bearer(neighbour.key)},
        )
        assert others.status_code == 200
        await asyncio.gather(*open_)


async def test_responses_have_safe_headers_and_logs_no_secrets(project: Project) -> None:
    async with project.over_http() as client:
        await call(client, "set_secret", name="QUIET", value="a value that must not be logged")
    answer = post(project, Authorization=bearer(project.key))
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["x-request-id"]
    log = project.up.log
    assert "a value that must not be logged" not in log
    assert project.key not in log
    assert json.dumps(project.key) not in log
