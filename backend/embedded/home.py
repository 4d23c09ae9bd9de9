"""The home: the folder with all state of an instance, and the parts of it that the account of the servers may enter.

The account of the servers owns only their data and socket folders. Logs and configuration are in folders of the
caller, so that a compromised server cannot make root write through a link.
"""

from __future__ import annotations

import os
import re
import shutil
import tempfile
from pathlib import Path

from backend.core import logs
from backend.embedded.account import Account
from backend.embedded.errors import HomeUnusable

log = logs.get(__name__)

MAX_SOCKETS_FOLDER_BYTES = (
    80  # the path of a socket has at most 103 bytes (macOS), its name and folder up to 22 of them
)
PLAIN_PATH = re.compile(r"[A-Za-z0-9_./ -]+")  # a comma means "several hosts" to libpq


def prepare(home: Path, account: Account) -> Path:
    """Prepare the home and return its real path; of all folders, only the permissions of the home are changed.

    Raises:
        HomeUnusable: It belongs to another user, is not writable, or the account cannot access it.
    """
    mode = 0o711 if account.is_other else 0o700
    try:
        real = _make_folders(home.expanduser().absolute(), mode)
    except OSError as error:
        raise HomeUnusable(
            f"PURAS_HOME {home} cannot be created: {error.strerror}. Set it to a writable folder."
        ) from error
    _require_own(real)
    blocked = account.blocked_at(real.parent)
    if blocked is not None:
        raise HomeUnusable(
            f"The database runs as the account {account.name!r}, which cannot enter {blocked}, a parent of {real}. Set "
            "PURAS_HOME to a folder such as /var/lib/puras, or allow the account to enter that folder: chmod o+x "
            f"{blocked}",
            blocked_at=str(blocked),
        )
    if real.stat().st_mode & 0o777 != mode:
        log.info("permissions of the home changed", home=str(real), mode=f"{mode:04o}")
        real.chmod(mode)
    return real


def folder_of(path: Path, owner: Account | None = None) -> Path:
    """Create a private folder for `owner`, or a folder of the caller that others may enter, and return it."""
    path.mkdir(mode=0o700, exist_ok=True)
    if owner is None:
        path.chmod(0o711 if os.geteuid() == 0 else 0o700)
        return path
    if owner.is_other:
        os.chown(path, owner.uid, owner.gid, follow_symlinks=False)
    path.chmod(0o700)
    return path


def sockets_folder(home: Path, server: str, account: Account) -> Path:
    """Return the folder of a server's socket, private to its account; it is elsewhere if the path is too long."""
    return folder_of(_run_folder(home) / server, account)


def existing_sockets_folder(home: Path, server: str) -> Path:
    """Return the folder that `sockets_folder` has created for a server."""
    return (home / "run").resolve() / server


def process_sockets_folder(home: Path) -> Path | None:
    """Return the folder of the sockets of API and worker processes of this host; None if there can be none.

    Only the account of these processes can access it. A process of another account than that of the home creates none:
    it must not change the folders of the running servers.
    """
    home = home.expanduser().resolve()
    run = home / "run"
    try:
        owners = {path.stat().st_uid for path in (home, run) if path.exists()}
        if owners != {os.geteuid()}:
            return None
        folder = (run.resolve() if run.exists() else _run_folder(home)) / "processes"
        folder.mkdir(mode=0o700, exist_ok=True)
    except OSError as error:
        log.info("processes exchange messages over Redis only", home=str(home), error=str(error))
        return None
    return folder


def remove_short_folder(home: Path) -> None:
    """Remove the short folder for sockets, if the home has one; call it when no server runs."""
    link = home / "run"
    if link.is_symlink():
        shutil.rmtree(link.resolve(), ignore_errors=True)
        link.unlink()


def _make_folders(home: Path, mode: int) -> Path:
    missing = [folder for folder in (home, *home.parents) if not folder.exists()]
    for folder in reversed(missing):
        folder.mkdir(exist_ok=True)
        folder.chmod(mode if folder == home else 0o755)
    return home.resolve(strict=True)


def _require_own(home: Path) -> None:
    status = home.stat()
    if not home.is_dir():
        raise HomeUnusable(
            f"PURAS_HOME {home} is not a folder. Remove it, or set PURAS_HOME to another path."
        )
    if status.st_uid != os.geteuid():
        raise HomeUnusable(
            f"PURAS_HOME {home} belongs to user ID {status.st_uid}, but this process has user ID {os.geteuid()}. Run "
            f"as its owner, change the owner with `chown -R {os.geteuid()} {home}`, or set PURAS_HOME to another "
            "folder."
        )
    if not os.access(home, os.W_OK | os.X_OK):
        raise HomeUnusable(f"PURAS_HOME {home} is not writable. Run: chmod u+rwx {home}")


def _run_folder(home: Path) -> Path:
    run = home / "run"
    if run.is_symlink():
        target = run.resolve()
        if target.is_dir() and target.stat().st_uid == os.geteuid():
            return target
        run.unlink()
    if len(os.fsencode(run)) <= MAX_SOCKETS_FOLDER_BYTES and PLAIN_PATH.fullmatch(str(run)):
        return folder_of(run)
    if run.is_dir():
        shutil.rmtree(run)
    short = folder_of(Path(tempfile.mkdtemp(prefix="puras-", dir="/tmp")).resolve())
    run.symlink_to(short)
    return short
