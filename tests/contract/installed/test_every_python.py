"""The wheels run a job on every Python of the host, as root and as an ordinary user, with `puras` before or after."""

from __future__ import annotations

import os
import subprocess
import tempfile
from pathlib import Path

import puras
import pytest

from tests.contract.installed.release import ORDINARY_UID, UV, Installed, write_other_puras

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]

PYTHONS = ("3.11", "3.12", "3.13", "3.14")
SETPRIV = ("setpriv", f"--reuid={ORDINARY_UID}", f"--regid={ORDINARY_UID}", "--clear-groups")


@pytest.mark.parametrize("order", ["without another puras", "another puras first", "another puras last"])
@pytest.mark.parametrize("user", ["as the user of the tests", "as an ordinary user"])
@pytest.mark.parametrize("version", PYTHONS)
def test_installation_runs_a_job(dist: Path, tmp_path: Path, version: str, user: str, order: str) -> None:
    prefix = SETPRIV if user == "as an ordinary user" else ()
    if prefix and os.geteuid() != 0:
        pytest.skip("only root can change to another user")
    python = _find(version, prefix)
    release = Installed(Path(tempfile.mkdtemp(prefix="puras-installed-", dir="/tmp")), dist, prefix)
    try:
        release.create(python)
        parts: list[str | Path] = ["puras-studio"]
        if order == "another puras first":
            parts.insert(0, write_other_puras(tmp_path))
        elif order == "another puras last":
            parts.append(write_other_puras(tmp_path))
        for part in parts:
            release.install(part)
        with release.up() as instance, instance.client() as client:
            assert instance.run_job(client) == {"kit": puras.__version__, "is_own": True}
            assert instance.get("/docs/")[0] == 200
        assert "FAIL" not in release.run(release.command, "doctor")
    finally:
        release.remove()


def _find(version: str, prefix: tuple[str, ...]) -> str:
    """Return an interpreter of a version that the user can run; skip the test if the host has none."""
    command = [*UV, "python", "find", "--no-project", "--system", version]
    found = subprocess.run(
        command,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    for python in (found.stdout.strip(), f"/usr/bin/python{version}", f"/usr/local/bin/python{version}"):
        if python and Path(python).exists() and _works(python, prefix):
            return python
    pytest.skip(f"this host has no Python {version} that this user can run")


def _works(python: str, prefix: tuple[str, ...]) -> bool:
    done = subprocess.run(
        [*prefix, python, "-c", "import ctypes, ssl"], cwd="/", capture_output=True, check=False
    )
    return done.returncode == 0
