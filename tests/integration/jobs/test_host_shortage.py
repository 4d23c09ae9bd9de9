"""A worker whose host lacks resources claims no jobs, and a job that it has already claimed is not penalized."""

from __future__ import annotations

import asyncio
import errno
import os
import subprocess
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import psycopg
import pytest
import pytest_asyncio
from fastapi import FastAPI

from backend.context import AppContext
from backend.core.db.engine import Database
from backend.core.metrics.instruments import HOST_SHORTAGE
from backend.execution.worker_registry.service import SWEEP_INTERVAL_S
from backend.money.ledger import service as ledger
from tests.integration.deployments.conftest import Project, make_project, project
from workers import host_resources as host_module
from workers.heartbeat import Heartbeat
from workers.host_resources import Host, fault_of
from workers.runners.deterministic import DeterministicRunner
from workers.sandbox.host.runtime import SandboxRuntime
from workers.supervisor import Supervisor

__all__ = ["make_project", "project"]

DISK_MB, MIN_FREE_MB = 48, 16
SKILL = {
    "skills/echo/skill.yaml": b"""\
entrypoint: main.py:run
input_schema: {type: object, properties: {text: {type: string}}}
output_schema: {type: object, properties: {text: {type: string}}}
""",
    "skills/echo/main.py": b"""\
def run(text):
    if text == "write":
        open("large", "wb").write(b"x" * 1_000_000)
    return {"text": text[:5]}
""",
}


@pytest.fixture
def small_home(tmp_path: Path) -> Iterator[Path]:
    """Mount a small disk of a few MiB as the home folder."""
    if os.geteuid() != 0:
        pytest.skip("only root can mount a small disk, so a full one is not tested")
    home = tmp_path / "small"
    home.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={DISK_MB}m,mode=0755", "tmpfs", home], check=True)
    yield home
    subprocess.run(["umount", "--lazy", home], check=True)


class Worker:
    """A worker whose home is on the small disk."""

    def __init__(self, supervisor: Supervisor, home: Path, url: str, project: Project) -> None:
        self.supervisor, self._home, self._url, self._http = supervisor, home, url, project.http

    async def submit(self, text: str) -> str:
        body = {"skill": "echo", "inputs": {"text": text}}
        job_id: str = (await self._http.post("/v1/jobs", json=body)).json()["id"]
        return job_id

    async def wait_for_status(self, job_id: str, *statuses: str) -> Any:
        async with asyncio.timeout(30):
            while True:
                job = (await self._http.get(f"/v1/jobs/{job_id}")).json()
                if job["status"] in statuses:
                    return job
                await asyncio.sleep(0.05)

    @asynccontextmanager
    async def full_disk(self) -> AsyncIterator[None]:
        """Fill the disk to its last byte while the block runs."""
        filler = self._home / "filler"
        with filler.open("wb", buffering=0) as file, suppress(OSError):
            while file.write(b"x" * 65_536):
                pass
        yield
        filler.unlink()

    async def requeued(self, job_id: str) -> list[Any]:
        async with asyncio.timeout(30):
            while True:
                events = (await self._http.get(f"/v1/jobs/{job_id}/events")).json()
                if found := [event["payload"] for event in events if event["type"] == "requeued"]:
                    return found
                await asyncio.sleep(0.05)

    async def send_heartbeat(self) -> None:
        heartbeat = Heartbeat(
            self._url,
            worker_id=lambda: self.supervisor.worker_id,
            running=lambda: 0,
            on_expired=lambda _: None,
            on_drain=lambda: None,
            shortage=self.supervisor.shortage,
        )
        with psycopg.connect(self._url, autocommit=True) as connection:
            await asyncio.to_thread(heartbeat._send, connection)


@pytest_asyncio.fixture
async def worker(
    app: FastAPI,
    project: Project,
    database: Database,
    database_url: str,
    instance: AppContext,
    small_home: Path,
) -> AsyncIterator[Worker]:
    async with database.transaction() as session:
        await ledger.top_up(session, project_id=project.id, amount_micros=1_000_000, created_by="test")
    await project.pushed(SKILL)
    settings = instance.settings.model_copy(update={"home": small_home})
    runner = DeterministicRunner(
        SandboxRuntime(small_home, sandbox="auto", api_base="http://127.0.0.1:1", idle_s=60, pool_mb=512)
    )
    supervisor = Supervisor(
        replace(instance, settings=settings),
        {"deterministic": runner},
        lanes=["default"],
        capacity=4,
        host=Host(small_home, min_disk_mb=MIN_FREE_MB, min_memory_mb=0),
    )
    await supervisor.join([])
    working = asyncio.create_task(supervisor.run(drain_s=5))
    yield Worker(supervisor, small_home, database_url, project)
    supervisor.stop()
    await working
    await runner.close()


async def test_worker_with_a_full_disk_reports_it_and_fails_no_job(worker: Worker, project: Project) -> None:
    first = await worker.wait_for_status(await worker.submit("hello"), "succeeded", "failed")
    assert first["status"] == "succeeded", first
    async with worker.full_disk():
        host = worker.supervisor._host
        assert host is not None
        assert "0 MiB free" in str(host.shortage(is_fresh=True))
        for text in (
            "x" * 200_000,
            "write",
        ):  # first, the inputs do not fit; then, the written file does not fit
            job_id = await worker.submit(text)
            await worker.supervisor._claim("default", 4)  # as if it had been claimed shortly before
            requeued = await worker.requeued(job_id)
            assert requeued[0]["reason"].startswith("host_exhausted"), requeued
        waiting = await worker.submit("later")
        await worker.send_heartbeat()
        assert "is short of disk: 0 MiB free" in (worker.supervisor.why_no_claims() or "")
        ready = await project.http.get("/ready")
        assert (ready.status_code, ready.json()["status"]) == (200, "degraded")
        assert "0 MiB free" in str(ready.json()["problems"])
        workers = await project.http.get("/ready/workers")
        assert (workers.status_code, workers.json()["code"]) == (503, "workers_not_ready")
        assert HOST_SHORTAGE.labels("disk")._value.get() == 1  # type: ignore[no-untyped-call]
        await asyncio.sleep(2 * SWEEP_INTERVAL_S)
        assert (await worker.wait_for_status(waiting, "queued", "running", "failed"))["status"] == "queued"
    done = await worker.wait_for_status(waiting, "succeeded", "failed")
    assert done["status"] == "succeeded", done
    assert worker.supervisor.why_no_claims() is None
    worker.supervisor.stop()
    assert (worker.supervisor.why_no_claims() or "").startswith("it is draining")


def test_shortages_of_memory_and_processes_are_detected(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sufficient = Host(tmp_path, min_disk_mb=1, min_memory_mb=1)
    assert sufficient.shortage() is None
    insufficient = Host(tmp_path, min_disk_mb=1, min_memory_mb=2**30)
    assert (found := insufficient.shortage()) is not None
    assert (found.resource, "of memory available" in found.detail) == ("memory", True)
    monkeypatch.setattr(host_module, "MIN_FREE_PROCESSES", 2**30)
    assert (found := sufficient.shortage(is_fresh=True)) is not None
    assert found.resource == "processes"
    fault = fault_of(OSError(errno.EINVAL, "chown"))
    assert fault is not None
    assert "user IDs" in fault.detail
    assert fault_of(FileNotFoundError(errno.ENOENT, "file")) is None
