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
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Final

import uv

from workers.runners import Recorder

from . import requirements as requirements_file
from .errors import EnvironmentFailed
from .places import BASE_PYTHON

BUILD_S: Final = 600.0
REMEMBER_FAILURE_S: Final = 60.0  # a broken requirements.txt must not be tried again for every waiting job
_MAX_LOG_BYTES: Final = 64 * 1024
_LOCK_POLL_S: Final = 0.1
_FROM_OUR_ENVIRONMENT: Final = ("UV_", "PIP_", "SSL_", "CURL_CA_BUNDLE", "REQUESTS_CA_BUNDLE", "LANG", "PATH")
_NOT_FROM_OURS: Final = (
    "UV_PROJECT",
    "UV_PYTHON",
    "UV_CACHE_DIR",
    "UV_TARGET",
    "UV_PREFIX",
    "UV_SYSTEM_PYTHON",
    "UV_VENV",
)

Listener = Callable[[str], None]


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
        build.listen(lambda text: recorder.record("environment", {"log": text}))
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
        self._log: list[str] = []
        self._log_bytes = 0
        self._listeners: list[Listener] = []
        self.task = asyncio.get_running_loop().create_task(self._run(), name="environment")

    def listen(self, listener: Listener) -> None:
        """Tell the log from its beginning on."""
        for text in self._log:
            listener(text)
        self._listeners.append(listener)

    async def _run(self) -> None:
        for folder in (self._root, self._cache):
            folder.mkdir(mode=0o755, parents=True, exist_ok=True)
        async with _locked(self._root / f".{self._key}.lock"):
            folder = self._root / self._key
            if (folder / "bin/python").exists():
                return
            failure = _remembered_failure(self._failure_file)
            if failure is not None:
                self._tell(failure)
                raise EnvironmentFailed(_sentence(failure), failure)
            try:
                await self._build(folder)
            except EnvironmentFailed as error:
                self._failure_file.write_text(
                    json.dumps({"at": time.time(), "log": error.log}), encoding="utf-8"
                )
                raise

    @property
    def _failure_file(self) -> Path:
        return self._root / f".{self._key}.failed"

    async def _build(self, folder: Path) -> None:
        fresh = self._root / f".{self._key}.building"
        shutil.rmtree(fresh, ignore_errors=True)
        file = self._root / f".{self._key}.txt"
        file.write_text("\n".join(self._wanted) + "\n", encoding="utf-8")
        self._tell("installing " + ", ".join(self._wanted)[:1000] + "\n")
        started = time.monotonic()
        try:
            async with asyncio.timeout(BUILD_S):
                await self._uv(
                    "venv", "--no-project", "--relocatable", "--python", str(BASE_PYTHON), str(fresh)
                )
                await self._uv(
                    *("pip", "install", "--python", str(fresh / "bin/python"), "--only-binary", ":all:"),
                    *("--compile-bytecode", "-r", str(file)),
                )
        except TimeoutError:
            self._fail(f"the installation did not end within {BUILD_S:.0f} s")
        else:
            fresh.rename(folder)
            self._tell(f"ready after {time.monotonic() - started:.1f} s\n")
        finally:
            shutil.rmtree(fresh, ignore_errors=True)
            file.unlink(missing_ok=True)

    async def _uv(self, *arguments: str) -> None:
        process = await asyncio.create_subprocess_exec(
            uv.find_uv_bin(),
            "--no-progress",
            "--color=never",
            *arguments,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
            env=_build_environment(self._cache),
            cwd="/",  # where no project's own settings are found
            start_new_session=True,
        )
        try:
            assert process.stdout is not None  # noqa: S101 - asked for three lines above
            while data := await process.stdout.read(8192):
                self._tell(data.decode("utf-8", "replace"))
            if await process.wait() != 0:
                self._fail(f"uv ended with exit code {process.returncode}")
        finally:
            if process.returncode is None:
                with suppress(ProcessLookupError):
                    os.killpg(process.pid, 9)
                await process.wait()

    def _tell(self, text: str) -> None:
        text = text.replace("\0", "").replace(f"{self._root}/", "")
        if self._log_bytes + len(text) > _MAX_LOG_BYTES:
            return
        self._log_bytes += len(text)
        self._log.append(text)
        for listener in self._listeners:
            listener(text)

    def _fail(self, why: str) -> None:
        log = "".join(self._log)
        raise EnvironmentFailed(_sentence(log or why), log or why)


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


def _build_environment(cache: Path) -> dict[str, str]:
    """What an installer needs of our variables: index, proxy and certificates, nothing else."""
    inherited = {
        name: value
        for name, value in os.environ.items()
        if (name.startswith(_FROM_OUR_ENVIRONMENT) or name.upper().endswith("_PROXY"))
        and not name.startswith(_NOT_FROM_OURS)
    }
    config = Path(os.environ.get("XDG_CONFIG_HOME") or Path("~/.config").expanduser()) / "uv/uv.toml"
    if "UV_CONFIG_FILE" not in inherited and config.is_file():
        inherited["UV_CONFIG_FILE"] = str(config)
    return {**inherited, "HOME": str(cache), "UV_CACHE_DIR": str(cache), "UV_PYTHON_DOWNLOADS": "never"}


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
