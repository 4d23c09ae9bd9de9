"""The account of the embedded servers: PostgreSQL does not run as root, and Valkey does not need to."""

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
"""Created when root starts the servers: without a home, a shell or another purpose."""


@dataclass(frozen=True, slots=True)
class Account:
    """The account that runs the servers."""

    name: str
    uid: int
    gid: int

    @property
    def is_other(self) -> bool:
        """Return whether the account differs from that of the caller."""
        return self.uid != os.geteuid()

    def blocked_at(self, path: Path) -> Path | None:
        """Return the first folder above `path`, or `path` itself, that this account cannot enter."""
        for part in (*reversed(path.parents), path):
            if not self._may_enter(part.stat()):
                return part
        return None

    def _may_enter(self, status: os.stat_result) -> bool:
        if status.st_uid == self.uid:
            return bool(status.st_mode & stat.S_IXUSR)
        if status.st_gid == self.gid:
            return bool(status.st_mode & stat.S_IXGRP)
        return bool(status.st_mode & stat.S_IXOTH)


def servers_account() -> Account:
    """Return the caller's own account, or the system account when the caller is root.

    Raises:
        AccountMissing: It does not exist and could not be created.
    """
    name = _system_account() if os.geteuid() == 0 else _own_name()
    entry = pwd.getpwnam(name)
    return Account(name=name, uid=entry.pw_uid, gid=entry.pw_gid)


def caller() -> Account:
    """Return the account of this process, even if the host has no entry for it."""
    return Account(name="", uid=os.geteuid(), gid=os.getegid())


def _own_name() -> str:
    try:
        return pwd.getpwuid(os.geteuid()).pw_name
    except KeyError:
        raise AccountMissing(
            f"User ID {os.geteuid()} is not an account of this host, which PostgreSQL requires. Add it to /etc/passwd, "
            "or set DATABASE_URL and REDIS_URL to your own servers."
        ) from None


def _system_account() -> str:
    try:
        return pwd.getpwnam(SYSTEM_ACCOUNT).pw_name
    except KeyError:
        _create_system_account()
    return SYSTEM_ACCOUNT


def _create_system_account() -> None:
    useradd = shutil.which("useradd", path="/usr/sbin:/sbin:/usr/bin:/bin")
    remedy = (
        "PostgreSQL does not run as root. Run this command as a normal user, create a system account named "
        f"{SYSTEM_ACCOUNT!r}, or set DATABASE_URL and REDIS_URL to your own servers."
    )
    if useradd is None:
        raise AccountMissing(f"This host has no `useradd` to create an account for the database. {remedy}")
    command = [useradd, "--system", "--user-group", "--no-create-home", "--home-dir", "/nonexistent"]
    command += ["--shell", "/usr/sbin/nologin", SYSTEM_ACCOUNT]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    if result.returncode != 0:
        raise AccountMissing(f"`useradd {SYSTEM_ACCOUNT}` failed: {result.stderr.strip()} {remedy}")
    log.info("system account for the database created", account=SYSTEM_ACCOUNT)
