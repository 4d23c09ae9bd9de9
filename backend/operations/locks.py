"""Lock the home and the port of an instance, so that only one `up` uses them."""

from __future__ import annotations

import fcntl
import socket
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from os import getpid
from pathlib import Path
from typing import Final

from backend.operations.errors import AlreadyUp, PortTaken

BACKLOG: Final = 2048


@contextmanager
def home_lock(home: Path) -> Iterator[None]:
    """Lock the home for this process; the lock is released when the process ends for any reason.

    Raises:
        AlreadyUp: Another process has the lock.
    """
    with (home / "up.lock").open("a+", encoding="ascii") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            lock.seek(0)
            raise AlreadyUp(home, lock.read().strip() or "unknown") from None
        lock.truncate(0)
        lock.write(f"{getpid()}\n")
        lock.flush()
        yield


@contextmanager
def port_lock(host: str, port: int) -> Iterator[None]:
    """Reserve the port for this `up`, whose child listens on it later; the lock ends with the process.

    Raises:
        PortTaken: Another `up` has the lock.
    """
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as lock:
        # Only Linux has abstract socket names, which are per network namespace like ports.
        if sys.platform == "linux":
            try:
                lock.bind(f"\0puras-studio up {host}:{port}")
            except OSError:
                raise PortTaken(host, port, "another `puras-studio up` runs or starts on it") from None
        yield


@contextmanager
def serving_lock(home: Path, port: int) -> Iterator[None]:
    """Record for `doctor` that this process serves the home on the port, until the process ends."""
    with (home / f"serving-{port}.lock").open("a+", encoding="ascii") as lock:
        with suppress(OSError):  # a network file system without locks, or another API process of this home
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield


def is_served(home: Path, port: int) -> bool:
    """Return whether an API process of the home serves on the port."""
    try:
        with (home / f"serving-{port}.lock").open(encoding="ascii") as lock:
            fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:
        return False
    return False


def served_ports(home: Path) -> list[int]:
    """Return the ports on which API processes of the home serve."""
    names = (file.stem.removeprefix("serving-") for file in home.glob("serving-*.lock"))
    return sorted(port for port in map(int, filter(str.isdecimal, names)) if is_served(home, port))


def listen(host: str, port: int) -> socket.socket:
    """Return a socket that listens on the port.

    Raises:
        PortTaken: The port is in use, or this process may not listen on it.
    """
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        listener = socket.socket(family, kind, protocol)
        try:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.bind(address)
            listener.listen(BACKLOG)
        except OSError:
            listener.close()
            raise
    except OSError as error:
        raise PortTaken(host, port, (error.strerror or str(error)).lower()) from None
    return listener


def lock_holder(home: Path) -> int | None:
    """Return the process ID of the `up` that has locked the home, or `None`."""
    try:
        with (home / "up.lock").open(encoding="ascii") as lock:
            fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return int((home / "up.lock").read_text(encoding="ascii").strip() or 0)
    except OSError:
        return None
    return None


def require_port(host: str, port: int, *, timeout_s: float) -> None:
    """Check that the port is free; wait up to `timeout_s` for processes of a killed `up` to end.

    Raises:
        PortTaken: The port is not free.
    """
    deadline = time.monotonic() + timeout_s
    while True:
        reason = _obstacle(host, port)
        if reason is None:
            return
        if time.monotonic() >= deadline:
            raise PortTaken(host, port, reason)
        time.sleep(0.1)


def _obstacle(host: str, port: int) -> str | None:
    try:
        listen(host, port).close()
    except PortTaken as taken:
        return taken.why
    return None
