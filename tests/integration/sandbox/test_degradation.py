"""Hosts without some layers: existing layers are used, missing ones are reported with a fix, and `strict` rejects jobs.

The tests create each host: a path without bubblewrap, a kernel that responds like older kernels, a namespace without
user namespaces. Hosts that cannot be created are in `tests/unit/sandbox/test_explanations.py`.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.integration.sandbox.no_user_namespaces import UNAVAILABLE
from tests.ordinary_user import ORDINARY_UID, USERS, environment, folder_of, ordinary_user_python, python_of
from workers.sandbox.isolation import layers as sandbox_layers

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the sandbox exists only on Linux")

DEGRADED = Path(__file__).parent / "degraded.py"
WITHOUT_NAMESPACES = Path(__file__).parent / "no_user_namespaces.py"
NO_BWRAP = ("bundled",)
THIS_HOST = sandbox_layers.probe("auto")
NEWEST_LANDLOCK = THIS_HOST.landlock_abi >= 6


@pytest.fixture(params=USERS)
def python(request: pytest.FixtureRequest) -> list[str]:
    """Return the start of the command line, before the program."""
    return python_of(request.param)


@pytest.fixture
def folder(python: list[str]) -> Iterator[Path]:
    """Create a folder of the user of the program; the folder of pytest is closed to others."""
    with folder_of(python, "puras-degraded-") as path:
        yield path


def test_without_bubblewrap_landlock_and_seccomp_confine_jobs(python: list[str], folder: Path) -> None:
    found = _run(python, folder, "auto", *NO_BWRAP)
    assert found["value"]["files"] is False
    assert found["value"]["network"] is False
    if NEWEST_LANDLOCK:
        assert found["open"] == ["the host's namespaces"]
        assert found["value"]["other processes"] is False
    assert found["sandbox"]["warm"] is False
    assert "mounts" not in found["sandbox"]["layers"]
    assert any("install the package bubblewrap" in problem for problem in found["sandbox"]["missing"])


def test_strict_mode_requires_bubblewrap(python: list[str], folder: Path) -> None:
    found = _run(python, folder, "strict", *NO_BWRAP)
    assert found["code"] == "sandbox_unavailable"
    assert "cannot deny jobs access to the host's namespaces" in found["message"]
    assert "install the package bubblewrap" in found["message"]
    assert found["sandbox"] is None


@pytest.mark.parametrize(
    ("missing", "reached", "expected"),
    [
        ("landlock", "the host's namespaces, files and other processes", "no Landlock (Linux 5.13"),
        ("seccomp", "the host's namespaces, network and rare system calls", "seccomp cannot be used"),
    ],
)
def test_strict_mode_error_names_open_access_reason_and_fix(
    python: list[str], folder: Path, missing: str, reached: str, expected: str
) -> None:
    found = _run(python, folder, "strict", *NO_BWRAP, missing)
    assert found["code"] == "sandbox_unavailable"
    assert f"cannot deny jobs access to {reached}" in found["message"]
    assert expected in found["message"]
    assert "install the package bubblewrap" in found["message"]
    assert found["sandbox"] is None


def test_reported_open_access_matches_the_actual_access(python: list[str], folder: Path) -> None:
    found = _run(python, folder, "auto", *NO_BWRAP, "landlock")
    assert found["open"] == ["the host's namespaces", "files", "other processes"]
    assert found["value"]["files"] is True
    assert found["value"]["network"] is False


def test_mounts_confine_files_and_network_without_other_layers(python: list[str], folder: Path) -> None:
    if THIS_HOST.bwrap is None:
        pytest.skip("this host has no mounts")
    for number, missing in enumerate(("landlock", "seccomp")):
        inner = folder / str(number)
        inner.mkdir()
        if "setpriv" in python:
            os.chown(inner, ORDINARY_UID, ORDINARY_UID)
        found = _run(python, inner, "auto", missing)
        assert "mounts" in found["layers"]
        assert [found["value"][access] for access in ("files", "network", "other processes")] == [False] * 3
        assert len(found["sandbox"]["missing"]) == 1


def test_unreadable_python_library_is_reported_with_a_fix() -> None:
    if os.geteuid() != 0 or _is_readable_by_all(Path(os.__file__)):
        pytest.skip("the users of jobs can read the standard library on this host")
    folder = Path(tempfile.mkdtemp(prefix="puras-degraded-"))
    folder.chmod(0o755)
    try:
        found = _run([sys.executable], folder, "auto", *NO_BWRAP, "library")
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    assert found["code"] == "crashed"
    assert f"cannot read Python's own library under {sys.base_prefix}" in found["message"]
    assert "install the package bubblewrap" in found["message"]
    assert "out of memory" not in found["message"]


def test_without_layers_root_is_rejected_and_others_run_unconfined(python: list[str], folder: Path) -> None:
    found = _run(python, folder, "auto", *NO_BWRAP, "landlock", "seccomp")
    assert found["layers"] == ["limits"]
    if os.geteuid() == 0 and python == [sys.executable]:
        assert found["code"] == "sandbox_unavailable"
        assert "runs as root, and its jobs would not be confined" in found["message"]
    else:
        assert found["value"]["files"] is True
        assert found["sandbox"]["network"] == "unconfined"


def test_missing_user_namespaces_are_reported_with_the_sysctl(tmp_path: Path) -> None:
    folder = Path(tempfile.mkdtemp(prefix="puras-degraded-"))
    wrapper = [sys.executable, str(WITHOUT_NAMESPACES), str(ORDINARY_UID)]
    python = [sys.executable] if os.geteuid() else _plain(ordinary_user_python())
    try:
        folder.chmod(0o755)
        if os.geteuid() == 0:
            os.chown(folder, ORDINARY_UID, ORDINARY_UID)
        found = _run([*wrapper, *python], folder, "auto")
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    assert "mounts" not in found["layers"]
    assert any("sysctl user.max_user_namespaces=15000" in problem for problem in found["problems"])
    assert found["value"]["network"] is False


def _is_readable_by_all(file: Path) -> bool:
    return all(folder.stat().st_mode & 0o001 for folder in file.resolve().parents)


def _plain(command: list[str]) -> list[str]:
    """Return the Python of a command line; the wrapper changes the user itself."""
    return command[-1:]


def _run(python: list[str], folder: Path, mode: str, *missing: str) -> dict[str, Any]:
    variables = environment()
    if "bundled" in missing:
        variables["PATH"] = _path_without_bwrap()
        python = [shutil.which(python[0]) or python[0], *python[1:]]
    done = subprocess.run(
        [*python, str(DEGRADED), str(folder), mode, *missing],
        capture_output=True,
        text=True,
        env=variables,
        timeout=100,
        check=False,
        cwd="/",
    )
    if done.returncode == UNAVAILABLE:
        pytest.skip("this host does not allow user namespaces")
    assert done.returncode == 0, done.stderr[-3000:]
    results: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return results


def _path_without_bwrap() -> str:
    folders = os.environ["PATH"].split(os.pathsep)
    return os.pathsep.join(folder for folder in folders if not (Path(folder) / "bwrap").exists())
