"""PostgreSQL and Valkey of one host, on TCP for the whole network; each is restarted when it ends.

`python -m tests.chaos.network.servers HOME`: PostgreSQL also listens on a UNIX socket in the home, for the test
itself, and writes its log to `postgres/log` there.
"""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path
from typing import Final, TypedDict

from backend.embedded import engine, postgres
from backend.embedded import home as homes
from backend.embedded.account import servers_account

POSTGRES_PORT: Final = 5432
VALKEY_PORT: Final = 6379
CHECK_EVERY_S: Final = 0.3


class _Identity(TypedDict):
    user: int
    group: int
    extra_groups: list[int]


def database_url(address: str) -> str:
    """Return the URL of the database of a host."""
    return f"postgresql://{postgres.ROLE}@{address}:{POSTGRES_PORT}/{postgres.DATABASE}"


def redis_url(address: str) -> str:
    """Return the URL of the Valkey of a host."""
    return f"redis://{address}:{VALKEY_PORT}/0"


def main(home: Path) -> None:
    """Create the database, then keep both servers running."""
    postgres.start(home)
    command, account = _postgres(home)
    log = (home / "postgres" / "log").open("ab")
    programs = {"postgres": command, "valkey": _valkey(home)}
    running: dict[str, subprocess.Popen[bytes]] = {}
    while True:
        for name, program in programs.items():
            if name not in running or running[name].poll() is not None:
                running[name] = subprocess.Popen(program, stdout=log, stderr=log, umask=0o077, **account)
        time.sleep(CHECK_EVERY_S)


def _postgres(home: Path) -> tuple[list[str], _Identity]:
    """Stop the server of the home; return its command with a TCP port that is open to all hosts, and its account."""
    pid = postgres.running_pid(home)
    command = Path(f"/proc/{pid}/cmdline").read_text().rstrip("\0").split("\0")
    owner = Path(f"/proc/{pid}").stat()
    postgres.stop(home)
    rules = home / "tcp_hba.conf"
    rules.write_text("local all all trust\nhost all all 0.0.0.0/0 trust\n")
    rules.chmod(0o644)
    changed = {"listen_addresses": "*", "hba_file": str(rules)}
    options = [part for name, value in changed.items() for part in ("-c", f"{name}={value}")]
    return [*command, *options], {"user": owner.st_uid, "group": owner.st_gid, "extra_groups": []}


def _valkey(home: Path) -> list[str]:
    account = servers_account()
    data = homes.folder_of(homes.folder_of(home / "valkey") / "data", account)
    listen = ["--port", str(VALKEY_PORT), "--bind", "0.0.0.0", "--protected-mode", "no"]
    keep = ["--dir", str(data), "--appendonly", "yes", "--save", ""]
    return [str(engine.valkey_program(home, account)), *listen, *keep]


if __name__ == "__main__":
    main(Path(sys.argv[1]))
