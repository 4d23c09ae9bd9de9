"""What one `up` has for itself: the lock of its home, and its port."""

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
    """Hold the home for this process; the lock ends with the process, however that ends.

    Raises:
        AlreadyUp: another process holds it.
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
    """Hold the port for this `up`, which listens on it only later; the lock ends with the process.

    Raises:
        PortTaken: another `up` holds it.
    """
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as lock:
        if sys.platform == "linux":  # no other system has names without files, in the namespace of the ports
            try:
                lock.bind(f"\0puras-studio up {host}:{port}")
            except OSError:
                raise PortTaken(host, port, "another `puras-studio up` runs or starts on it") from None
        yield


@contextmanager
def serving_lock(home: Path, port: int) -> Iterator[None]:
    """Note for `doctor` that this process serves the home on the port; the note ends with the process."""
    with (home / f"serving-{port}.lock").open("a+", encoding="ascii") as lock:
        with suppress(OSError):  # a network file system without locks, or another API process of this home
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield


def is_served(home: Path, port: int) -> bool:
    """Whether an API process of the home serves on the port."""
    try:
        with (home / f"serving-{port}.lock").open(encoding="ascii") as lock:
            fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:
        return False
    return False


def listen(host: str, port: int) -> socket.socket:
    """Return a socket that listens on the port.

    Raises:
        PortTaken: it cannot be listened on.
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


def holder(home: Path) -> int | None:
    """The process id of the `up` that holds the home, or none."""
    try:
        with (home / "up.lock").open(encoding="ascii") as lock:
            fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return int((home / "up.lock").read_text(encoding="ascii").strip() or 0)
    except OSError:
        return None
    return None


def require_port(host: str, port: int, *, patience_s: float) -> None:
    """Make sure that the port can be listened on; waits `patience_s` for processes of a killed `up` to end.

    Raises:
        PortTaken: it cannot.
    """
    deadline = time.monotonic() + patience_s
    while True:
        why = _obstacle(host, port)
        if why is None:
            return
        if time.monotonic() >= deadline:
            raise PortTaken(host, port, why)
        time.sleep(0.1)


def _obstacle(host: str, port: int) -> str | None:
    try:
        listen(host, port).close()
    except PortTaken as taken:
        return taken.why
    return None
