"""The embedded PostgreSQL: only a Unix socket, peer authentication, durable defaults."""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import subprocess
import time
from pathlib import Path
from urllib.parse import quote

from backend.core import logs
from backend.embedded import engine, memory, process
from backend.embedded import home as homes
from backend.embedded.account import Account, servers_account
from backend.embedded.errors import ServerDidNotStart, WrongServerVersion
from backend.embedded.process import Ending

log = logs.get(__name__)

NAME = "PostgreSQL"
ROLE = "puras"
DATABASE = "puras"
LOCALE = (
    "--encoding=UTF8",
    "--locale=C",
    "--locale-provider=builtin",
    "--builtin-locale=C.UTF-8",
)
"""Independent of libc, whose updates would damage indexes."""
CONNECT_TIMEOUT_S = 3
START_TIMEOUT_S = 15.0
"""After a SIGKILL, the child processes of the old server keep the shared memory for a short time."""
RECOVERY_TIMEOUT_S = 300.0
ENDINGS = (
    Ending(signal.SIGINT, timeout_s=8.0),  # "fast": ends sessions and writes a checkpoint
    Ending(signal.SIGQUIT, timeout_s=2.0),  # "immediate": recovery at the next start
    Ending(signal.SIGKILL, timeout_s=2.0),
)


def start(home: Path) -> str:
    """Start the PostgreSQL of the home if it does not run, create its database if needed, and return its URL.

    Raises:
        HomeUnusable: The home cannot be used.
        WrongServerVersion: Another major version created the data.
        ServerDidNotStart: The server ended or did not respond; the error has the end of its log.
    """
    account = servers_account()
    home = homes.prepare(home, account)
    programs = engine.postgres_programs(home, account)
    pid = running_pid(home)
    if pid is None or not _becomes_ready(programs, home, pid):
        _start_process(programs, home, account)
    _create_database(programs, home)
    return address(home)


def attach(home: Path) -> str | None:
    """Return the URL of the home's PostgreSQL, or None if it does not run."""
    return None if running_pid(home) is None else address(home)


def running_pid(home: Path) -> int | None:
    """Return the process ID of the home's PostgreSQL, or None if it does not run."""
    data = _data(home)
    pid = process.read_pid(data / "postmaster.pid")
    return pid if pid is not None and process.is_running(pid, str(data)) else None


def stop(home: Path) -> None:
    """Stop the home's PostgreSQL if it runs, cleanly if possible."""
    pid = running_pid(home)
    if pid is not None:
        process.end(pid, str(_data(home)), ENDINGS)


def address(home: Path, database: str = DATABASE) -> str:
    """Return the URL of a database of the home's PostgreSQL, whether it runs or not."""
    sockets = homes.existing_sockets_folder(home.expanduser().resolve(), "postgres")
    return f"postgresql://{ROLE}@/{database}?host={quote(str(sockets), safe='/')}"


def _data(home: Path) -> Path:
    return home.expanduser().resolve() / "postgres" / "data"


def _start_process(programs: Path, home: Path, account: Account) -> None:
    folder = homes.folder_of(home / "postgres")
    data = folder / "data"
    if not data.exists():
        _create_cluster(programs, data, account)
    _require_version(data)
    sockets = homes.sockets_folder(home, "postgres", account)
    command = _command(programs, data, sockets, rules=_write_access_rules(folder, account))
    log_file = folder / "log"
    deadline = time.monotonic() + START_TIMEOUT_S
    while True:
        _remove_stale_files(data, sockets)
        pid = process.spawn(command, account=account, folder=data, log=log_file)
        if _becomes_ready(programs, home, pid):
            return
        if time.monotonic() > deadline:
            raise ServerDidNotStart(NAME, log_file, process.tail(log_file))
        time.sleep(0.3)


def _becomes_ready(programs: Path, home: Path, pid: int) -> bool:
    """Wait until the server accepts connections, including a recovery; return False if its process ends."""
    data = str(_data(home))
    is_decided = process.wait_until(
        lambda: _accepts_connections(programs, home) or not process.is_running(pid, data), RECOVERY_TIMEOUT_S
    )
    if not is_decided:
        log_file = home / "postgres" / "log"
        raise ServerDidNotStart(NAME, log_file, process.tail(log_file))
    return process.is_running(pid, data)


def _accepts_connections(programs: Path, home: Path) -> bool:
    return _query(programs, home, "select 1").returncode == 0


def _query(programs: Path, home: Path, statement: str) -> subprocess.CompletedProcess[str]:
    """Execute a statement with `psql`: a library would take 10 MB in `up`, which runs as long as the server."""
    options = ("--no-psqlrc", "--quiet", "--tuples-only", "--no-align")
    return subprocess.run(
        [str(programs / "psql"), *options, "--command", statement, address(home, "postgres")],
        env=process.clean_environment() | {"PGCONNECT_TIMEOUT": str(CONNECT_TIMEOUT_S)},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )


def _create_cluster(programs: Path, data: Path, account: Account) -> None:
    """Create the data folder under a temporary name first, so that a killed initdb leaves no incomplete one."""
    draft = data.with_name("data.new")
    shutil.rmtree(draft, ignore_errors=True)
    homes.folder_of(draft, account)
    command = [
        programs / "initdb",
        "--pgdata",
        draft,
        "--username",
        ROLE,
        "--auth=peer",
        "--no-instructions",
        *LOCALE,
    ]
    result = subprocess.run(
        [str(part) for part in (*command, "--set", "max_connections=200")],
        env=process.clean_environment(),
        cwd=draft,
        capture_output=True,
        text=True,
        check=False,
        umask=0o077,
        **process.identity(account),
    )
    if result.returncode != 0:
        log_file = data.with_name("log")
        log_file.write_text(result.stdout + result.stderr, encoding="utf-8")
        raise ServerDidNotStart(f"{NAME} (initdb)", log_file, process.tail(log_file))
    draft.rename(data)


def _require_version(data: Path) -> None:
    found = (data / "PG_VERSION").read_text(encoding="ascii").strip()
    if found != engine.POSTGRES_MAJOR:
        raise WrongServerVersion(found, engine.POSTGRES_MAJOR, data)


def _write_access_rules(folder: Path, account: Account) -> tuple[Path, Path]:
    """Allow only the account of the server and, if that is another one, root."""
    rules, identities = folder / "pg_hba.conf", folder / "pg_ident.conf"
    names = {account.name, pwd.getpwuid(os.geteuid()).pw_name}
    rules.write_text("local all all peer map=puras\n", encoding="utf-8")
    identities.write_text("".join(f'puras "{name}" {ROLE}\n' for name in sorted(names)), encoding="utf-8")
    for file in (rules, identities):
        file.chmod(0o644)
    return rules, identities


def _command(programs: Path, data: Path, sockets: Path, *, rules: tuple[Path, Path]) -> list[str]:
    settings = {
        "listen_addresses": "",
        "unix_socket_directories": str(sockets),
        "unix_socket_permissions": "0700",
        "hba_file": str(rules[0]),
        "ident_file": str(rules[1]),
        "log_checkpoints": "off",
        "shared_buffers": f"{memory.shared_buffers_mb(memory.total_bytes())}MB",
        "wal_buffers": "4MB",  # otherwise up to 16 MB, all of which a new instance would write to
        "wal_writer_delay": "10s",  # each commit waits for the disk: earlier flushes would only be additional ones
    }
    given = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
    return [str(programs / "postgres"), "-D", str(data), *given]


def _remove_stale_files(data: Path, sockets: Path) -> None:
    """Remove the socket of a killed server, and its PID file if another process has its ID by now.

    PostgreSQL checks a stale PID file only by the ID. While any process still works in the data folder, the file must
    stay, since it prevents a second server.
    """
    for stale_socket in list(sockets.glob(".s.PGSQL.*")):
        stale_socket.unlink()
    file = data / "postmaster.pid"
    pid = process.read_pid(file)
    if pid is not None and process.exists(pid) and not process.works_in(data):
        file.unlink()


def _create_database(programs: Path, home: Path) -> None:
    found = _query(programs, home, f"select 1 from pg_database where datname = '{DATABASE}'")  # noqa: S608 - a constant
    if found.stdout.strip() != "1":
        created = _query(programs, home, f"create database {DATABASE}")
        if created.returncode != 0:
            raise ServerDidNotStart(f"{NAME} (create database)", home / "postgres" / "log", created.stderr)
