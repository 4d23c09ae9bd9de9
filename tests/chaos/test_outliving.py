"""A worker that is killed takes its sandboxes with it, whatever runs in them and whoever it runs as."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import pytest

from tests.ordinary_user import NOBODY, environment, ordinary_user_python
from workers.sandbox import layers

pytestmark = [
    pytest.mark.chaos,
    pytest.mark.skipif(
        layers.probe("auto").bwrap is None, reason="only namespaces end with their first process"
    ),
]

PROGRAM = Path(__file__).parent / "worker_with_sandboxes.py"
USERS = ("as the user of the tests", "as an ordinary user")
WITHIN_S = 5.0


@pytest.fixture(params=USERS)
def python(request: pytest.FixtureRequest) -> list[str]:
    """The command line before the program's own."""
    return [sys.executable] if request.param == USERS[0] else ordinary_user_python()


@pytest.fixture
def folder(python: list[str]) -> Iterator[Path]:
    """A folder of the program's user; pytest's own is closed to others."""
    path = Path(tempfile.mkdtemp(prefix="puras-outlive-"))
    path.chmod(0o755)
    if python[0] == "setpriv":
        os.chown(path, NOBODY, NOBODY)
    yield path
    shutil.rmtree(path, ignore_errors=True)


def test_an_import_a_command_and_a_build_end_with_the_worker(python: list[str], folder: Path) -> None:
    mark = f"86400.{uuid4().int % 10**9}"
    worker = subprocess.Popen(
        [*python, str(PROGRAM), str(folder), mark],
        stdout=subprocess.PIPE,
        text=True,
        env=environment(),
        cwd="/",
    )
    assert worker.stdout is not None
    with worker, worker.stdout:
        assert worker.stdout.readline() == "ready\n"
        assert len(_running(mark)) >= 3
        worker.kill()
    deadline = time.monotonic() + WITHIN_S
    while _running(mark) and time.monotonic() < deadline:
        time.sleep(0.05)
    left = _running(mark)
    for pid in left:
        os.kill(pid, 9)
    assert left == []


def _running(mark: str) -> list[int]:
    done = subprocess.run(["pgrep", "-f", f"^sleep {mark}$"], capture_output=True, text=True, check=False)
    return [int(pid) for pid in done.stdout.split()]
