"""Older kernels support fewer Landlock features: each version enforces the features that it supports."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from workers.sandbox.guest import confine
from workers.sandbox.isolation.layers import Layers
from workers.sandbox.isolation.paths import RUNTIME

NEWEST = confine.landlock_abi()
PROBE = """
import json, os, signal, socket, sys
sys.path.insert(0, sys.argv[1])
from guest import confine
facts = json.loads(sys.argv[2])
confine.landlock(
    facts["abi"],
    readable=confine.open_existing([facts["readable"]]),
    writable=confine.open_existing([facts["own"]]),
    connect_ports=[facts["allowed_port"]],
)
def tried(attempt):
    try:
        attempt()
    except OSError as error:
        return type(error).__name__
    return "done"
def connect(port):
    with socket.socket() as one:
        one.connect(("127.0.0.1", port))
def abstract():
    with socket.socket(socket.AF_UNIX) as one:
        one.connect("\\0" + facts["abstract"])
other = facts["other"]
print(json.dumps({
    "read own": tried(lambda: open(facts["own"] + "/mine", "w").write("x")),
    "read readable": tried(lambda: open(facts["readable"] + "/file").read()),
    "write readable": tried(lambda: open(facts["readable"] + "/file", "w")),
    "read other": tried(lambda: open(other + "/file").read()),
    "list other": tried(lambda: os.listdir(other)),
    "move out": tried(lambda: os.rename(facts["own"] + "/mine", other + "/mine")),
    "link out": tried(lambda: os.link(facts["own"] + "/mine", other + "/mine")),
    "link in": tried(lambda: os.link(other + "/file", facts["own"] + "/stolen")),
    "truncate other": tried(lambda: os.truncate(other + "/file", 0)),
    "connect": tried(lambda: connect(facts["port"])),
    "connect where allowed": tried(lambda: connect(facts["allowed_port"])),
    "signal": tried(lambda: os.kill(os.getppid(), 0)),
    "abstract": tried(abstract),
}))
"""
ALWAYS_CLOSED = ("write readable", "read other", "list other", "move out", "link out", "link in")
SINCE = {"truncate other": 3, "connect": 4, "signal": 6, "abstract": 6}


@pytest.mark.parametrize("abi", range(1, NEWEST + 1) if NEWEST else [0])
def test_each_landlock_version_denies_what_it_supports(abi: int, tmp_path: Path) -> None:
    if not abi:
        pytest.skip("this kernel has no Landlock")
    found = _probe(abi, tmp_path)
    assert found["read own"] == found["read readable"] == found["connect where allowed"] == "done"
    assert {name: found[name] for name in ALWAYS_CLOSED if found[name] == "done"} == {}
    assert {name: found[name] == "done" for name in SINCE} == {
        name: abi < since for name, since in SINCE.items()
    }


@pytest.mark.parametrize(
    ("abi", "access"),
    [
        (0, ["files", "other processes"]),
        (1, ["other processes"]),
        (5, ["other processes"]),
        (6, []),
        (99, []),
    ],
)
def test_without_mounts_open_access_depends_on_the_landlock_version(abi: int, access: list[str]) -> None:
    layers = Layers(None, abi, True, ("no bubblewrap",))
    assert layers.reachable == ["the host's namespaces", *access]
    assert not layers.closed
    assert (f"landlock {abi}" in layers.names) is (abi > 0)


def _probe(abi: int, tmp_path: Path) -> dict[str, Any]:
    folders = {name: tmp_path / name for name in ("own", "readable", "other")}
    for folder in folders.values():
        folder.mkdir()
        (folder / "file").write_text("text", encoding="utf-8")
    name = f"puras-{uuid4().hex}"
    with (
        socket.create_server(("127.0.0.1", 0)) as closed,
        socket.create_server(("127.0.0.1", 0)) as allowed,
        socket.socket(socket.AF_UNIX) as abstract,
    ):
        abstract.bind("\0" + name)
        abstract.listen()
        facts = {
            "abi": abi,
            "port": closed.getsockname()[1],
            "allowed_port": allowed.getsockname()[1],
            "abstract": name,
            **{folder: str(path) for folder, path in folders.items()},
        }
        done = subprocess.run(
            [sys.executable, "-c", PROBE, str(RUNTIME.parent), json.dumps(facts)],
            capture_output=True,
            text=True,
            timeout=30,
            check=False,
            cwd="/",
        )
    assert done.returncode == 0, done.stderr
    results: dict[str, Any] = json.loads(done.stdout)
    return results
