"""Run programs as a user other than root, because several restrictions of jobs depend on the user."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

ORDINARY_UID = 65_534
USERS = ("as the user of the tests", "as an ordinary user")


def ordinary_user_python() -> list[str]:
    """Return the start of a command line that runs Python as an ordinary user."""
    if os.geteuid() != 0:
        pytest.skip("the tests already run as an ordinary user")
    if shutil.which("setpriv") is None:
        pytest.skip("setpriv (package util-linux), which changes to an ordinary user, is not installed")
    prefix = ["setpriv", f"--reuid={ORDINARY_UID}", f"--regid={ORDINARY_UID}", "--clear-groups"]
    for python in (sys.executable, f"/usr/bin/python3.{sys.version_info.minor}"):
        # Python may start with the rights of root and then fail to find its own files.
        test = "import os, sys; sys.exit(not os.access(sys._base_executable, os.X_OK))"
        works = subprocess.run([*prefix, python, "-c", test], capture_output=True, check=False, cwd="/")
        if works.returncode == 0:
            return [*prefix, python]
    pytest.skip(f"no Python 3.{sys.version_info.minor} that an ordinary user can run")


def python_of(user: str) -> list[str]:
    """Return the start of a command line that runs a Python as one of `USERS`."""
    return [sys.executable] if user == USERS[0] else ordinary_user_python()


@contextmanager
def folder_of(python: list[str], prefix: str) -> Iterator[Path]:
    """Create a folder of the user that a command line changes to; pytest's own is closed to other users."""
    path = Path(tempfile.mkdtemp(prefix=prefix))
    path.chmod(0o755)
    if "setpriv" in python:
        os.chown(path, ORDINARY_UID, ORDINARY_UID)
    yield path
    shutil.rmtree(path, ignore_errors=True)


def import_path() -> list[str]:
    """Return the import paths of this process without the standard library, which may differ for the other user."""
    library = Path(os.__file__).parent
    return [path for path in sys.path if path and not Path(path).resolve().is_relative_to(library)] + [
        path for path in sys.path if path.endswith("site-packages")
    ]


def environment() -> dict[str, str]:
    """Return the environment variables of such a program."""
    return {
        "PATH": os.environ["PATH"],
        "HOME": "/nonexistent",
        "PYTHONPATH": os.pathsep.join([*import_path(), str(Path(__file__).parent / "older_python")]),
    }
