"""The embedded PostgreSQL: a unix socket only, peer authentication, durable defaults."""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import subprocess
import time
from pathlib import Path
from urllib.parse import quote

import psycopg
from psycopg import sql

from backend.core import logs
from backend.embedded import engine, process
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
)  # no index ages with libc
START_PATIENCE_S = 15.0  # after a SIGKILL its orphans hold the shared memory for a moment
RECOVERY_PATIENCE_S = 300.0
ENDINGS = (
    Ending(signal.SIGINT, patience_s=8.0),  # "fast": ends sessions, writes a checkpoint
    Ending(signal.SIGQUIT, patience_s=2.0),  # "immediate": recovers at the next start
    Ending(signal.SIGKILL, patience_s=2.0),
)


def start(home: Path) -> str:
    """Start the home's PostgreSQL, or find it running, and return its address; a new one gets its database.

    Raises:
        HomeUnusable: The home cannot serve.
        WrongServerVersion: Another major version made the data.
        ServerDidNotStart: It ended or did not answer; the error has the end of its log.
    """
    account = servers_account()
    home = homes.prepare(home, account)
    pid = running_pid(home)
    if pid is None or not _becomes_ready(home, pid):
        _start_process(home, account)
    _make_database(home)
    return address(home)


def attach(home: Path) -> str | None:
    """Return the address of the home's running PostgreSQL, or none when it does not run."""
    return None if running_pid(home) is None else address(home)


def running_pid(home: Path) -> int | None:
    """Return the process id of the home's PostgreSQL, or none when it does not run."""
    data = _data(home)
    pid = process.read_pid(data / "postmaster.pid")
    return pid if pid is not None and process.is_running(pid, str(data)) else None


def stop(home: Path) -> None:
    """Stop the home's PostgreSQL, cleanly if it lets us; nothing happens when it does not run."""
    pid = running_pid(home)
    if pid is not None:
        process.end(pid, str(_data(home)), ENDINGS)


def address(home: Path, database: str = DATABASE) -> str:
    """Return the address of a database of the home's PostgreSQL, running or not."""
    sockets = homes.existing_sockets_folder(home.expanduser().resolve(), "postgres")
    return f"postgresql://{ROLE}@/{database}?host={quote(str(sockets), safe='/')}"


def _data(home: Path) -> Path:
    return home.expanduser().resolve() / "postgres" / "data"


def _start_process(home: Path, account: Account) -> None:
    programs = engine.postgres_programs(home, account)
    folder = homes.folder_of(home / "postgres")
    data = folder / "data"
    if not data.exists():
        _make_cluster(programs, data, account)
    _require_version(data)
    sockets = homes.sockets_folder(home, "postgres", account)
    command = _command(programs, data, sockets, rules=_write_access_rules(folder, account))
    log_file = folder / "log"
    deadline = time.monotonic() + START_PATIENCE_S
    while True:
        _forget_dead_server(data, sockets)
        pid = process.spawn(command, account=account, folder=data, log=log_file)
        if _becomes_ready(home, pid):
            return
        if time.monotonic() > deadline:
            raise ServerDidNotStart(NAME, log_file, process.tail(log_file))
        time.sleep(0.3)


def _becomes_ready(home: Path, pid: int) -> bool:
    """Wait until the server takes connections, a recovery included; false when its process ends instead."""
    data = str(_data(home))
    answers = process.wait_until(
        lambda: _takes_connections(home) or not process.is_running(pid, data), RECOVERY_PATIENCE_S
    )
    if not answers:
        log_file = home / "postgres" / "log"
        raise ServerDidNotStart(NAME, log_file, process.tail(log_file))
    return process.is_running(pid, data)


def _takes_connections(home: Path) -> bool:
    try:
        psycopg.connect(address(home, "postgres"), connect_timeout=3).close()
    except psycopg.OperationalError:
        return False
    return True


def _make_cluster(programs: Path, data: Path, account: Account) -> None:
    """Make the data folder under another name first: an initdb that was killed leaves no half of one."""
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
    made = subprocess.run(
        [str(part) for part in (*command, "--set", "max_connections=200")],
        env=process.clean_environment(),
        cwd=draft,
        capture_output=True,
        text=True,
        check=False,
        umask=0o077,
        **process.identity(account),
    )
    if made.returncode != 0:
        log_file = data.with_name("log")
        log_file.write_text(made.stdout + made.stderr, encoding="utf-8")
        raise ServerDidNotStart(f"{NAME} (initdb)", log_file, process.tail(log_file))
    draft.rename(data)


def _require_version(data: Path) -> None:
    found = (data / "PG_VERSION").read_text(encoding="ascii").strip()
    if found != engine.POSTGRES_MAJOR:
        raise WrongServerVersion(found, engine.POSTGRES_MAJOR, data)


def _write_access_rules(folder: Path, account: Account) -> tuple[Path, Path]:
    """Let nobody in but the account itself and, when that is another one, root."""
    rules, people = folder / "pg_hba.conf", folder / "pg_ident.conf"
    names = {account.name, pwd.getpwuid(os.geteuid()).pw_name}
    rules.write_text("local all all peer map=puras\n", encoding="utf-8")
    people.write_text("".join(f'puras "{name}" {ROLE}\n' for name in sorted(names)), encoding="utf-8")
    for file in (rules, people):
        file.chmod(0o644)
    return rules, people


def _command(programs: Path, data: Path, sockets: Path, *, rules: tuple[Path, Path]) -> list[str]:
    settings = {
        "listen_addresses": "",
        "unix_socket_directories": str(sockets),
        "unix_socket_permissions": "0700",
        "hba_file": str(rules[0]),
        "ident_file": str(rules[1]),
        "log_checkpoints": "off",
    }
    given = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
    return [str(programs / "postgres"), "-D", str(data), *given]


def _forget_dead_server(data: Path, sockets: Path) -> None:
    """Remove the socket of a server that was killed, and its pid file when a stranger has its number by now.

    PostgreSQL judges a stale pid file by the number alone. While any process still works in the data folder
    the file stays: it keeps a second server off the data.
    """
    for left in list(sockets.glob(".s.PGSQL.*")):
        left.unlink()
    file = data / "postmaster.pid"
    pid = process.read_pid(file)
    if pid is not None and process.exists(pid) and not process.works_in(data):
        file.unlink()


def _make_database(home: Path) -> None:
    with psycopg.connect(address(home, "postgres"), autocommit=True, connect_timeout=10) as connection:
        found = connection.execute("select 1 from pg_database where datname = %s", (DATABASE,)).fetchone()
        if found is None:
            connection.execute(sql.SQL("create database {}").format(sql.Identifier(DATABASE)))
