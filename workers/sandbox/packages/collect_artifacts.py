"""Collect build results from a folder that the sandbox could write to, so that nothing in it is trusted."""

# ruff: noqa: PTH208
# (a folder that is held open is not a path)

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import stat
import zipfile
import zlib
from contextlib import suppress
from pathlib import Path
from typing import Any, BinaryIO, Final
from uuid import uuid4

from backend.storage.removal import remove
from workers.sandbox.guest import build
from workers.sandbox.packages.errors import EnvironmentFailed

from .installer import Source

_MAX_RESULT_BYTES: Final = 256 * 1024
_MAX_WHEEL_BYTES: Final = 512 << 20
_MAX_METADATA_BYTES: Final = 1 << 20
_MAX_DIRECTORY_BYTES: Final = 4 << 20  # some 40,000 files
_END_BYTES: Final = (64 << 10) + 22
_END: Final = b"PK\x05\x06"
_END_OF_LARGE: Final = b"PK\x06\x07"
_COPY_BYTES: Final = 1 << 20
_REQUIRES: Final = re.compile(
    rb"^requires(?:-dist)?[ \t]*:(.*(?:\r?\n[ \t].*)*)", re.IGNORECASE | re.MULTILINE
)
_WHEEL: Final = re.compile(r"(?P<name>[A-Za-z0-9_.]+)-[A-Za-z0-9_.!+]+(-[A-Za-z0-9_.]+){3,4}\.whl")


def read_result(work: Path) -> dict[str, Any] | None:
    """Return what the step wrote, if it is a small plain file of JSON."""
    folder = os.open(work, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    try:
        with _plain(folder, build.RESULT_FILE, _MAX_RESULT_BYTES) as file:
            body = json.loads(file.read(_MAX_RESULT_BYTES))
        return body if isinstance(body, dict) else None
    except (OSError, ValueError, RecursionError):
        return None
    finally:
        os.close(folder)


def copy_wheel(work: Path, source: Source, target: Path) -> None:
    """Copy the one wheel that was built to a folder that no job can write to."""
    try:
        folder = os.open(work / build.WHEELS, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    except OSError:
        raise EnvironmentFailed(f"the build of {source.name} did not create a wheel") from None
    try:
        names = os.listdir(folder)
        match = _WHEEL.fullmatch(names[0]) if len(names) == 1 else None
        if match is None or re.sub(r"[-_.]+", "-", match["name"]).lower() != source.name:
            raise EnvironmentFailed(f"the build of {source.name} created {names[:3]!r} instead of its wheel")
        draft = target.with_name(f".{target.name}.{uuid4().hex}.wheel")
        draft.mkdir(mode=0o755)
        try:
            with _plain(folder, names[0], _MAX_WHEEL_BYTES) as built, (draft / names[0]).open("xb") as copy:
                shutil.copyfileobj(built, copy, _COPY_BYTES)
            _check_metadata(draft / names[0], source)
            with suppress(OSError):  # another process was first, with the same source
                draft.rename(target)
        finally:
            remove(draft)
    except OSError as error:
        raise EnvironmentFailed(f"the wheel of {source.name} cannot be used: {error}") from None
    finally:
        os.close(folder)


def digest_of(wheel: Path) -> str:
    """Return the SHA-256 of the wheel in a folder of one."""
    (path,) = wheel.iterdir()
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _check_metadata(wheel: Path, source: Source) -> None:
    """Reject a wheel that requires URLs or names variables: the installer would print their values."""
    try:
        if _directory_bytes(wheel) > _MAX_DIRECTORY_BYTES:
            raise EnvironmentFailed(f"the wheel of {source.name} has too many files")
        with zipfile.ZipFile(wheel) as archive:
            for info in archive.infolist():
                if not info.filename.lower().endswith(".dist-info/metadata"):
                    continue
                with archive.open(info) as file:
                    text = file.read(_MAX_METADATA_BYTES + 1)
                if len(text) > _MAX_METADATA_BYTES:
                    raise EnvironmentFailed(f"the wheel of {source.name} has metadata of more than 1 MiB")
                for required in _REQUIRES.findall(text):
                    if b"@" in required or b"$" in required:
                        raise EnvironmentFailed(
                            f"{source.name} cannot be used: its wheel requires "
                            f"{required[:200].decode('utf-8', 'replace').strip()!r}, which is not a package of the "
                            "index"
                        )
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError, ValueError) as error:
        raise EnvironmentFailed(
            f"the wheel of `{source.name}` (v{source.version}) was invalid: {error}"
        ) from None


def _directory_bytes(wheel: Path) -> int:
    """Return bytes of the list of files at the end of an archive, which is read into memory."""
    with wheel.open("rb") as file:
        size = file.seek(0, os.SEEK_END)
        file.seek(max(0, size - _END_BYTES))
        end = file.read(_END_BYTES)
    has_no_comment = end[-22:-18] == _END and end[-2:] == b"\0\0"
    offset = len(end) - 22 if has_no_comment else end.rfind(_END)
    if offset < 0 or offset + 16 > len(end):
        raise zipfile.BadZipFile("it is not an archive")
    if end[max(0, offset - 20) : offset].startswith(_END_OF_LARGE):
        return _MAX_DIRECTORY_BYTES + 1
    return int.from_bytes(end[offset + 12 : offset + 16], "little")


def _plain(folder: int, name: str, max_bytes: int) -> BinaryIO:
    """Open a plain file; links, pipes and devices of the build are not followed."""
    file = os.fdopen(os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK, dir_fd=folder), "rb")
    status = os.fstat(file.fileno())
    if stat.S_ISREG(status.st_mode) and status.st_size <= max_bytes:
        return file
    file.close()
    raise OSError(f"{name} is not a plain file of at most {max_bytes} bytes")
