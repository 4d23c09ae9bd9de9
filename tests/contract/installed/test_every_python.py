"""The wheels run a job on every Python of the host, as root and as an ordinary user, by every way of installation."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import puras
import pytest

from backend.core.extras import EXTRAS
from tests.contract.installed.release import (
    ORDINARY_UID,
    SOCKETS_ONLY,
    UV,
    Installed,
    clean_environment,
    run,
    write_other_puras,
)

pytestmark = pytest.mark.timeout(600)

PYTHONS = ("3.11", "3.12", "3.13", "3.14")
SETPRIV = ("setpriv", f"--reuid={ORDINARY_UID}", f"--regid={ORDINARY_UID}", "--clear-groups")


@pytest.mark.parametrize("user", ["as the user of the tests", "as an ordinary user"])
@pytest.mark.parametrize("version", PYTHONS)
def test_installation_runs_a_job(dist: Path, version: str, user: str) -> None:
    prefix = SETPRIV if user == "as an ordinary user" else ()
    if prefix and os.geteuid() != 0:
        pytest.skip("only root can change to another user")
    with _release(dist, _find(version, prefix), prefix) as release:
        release.install("puras-studio")
        _assert_job_runs(release)
        assert "FAIL" not in release.run(release.command, "doctor")


@pytest.mark.parametrize("order", ["another puras first", "another puras last"])
def test_order_of_installation_of_another_puras_does_not_matter(
    dist: Path, tmp_path: Path, order: str
) -> None:
    other = write_other_puras(tmp_path)
    with _release(dist, sys.executable) as release:
        for part in ["puras-studio", other] if order == "another puras last" else [other, "puras-studio"]:
            release.install(part)
        _assert_job_runs(release)


def test_all_extras_provide_kernels_and_local_media(dist: Path) -> None:
    with _release(dist, sys.executable) as release:
        release.install("puras-studio[all]")
        doctor = release.run(release.command, "doctor")
        assert [name for name in EXTRAS if f"extra {name}: installed, for " not in doctor] == []
        with release.up() as instance, instance.client() as client:
            kernel = client.call("POST", "/v1/notebooks/kernels", {"path": "notebooks/first.ipynb"})
            assert kernel["path"] == "notebooks/first.ipynb"


def test_pip_installs_the_wheels(dist: Path) -> None:
    with _release(dist, sys.executable) as release:
        python = release.folder / "pip" / "bin" / "python"
        run(sys.executable, "-m", "venv", release.folder / "pip", cwd=release.folder)
        locked = ("--find-links", dist, "--constraint", dist / "locked.txt")
        run(python, "-m", "pip", "install", "--quiet", *locked, "puras-studio", cwd=release.folder)
        assert release.run(python.with_name("puras-studio"), "--version").startswith("puras-studio ")
        assert "FAIL" not in release.run(python.with_name("puras-studio"), "doctor")


def test_uv_tool_installs_the_wheels(dist: Path) -> None:
    with _release(dist, sys.executable) as release:
        folders = {
            "UV_TOOL_DIR": str(release.folder / "tools"),
            "UV_TOOL_BIN_DIR": str(release.folder / "bin"),
        }
        options = ("--quiet", "--no-config", "--find-links", dist, "--constraints", dist / "locked.txt")
        run(*UV, "tool", "install", *options, "puras-studio", cwd=release.folder, **folders)
        assert release.run(release.folder / "bin" / "puras-studio", "--version").startswith("puras-studio ")


@contextmanager
def _release(dist: Path, python: str, user: tuple[str, ...] = ()) -> Iterator[Installed]:
    release = Installed(Path(tempfile.mkdtemp(prefix="puras-installed-", dir="/tmp")), dist, user)
    try:
        release.create(python)
        yield release
    finally:
        release.remove()


def _assert_job_runs(release: Installed) -> None:
    with release.up() as instance, instance.client() as client:
        assert instance.run_job(client) == {"kit": puras.__version__, "is_own": True}
        assert instance.get("/docs/")[0] == 200
        assert instance.open_page() == SOCKETS_ONLY


def _find(version: str, prefix: tuple[str, ...]) -> str:
    """Return an interpreter of a version that the user can run; skip the test if the host has none."""
    command = [*UV, "python", "find", "--no-project", "--system", version]
    found = subprocess.run(
        command, env=clean_environment(), cwd="/", capture_output=True, text=True, timeout=60, check=False
    )
    of_pyenv = sorted(Path("~/.pyenv/versions").expanduser().glob(f"{version}.*/bin/python{version}"))
    of_system = [Path(folder, f"python{version}") for folder in ("/usr/bin", "/usr/local/bin")]
    for python in map(str, [found.stdout.strip() or "/nonexistent", *of_pyenv, *of_system]):
        if Path(python).exists() and _works(python, prefix):
            return python
    pytest.skip(f"this host has no Python {version} that this user can run")


def _works(python: str, prefix: tuple[str, ...]) -> bool:
    # A program in a private folder starts with the rights of root, and then fails to start other processes.
    checks = (["test", "-x", python], [python, "-c", "import ctypes, ssl"])
    return all(
        subprocess.run([*prefix, *check], cwd="/", capture_output=True, check=False).returncode == 0
        for check in checks
    )
