"""Two machines in namespaces of the test's own: one that runs jobs, one that is the internet. Nothing else is reached.

`python -m tests.chaos.network.worlds FOLDER [UID]` makes them, and runs the probe on the first one as this user.
"""

from __future__ import annotations

import ctypes
import os
import select
import sys
from contextlib import suppress
from pathlib import Path
from typing import Final, NoReturn

from tests.chaos.network import internet, netlink, probe

MACHINE: Final = ("93.184.216.1/32", "10.9.9.9/32")
"""Of the machine that runs jobs: one address that the internet knows, one of its own network."""
MACHINE_6: Final = "2606:4700:4700::53/128"

_NEW_MOUNTS, _NEW_USER, _NEW_NETWORK = 0x00020000, 0x10000000, 0x40000000
_PRIVATE, _RECURSIVE, _BIND = 1 << 18, 1 << 14, 1 << 12
_libc: Final = ctypes.CDLL(None, use_errno=True)


def main(folder: Path, uid: int | None) -> NoReturn:
    """Make both machines, connect them, and be the probe on the first."""
    _leave(_NEW_MOUNTS | _NEW_NETWORK)
    _resolve_by(folder, internet.NAME_SERVER)
    netlink.up("lo")
    other = _internet(folder)
    netlink.join("out", "in", other.pid)
    six = Path("/proc/sys/net/ipv6/conf/out").exists()
    netlink.give("out", *MACHINE, *([MACHINE_6] if six else []))
    netlink.up("out")
    os.write(other.go, b"6" if six else b"4")
    netlink.lead_everything_to("out", six=six)
    other.wait_until_it_serves()
    Path("/proc/sys/net/ipv4/ip_unprivileged_port_start").write_text("0")
    if uid is not None:
        os.setgroups([])
        os.setresgid(uid, uid, uid)
        os.setresuid(uid, uid, uid)
    probe_program = [sys.executable, "-m", probe.__name__, str(folder), "six" if six else "four"]
    os.execv(sys.executable, probe_program)  # which also drops what rights the namespace gave


class _Other:
    def __init__(self, pid: int, go: int, serves: int) -> None:
        self.pid = pid
        self.go = go
        self._serves = serves

    def wait_until_it_serves(self) -> None:
        readable, _, _ = select.select([self._serves], [], [], 20)
        if not readable or os.read(self._serves, 1) != b"!":
            raise SystemExit("the internet of the test did not come up")


def _internet(folder: Path) -> _Other:
    """A process in a further network; it serves when it is told that the cable is there."""
    waits, go = os.pipe()
    serves, tells = os.pipe()
    left, leaves = os.pipe()
    os.set_inheritable(go, True)  # it ends with the probe, and the internet with it
    pid = os.fork()
    if pid == 0:
        os.close(go)
        _unshare(_NEW_NETWORK)
        os.write(leaves, b"!")
        six = os.read(waits, 1) == b"6"
        try:
            internet.serve(folder, six=six, tells=tells)
            os.read(waits, 1)
        finally:
            os._exit(1)
    os.read(left, 1)
    return _Other(pid, go, serves)


def _leave(flags: int) -> None:
    """Enter namespaces of our own; an ordinary user gets the right to by one for users, and stays who he is."""
    uid, gid = os.geteuid(), os.getegid()
    if uid == 0:
        _unshare(flags)
    else:
        _unshare(flags | _NEW_USER)
        Path("/proc/self/setgroups").write_text("deny")
        Path("/proc/self/uid_map").write_text(f"{uid} {uid} 1")
        Path("/proc/self/gid_map").write_text(f"{gid} {gid} 1")
    _mount(b"none", b"/", _RECURSIVE | _PRIVATE)


def _resolve_by(folder: Path, server: str) -> None:
    """Have the C library ask the test's own name server."""
    file = folder / "resolv.conf"
    file.write_text(f"nameserver {server}\nsearch example.net\n")
    file.chmod(0o644)
    _mount(bytes(file), bytes(Path("/etc/resolv.conf").resolve()), _BIND)


def _unshare(flags: int) -> None:
    if _libc.unshare(flags):
        number = ctypes.get_errno()
        raise OSError(number, f"unshare: {os.strerror(number)}")


def _mount(source: bytes, target: bytes, flags: int) -> None:
    if _libc.mount(source, target, None, ctypes.c_ulong(flags), None):
        number = ctypes.get_errno()
        raise OSError(number, f"mount {target!r}: {os.strerror(number)}")


if __name__ == "__main__":
    with suppress(BrokenPipeError):
        main(Path(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else None)
