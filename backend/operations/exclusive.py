"""What one `up` has for itself: the lock of its home, and its port."""

from __future__ import annotations

import fcntl
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from os import getpid
from pathlib import Path

from backend.operations.errors import AlreadyUp, PortTaken


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
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        with socket.socket(family, kind, protocol) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(address)
            probe.listen(1)
    except OSError as error:
        return (error.strerror or str(error)).lower()
    return None
