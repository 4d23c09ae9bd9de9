"""Projects with notebooks, and a worker in the test process that runs their kernels in real sandboxes."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field, replace
from typing import Any

import pytest
import pytest_asyncio
from fastapi import FastAPI
from redis.asyncio import Redis

from backend.app import create_app, serving
from backend.config import Settings
from backend.context import AppContext
from backend.core.db.engine import Database
from backend.core.vault.vault import Vault
from backend.core.wakeups import WakeUpListener
from backend.embedded import Servers
from backend.money.ledger import service as ledger
from backend.storage.local import LocalStorage
from tests.conftest import empty
from tests.factories.worker import woken
from tests.integration.deployments.conftest import BUNDLE, Project, Projects
from workers.heartbeat import Heartbeat
from workers.runners.deterministic import DeterministicRunner
from workers.runners.lazy import KernelRunner
from workers.sandbox.host.runtime import SandboxRuntime
from workers.supervisor import Supervisor

KERNELS = "/v1/notebooks/kernels"
PATH = "notebooks/first.ipynb"


@dataclass
class Kernel:
    """A kernel of a project, used through the REST API."""

    project: Project
    id: str
    boots: int = 1

    async def read(self, **query: Any) -> Any:
        """Return the state of the kernel."""
        response = await self.project.http.get(f"{KERNELS}/{self.id}", params=query)
        assert response.status_code == 200, response.text
        return response.json()

    async def until(self, condition: Callable[[Any], bool]) -> Any:
        """Wait until a condition is true, and return the state of the kernel."""
        async with asyncio.timeout(60):
            state = await self.read()
            while not condition(state):
                await asyncio.sleep(0.1)
                state = await self.read()
        return state

    async def queue(self, *codes: str) -> list[str]:
        """Queue cells and return their IDs."""
        cells = [{"cell": f"c{at}", "code": code} for at, code in enumerate(codes)]
        response = await self.project.http.post(f"{KERNELS}/{self.id}/cells", json={"cells": cells})
        assert response.status_code == 201, response.text
        return [one["id"] for one in response.json()["cells"]]

    async def run(self, *codes: str) -> Any:
        """Queue cells and return the last one when all have ended."""
        return (await self.wait_for(await self.queue(*codes)))[-1]

    async def wait_for(self, ids: list[str]) -> list[Any]:
        """Wait until cells have ended, and return them."""
        state = await self.until(
            lambda kernel: all(
                one["status"] not in ("queued", "running") for one in kernel["cells"] if one["id"] in ids
            )
        )
        return [one for one in state["cells"] if one["id"] in ids]

    async def until_running(self, cell_id: str) -> None:
        """Return once the cell runs and has printed something."""

        def has_output(kernel: Any) -> bool:
            (cell,) = [one for one in kernel["cells"] if one["id"] == cell_id]
            return cell["status"] == "running" and bool(cell["outputs"])

        await self.until(has_output)

    async def post(self, action: str) -> None:
        """Interrupt or restart the kernel."""
        response = await self.project.http.post(f"{KERNELS}/{self.id}/{action}")
        assert response.status_code == 204, response.text


@dataclass
class Lab:
    """An instance with its projects."""

    app: FastAPI
    instance: AppContext
    projects: Projects
    kernels: list[Kernel] = field(default_factory=list)

    async def project(self, name: str = "Mine") -> Project:
        """Create a project with credit and a skill."""
        project = await self.projects.make(name)
        await self.top_up(project)
        await project.pushed(BUNDLE)
        return project

    async def top_up(self, project: Project) -> None:
        """Add a credit of one dollar to a project."""
        async with self.instance.database.transaction() as session:
            await ledger.top_up(session, project_id=project.id, amount_micros=1_000_000, created_by="test")

    async def kernel(self, project: Project | None = None, path: str = PATH) -> Kernel:
        """Start a kernel and wait until it is idle."""
        project = project or await self.project()
        response = await project.http.post(KERNELS, json={"path": path})
        assert response.status_code == 201, response.text
        kernel = Kernel(project, response.json()["id"])
        self.kernels.append(kernel)
        state = await kernel.until(lambda one: one["status"] != "starting")
        assert state["status"] == "idle", state
        return kernel


@pytest.fixture(scope="module")
def notebook_settings() -> dict[str, Any]:
    """Return the settings in which the instance of a test file differs from the defaults."""
    return {}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def served(
    database_url: str,
    servers: Servers,
    tmp_path_factory: pytest.TempPathFactory,
    notebook_settings: dict[str, Any],
) -> AsyncIterator[Lab]:
    """Serve one instance without a worker for the tests of a file."""
    home = tmp_path_factory.mktemp("notebooks")
    database, redis = Database(database_url), Redis.from_url(servers.redis_url)
    empty(database_url)
    instance = AppContext(
        settings=Settings(home=home, port=8123, public_url=None, **notebook_settings),
        database=database,
        redis=redis,
        storage=LocalStorage(home / "storage"),
        vault=Vault.open(home, None),
        wakeups=WakeUpListener(redis),
    )
    app = create_app(instance.settings)
    projects = Projects(app, database, [])
    async with serving(app, instance):
        yield Lab(app, instance, projects)
        for client in projects.clients:
            await client.aclose()
    await redis.aclose()
    await database.close()


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def with_worker(served: Lab, database_url: str) -> AsyncIterator[Lab]:
    """Serve the same instance with a worker."""
    settings = served.instance.settings
    functions = DeterministicRunner(
        SandboxRuntime(settings.home, sandbox="auto", api_base="http://127.0.0.1:9", idle_s=60, pool_mb=512)
    )
    wakeups = WakeUpListener(served.instance.redis, on_cancel=lambda job_id: supervisor.cancel(job_id))
    wakeups.start()
    instance = replace(served.instance, wakeups=wakeups)
    runners: Any = {"deterministic": functions, "kernel": KernelRunner(instance, functions.runtime)}
    supervisor = Supervisor(instance, runners, lanes=["default"], capacity=16)
    heartbeat = Heartbeat(
        database_url,
        worker_id=lambda: supervisor.worker_id,
        running=lambda: supervisor.running,
        on_expired=lambda _: None,
        on_drain=lambda: None,
    )
    async with woken(supervisor):
        heartbeat.start()
        yield served
        heartbeat.is_stopping = True
    await asyncio.to_thread(heartbeat.stop)
    await functions.close()
    await wakeups.close()


@pytest_asyncio.fixture(loop_scope="module")
async def lab(with_worker: Lab) -> AsyncIterator[Lab]:
    """Serve the same instance with a worker; kernels that a test started are stopped after it."""
    yield with_worker
    while with_worker.kernels:
        kernel = with_worker.kernels.pop()
        await kernel.project.http.delete(f"{KERNELS}/{kernel.id}")
