"""The sandboxes of a killed worker end with it, and the next worker removes its folders."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from workers.runners.deterministic import DeterministicRunner
from workers.sandbox.host.runtime import SandboxRuntime
from workers.sandbox.isolation import layers

pytestmark = pytest.mark.chaos
WORKER = Path(__file__).parent / "worker_to_kill.py"


def test_killed_worker_leaves_no_process_and_no_folder(tmp_path: Path) -> None:
    if layers.probe("auto").bwrap is None:
        pytest.skip("only a process namespace ends all processes together")
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
    uid = "41021" if os.geteuid() == 0 else "-"
    with subprocess.Popen([sys.executable, str(WORKER), str(tmp_path), uid], env=environment) as worker:
        alive = tmp_path / "drive/alive"
        _until(lambda: alive.exists() and alive.stat().st_size > 20 and (tmp_path / "prepared").exists())
        sandbox = _descendants(worker.pid)
        assert len(sandbox) >= 7  # two sandboxes, and the process that can mount folders in one of them
        worker.kill()
        worker.wait()
    _until(lambda: not any(_is_running(pid) for pid in sandbox))
    size = alive.stat().st_size
    time.sleep(0.1)
    assert alive.stat().st_size == size
    assert list((tmp_path / "home/jobs").iterdir()) != []
    next_runner = DeterministicRunner(
        SandboxRuntime(tmp_path / "home", sandbox="auto", api_base="http://127.0.0.1:9", idle_s=1, pool_mb=64)
    )
    next_runner.runtime.folders.close()
    assert list((tmp_path / "home/jobs").iterdir()) == []


def _descendants(pid: int) -> list[int]:
    found = []
    for task in Path(f"/proc/{pid}/task").glob("*/children"):
        for child in map(int, task.read_text(encoding="ascii").split()):
            found += [child, *_descendants(child)]
    return found


def _is_running(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()[0] not in "ZX"
    except OSError:
        return False


def _until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < deadline, "the condition was not met within 20 s"
        time.sleep(0.02)
