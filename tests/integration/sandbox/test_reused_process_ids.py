"""The ID of an ended process belongs to another process: the worker does not affect it."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from workers.sandbox.isolation import layers

PROGRAM = Path(__file__).parent / "reused_process_id.py"


@pytest.fixture
def folder() -> Iterator[Path]:
    """Create a folder that the user of the job can enter."""
    path = Path(tempfile.mkdtemp(prefix="puras-numbers-"))
    path.chmod(0o755)
    yield path
    shutil.rmtree(path, ignore_errors=True)


def test_job_end_does_not_affect_a_process_with_a_reused_id(folder: Path) -> None:
    if os.geteuid() != 0 or layers.probe("auto").bwrap is None:
        pytest.skip("only root creates process namespaces, and skill code forks jobs only with mounts")
    in_namespace = ["unshare", "--pid", "--fork", "--mount-proc", "--kill-child"]
    run = subprocess.run(
        [*in_namespace, sys.executable, str(PROGRAM), str(folder)],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
        env={**os.environ, "PYTHONPATH": str(PROGRAM.parents[3])},
    )
    assert run.returncode == 0, run.stderr
    assert json.loads(run.stdout) == {
        "has its number": True,
        "is a group of the sandbox": False,
        "was stopped": False,
        "ended": None,
        "job": "done",
    }
