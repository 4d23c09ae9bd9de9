"""Environments of packages: one per content of requirements.txt, built once, shared read-only.

From wheels alone an environment is every project's. Where a package has no wheel, the project gets one of its own, with
what its sandbox built.
"""

from __future__ import annotations

import asyncio
import hashlib
import platform
import shutil
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final
from uuid import UUID

from backend.metrics.instruments import ENVIRONMENT_BUILD, ENVIRONMENT_BUILDS
from backend.tracing import spans
from workers.runners import Assignment, Recorder

from ..errors import EnvironmentFailed, WheelsMissing
from ..places import BASE_PYTHON
from . import requirements as requirements_file
from .build_files import locked, remember_failure, remembered_failure
from .build_log import BuildLog
from .builds import Builder, Workshop
from .installer import Installer

INSTALL_S: Final = 600.0
BUILD_S: Final = 1800.0  # with packages that must be built
_MAX_BUILT: Final = 20
_BUILDS_AT_ONCE: Final = 2  # of all projects in this process: building takes whole processors


@dataclass(frozen=True, slots=True)
class _Order:
    """What is to be in an environment, and whose it is."""

    key: str
    wanted: list[str]
    project_id: UUID | None
    """None for an environment of wheels alone, which all projects share."""
    uid: int | None


class Environments:
    """Builds environments, or finds them built."""

    def __init__(self, root: Path, shop: Workshop) -> None:
        self._root = root
        self._shop = shop
        self._builds: dict[str, _Build] = {}
        self._room = asyncio.Semaphore(_BUILDS_AT_ONCE)

    async def ready(self, assignment: Assignment, recorder: Recorder) -> Path | None:
        """The environment for an assignment's packages, built now if it must be; none when nothing is required.

        Raises:
            RequirementsRefused: the file holds what is not allowed.
            EnvironmentFailed: the packages cannot be installed; says why.
        """
        if assignment.requirements is None:
            return None
        wanted = requirements_file.read(assignment.requirements)
        if not wanted:
            return None
        project_id = assignment.project_id
        shared = _Order(_key(wanted, ""), wanted, None, None)
        own = _Order(_key(wanted, str(project_id)), wanted, project_id, assignment.sandbox_uid)
        for order in (shared, own):
            if _is_built(self._root / order.key):
                return self._root / order.key
        try:
            return await self._built(shared, recorder)
        except WheelsMissing:
            return await self._built(own, recorder)

    async def clear_cache(self) -> None:
        """Empty the installer's own cache; what is installed stays."""
        with suppress(EnvironmentFailed):
            await Installer(self._shop.cache, BuildLog()).clear_cache()

    async def close(self) -> None:
        """End the builds that are under way."""
        tasks = [build.task for build in self._builds.values()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _built(self, order: _Order, recorder: Recorder) -> Path:
        build = self._builds.get(order.key)
        if build is None:
            build = self._builds[order.key] = _Build(self._root, self._shop, order, self._room)
            build.task.add_done_callback(lambda done: self._ended(order.key, done))
        build.log.listen(lambda text: recorder.record("environment", {"log": text}))
        with spans.span("environment"):
            await asyncio.shield(build.task)
        return self._root / order.key

    def _ended(self, key: str, task: asyncio.Task[None]) -> None:
        self._builds.pop(key, None)
        if not task.cancelled():
            task.exception()  # whoever waits is told; when all have gone it is nobody's


@dataclass(slots=True)
class _Build:
    """One build under way, and the jobs that wait for it."""

    root: Path
    shop: Workshop
    order: _Order
    room: asyncio.Semaphore
    log: BuildLog = field(init=False)
    task: asyncio.Task[None] = field(init=False)

    def __post_init__(self) -> None:
        self.log = BuildLog(hidden=[f"{self.root}/", f"{self.shop.wheels}/"])
        self.task = asyncio.get_running_loop().create_task(self._run(), name="environment")

    async def _run(self) -> None:
        for folder in (self.root, self.shop.wheels, self.shop.cache):
            folder.mkdir(mode=0o755, parents=True, exist_ok=True)
        async with locked(self.root / f".{self.order.key}.lock"):
            folder = self.root / self.order.key
            if _is_built(folder):
                return
            failure_file = self.root / f".{self.order.key}.failed"
            failure = remembered_failure(failure_file)
            try:
                if failure is not None:
                    self.log.tell(failure.log)
                    raise failure
                with _counted():
                    await self._build(folder)
            except WheelsMissing as missing:
                remember_failure(failure_file, missing)
                raise
            except EnvironmentFailed as error:
                remember_failure(failure_file, error)
                raise EnvironmentFailed(
                    f"The packages of requirements.txt cannot be installed: {error.detail}", error.log
                ) from None

    async def _build(self, folder: Path) -> None:
        fresh = self.root / f".{self.order.key}.building"
        await asyncio.to_thread(shutil.rmtree, fresh, ignore_errors=True)
        self.log.tell("installing " + ", ".join(self.order.wanted)[:1000] + "\n")
        started = time.monotonic()
        project_id = self.order.project_id
        limit_s = INSTALL_S if project_id is None else BUILD_S
        try:
            # Waiting for other projects' builds takes nothing off the time of this one.
            async with nullcontext() if project_id is None else self.room, asyncio.timeout(limit_s):
                if project_id is None:
                    await Installer(self.shop.cache, self.log).install(fresh, self.order.wanted)
                else:
                    await self._install_with_own_wheels(fresh, project_id)
        except TimeoutError:
            raise EnvironmentFailed(f"it did not end within {limit_s:.0f} s", self.log.text) from None
        else:
            fresh.rename(folder)
            self.log.tell(f"ready after {time.monotonic() - started:.1f} s\n")
        finally:
            self.log.flush()
            await asyncio.to_thread(shutil.rmtree, fresh, ignore_errors=True)

    async def _install_with_own_wheels(self, fresh: Path, project_id: UUID) -> None:
        """Install; each time that a wheel is missing, build it for the project and begin anew."""
        installer = Installer(self.shop.cache, self.log)
        builder = Builder(self.shop, project_id, self.order.uid, self.log)
        wheels: dict[str, Path] = {}
        while True:
            try:
                await installer.install(fresh, self.order.wanted, wheels=list(wheels.values()))
                return
            except WheelsMissing as missing:
                names = [name for name in missing.names if name not in wheels]
                if not names or len(wheels) >= _MAX_BUILT:
                    raise EnvironmentFailed(_why_not(missing, wheels), missing.log) from None
            except EnvironmentFailed:
                for built in wheels.values():  # one of them may be why: the next try builds them anew
                    await asyncio.to_thread(shutil.rmtree, built, ignore_errors=True)
                raise
            for name in names:
                source = await installer.find_source(name, _lines_of(name, self.order.wanted))
                wheels[name] = await builder.wheel_of(source)
            await asyncio.to_thread(shutil.rmtree, fresh)


@contextmanager
def _counted() -> Iterator[None]:
    outcome = "failed"
    try:
        with ENVIRONMENT_BUILD.time():
            yield
        outcome = "ready"
    except WheelsMissing:
        outcome = "wheels_missing"
        raise
    finally:
        ENVIRONMENT_BUILDS.labels(outcome).inc()


def _is_built(folder: Path) -> bool:
    return (folder / "bin/python").exists()


def _lines_of(name: str, wanted: list[str]) -> list[str]:
    """The requirements that speak of a package."""
    return [line for line in wanted if requirements_file.name_of(line) == name]


def _why_not(missing: WheelsMissing, wheels: dict[str, Path]) -> str:
    if len(wheels) >= _MAX_BUILT:
        return f"more than {_MAX_BUILT} of them have no wheel and would have to be built"
    return (
        f"{', '.join(missing.names)} had to be built, and the newest version does not fit the others: name the version "
        "that does in requirements.txt"
    )


def _key(wanted: list[str], project: str) -> str:
    """The name of an environment: everything that decides what is in it."""
    version = f"{sys.implementation.name}-{platform.python_version()}"
    parts = [
        *wanted,
        project,
        version,
        sys.platform,
        platform.machine(),
        "-".join(platform.libc_ver()),
        str(BASE_PYTHON),
    ]
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()
