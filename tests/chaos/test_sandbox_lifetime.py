"""The sandboxes of a killed worker end with it, for every kind of process and every user."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import pytest

from tests.ordinary_user import USERS, environment, folder_of, python_of
from workers.sandbox.isolation import layers

pytestmark = [
    pytest.mark.chaos,
    pytest.mark.skipif(
        layers.probe("auto").bwrap is None, reason="only namespaces end with their first process"
    ),
]

PROGRAM = Path(__file__).parent / "worker_with_sandboxes.py"
WITHIN_S = 5.0


@pytest.fixture(params=USERS)
def python(request: pytest.FixtureRequest) -> list[str]:
    """Return the start of the command line, before the arguments of the program."""
    return python_of(request.param)


@pytest.fixture
def folder(python: list[str]) -> Iterator[Path]:
    """Create a folder of the user of the program; other users cannot read the folder of pytest."""
    with folder_of(python, "puras-outlive-") as path:
        yield path


def test_import_command_and_build_end_with_the_worker(python: list[str], folder: Path) -> None:
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
