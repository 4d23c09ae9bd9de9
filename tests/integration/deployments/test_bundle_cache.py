"""Bundles as folders that jobs read."""

from __future__ import annotations

import asyncio
import hashlib
import os
import subprocess
import sys
from pathlib import Path

import pytest

from backend.core.errors import PurasError
from backend.skills.archives.pack import pack
from backend.skills.deployments.unpacked import ensure_unpacked
from backend.storage.local import LocalStorage


async def stored(tmp_path: Path) -> tuple[LocalStorage, str]:
    """Return a storage with one bundle, one file of which is executable."""
    source = tmp_path / "source"
    (source / "skills" / "a").mkdir(parents=True)
    (source / "skills" / "a" / "SKILL.md").write_text("hi")
    script = source / "skills" / "a" / "run.sh"
    script.write_text("#!/bin/sh\n")
    script.chmod(0o700)
    storage, data = LocalStorage(tmp_path / "storage"), pack(source)
    sha256 = hashlib.sha256(data).hexdigest()
    await storage.put_bundle(sha256, data)
    return storage, sha256


async def test_bundle_is_readable_with_any_umask(tmp_path: Path) -> None:
    storage, sha256 = await stored(tmp_path)
    before = os.umask(0o077)
    try:
        folder = await ensure_unpacked(storage, tmp_path / "cache", sha256)
    finally:
        os.umask(before)
    modes = {path.relative_to(folder).as_posix(): path.stat().st_mode & 0o777 for path in folder.rglob("*")}
    assert modes == {
        "skills": 0o755,
        "skills/a": 0o755,
        "skills/a/SKILL.md": 0o644,
        "skills/a/run.sh": 0o755,
    }
    assert folder.stat().st_mode & 0o777 == 0o755


async def test_other_users_of_the_host_cannot_list_bundles(tmp_path: Path) -> None:
    storage, sha256 = await stored(tmp_path)
    cache = tmp_path / "cache"
    cache.mkdir(mode=0o755)  # as the process that sweeps it may have created it
    await ensure_unpacked(storage, cache, sha256)
    assert cache.stat().st_mode & 0o777 == 0o711


async def test_concurrent_requests_share_one_extraction(tmp_path: Path) -> None:
    storage, sha256 = await stored(tmp_path)
    folders = await asyncio.gather(*(ensure_unpacked(storage, tmp_path / "cache", sha256) for _ in range(20)))
    assert len(set(folders)) == 1
    assert [path.name for path in (tmp_path / "cache").iterdir()] == [sha256], "no temporary file remains"


async def test_cancelled_request_does_not_stop_the_extraction_for_others(tmp_path: Path) -> None:
    storage, sha256 = await stored(tmp_path)
    cancelled = asyncio.create_task(ensure_unpacked(storage, tmp_path / "cache", sha256))
    waiting = asyncio.create_task(ensure_unpacked(storage, tmp_path / "cache", sha256))
    await asyncio.sleep(0)
    cancelled.cancel()
    assert (await waiting / "skills/a/SKILL.md").read_text() == "hi"


def test_processes_do_not_interfere_with_each_other(tmp_path: Path) -> None:
    _, sha256 = asyncio.run(stored(tmp_path))
    program = (
        "import asyncio, sys; from pathlib import Path;"
        "from backend.skills.deployments.unpacked import ensure_unpacked;"
        "from backend.storage.local import LocalStorage;"
        "print(asyncio.run(ensure_unpacked(LocalStorage(Path(sys.argv[1])), Path(sys.argv[2]), sys.argv[3])))"
    )
    command = [sys.executable, "-c", program, str(tmp_path / "storage"), str(tmp_path / "cache"), sha256]
    running = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(4)]
    responses = {process.communicate(timeout=60)[0].strip() for process in running}
    assert responses == {str(tmp_path / "cache" / sha256)}
    left = {path.name for path in (tmp_path / "cache").iterdir()}
    assert left - {f".{sha256}.used"} == {sha256}


async def test_missing_bundle_is_reported(tmp_path: Path) -> None:
    storage, _ = await stored(tmp_path)
    with pytest.raises(PurasError):
        await ensure_unpacked(storage, tmp_path / "cache", "0" * 64)
