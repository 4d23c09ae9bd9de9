"""The end of kernels: after idle time or with their worker, and the reported reason."""

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
    """Start a worker process that a test can kill."""
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


async def start_kernel(lab: Lab) -> Kernel:
    """Start a kernel and set a variable in it."""
    project = await lab.project()
    answer = await project.http.post(KERNELS, json={"path": PATH})
    kernel = Kernel(project, answer.json()["id"])
    assert (await kernel.run("x = 7"))["status"] == "ok"
    return kernel


async def test_kernel_of_a_killed_worker_is_lost_and_can_be_recreated(
    served: Lab, servers: Servers, database_url: str
) -> None:
    with worker(served, servers, database_url) as process:
        kernel = await start_kernel(served)
        (running,) = await kernel.queue("print('on', flush=True)\nimport time; time.sleep(600)")
        await kernel.until_running(running)
        process.kill()
    with worker(served, servers, database_url) as process:
        state = await kernel.until(lambda one: one["status"] == "ended")
        assert state["end_reason"] == "lost"
        assert "was lost once" in state["reason"]
        assert [one["status"] for one in state["cells"]] == ["ok", "lost"]
        fresh = await kernel.project.http.post(KERNELS, json={"path": PATH})
        recreated = Kernel(kernel.project, fresh.json()["id"])
        assert recreated.id != kernel.id
        assert (await recreated.run("'x' in dir()"))["outputs"][0]["data"]["text/plain"] == "False"
        process.terminate()
        await asyncio.to_thread(process.wait)
        state = await recreated.read()
        assert (state["status"], state["end_reason"]) == ("ended", "lost")
        assert "worker process" in state["reason"]


async def test_idle_kernel_ends_with_a_reason(lab: Lab) -> None:
    kernel = await lab.kernel()
    await kernel.run("import time; time.sleep(4)")
    assert (await kernel.read())["status"] == "idle", "a running cell is not idle time"
    state = await kernel.until(lambda one: one["status"] == "ended")
    assert (state["end_reason"], state["reason"]) == ("idle", "It was idle for 0.05 minutes.")
    assert [one["status"] for one in state["cells"]] == ["ok"]
