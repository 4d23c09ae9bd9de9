"""Serve requests about Python code of tenants: a warm process that forks one confined child for each request.

Run as `python -I -S -B -c "…; from guest import python_help; python_help.main(…)"`. Standard input is a socket: each
message is a byte that names an action, with the socket of one request. This process parses only stubs, the standard
library and the kit, and never reads the socket of a request. Its child confines itself, reads the request, writes the
response, and ends, so that no request sees anything of another one.
"""

# ruff: noqa: PTH120, S606
# (starts often; the program is one of this installation)

from __future__ import annotations

import gc
import json
import os
import platform
import select
import signal
import socket
import sys
from collections.abc import Callable, Sequence
from typing import Any, Final, NamedTuple, NoReturn

from . import confine, filters, privileges
from .enclosure import become_reader
from .syscalls import ARCHITECTURES

_CONTROL: Final = 0
_MAX_CPU_S: Final = 2
_MAX_WAIT_S: Final = 8.0
_MAX_MEMORY_BYTES: Final = 1 << 30
_MAX_REQUEST_BYTES: Final = 32 << 20
_MAX_RECURSION: Final = 3_000
_READ_BYTES: Final = 1 << 20
_SYSTEM_LIBRARIES: Final = ("/lib", "/lib64", "/usr/lib", "/usr/lib64", "/usr/local/lib", "/etc/ld.so.cache")


class Tools(NamedTuple):
    """What the children use."""

    library: Sequence[str]
    """Folders of packages of the analysis: readable, and importable from the folder above."""
    kit: str
    """The folder of the kit."""
    ruff: str
    """The program."""


def main(*, library: Sequence[str], kit: str, ruff: str) -> NoReturn:
    """Serve requests until the other end of the control socket is closed."""
    tools = Tools(library, kit, ruff)
    if sys.platform == "linux":
        privileges.no_new_privileges()
        privileges.end_first()
    confine.limit({"FSIZE": 0, "CORE": 1, "NOFILE": 64})
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # ended children need no wait
    control = socket.socket(fileno=_CONTROL)
    sys.path += sorted({os.path.dirname(folder) for folder in library})
    from . import python_analysis

    pending = python_analysis.warm_up(kit)
    pending.pop(0)()  # every analysis needs the stubs of the built-in types
    while True:
        if pending and not select.select([control], [], [], 0)[0]:
            pending.pop(0)()
            gc.collect()
            gc.freeze()  # collections in children would copy all pages
            continue
        action, descriptors, _, _ = socket.recv_fds(control, 1, 1)
        if not action:
            os._exit(0)
        for descriptor in descriptors:
            if os.fork() == 0:
                _serve(action, descriptor, tools, python_analysis.respond)
            os.close(descriptor)


def _serve(
    action: bytes, descriptor: int, tools: Tools, respond: Callable[[dict[str, Any], str], dict[str, Any]]
) -> NoReturn:
    """Serve one request in this process, a child."""
    try:
        os.dup2(descriptor, 0)  # closes the control socket, which passes the requests of others
        os.dup2(descriptor, 1)
        os.closerange(3, 64)
        signal.setitimer(signal.ITIMER_REAL, _MAX_WAIT_S)
        if action == b"a":
            _analyze(tools, respond)
        else:
            _run_ruff(tools, _ARGUMENTS[action])
    finally:
        os._exit(1)


def _analyze(tools: Tools, respond: Callable[[dict[str, Any], str], dict[str, Any]]) -> NoReturn:
    readable = [os.path.dirname(os.__file__), tools.kit, *tools.library]
    become_reader(readable, cpu_s=_MAX_CPU_S, memory_bytes=_MAX_MEMORY_BYTES)
    sys.setrecursionlimit(_MAX_RECURSION)
    pieces: list[bytes] = []
    size = 0
    while piece := os.read(0, _READ_BYTES):
        pieces.append(piece)
        size += len(piece)
        if size > _MAX_REQUEST_BYTES:
            os._exit(1)
    try:
        response = respond(json.loads(b"".join(pieces)), tools.kit)
    except Exception as error:  # noqa: BLE001 - code of a tenant makes the analysis fail in any way
        response = {"error": type(error).__name__}
    output = memoryview(json.dumps(response).encode())
    while output:
        output = output[os.write(1, output) :]
    os._exit(0)


_CHECK: Final = (
    *("check", "--isolated", "--no-cache", "--quiet", "--exit-zero", "--output-format=json"),
    "--select=F,E9,PLE,B006,B018,B904",
)
_FORMAT: Final = ("format", "--isolated", "--no-cache", "--quiet")
_ARGUMENTS: Final = {
    b"c": (*_CHECK, "--stdin-filename=module.py", "-"),
    b"i": (*_CHECK, "--stdin-filename=__init__.py", "-"),
    b"f": (*_FORMAT, "--stdin-filename=module.py", "-"),
}
"""The arguments of ruff by action. It reads the text on standard input, and no settings."""


def _run_ruff(tools: Tools, arguments: Sequence[str]) -> NoReturn:
    confine.limit({"CPU": _MAX_CPU_S, "DATA": _MAX_MEMORY_BYTES, "FSIZE": 0, "CORE": 1, "NOFILE": 64})
    if sys.platform == "linux":
        privileges.drop_capabilities()
        abi = confine.landlock_abi()
        if abi:
            readable = confine.open_existing([tools.ruff, *_SYSTEM_LIBRARIES])
            writable = confine.open_existing([os.devnull])
            confine.landlock(abi, readable=readable, writable=writable, connect_ports=())
        architecture = ARCHITECTURES.get(platform.machine())
        if architecture is not None:
            confine.seccomp(filters.confinement(architecture, []))
    os.execve(tools.ruff, ["ruff", *arguments], {"RAYON_NUM_THREADS": "1", "NO_COLOR": "1"})
