"""Projects with notebooks, and a worker in this process that holds their kernels in real sandboxes."""

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
    """A kernel of a project, over REST."""

    project: Project
    id: str
    boots: int = 1

    async def look(self, **query: Any) -> Any:
        """As it is."""
        answer = await self.project.http.get(f"{KERNELS}/{self.id}", params=query)
        assert answer.status_code == 200, answer.text
        return answer.json()

    async def until(self, is_so: Callable[[Any], bool]) -> Any:
        """As it is once something is so."""
        async with asyncio.timeout(60):
            seen = await self.look()
            while not is_so(seen):
                await asyncio.sleep(0.1)
                seen = await self.look()
        return seen

    async def queue(self, *codes: str) -> list[str]:
        """Have cells run; gives their ids."""
        cells = [{"cell": f"c{at}", "code": code} for at, code in enumerate(codes)]
        answer = await self.project.http.post(f"{KERNELS}/{self.id}/cells", json={"cells": cells})
        assert answer.status_code == 201, answer.text
        return [one["id"] for one in answer.json()["cells"]]

    async def run(self, *codes: str) -> Any:
        """The last of these cells when all have ended."""
        return (await self.ended(await self.queue(*codes)))[-1]

    async def ended(self, ids: list[str]) -> list[Any]:
        """These runs of cells, once they have ended."""
        seen = await self.until(
            lambda kernel: all(
                one["status"] not in ("queued", "running") for one in kernel["cells"] if one["id"] in ids
            )
        )
        return [one for one in seen["cells"] if one["id"] in ids]

    async def until_running(self, cell_id: str) -> None:
        """Return once the cell runs and has printed something."""

        def is_so(kernel: Any) -> bool:
            (cell,) = [one for one in kernel["cells"] if one["id"] == cell_id]
            return cell["status"] == "running" and bool(cell["outputs"])

        await self.until(is_so)

    async def post(self, what: str) -> None:
        """Interrupt it, or begin it anew."""
        answer = await self.project.http.post(f"{KERNELS}/{self.id}/{what}")
        assert answer.status_code == 204, answer.text


@dataclass
class Lab:
    """An instance with its projects."""

    app: FastAPI
    instance: AppContext
    projects: Projects
    kernels: list[Kernel] = field(default_factory=list)

    async def project(self, name: str = "Mine") -> Project:
        """A project with money and a skill."""
        project = await self.projects.make(name)
        await self.top_up(project)
        await project.pushed(BUNDLE)
        return project

    async def top_up(self, project: Project) -> None:
        """Give it a dollar."""
        async with self.instance.database.transaction() as session:
            await ledger.top_up(session, project_id=project.id, amount_micros=1_000_000, created_by="test")

    async def kernel(self, project: Project | None = None, path: str = PATH) -> Kernel:
        """A kernel that has begun."""
        project = project or await self.project()
        answer = await project.http.post(KERNELS, json={"path": path})
        assert answer.status_code == 201, answer.text
        kernel = Kernel(project, answer.json()["id"])
        self.kernels.append(kernel)
        seen = await kernel.until(lambda one: one["status"] != "starting")
        assert seen["status"] == "idle", seen
        return kernel


@pytest.fixture(scope="module")
def notebook_settings() -> dict[str, Any]:
    """What is other in the settings of a file's instance."""
    return {}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def served(
    database_url: str,
    servers: Servers,
    tmp_path_factory: pytest.TempPathFactory,
    notebook_settings: dict[str, Any],
) -> AsyncIterator[Lab]:
    """One instance for the tests of a file, without a worker."""
    home = tmp_path_factory.mktemp("notebooks")
    database, redis = Database(database_url), Redis.from_url(servers.redis_url)
    await empty(database)
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
async def working(served: Lab, database_url: str) -> AsyncIterator[Lab]:
    """The same with a worker."""
    settings = served.instance.settings
    functions = DeterministicRunner(
        SandboxRuntime(settings.home, sandbox="auto", api_base="http://127.0.0.1:9", idle_s=60, pool_mb=512)
    )
    wakeups = WakeUpListener(served.instance.redis, on_cancel=lambda job_id: supervisor.cancel(job_id))
    wakeups.start()
    instance = replace(served.instance, wakeups=wakeups)
    runners: Any = {"deterministic": functions, "kernel": KernelRunner(instance, functions.runtime)}
    supervisor = Supervisor(instance, runners, lanes=["default"], capacity=16)
    await supervisor.join([])
    heart = Heartbeat(
        database_url,
        worker_id=lambda: supervisor.worker_id,
        running=lambda: supervisor.running,
        on_expired=lambda _: None,
        on_drain=lambda: None,
    )
    heart.start()
    running = asyncio.create_task(supervisor.run(drain_s=5))
    yield served
    heart.is_stopping = True
    supervisor.stop()
    await running
    await asyncio.to_thread(heart.stop)
    await functions.close()
    await wakeups.close()


@pytest_asyncio.fixture(loop_scope="module")
async def lab(working: Lab) -> AsyncIterator[Lab]:
    """The same; kernels that a test has begun are stopped after it."""
    yield working
    while working.kernels:
        kernel = working.kernels.pop()
        await kernel.project.http.delete(f"{KERNELS}/{kernel.id}")
