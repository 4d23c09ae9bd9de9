"""A full disk: the error is reported, no partial file is left, and storing works again when space is free."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path
from uuid import uuid4

import pytest

from backend.storage.file_errors import DriveFull
from backend.storage.local import LocalStorage
from backend.storage.paths import parse_drive_path

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="only root can mount a small disk")

SIZE_BYTES = 4 * 1024 * 1024


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """Mount a disk of a few MiB."""
    folder = tmp_path / "small"
    folder.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={SIZE_BYTES}", "tmpfs", folder], check=True)
    yield folder
    subprocess.run(["umount", folder], check=True)


async def test_upload_that_does_not_fit_is_rejected_and_frees_its_space(small_disk: Path) -> None:
    storage, project_id = LocalStorage(small_disk), uuid4()
    with pytest.raises(DriveFull, match="is full"):
        async with storage.receive() as incoming:
            for _ in range(8):
                await incoming.write(b"x" * (SIZE_BYTES // 4))
            await incoming.place(project_id, parse_drive_path("big"), owner_uid=None)
    assert list((small_disk / "incoming").iterdir()) == []
    async with storage.receive() as incoming:
        await incoming.write(b"x" * (SIZE_BYTES // 2))
        entry = await incoming.place(project_id, parse_drive_path("fits"), owner_uid=None)
    assert entry.size_bytes == SIZE_BYTES // 2


async def test_bundle_that_does_not_fit_is_rejected_and_leaves_nothing(small_disk: Path) -> None:
    storage = LocalStorage(small_disk)
    large, little = b"x" * 2 * SIZE_BYTES, b"little"
    with pytest.raises(DriveFull, match="is full"):
        await storage.put_bundle(sha256(large).hexdigest(), large)
    assert not [path for path in (small_disk / "bundles").rglob("*") if path.is_file()]
    await storage.put_bundle(sha256(little).hexdigest(), little)
    assert await storage.get_bundle(sha256(little).hexdigest()) == little
