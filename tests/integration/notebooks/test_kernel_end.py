"""How kernels end: for idleness, with their worker, and how it is told."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from backend.embedded import Servers
from tests.integration.notebooks.conftest import KERNELS, PATH, Kernel, Lab

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest.fixture(scope="module")
def notebook_settings() -> dict[str, Any]:
    return {"notebook_idle_s": 3.0}


@contextmanager
def worker(lab: Lab, servers: Servers, database_url: str) -> Iterator[subprocess.Popen[bytes]]:
    """A worker process, to be ended from outside."""
    home = lab.instance.settings.home
    environment = {
        **os.environ,
        "PURAS_HOME": str(home),
        "DATABASE_URL": database_url,
        "REDIS_URL": servers.redis_url,
        "PURAS_NOTEBOOK_IDLE_S": "600",
    }
    command = [sys.executable, "-m", "workers.main", "dramatiq"]
    with subprocess.Popen(command, env=environment) as process:
        try:
            yield process
        finally:
            process.kill()


async def begun(lab: Lab) -> Kernel:
    """A kernel that has a variable."""
    project = await lab.project()
    answer = await project.http.post(KERNELS, json={"path": PATH})
    kernel = Kernel(project, answer.json()["id"])
    assert (await kernel.run("x = 7"))["status"] == "ok"
    return kernel


async def test_kernel_of_a_killed_worker_is_lost_and_can_be_recreated(
    served: Lab, servers: Servers, database_url: str
) -> None:
    with worker(served, servers, database_url) as process:
        kernel = await begun(served)
        (running,) = await kernel.queue("print('on', flush=True)\nimport time; time.sleep(600)")
        await kernel.until_running(running)
        process.kill()
    with worker(served, servers, database_url) as process:
        seen = await kernel.until(lambda one: one["status"] == "ended")
        assert seen["ended_by"] == "lost"
        assert "was lost once" in seen["reason"]
        assert [one["status"] for one in seen["cells"]] == ["ok", "lost"]
        fresh = await kernel.project.http.post(KERNELS, json={"path": PATH})
        anew = Kernel(kernel.project, fresh.json()["id"])
        assert anew.id != kernel.id
        assert (await anew.run("'x' in dir()"))["outputs"][0]["data"]["text/plain"] == "False"
        process.terminate()
        await asyncio.to_thread(process.wait)
        seen = await anew.look()
        assert (seen["status"], seen["ended_by"]) == ("ended", "lost")
        assert "worker process" in seen["reason"]


async def test_idle_kernel_ends_with_a_reason(lab: Lab) -> None:
    kernel = await lab.kernel()
    await kernel.run("import time; time.sleep(4)")
    assert (await kernel.look())["status"] == "idle", "a cell that runs is no idleness"
    seen = await kernel.until(lambda one: one["status"] == "ended")
    assert (seen["ended_by"], seen["reason"]) == ("idle", "It was idle for 0.05 minutes.")
    assert [one["status"] for one in seen["cells"]] == ["ok"]
