"""Taking what a build left: from a folder that its sandbox could write, so nothing in it is followed or believed."""

# ruff: noqa: PTH208
# (a folder that is held open is not a path)

from __future__ import annotations

import json
import os
import re
import shutil
import stat
from contextlib import suppress
from pathlib import Path
from typing import Any, Final
from uuid import uuid4

from ..errors import EnvironmentFailed
from ..inside import build
from .installer import Source

_MAX_ANSWER_BYTES: Final = 256 * 1024
_MAX_WHEEL_BYTES: Final = 512 << 20
_WHEEL: Final = re.compile(r"(?P<name>[A-Za-z0-9_.]+)-[A-Za-z0-9_.!+]+(-[A-Za-z0-9_.]+){3,4}\.whl")


def answer(work: Path) -> dict[str, Any] | None:
    """What the step wrote, if it is a small plain file of JSON."""
    folder = os.open(work, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    try:
        body = json.loads(_read_plain(folder, build.ANSWER, _MAX_ANSWER_BYTES))
        return body if isinstance(body, dict) else None
    except (OSError, ValueError, RecursionError):
        return None
    finally:
        os.close(folder)


def take_wheel(work: Path, source: Source, target: Path) -> None:
    """Copy the one wheel that was built to a folder that no job can write to."""
    try:
        folder = os.open(work / build.WHEELS, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    except OSError:
        raise EnvironmentFailed(f"the build of {source.name} left no wheel") from None
    try:
        names = os.listdir(folder)
        match = _WHEEL.fullmatch(names[0]) if len(names) == 1 else None
        if match is None or re.sub(r"[-_.]+", "-", match["name"]).lower() != source.name:
            raise EnvironmentFailed(f"the build of {source.name} left {names[:3]!r} instead of its wheel")
        data = _read_plain(folder, names[0], _MAX_WHEEL_BYTES)
    except OSError as error:
        raise EnvironmentFailed(f"the wheel of {source.name} cannot be taken: {error}") from None
    finally:
        os.close(folder)
    draft = target.with_name(f".{target.name}.{uuid4().hex}.wheel")
    draft.mkdir(mode=0o755)
    (draft / names[0]).write_bytes(data)
    with suppress(OSError):  # another process was first, with the same source
        draft.rename(target)
    shutil.rmtree(draft, ignore_errors=True)


def _read_plain(folder: int, name: str, most_bytes: int) -> bytes:
    """The content of a plain file; links, pipes and devices of the build's are not followed."""
    descriptor = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK, dir_fd=folder)
    with os.fdopen(descriptor, "rb") as file:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode) or status.st_size > most_bytes:
            raise OSError(f"{name} is not a plain file of at most {most_bytes} bytes")
        return file.read(most_bytes)
