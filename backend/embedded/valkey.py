"""The embedded Valkey: only a Unix socket, with an append-only file."""

from __future__ import annotations

import signal
import socket
import time
from pathlib import Path
from urllib.parse import quote

from backend.core import logs
from backend.embedded import engine, process
from backend.embedded import home as homes
from backend.embedded.account import Account, servers_account
from backend.embedded.errors import ServerDidNotStart
from backend.embedded.process import Ending

log = logs.get(__name__)

NAME = "Valkey"
RESPONSE_TIMEOUT_S = 3.0
START_TIMEOUT_S = 60.0
"""The server responds with "loading" while it reads a large append-only file."""
ENDINGS = (Ending(signal.SIGTERM, timeout_s=5.0), Ending(signal.SIGKILL, timeout_s=2.0))


def start(home: Path) -> str:
    """Start the Valkey of the home if it does not run, and return its URL.

    Unreadable data is moved aside, and the server starts empty: its data is never the source of truth.

    Raises:
        HomeUnusable: The home cannot be used.
        ServerDidNotStart: The server ended or did not respond; the error has the end of its log.
    """
    account = servers_account()
    home = homes.prepare(home, account)
    pid = running_pid(home)
    if pid is not None and _becomes_ready(home, pid):
        return address(home)
    if not _start_process(home, account):
        _move_data_aside(home)
        if not _start_process(home, account):
            raise ServerDidNotStart(NAME, home / "valkey" / "log", process.tail(home / "valkey" / "log"))
    return address(home)


def attach(home: Path) -> str | None:
    """Return the URL of the home's Valkey, or None if it does not run."""
    return None if running_pid(home) is None else address(home)


def running_pid(home: Path) -> int | None:
    """Return the process ID of the home's Valkey, or None if it does not run."""
    configuration = _configuration(home)
    pid = process.read_pid(configuration.parent / "data" / "valkey.pid")
    return pid if pid is not None and process.is_running(pid, str(configuration)) else None


def stop(home: Path) -> None:
    """Stop the home's Valkey if it runs, cleanly if possible."""
    pid = running_pid(home)
    if pid is not None:
        process.end(pid, str(_configuration(home)), ENDINGS)


def address(home: Path) -> str:
    """Return the URL of the home's Valkey, whether it runs or not."""
    return f"unix://{quote(str(_socket(home.expanduser().resolve())), safe='/')}"


def _socket(home: Path) -> Path:
    return homes.existing_sockets_folder(home, "valkey") / "valkey.sock"


def _configuration(home: Path) -> Path:
    return home.expanduser().resolve() / "valkey" / "valkey.conf"


def _start_process(home: Path, account: Account) -> bool:
    program = engine.valkey_program(home, account)
    folder = homes.folder_of(home / "valkey")
    data = homes.folder_of(folder / "data", account)
    homes.sockets_folder(home, "valkey", account)
    socket = _socket(home)
    socket.unlink(missing_ok=True)
    configuration = _configuration(home)
    configuration.write_text(_settings(data, socket), encoding="utf-8")
    configuration.chmod(0o644)
    pid = process.spawn([program, configuration], account=account, folder=data, log=folder / "log")
    return _becomes_ready(home, pid)


def _settings(data: Path, socket: Path) -> str:
    lines = {
        "port": "0",
        "unixsocket": f'"{socket}"',
        "unixsocketperm": "700",
        "dir": f'"{data}"',
        "pidfile": f'"{data / "valkey.pid"}"',
        "appendonly": "yes",
        "save": '""',
        "set-proc-title": "no",  # the path in the command line identifies the process
        "maxmemory-policy": "noeviction",
    }
    return "".join(f"{name} {value}\n" for name, value in lines.items())


def _becomes_ready(home: Path, pid: int) -> bool:
    """Wait until the server responds; return False if its process ends."""
    mark = str(_configuration(home))
    process.wait_until(lambda: _responds(home) or not process.is_running(pid, mark), START_TIMEOUT_S)
    return process.is_running(pid, mark) and _responds(home)


def _responds(home: Path) -> bool:
    """Return whether the server responds; without its client, whose import takes longer than the whole check."""
    try:
        with socket.socket(socket.AF_UNIX) as connection:
            connection.settimeout(RESPONSE_TIMEOUT_S)
            connection.connect(str(_socket(home)))
            connection.sendall(b"PING\r\n")
            with connection.makefile("rb") as responses:
                return responses.readline() == b"+PONG\r\n"
    except OSError:
        return False


def _move_data_aside(home: Path) -> None:
    folder = home / "valkey"
    aside = folder / f"data.unreadable-{int(time.time())}"
    log.warning(
        "Valkey did not start with its data, which is moved aside",
        aside=str(aside),
        log=process.tail(folder / "log"),
    )
    (folder / "data").rename(aside)
