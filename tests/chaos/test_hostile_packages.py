"""Packages that attack the start of the interpreter: all their code is confined, in every mode of the sandbox.

Attacks: `pyvenv.cfg` in a wheel, in a source package and among programs, which selects another standard library;
`.pth` files and `sitecustomize`; a program with the name of the interpreter; build backends and their requirements; an
environment that was changed after its verification, used by a function, a Python tool, a command and a kernel.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.ordinary_user import USERS, environment, folder_of, python_of
from workers.sandbox.isolation import layers as sandbox_layers

pytestmark = [
    pytest.mark.chaos,
    pytest.mark.skipif(sys.platform != "linux", reason="the sandbox needs Linux"),
]

PROGRAM = Path(__file__).parent / "hostile_packages.py"
REPLACED = ("settings of a wheel", "settings among programs", "settings of a source")
ENOSYS, EPERM = 38, 1


@pytest.fixture(params=USERS)
def python(request: pytest.FixtureRequest) -> list[str]:
    """Return the start of the command line, before the arguments of the program."""
    return python_of(request.param)


@pytest.fixture
def folder(python: list[str]) -> Iterator[Path]:
    """Create a folder of the user of the program; other users cannot read the folder of pytest."""
    with folder_of(python, "puras-hostile-") as path:
        yield path


def test_with_bubblewrap_all_package_code_is_confined(python: list[str], folder: Path) -> None:
    if sandbox_layers.probe("auto").bwrap is None:
        pytest.skip("needs mounts")
    found = _attack(python, folder, "auto")
    attacks = found["attacks"]
    assert "mounts" in found["layers"]
    _check_confinement(attacks, has_mounts=True)
    for name in ("at start of a wheel", "source", "builder of a source", "changed later"):
        outcome = attacks[name]["outcome"]
        assert outcome["here"][0] == outcome["child"] == "/environment", (name, outcome)
        assert outcome["here"][2] == "/environment/bin/python", (name, outcome)
        assert outcome["here"][3].startswith("/environment/lib/"), (name, outcome)
        assert outcome["spawned"][2] == "/environment/bin/python", (name, outcome)
        assert attacks[name]["evidence"], f"{name}: the attack did not run at all"
    assert {"pth", "sitecustomize"} <= {one["where"] for one in attacks["at start of a wheel"]["evidence"]}
    assert len(attacks["agent"]["evidence"]) >= 3
    assert attacks["agent"]["outcome"]["tool"] == '"called"'
    assert attacks["agent"]["outcome"]["kernel"] == "/environment"
    for name in REPLACED:
        outcome = attacks[name]["outcome"]
        assert outcome["code"] == "environment_failed", (name, outcome)
        assert "pyvenv.cfg" in outcome["message"], (name, outcome)
        assert attacks[name]["evidence"] == []
    assert attacks["interpreter of a wheel"]["outcome"]["code"] == "environment_failed"


def test_without_bubblewrap_all_package_code_is_confined(python: list[str], folder: Path) -> None:
    if not sandbox_layers.probe("auto").landlock_abi:
        pytest.skip("needs Landlock")
    found = _attack(python, folder, "auto", "bundled")
    assert "mounts" not in found["layers"]
    _check_confinement(found["attacks"], has_mounts=False)
    if found["attacks"]["at start of a wheel"]["outcome"].get("code") is None:
        assert len(found["attacks"]["at start of a wheel"]["evidence"]) >= 2
        assert len(found["attacks"]["changed later"]["evidence"]) >= 1
    else:
        # Separate users cannot run a Python that only root can read.
        assert python == [sys.executable]
        assert os.geteuid() == 0


def test_strict_runs_nothing_without_bubblewrap(python: list[str], folder: Path) -> None:
    found = _attack(python, folder, "strict", "bundled")
    for name, attack in found["attacks"].items():
        assert attack["evidence"] == [], name
        if name != "agent":
            assert attack["outcome"]["code"] == "sandbox_unavailable", (name, attack["outcome"])
    assert "cannot deny jobs access to" in found["attacks"]["agent"]["outcome"]


def _check_confinement(attacks: dict[str, Any], *, has_mounts: bool) -> None:
    for name, attack in attacks.items():
        for one in attack["evidence"]:
            assert isinstance(one, dict), (name, one)
            detail = (name, one)
            assert one["seccomp"] == "2", detail
            assert one["no_new_privs"] == "1", detail
            assert int(one["capabilities"], 16) == 0, detail
            assert 0 not in one["uid"], detail
            assert one["core_pattern"] is False, detail
            assert one["key"] == "closed", detail
            assert not any((one["vsock"], one["netlink"], one["datagram"])), detail
            assert one["io_uring"] in (ENOSYS, None), detail
            assert one["user_namespace"] in (ENOSYS, EPERM, 255), detail
            if has_mounts:
                assert one["mounts"] == [], detail


def _attack(python: list[str], folder: Path, mode: str, *missing: str) -> dict[str, Any]:
    variables = environment()
    if "bundled" in missing:
        folders = os.environ["PATH"].split(os.pathsep)
        variables["PATH"] = os.pathsep.join(one for one in folders if not (Path(one) / "bwrap").exists())
        python = [shutil.which(python[0]) or python[0], *python[1:]]
    done = subprocess.run(
        [*python, str(PROGRAM), str(folder), mode, *missing],
        capture_output=True,
        text=True,
        env=variables,
        timeout=110,
        check=False,
        cwd="/",
    )
    assert done.returncode == 0, done.stderr[-3000:]
    result: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return result
