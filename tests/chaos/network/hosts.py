"""Hosts on one network, in Linux namespaces: each has its own network, processes and mounts, and a common file system.

A network changes nothing on the real machine: its bridge is in a namespace, too. Namespaces last as long as their
first process, which ends with this process, so nothing is left after a test.
"""

from __future__ import annotations

import ctypes
import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from functools import cache
from pathlib import Path
from typing import Final

from tests.chaos.network import first_process

_NETWORK: Final = "10.213.0"
_FIRST: Final = 11
_HUB_NAMESPACES: Final = ("--net",)
_HOST_NAMESPACES: Final = (
    "--net",
    "--uts",
    "--ipc",
    "--mount",
    "--pid",
    "--fork",
    "--kill-child",
    "--mount-proc",
)
_SHARED_MEMORY: Final = 'mount -t tmpfs shm /dev/shm && exec "$@"'
"""Each host has its own shared memory, so that the remains of a killed database are removed with the host."""
_CLONE_NEWNET: Final = 0x40000000
_libc: Final = ctypes.CDLL(None, use_errno=True)


@cache
def missing_requirement() -> str:
    """Return the reason why no hosts can be created here; empty if they can."""
    missing = [program for program in ("unshare", "nsenter", "ip", "tc") if shutil.which(program) is None]
    if missing:
        return f"several hosts need {', '.join(missing)} (Debian: apt install iproute2 util-linux)"
    if os.geteuid() != 0:
        return "several hosts need root, for network namespaces"
    tried = subprocess.run(
        [
            "unshare",
            *_HOST_NAMESPACES,
            "sh",
            "-c",
            f"{_SHARED_MEMORY}",
            "-",
            "ip",
            "link",
            "add",
            "type",
            "veth",
        ],
        capture_output=True,
        text=True,
        check=False,
    )
    return f"several hosts need namespaces: {tried.stderr.strip()}" if tried.returncode else ""


class Namespaces:
    """Namespaces and their first process."""

    def __init__(self, flags: Sequence[str]) -> None:
        isolated = ["sh", "-c", _SHARED_MEMORY, "-"] if "--mount" in flags else []
        self._starter = subprocess.Popen(
            ["unshare", *flags, *isolated, sys.executable, "-I", first_process.__file__],
            stdin=subprocess.PIPE,
            text=True,
        )
        self.pid = self._first_pid(is_forked="--fork" in flags)

    def _first_pid(self, *, is_forked: bool) -> int:
        """Return the process ID of the first process, outside of the namespaces, as soon as it has entered them."""
        starter = self._starter.pid
        deadline = time.monotonic() + 10
        while time.monotonic() < deadline:
            with suppress(OSError, ValueError):
                children = Path(f"/proc/{starter}/task/{starter}/children")
                pid = int(children.read_text()) if is_forked else starter
                if (
                    first_process.__file__.encode()
                    in Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")[2:3]
                ):
                    return pid
            time.sleep(0.005)
        raise RuntimeError("the namespaces of the host were not created")

    def start(self, command: Sequence[str], env: Mapping[str, str], log: Path) -> None:
        """Start a command as a child of the first process."""
        assert self._starter.stdin is not None
        self._starter.stdin.write(json.dumps({"command": command, "env": dict(env), "log": str(log)}) + "\n")
        self._starter.stdin.flush()

    def run(self, *command: str, given: str = "") -> None:
        """Run a command in the namespaces, and wait for its end."""
        entered = ["nsenter", "--target", str(self.pid), "--net", "--uts", "--mount", "--", *command]
        done = subprocess.run(entered, input=given, capture_output=True, text=True, check=False)
        assert done.returncode == 0, f"{' '.join(command)} {given}: {done.stderr}"

    def close(self) -> None:
        """End every process in the namespaces, which removes the namespaces."""
        assert self._starter.stdin is not None
        with suppress(OSError):
            self._starter.stdin.close()
        self._starter.wait(30)


class Host:
    """One host of the network."""

    def __init__(self, name: str, address: str) -> None:
        self.name = name
        self.address = address
        self.namespaces = Namespaces(_HOST_NAMESPACES)
        self.namespaces.run("hostname", name)

    def share(self, folder: Path, at: Path) -> None:
        """Mount a folder of this machine at a folder of the host, like a network file system."""
        at.mkdir(parents=True, exist_ok=True)
        self.namespaces.run("mount", "--bind", str(folder), str(at))

    def start(self, command: Sequence[str], *, log: Path, env: Mapping[str, str] = os.environ) -> None:
        """Start a process on the host; its output is appended to the log."""
        self.namespaces.start(command, env, log)

    def pids(self, name: str = "") -> list[int]:
        """Return the IDs of the processes whose command contains the name, without the first process."""
        own = _namespace(self.namespaces.pid)
        numbers = [int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdigit()]
        return sorted(
            pid
            for pid in numbers
            if pid != self.namespaces.pid and own == _namespace(pid) and name in _command(pid)
        )


class Network:
    """A bridge and its hosts; the bridge has an IP address for clients, which faults do not affect."""

    def __init__(self) -> None:
        self._hub = Namespaces(_HUB_NAMESPACES)
        self.hosts: dict[str, Host] = {}
        self._ip(
            "link set lo up",
            "link add bridge type bridge",
            f"addr add {_NETWORK}.1/24 dev bridge",
            "link set bridge up",
        )

    def add(self, name: str) -> Host:
        """Return a new host with a link to the bridge."""
        host = Host(name, f"{_NETWORK}.{_FIRST + len(self.hosts)}")
        self.hosts[name] = host
        self._ip(
            f"link add {name} type veth peer name eth0 netns {host.namespaces.pid}",
            f"link set {name} master bridge up",
        )
        links = ("link set lo up", f"addr add {host.address}/24 dev eth0", "link set eth0 up")
        host.namespaces.run("ip", "-batch", "-", given="\n".join(links))
        return host

    def cut(self, host: Host) -> None:
        """Disable the link of the host: packets are lost, and no connection is closed."""
        self._ip(f"link set {host.name} down")

    def delay(self, host: Host, by_s: float) -> None:
        """Delay each packet from and to the host; a kernel without netem limits the rate instead."""
        for namespaces, device in ((self._hub, host.name), (host.namespaces, "eth0")):
            replace = ("tc", "qdisc", "replace", "dev", device, "root")
            try:
                namespaces.run(*replace, "netem", "delay", f"{by_s * 1000:.0f}ms")
            except AssertionError:
                rate = f"{1500 * 8 / by_s:.0f}bit"
                namespaces.run(*replace, "tbf", "rate", rate, "burst", "3000", "latency", "1s")

    def heal(self, host: Host) -> None:
        """Undo `cut` and `delay`."""
        self._ip(f"link set {host.name} up")
        for namespaces, device in ((self._hub, host.name), (host.namespaces, "eth0")):
            with suppress(AssertionError):  # it was not delayed
                namespaces.run("tc", "qdisc", "del", "dev", device, "root")

    @contextmanager
    def inside(self) -> Iterator[None]:
        """Let this thread open connections in the network, from the IP address of the bridge."""
        with (
            Path("/proc/thread-self/ns/net").open() as own,
            Path(f"/proc/{self._hub.pid}/ns/net").open() as hub,
        ):
            _enter(hub.fileno())
            try:
                yield
            finally:
                _enter(own.fileno())

    def close(self) -> None:
        """End every process of every host, and remove the network."""
        with ExitStack() as stack:
            stack.callback(self._hub.close)
            for host in self.hosts.values():
                stack.callback(host.namespaces.close)

    def _ip(self, *commands: str) -> None:
        self._hub.run("ip", "-batch", "-", given="\n".join(commands))


@contextmanager
def network() -> Iterator[Network]:
    """Create a network, and remove it with its hosts at the end."""
    made = Network()
    try:
        yield made
    finally:
        made.close()


def _enter(descriptor: int) -> None:
    if _libc.setns(descriptor, _CLONE_NEWNET):
        number = ctypes.get_errno()
        raise OSError(number, f"setns: {os.strerror(number)}")


def _namespace(pid: int) -> str | None:
    try:
        return str(Path(f"/proc/{pid}/ns/pid").readlink())
    except OSError:
        return None


def _command(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
    except OSError:
        return ""
