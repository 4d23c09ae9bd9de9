"""A job that fills its live drive with links, pipes and race conditions cannot read other files through the API."""

from __future__ import annotations

import asyncio
import ctypes
import os
import socket
import sys
import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest

from backend.storage.file_errors import DriveFileMissing, PathTaken
from backend.storage.paths import ROOT, parse_drive_path
from tests.chaos.rounds import ROUNDS
from tests.integration.storage.conftest import LiveDrive

AT_FDCWD = -100
RENAME_EXCHANGE = 2


@pytest.fixture
def outside(tmp_path: Path) -> Path:
    """Return a folder of another tenant with a secret in it."""
    folder = tmp_path / "outside"
    folder.mkdir()
    (folder / "secret").write_bytes(b"not yours")
    return folder


async def test_links_out_of_the_drive_are_not_followed(live_drive: LiveDrive, outside: Path) -> None:
    (live_drive.folder / "file").symlink_to(outside / "secret")
    (live_drive.folder / "folder").symlink_to(outside)
    (live_drive.folder / "up").symlink_to("..")
    for path in ("file", "folder/secret", "up/outside/secret", "folder"):
        with pytest.raises(DriveFileMissing):
            await live_drive.read(path)
        with pytest.raises(DriveFileMissing):
            await live_drive.storage.stat(live_drive.project_id, parse_drive_path(path))
    with pytest.raises(DriveFileMissing):
        await live_drive.storage.delete(live_drive.project_id, parse_drive_path("folder/secret"))
    for path in ("folder/new", "folder/deeper/new"):
        with pytest.raises(PathTaken):
            await live_drive.write(path, b"x")
    assert await live_drive.storage.list(live_drive.project_id, ROOT, recursive=True) == []
    assert await live_drive.storage.list(live_drive.project_id, parse_drive_path("folder")) == []
    assert [path.name for path in outside.iterdir()] == ["secret"]


async def test_link_inside_the_drive_is_not_a_file(live_drive: LiveDrive) -> None:
    await live_drive.write("a.txt", b"x")
    (live_drive.folder / "b.txt").symlink_to("a.txt")
    with pytest.raises(DriveFileMissing):
        await live_drive.read("b.txt")


async def test_write_replaces_a_link_and_not_its_target(live_drive: LiveDrive, outside: Path) -> None:
    (live_drive.folder / "file").symlink_to(outside / "secret")
    await live_drive.write("file", b"mine")
    assert (outside / "secret").read_bytes() == b"not yours"
    assert not (live_drive.folder / "file").is_symlink()
    assert await live_drive.read("file") == b"mine"


async def test_deletion_of_a_link_keeps_its_target(live_drive: LiveDrive, outside: Path) -> None:
    (live_drive.folder / "folder").symlink_to(outside)
    await live_drive.storage.delete(live_drive.project_id, parse_drive_path("folder"))
    assert (outside / "secret").exists()
    assert not (live_drive.folder / "folder").is_symlink()


@pytest.mark.timeout(20)
async def test_special_files_are_not_files_and_never_block_the_api(
    live_drive: LiveDrive,
) -> None:
    os.mkfifo(live_drive.folder / "pipe")
    with socket.socket(socket.AF_UNIX) as server:
        descriptor = os.open(live_drive.folder, os.O_RDONLY)
        server.bind(f"/proc/self/fd/{descriptor}/socket")
        os.close(descriptor)
    names = ["pipe", "socket"]
    if os.geteuid() == 0:
        with suppress(PermissionError):  # a container may deny it even to root
            os.mknod(live_drive.folder / "device", 0o666 | 0o020000, os.makedev(1, 5))
            names.append("device")
    for name in names:
        with pytest.raises(DriveFileMissing):
            await live_drive.read(name)
    assert await live_drive.storage.list(live_drive.project_id, ROOT, limit=1) == []
    await live_drive.write("pipe", b"now a file")
    assert await live_drive.read("pipe") == b"now a file"


async def test_special_files_do_not_shorten_a_page(live_drive: LiveDrive) -> None:
    for number in range(10):
        os.mkfifo(live_drive.folder / f"a{number}")
        (live_drive.folder / f"b{number}").symlink_to("/etc/passwd")
    await live_drive.write("z.txt", b"x")
    [entry] = await live_drive.storage.list(live_drive.project_id, ROOT, limit=2)
    assert entry.path == "z.txt"


async def test_listings_omit_names_that_are_not_valid_paths(live_drive: LiveDrive) -> None:
    root = os.fsencode(live_drive.folder)
    for name in (b"bad\xff", b"new\nline", b"back\\slash"):
        Path(os.fsdecode(root + b"/" + name)).write_bytes(b"x")
    deep = live_drive.folder
    for _ in range(80):
        deep = deep / "d"
        deep.mkdir()
    entries = await live_drive.storage.list(live_drive.project_id, ROOT, recursive=True)
    assert len(entries) == 64
    assert {entry.path.rsplit("/", 1)[-1] for entry in entries} == {"d"}


async def test_folder_without_permissions_is_a_clear_error(live_drive: LiveDrive) -> None:
    await live_drive.write("closed/a.txt", b"x")
    (live_drive.folder / "closed").chmod(0)
    if os.geteuid() == 0:
        assert await live_drive.read("closed/a.txt") == b"x"
        return
    with pytest.raises(DriveFileMissing):
        await live_drive.read("closed/a.txt")
    with pytest.raises(PathTaken):
        await live_drive.write("closed/b.txt", b"x")
    (live_drive.folder / "closed").chmod(0o700)


class Swapper:
    """A thread of a job that exchanges two names as fast as it can."""

    def __init__(self, exchange: Callable[[], None]) -> None:
        self._exchange = exchange
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run)

    def __enter__(self) -> Swapper:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._stop.is_set():
            self._exchange()


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux can exchange two names atomically")
async def test_race_of_renames_never_leads_out_of_the_drive(live_drive: LiveDrive, outside: Path) -> None:
    """A folder and a link to a foreign folder exchange their names, while the API reads and writes."""
    await live_drive.write("name/secret", b"mine")
    (live_drive.folder / "link").symlink_to(outside)
    names = [os.fsencode(live_drive.folder / name) for name in ("name", "link")]
    rename = ctypes.CDLL(None).renameat2

    def exchange() -> None:
        assert rename(AT_FDCWD, names[0], AT_FDCWD, names[1], RENAME_EXCHANGE) == 0

    read: set[bytes] = set()
    with Swapper(exchange):
        for attempt in range(150 * ROUNDS):
            with suppress(DriveFileMissing):
                read.add(await live_drive.read("name/secret"))
            with suppress(PathTaken):
                await live_drive.write(f"name/new{attempt % 7}", b"x")
            with suppress(DriveFileMissing):
                await live_drive.storage.delete(live_drive.project_id, parse_drive_path("name/secret2"))
            await asyncio.sleep(0)
    assert read == {b"mine"}
    assert [path.name for path in outside.iterdir()] == ["secret"]
    assert (outside / "secret").read_bytes() == b"not yours"
    assert outside.stat().st_uid == os.geteuid()
