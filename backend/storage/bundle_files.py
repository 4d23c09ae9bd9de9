"""Store bundles in a local folder, each under its hash: `<root>/<first two digits>/<sha256>.zip`."""

from __future__ import annotations

import hashlib
import os
import re
from pathlib import Path
from secrets import token_hex

from backend.storage.drive_files import raise_if_full
from backend.storage.errors import BundleDamaged, BundleMissing

_SHA256 = re.compile(r"[0-9a-f]{64}")


def put(root: Path, sha256: str, data: bytes) -> None:
    """Store the bytes durably; the same bytes are stored only once.

    Raises:
        BundleDamaged: The bytes do not have that hash.
        DriveFull: The disk is full.
    """
    if not _has_hash(data, sha256):
        raise BundleDamaged(sha256)
    path = _path(root, sha256)
    if path.exists() and _has_hash(path.read_bytes(), sha256):
        return
    path.parent.mkdir(mode=0o700, exist_ok=True)
    draft = path.with_name(f".{sha256}.{token_hex(8)}")
    try:
        with draft.open("xb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        draft.rename(path)
    except OSError as error:
        raise_if_full(error)
        raise
    finally:
        draft.unlink(missing_ok=True)
    sync_folder(path.parent)
    sync_folder(root)


def get(root: Path, sha256: str) -> bytes:
    """Return the bytes after checking their hash.

    Raises:
        BundleMissing: No bundle has that hash.
        BundleDamaged: The stored bytes have changed.
    """
    try:
        data = _path(root, sha256).read_bytes()
    except FileNotFoundError:
        raise BundleMissing(sha256) from None
    if not _has_hash(data, sha256):
        raise BundleDamaged(sha256)
    return data


def delete(root: Path, sha256: str) -> None:
    """Delete the bytes, if they exist."""
    _path(root, sha256).unlink(missing_ok=True)


def sync_folder(folder: Path) -> None:
    """Make sure that new and renamed entries of a folder survive a power failure."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _path(root: Path, sha256: str) -> Path:
    if not _SHA256.fullmatch(sha256):
        raise BundleMissing(sha256)
    return root / sha256[:2] / f"{sha256}.zip"


def _has_hash(data: bytes, sha256: str) -> bool:
    return hashlib.sha256(data).hexdigest() == sha256
