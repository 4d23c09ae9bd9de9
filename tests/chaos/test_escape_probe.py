"""The attacker against the real sandbox, as the user who runs the tests and, from root, as an ordinary one too."""

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

pytestmark = pytest.mark.chaos

PROBE = Path(__file__).parent / "escape_probe.py"
NOBODY = 65_534
# Between jobs of one skill these are closed by Landlock alone.
BY_LANDLOCK = ("neighbour", "parent's", "all jobs", "abstract sockets", "listen on", "signal the parent")
WITHIN_S = {"bomb_forks": 3, "bomb_memory": 5, "bomb_disk": 3, "bomb_depth": 10, "kill_everyone": 3}


@pytest.fixture(params=["as the user of the tests", "as an ordinary user"])
def command(request: pytest.FixtureRequest) -> list[str]:
    """The command line before the probe's own."""
    if request.param == "as the user of the tests":
        return [sys.executable]
    if os.geteuid() != 0:
        pytest.skip("the tests already run as an ordinary user")
    if shutil.which("setpriv") is None:
        pytest.skip("setpriv (package util-linux) is not there to become an ordinary user")
    prefix = ["setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups"]
    for python in (sys.executable, f"/usr/bin/python3.{sys.version_info.minor}"):
        # The program may start with root's rights and then not find itself again.
        test = "import os, sys; sys.exit(not os.access(sys._base_executable, os.X_OK))"
        works = subprocess.run([*prefix, python, "-c", test], capture_output=True, check=False, cwd="/")
        if works.returncode == 0:
            return [*prefix, python]
    pytest.skip(f"no Python 3.{sys.version_info.minor} that an ordinary user can run")


@pytest.fixture
def folder(command: list[str]) -> Iterator[Path]:
    """A folder of the probe's user; pytest's own is closed to others."""
    path = Path(tempfile.mkdtemp(prefix="puras-probe-"))
    if command[0] == "setpriv":
        os.chown(path, NOBODY, NOBODY)
    yield path
    shutil.rmtree(path, ignore_errors=True)


def test_nothing_of_the_machine_or_of_other_jobs_can_be_reached(command: list[str], folder: Path) -> None:
    found = _probe(command, folder)
    if "mounts" not in found["layers"]:
        pytest.skip(f"this machine has only these layers: {found['layers']}")
    has_landlock = any(layer.startswith("landlock") for layer in found["layers"])
    open_ways = {
        name: answer
        for name, answer in found["look"].items()
        if not answer.startswith("closed") and (has_landlock or not any(word in name for word in BY_LANDLOCK))
    }
    assert open_ways == {}
    assert len(found["look"]) > 100
    assert found["victim"]["secret"] == "the neighbour's secret"
    assert found["victim"]["files"] > 3
    _check_bombs(found["bombs"])
    assert found["left"] == []


def _check_bombs(bombs: dict[str, Any]) -> None:
    codes = {
        name: bomb["ended"].get("code") if isinstance(bomb["ended"], dict) else None
        for name, bomb in bombs.items()
    }
    assert codes == {
        "bomb_forks": "process_limit",
        "bomb_memory": "memory_limit",
        "bomb_disk": "disk_limit",
        "bomb_depth": "disk_limit",
        "kill_everyone": None,
    }
    for name, bomb in bombs.items():
        assert bomb["neighbour"] == "fine", (name, bomb)
        assert bomb["after"] == "fine", (name, bomb)
        assert bomb["took_s"] < WITHIN_S[name], (name, bomb)


def _probe(command: list[str], folder: Path) -> dict[str, Any]:
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": "/nonexistent",
        "PYTHONPATH": os.pathsep.join(_import_path()),
    }
    done = subprocess.run(
        [*command, str(PROBE), str(folder)],
        capture_output=True,
        text=True,
        env=environment,
        timeout=110,
        check=False,
        cwd="/",
    )
    assert done.returncode == 0, done.stderr[-3000:]
    answer: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return answer


def _import_path() -> list[str]:
    """Where this process imports from, but not the interpreter's own library: the other user's may differ."""
    library = Path(os.__file__).parent
    return [path for path in sys.path if path and not Path(path).resolve().is_relative_to(library)] + [
        path for path in sys.path if path.endswith("site-packages")
    ]
