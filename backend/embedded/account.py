"""The account that the embedded servers run as: PostgreSQL refuses to be root, Valkey has no need to be."""

from __future__ import annotations

import os
import pwd
import shutil
import stat
import subprocess
from dataclasses import dataclass
from pathlib import Path

from backend.core import logs
from backend.embedded.errors import AccountMissing

log = logs.get(__name__)

SYSTEM_ACCOUNT = "puras-db"
"""Made when root starts the servers: no home, no shell, no other purpose."""


@dataclass(frozen=True, slots=True)
class Account:
    """Who runs the servers."""

    name: str
    uid: int
    gid: int

    @property
    def is_other(self) -> bool:
        """Return whether the account differs from that of the caller."""
        return self.uid != os.geteuid()

    def blocked_at(self, path: Path) -> Path | None:
        """Return the first folder above `path`, or `path` itself, that this account may not pass."""
        for part in (*reversed(path.parents), path):
            if not self._may_pass(part.stat()):
                return part
        return None

    def _may_pass(self, status: os.stat_result) -> bool:
        if status.st_uid == self.uid:
            return bool(status.st_mode & stat.S_IXUSR)
        if status.st_gid == self.gid:
            return bool(status.st_mode & stat.S_IXGRP)
        return bool(status.st_mode & stat.S_IXOTH)


def servers_account() -> Account:
    """Return the caller's own account, or the system account when the caller is root.

    Raises:
        AccountMissing: There is none, and it could not be made.
    """
    name = _system_account() if os.geteuid() == 0 else _own_name()
    entry = pwd.getpwnam(name)
    return Account(name=name, uid=entry.pw_uid, gid=entry.pw_gid)


def caller() -> Account:
    """Who runs this process; needs no entry in the machine's list of accounts."""
    return Account(name="", uid=os.geteuid(), gid=os.getegid())


def _own_name() -> str:
    try:
        return pwd.getpwuid(os.geteuid()).pw_name
    except KeyError:
        raise AccountMissing(
            f"User id {os.geteuid()} is no account of this machine, and PostgreSQL needs one. "
            "Add it to /etc/passwd, or set DATABASE_URL and REDIS_URL to servers of your own."
        ) from None


def _system_account() -> str:
    try:
        return pwd.getpwnam(SYSTEM_ACCOUNT).pw_name
    except KeyError:
        _make_system_account()
    return SYSTEM_ACCOUNT


def _make_system_account() -> None:
    useradd = shutil.which("useradd", path="/usr/sbin:/sbin:/usr/bin:/bin")
    remedy = (
        "PostgreSQL does not run as root. Start this as an ordinary user, make a system account named "
        f"{SYSTEM_ACCOUNT!r}, or set DATABASE_URL and REDIS_URL to servers of your own."
    )
    if useradd is None:
        raise AccountMissing(f"This machine has no `useradd` to make an account for the database. {remedy}")
    command = [useradd, "--system", "--user-group", "--no-create-home", "--home-dir", "/nonexistent"]
    command += ["--shell", "/usr/sbin/nologin", SYSTEM_ACCOUNT]
    made = subprocess.run(command, capture_output=True, text=True, check=False)
    if made.returncode != 0:
        raise AccountMissing(f"`useradd {SYSTEM_ACCOUNT}` failed: {made.stderr.strip()} {remedy}")
    log.info("made a system account for the database", account=SYSTEM_ACCOUNT)
