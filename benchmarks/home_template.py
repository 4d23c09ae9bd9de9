"""Homes whose embedded database exists already: a copy of one that this version has created and migrated.

Creating and migrating a database takes more than a second of CPU time, a copy a tenth of it, and tests start dozens of
instances. `up` starts on a copy as on any home of the same release. Tests of the first start use an empty home instead.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import subprocess
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from backend import embedded
from backend.config import Settings
from backend.embedded import engine
from backend.embedded import home as homes
from backend.embedded.account import servers_account
from benchmarks.commands import ROOT

TEMPLATES: Final = ROOT / ".pytest_cache" / "homes"
KEPT_TEMPLATES: Final = 2
"""Templates of this many versions are kept; older ones are deleted."""


def fill(home: Path, env: Mapping[str, str]) -> None:
    """Copy the migrated database into a home that has none, unless its instance uses another server."""
    if "DATABASE_URL" in env or (home / "postgres").exists():
        return
    account = servers_account()
    home = homes.prepare(home, account)
    _copy(_template(), homes.folder_of(home / "postgres") / "data")


def _template() -> Path:
    """Return the data folder of a migrated database, which is created if there is none of this version."""
    TEMPLATES.mkdir(parents=True, exist_ok=True)
    data = TEMPLATES / _version()
    with (TEMPLATES / "lock").open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not data.exists():
            _create(data)
            for old in sorted(TEMPLATES.glob("data-*"), key=os.path.getmtime)[:-KEPT_TEMPLATES]:
                shutil.rmtree(old)
    return data


def _version() -> str:
    """Return a name that differs if anything differs that the content of the database may depend on."""
    digest = hashlib.sha256(f"{servers_account()} {engine.POSTGRES_MAJOR}".encode())
    for file in sorted((ROOT / "backend").rglob("*.py")):
        digest.update(file.read_bytes())
    return f"data-{digest.hexdigest()[:16]}"


def _create(data: Path) -> None:
    # Imported here, because processes that start instances for a measurement should stay small.
    from backend.migrations import run as migrations

    with tempfile.TemporaryDirectory(prefix="puras-template-", dir="/tmp") as folder:
        Path(folder).chmod(0o755)
        settings = Settings(home=Path(folder) / "home", database_url=None, redis_url=None)
        try:
            migrations.upgrade(embedded.start(settings).direct_url)
        finally:
            embedded.stop(settings)
        draft = data.with_name("draft")
        shutil.rmtree(draft, ignore_errors=True)
        _copy(settings.home / "postgres" / "data", draft)
        draft.rename(data)
    os.utime(data)


def _copy(source: Path, target: Path) -> None:
    """Copy a folder with its owners and permissions."""
    subprocess.run(["cp", "-Rp", str(source), str(target)], check=True)
