"""Restore a backup into an empty home, completely or not at all. `loading` fills the instance."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final, NamedTuple

from backend import embedded
from backend.administration.archives.errors import DiskFull
from backend.config import Settings
from backend.core.vault.vault import Vault
from backend.embedded import Servers
from backend.embedded import home as homes
from backend.embedded.account import caller, servers_account
from backend.operations import database
from backend.operations.backup.backup import Report
from backend.operations.backup.contents import Header, Manifest
from backend.operations.backup.errors import KeysMissing, NotEmpty
from backend.operations.backup.loading import Loading
from backend.operations.backup.pieces import Keys
from backend.operations.backup.reader import BackupReader, opened
from backend.operations.locks import home_lock

SPARE_BYTES: Final = 256 * 1024 * 1024
"""Space in addition to the restored data: for the log and the indexes of the database."""
KEYS_FOLDER: Final = "keys"
"""The only folder that an empty home may have."""


class Restored(NamedTuple):
    """The result of a restore."""

    header: Header
    manifest: Manifest
    requeued_jobs: int
    """Number of jobs that were running when the backup was created."""
    is_signed: bool
    """Whether the keys prove that the backup was not changed."""


class Checked(NamedTuple):
    """The result of a check of a backup."""

    header: Header
    manifest: Manifest
    is_signed: bool
    """Whether the keys prove that the backup was not changed."""


async def restore(settings: Settings, source: Path, *, without_keys: bool, report: Report) -> Restored:
    """Restore a backup into the home and the database of the settings; after an error, both are empty again.

    Raises:
        NotEmpty: The home or the database is not empty.
        ArchiveDamaged: The backup was truncated or changed.
        BackupNewer: The backup was created by a newer release.
        KeysMissing: The keys are neither in the backup nor given.
        WrongKeys: Other keys signed it.
        DiskFull: The disk does not have the space that may be needed.
    """
    _require_empty(settings.home)
    with opened(source) as file:
        reader = BackupReader(file)
        report(f"backup of {reader.header.made_at:%Y-%m-%d %H:%M} UTC, revision {reader.header.revision}")
        is_provable = reader.header.has_keys or _has_keys(settings)
        if not is_provable and not without_keys:
            raise KeysMissing(_key_file(settings))
        async with _home(settings, needed_bytes=reader.header.estimated_bytes) as (settings, servers):
            pieces = reader.pieces()
            if reader.header.has_keys:
                _store_keys(settings, next(pieces, None))
            loading = Loading(settings, reader, report, must_be_signed=is_provable)
            requeued = await loading.load(servers.direct_url, pieces)
    return Restored(reader.header, reader.manifest, requeued, is_signed=is_provable)


def check(settings: Settings, source: Path) -> Checked:
    """Read and verify a backup without restoring it.

    Raises:
        ArchiveDamaged: It was truncated or changed.
        WrongKeys: Keys are available, but others signed it.
    """
    with opened(source) as file:
        reader = BackupReader(file)
        own: Vault | None = None
        for piece in reader.pieces():
            if isinstance(piece, Keys):
                own = Vault(piece.text.split())
    vault = _vault_of(settings) if _has_keys(settings) else own
    if vault is not None:
        reader.require_signed(vault)
    return Checked(reader.header, reader.manifest, is_signed=vault is not None)


@asynccontextmanager
async def _home(settings: Settings, *, needed_bytes: int) -> AsyncIterator[tuple[Settings, Servers]]:
    """Start the servers of the home; stop them at the end, and empty the home after an error."""
    account = caller() if settings.database_url and settings.redis_url else servers_account()
    home = await asyncio.to_thread(homes.prepare, settings.home, account)
    settings = settings.model_copy(update={"home": home})
    had_keys = (home / KEYS_FOLDER).exists()
    with home_lock(home):
        is_done = False
        try:
            _require_space(home, needed_bytes + SPARE_BYTES)
            servers = await asyncio.to_thread(embedded.start, settings)
            database.require_supported(servers.direct_url)
            yield settings, servers
            is_done = True
        finally:
            await asyncio.to_thread(embedded.stop, settings)
            homes.remove_short_folder(home)
            if not is_done:
                _empty(home, excluded=KEYS_FOLDER if had_keys else "")


def _require_empty(home: Path) -> None:
    if not home.exists():
        return
    found = sorted(entry.name for entry in home.iterdir() if entry.name not in (KEYS_FOLDER, "up.lock"))
    if found:
        raise NotEmpty(
            f"{home} is not empty: it contains {', '.join(found[:5])}. Set PURAS_HOME to a new folder, or move this "
            "folder elsewhere first (`puras-studio backup` stores its content).",
            home=str(home),
        )


def _empty(home: Path, *, excluded: str) -> None:
    for entry in home.iterdir():
        if entry.name == excluded:
            continue
        if entry.is_dir() and not entry.is_symlink():
            shutil.rmtree(entry)
        else:
            entry.unlink()


def _require_space(home: Path, needed_bytes: int) -> None:
    free = shutil.disk_usage(home).free
    if free < needed_bytes:
        raise DiskFull(home, needed_bytes=needed_bytes, free_bytes=free)


def _key_file(settings: Settings) -> Path:
    return settings.home / KEYS_FOLDER / "secrets.key"


def _has_keys(settings: Settings) -> bool:
    return settings.secrets_key is not None or _key_file(settings).exists()


def _vault_of(settings: Settings) -> Vault:
    given = settings.secrets_key
    return Vault.open(settings.home, given.get_secret_value() if given else None)


def _store_keys(settings: Settings, piece: object) -> None:
    """Store the keys of the backup in the home, unless it has keys; those must have signed the backup."""
    if not isinstance(piece, Keys) or _has_keys(settings):
        return
    Vault(piece.text.split())  # raises an error if a key is not valid
    file = _key_file(settings)
    file.parent.mkdir(mode=0o700)
    file.touch(mode=0o600)
    file.write_text(piece.text, encoding="ascii")
