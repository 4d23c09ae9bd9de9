"""A PgBouncer in front of a test's own database.

In transaction mode it accepts nothing that a stricter one would reject: no connection options, no prepared statements,
and few connections, so that the transactions of all clients follow each other on the same ones. In session mode it has
the settings of the Debian package.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import psycopg
from psycopg.conninfo import conninfo_to_dict

from backend.embedded.account import servers_account
from benchmarks.instance import free_port

MISSING = "PgBouncer is not installed here (Debian: apt install pgbouncer): the pooler's rules are not tried"
_NOBODY = 65534
_CONFIG = """\
[databases]
{database} = host={host} port={port} dbname={database} user={user}
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = {listen}
unix_socket_dir =
auth_type = any
{mode}
max_client_conn = 400
logfile = {folder}/pgbouncer.log
pidfile = {folder}/pgbouncer.pid
"""

_MODES = {
    "transaction": "pool_mode = transaction\ndefault_pool_size = 3\nmax_prepared_statements = 0\nserver_reset_query =",
    "session": "pool_mode = session",
    "statement": "pool_mode = statement",
}


def program() -> str | None:
    """Where PgBouncer is; Debian puts it where ordinary users do not look."""
    return shutil.which("pgbouncer", path=f"{os.environ.get('PATH', '')}:/usr/sbin")


@contextmanager
def pooled(database_url: str, folder: Path, mode: str = "transaction") -> Iterator[str]:
    """The URL of the database through a pooler of its own; it says so where the mode is not `session`."""
    server = conninfo_to_dict(database_url)
    listen = free_port()
    folder.mkdir()
    uid, gid = _account(is_socket=str(server["host"]).startswith("/"))
    config = folder / "pgbouncer.ini"
    facts = {"host": server["host"], "port": server.get("port", 5432), "database": server["dbname"]}
    config.write_text(
        _CONFIG.format(**facts, user=server["user"], listen=listen, folder=folder, mode=_MODES[mode])
    )
    for place in (folder, config):
        os.chown(place, uid, gid)
    identity = {"user": uid, "group": gid, "extra_groups": []} if uid != os.geteuid() else {}
    process = subprocess.Popen([str(program()), "-q", str(config)], **identity)  # type: ignore[call-overload]
    url = f"postgresql://{server['user']}@127.0.0.1:{listen}/{server['dbname']}"
    try:
        _wait(url, folder)
        yield url if mode == "session" else f"{url}?pgbouncer=true"
    finally:
        process.terminate()
        process.wait(10)


def _account(*, is_socket: bool) -> tuple[int, int]:
    """Who runs it: never root, which it refuses; the servers' own account where only that reaches their socket."""
    if os.geteuid() != 0:
        return os.geteuid(), os.getegid()
    account = servers_account()
    return (account.uid, account.gid) if is_socket else (_NOBODY, _NOBODY)


def _wait(url: str, folder: Path) -> None:
    deadline = time.monotonic() + 10
    while True:
        try:
            with closing(psycopg.connect(url, connect_timeout=2, autocommit=True)) as connection:
                connection.execute("select 1")
                return
        except psycopg.OperationalError as error:
            if time.monotonic() > deadline:
                raise RuntimeError(f"{error}\n{(folder / 'pgbouncer.log').read_text()}") from None
            time.sleep(0.05)
