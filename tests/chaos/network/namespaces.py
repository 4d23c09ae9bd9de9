"""Two hosts in namespaces of the test: one runs jobs, the other is the internet. They have no other connection.

`python -m tests.chaos.network.namespaces FOLDER [UID]` creates them, and runs the probe on the first one as this user.
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

ADDRESSES: Final = ("93.184.216.1/32", "10.9.9.9/32")
"""The host that runs jobs has a public IP address and one of a private network."""
ADDRESS_6: Final = "2606:4700:4700::53/128"

_NEW_MOUNTS, _NEW_USER, _NEW_NETWORK = 0x00020000, 0x10000000, 0x40000000
_PRIVATE, _RECURSIVE, _BIND = 1 << 18, 1 << 14, 1 << 12
_libc: Final = ctypes.CDLL(None, use_errno=True)


def main(folder: Path, uid: int | None) -> NoReturn:
    """Create both hosts, connect them, and replace this process by the probe on the first one."""
    _enter_namespaces(_NEW_MOUNTS | _NEW_NETWORK)
    _use_name_server(folder, internet.NAME_SERVER)
    netlink.up("lo")
    other = _internet(folder)
    netlink.join("out", "in", other.pid)
    six = Path("/proc/sys/net/ipv6/conf/out").exists()
    netlink.add_addresses("out", *ADDRESSES, *([ADDRESS_6] if six else []))
    netlink.up("out")
    os.write(other.go, b"6" if six else b"4")
    netlink.set_default_route("out", six=six)
    other.wait_until_serving()
    Path("/proc/sys/net/ipv4/ip_unprivileged_port_start").write_text("0")
    if uid is not None:
        os.setgroups([])
        os.setresgid(uid, uid, uid)
        os.setresuid(uid, uid, uid)
    probe_program = [sys.executable, "-m", probe.__name__, str(folder), "six" if six else "four"]
    os.execv(sys.executable, probe_program)  # which also drops the capabilities that the namespace granted


class _SecondHost:
    def __init__(self, pid: int, go: int, serves: int) -> None:
        self.pid = pid
        self.go = go
        self._serves = serves

    def wait_until_serving(self) -> None:
        readable, _, _ = select.select([self._serves], [], [], 20)
        if not readable or os.read(self._serves, 1) != b"!":
            raise SystemExit("the internet of the test did not start")


def _internet(folder: Path) -> _SecondHost:
    """Fork a process in a second network; it serves when it is notified that the link exists."""
    waits, go = os.pipe()
    serves, ready = os.pipe()
    left, leaves = os.pipe()
    os.set_inheritable(go, True)  # the pipe closes when the probe ends, which ends the internet
    pid = os.fork()
    if pid == 0:
        os.close(go)
        _unshare(_NEW_NETWORK)
        os.write(leaves, b"!")
        six = os.read(waits, 1) == b"6"
        try:
            internet.serve(folder, six=six, ready=ready)
            os.read(waits, 1)
        finally:
            os._exit(1)
    os.read(left, 1)
    return _SecondHost(pid, go, serves)


def _enter_namespaces(flags: int) -> None:
    """Enter new namespaces; an ordinary user needs a user namespace for that, and keeps the user ID."""
    uid, gid = os.geteuid(), os.getegid()
    if uid == 0:
        _unshare(flags)
    else:
        _unshare(flags | _NEW_USER)
        Path("/proc/self/setgroups").write_text("deny")
        Path("/proc/self/uid_map").write_text(f"{uid} {uid} 1")
        Path("/proc/self/gid_map").write_text(f"{gid} {gid} 1")
    _mount(b"none", b"/", _RECURSIVE | _PRIVATE)


def _use_name_server(folder: Path, server: str) -> None:
    """Configure the C library to use the name server of the test."""
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
