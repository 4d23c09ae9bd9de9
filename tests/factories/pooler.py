"""A PgBouncer in front of the database of a test.

In transaction mode it is as strict as any pooler: no connection options, no prepared statements, and few connections,
so that the transactions of all clients share them. In session mode it has the settings of the Debian package.
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

MISSING = (
    "PgBouncer is not installed here (Debian: apt install pgbouncer): the rules of the pooler are not tested"
)
_ORDINARY_ID = 65534
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
    """Return the path of PgBouncer; Debian installs it outside of the PATH of ordinary users."""
    return shutil.which("pgbouncer", path=f"{os.environ.get('PATH', '')}:/usr/sbin")


@contextmanager
def pooled(database_url: str, folder: Path, mode: str = "transaction") -> Iterator[str]:
    """Run a pooler and yield its URL, which contains `pgbouncer=true` unless the mode is `session`."""
    server = conninfo_to_dict(database_url)
    port = free_port()
    folder.mkdir()
    uid, gid = _account(is_socket=str(server["host"]).startswith("/"))
    config = folder / "pgbouncer.ini"
    server_fields = {"host": server["host"], "port": server.get("port", 5432), "database": server["dbname"]}
    config.write_text(
        _CONFIG.format(**server_fields, user=server["user"], listen=port, folder=folder, mode=_MODES[mode])
    )
    for path in (folder, config):
        os.chown(path, uid, gid)
    identity = {"user": uid, "group": gid, "extra_groups": []} if uid != os.geteuid() else {}
    process = subprocess.Popen([str(program()), "-q", str(config)], **identity)  # type: ignore[call-overload]
    url = f"postgresql://{server['user']}@127.0.0.1:{port}/{server['dbname']}"
    try:
        _wait(url, folder)
        yield url if mode == "session" else f"{url}?pgbouncer=true"
    finally:
        process.terminate()
        process.wait(10)


def _account(*, is_socket: bool) -> tuple[int, int]:
    """Return the user and group of PgBouncer: never root, and the account of the servers if it uses their socket."""
    if os.geteuid() != 0:
        return os.geteuid(), os.getegid()
    account = servers_account()
    return (account.uid, account.gid) if is_socket else (_ORDINARY_ID, _ORDINARY_ID)


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
