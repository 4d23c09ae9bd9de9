"""Attacks against the real sandbox, as the user who runs the tests and, if that is root, also as an ordinary user."""

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

from tests.ordinary_user import ORDINARY_UID, environment, ordinary_user_python

pytestmark = pytest.mark.chaos

PROBE = Path(__file__).parent / "escape_probe.py"
# Between jobs of one skill, only Landlock prevents these.
BY_LANDLOCK = ("neighbor", "parent's", "all jobs", "abstract sockets", "listen on", "signal the parent")
UNTOUCHED = {
    "state": 0,
    "kept": "as it was imported",
    "modules": True,
    "path": False,
    "variable": None,
    "signal": False,
    "umask": 0o077,
}
WITHIN_S = {
    "bomb_forks": 10,
    "bomb_memory": 10,
    "bomb_sockets": 10,
    "bomb_tables": 10,
    "bomb_disk": 10,
    "bomb_depth": 10,
    "kill_everyone": 10,
}


@pytest.fixture(params=["as the user of the tests", "as an ordinary user"])
def command(request: pytest.FixtureRequest) -> list[str]:
    """Return the start of the command line, before the arguments of the probe."""
    return [sys.executable] if request.param == "as the user of the tests" else ordinary_user_python()


@pytest.fixture
def folder(command: list[str]) -> Iterator[Path]:
    """Create a folder of the user of the probe; other users cannot read the folder of pytest."""
    path = Path(tempfile.mkdtemp(prefix="puras-probe-"))
    if command[0] == "setpriv":
        os.chown(path, ORDINARY_UID, ORDINARY_UID)
    yield path
    shutil.rmtree(path, ignore_errors=True)


@pytest.mark.parametrize("how", ["", "prepared"], ids=["a new sandbox", "a prepared sandbox"])
def test_host_and_other_jobs_are_inaccessible(command: list[str], folder: Path, how: str) -> None:
    found = _probe(command, folder, *([how] if how else []))
    if "mounts" not in found["layers"]:
        pytest.skip(f"this host has only these layers: {found['layers']}")
    has_landlock = any(layer.startswith("landlock") for layer in found["layers"])
    open_ways = {
        name: result
        for name, result in found["attacks"].items()
        if not result.startswith("closed") and (has_landlock or not any(word in name for word in BY_LANDLOCK))
    }
    assert open_ways == {}
    assert len(found["attacks"]) > 250
    assert found["poison"] == [1, 1]
    assert found["poisoned"] == [UNTOUCHED, UNTOUCHED]
    assert found["victim"]["secret"] == "the neighbor's secret"
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
        "bomb_sockets": "memory_limit",
        "bomb_tables": "memory_limit",
        "bomb_disk": "disk_limit",
        "bomb_depth": "disk_limit",
        "kill_everyone": None,
    }
    for name, bomb in bombs.items():
        assert bomb["neighbor"] == "fine", (name, bomb)
        assert bomb["after"] == "fine", (name, bomb)
        assert bomb["took_s"] < WITHIN_S[name], (name, bomb)


def _probe(command: list[str], folder: Path, *options: str) -> dict[str, Any]:
    done = subprocess.run(
        [*command, str(PROBE), str(folder), *options],
        capture_output=True,
        text=True,
        env=environment(),
        timeout=110,
        check=False,
        cwd="/",
    )
    assert done.returncode == 0, done.stderr[-3000:]
    result: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return result
