"""The kit in a running job requests signed URLs of its files from the instance, over real HTTP."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import AsyncIterator
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from uuid import UUID, uuid4

import pytest_asyncio
import uvicorn
from fastapi import FastAPI

from backend.context import AppContext
from backend.core.clock import now
from backend.execution.jobs.tables import Job
from backend.identity.auth import job_tokens
from tests.integration.drive.conftest import Drive

KIT = Path(__file__).parents[3] / "skills_kit"


@pytest_asyncio.fixture
async def api_base(app: FastAPI) -> AsyncIterator[str]:
    """Serve the application on a separate port, and yield its URL."""
    server = uvicorn.Server(uvicorn.Config(app, port=0, lifespan="off", log_config=None))
    serving = asyncio.create_task(server.serve())
    async with asyncio.timeout(10):
        while not server.started:  # noqa: ASYNC110 - the server has no event for this
            await asyncio.sleep(0.01)
    port = server.servers[0].sockets[0].getsockname()[1]
    yield f"http://127.0.0.1:{port}"
    server.should_exit = True
    with suppress(asyncio.CancelledError):
        await serving


async def running_job(instance: AppContext, project_id: UUID) -> Job:
    async with instance.database.transaction() as session:
        job = Job(
            project_id=project_id,
            skillpack_id=uuid4(),
            deployment_id=uuid4(),
            skill_name="resize",
            status="running",
            attempt=1,
            inputs={},
        )
        session.add(job)
    return job


async def run(code: str, environment: dict[str, str]) -> str:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-I", "-S", "-c", f"import sys; sys.path[:0] = [{str(KIT)!r}]\n{code}"),
        env=environment,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    async with asyncio.timeout(30):
        stdout, stderr = await process.communicate()
    assert process.returncode == 0, stderr.decode()
    return stdout.decode()


async def test_job_signs_only_files_of_its_project(drive: Drive, instance: AppContext, api_base: str) -> None:
    await drive.upload(b"content", path="out/a.txt")
    job = await running_job(instance, drive.project.id)
    token = job_tokens.mint(
        instance.vault,
        project_id=drive.project.id,
        job_id=job.id,
        attempt=1,
        expires_at=now() + timedelta(minutes=1),
    )
    environment = {
        "PURAS_API_BASE": api_base,
        "PURAS_SERVICE_TOKEN": token,
        "PURAS_WORKSPACE_ID": str(drive.project.id),
        "http_proxy": "http://127.0.0.1:9",  # the instance is called directly, never through a proxy
    }
    output = await run(
        "import json; from puras import drive\nprint(json.dumps(drive.sign('drive/out/a.txt', ttl=60)))",
        environment,
    )
    signed = json.loads(output)
    assert (signed["path"], signed["expires_in"]) == ("out/a.txt", 60)
    assert (await drive.client.get(signed["signed_url"])).content == b"content"

    rejections = await run(
        "import os; from puras import drive\n"
        "def refused(name, **options):\n"
        "    try: print('let through', drive.url(name, **options))\n"
        "    except drive.DriveError as error: print(error)\n"
        "refused('none.txt'); refused('out/a.txt', ttl=1); refused('../a')\n"
        "from puras import _http; _http.RETRY_FOR_S = 1\n"
        f"os.environ['PURAS_WORKSPACE_ID'] = '{uuid4()}'; refused('out/a.txt')\n"
        "os.environ['PURAS_SERVICE_TOKEN'] = 'forged'; refused('out/a.txt')\n"
        "os.environ['PURAS_API_BASE'] = 'http://127.0.0.1:9'; refused('out/a.txt')\n"
        "del os.environ['PURAS_API_BASE']; refused('out/a.txt')",
        environment,
    )
    lines = rejections.splitlines()
    expected = [
        "no file 'none.txt'",
        "ttl",
        "not in the drive",
        "workspace_id",
        "job token",
        "does not respond",
    ]
    for line, part in zip(lines, [*expected, "PURAS_API_BASE is not set"], strict=True):
        assert part in line, line
    assert token not in rejections


async def test_job_token_is_valid_only_for_its_routes(drive: Drive, instance: AppContext) -> None:
    await drive.upload(b"content", path="a.txt")
    job = await running_job(instance, drive.project.id)
    token = job_tokens.mint(
        instance.vault,
        project_id=drive.project.id,
        job_id=job.id,
        attempt=1,
        expires_at=now() + timedelta(minutes=1),
    )
    for method, path in (
        ("GET", "/v1/drive"),
        ("GET", "/v1/drive/files/a.txt"),
        ("DELETE", "/v1/drive/files/a.txt"),
        ("POST", "/v1/drive/upload"),
        ("GET", "/v1/secrets"),
        ("PUT", "/v1/secrets"),
    ):
        response = await drive.client.request(method, path, headers={"X-Puras-Service-Token": token})
        assert response.status_code == 401, (method, path)
