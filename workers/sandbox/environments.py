"""Environments of packages: one per content of requirements.txt, built once, shared read-only."""

from __future__ import annotations

import asyncio
import fcntl
import hashlib
import json
import os
import platform
import shutil
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final

from workers.runners import Recorder

from . import requirements as requirements_file
from .build_log import BuildLog
from .errors import EnvironmentFailed
from .installer import Installer
from .places import BASE_PYTHON

BUILD_S: Final = 600.0
REMEMBER_FAILURE_S: Final = 60.0  # a broken requirements.txt must not be tried again for every waiting job
_LOCK_POLL_S: Final = 0.1


class Environments:
    """Builds environments, or finds them built."""

    def __init__(self, root: Path, *, cache: Path) -> None:
        self._root = root
        self._cache = cache
        self._builds: dict[str, _Build] = {}

    async def ready(self, requirements: Path | None, recorder: Recorder) -> Path | None:
        """The environment for a requirements.txt, built now if it must be; none when nothing is required.

        Raises:
            RequirementsRefused: the file holds what is not allowed.
            EnvironmentFailed: the packages cannot be installed; says why.
        """
        if requirements is None:
            return None
        wanted = requirements_file.read(requirements)
        if not wanted:
            return None
        key = _key(wanted)
        folder = self._root / key
        if (folder / "bin/python").exists():
            return folder
        build = self._builds.get(key)
        if build is None:
            build = self._builds[key] = _Build(self._root, self._cache, key, wanted)
            build.task.add_done_callback(lambda done: self._ended(key, done))
        build.log.listen(lambda text: recorder.record("environment", {"log": text}))
        await asyncio.shield(build.task)
        return folder

    def _ended(self, key: str, task: asyncio.Task[None]) -> None:
        self._builds.pop(key, None)
        if not task.cancelled():
            task.exception()  # whoever waits is told; when all have gone it is nobody's

    async def close(self) -> None:
        """End the builds that are under way."""
        tasks = [build.task for build in self._builds.values()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


class _Build:
    """One build under way, and the jobs that wait for it."""

    def __init__(self, root: Path, cache: Path, key: str, wanted: list[str]) -> None:
        self._root = root
        self._cache = cache
        self._key = key
        self._wanted = wanted
        self.log = BuildLog(hidden=[f"{root}/"])
        self.task = asyncio.get_running_loop().create_task(self._run(), name="environment")

    async def _run(self) -> None:
        for folder in (self._root, self._cache):
            folder.mkdir(mode=0o755, parents=True, exist_ok=True)
        async with _locked(self._root / f".{self._key}.lock"):
            folder = self._root / self._key
            if (folder / "bin/python").exists():
                return
            failure = _remembered_failure(self._failure_file)
            if failure is not None:
                self.log.tell(failure)
                raise EnvironmentFailed(_sentence(failure), failure)
            try:
                await self._build(folder)
            except EnvironmentFailed as error:
                self._failure_file.write_text(
                    json.dumps({"at": time.time(), "log": error.log}), encoding="utf-8"
                )
                raise EnvironmentFailed(_sentence(error.log), error.log) from None

    @property
    def _failure_file(self) -> Path:
        return self._root / f".{self._key}.failed"

    async def _build(self, folder: Path) -> None:
        fresh = self._root / f".{self._key}.building"
        shutil.rmtree(fresh, ignore_errors=True)
        self.log.tell("installing " + ", ".join(self._wanted)[:1000] + "\n")
        started = time.monotonic()
        try:
            async with asyncio.timeout(BUILD_S):
                await Installer(self._cache, self.log).install(fresh, self._wanted)
        except TimeoutError:
            why = f"the installation did not end within {BUILD_S:.0f} s"
            raise EnvironmentFailed(why, self.log.text + why) from None
        else:
            fresh.rename(folder)
            self.log.tell(f"ready after {time.monotonic() - started:.1f} s\n")
        finally:
            shutil.rmtree(fresh, ignore_errors=True)


def _sentence(log: str) -> str:
    lines = [line.strip() for line in log.splitlines() if line.strip()]
    tail = " ".join(lines[-6:])[-1500:]
    return (
        "The packages of requirements.txt cannot be installed. Only packages with a wheel for "
        f"Python {sys.version_info.major}.{sys.version_info.minor} on {platform.machine()} can be used. {tail}"
    )


def _key(wanted: list[str]) -> str:
    """The name of an environment: everything that decides what is in it."""
    version = f"{sys.implementation.name}-{platform.python_version()}"
    parts = [
        *wanted,
        version,
        sys.platform,
        platform.machine(),
        "-".join(platform.libc_ver()),
        str(BASE_PYTHON),
    ]
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()


def _remembered_failure(file: Path) -> str | None:
    try:
        body = json.loads(file.read_text(encoding="utf-8"))
        return str(body["log"]) if time.time() - float(body["at"]) < REMEMBER_FAILURE_S else None
    except (OSError, ValueError, KeyError, TypeError):
        return None


@asynccontextmanager
async def _locked(file: Path) -> AsyncIterator[None]:
    """Hold a file lock against every other worker process of this machine."""
    descriptor = os.open(file, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        while not _try_lock(descriptor):  # noqa: ASYNC110 - the holder is another process
            await asyncio.sleep(_LOCK_POLL_S)
        yield
    finally:
        os.close(descriptor)


def _try_lock(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
