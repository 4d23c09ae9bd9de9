"""Manage package environments: one per content of requirements.txt, built once, shared read-only.

All projects share an environment that consists of wheels of the index. If a package has no wheel, the project gets its
own environment with the packages that its sandbox built.
"""

from __future__ import annotations

import asyncio
import hashlib
import os
import platform
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final
from uuid import UUID

from backend.core import kit
from backend.core.metrics.instruments import ENVIRONMENT_BUILD, ENVIRONMENT_BUILDS
from backend.core.tracing import spans
from backend.core.version import version
from backend.execution.events.types import EnvironmentEvent
from backend.storage.removal import remove
from workers.sandbox.isolation.paths import BASE_PYTHON
from workers.sandbox.packages import collect_artifacts
from workers.sandbox.packages.errors import EnvironmentFailed, WheelsMissing
from workers.sandbox.packages.slots import Slot, SlotQueue
from workers.types import Assignment, Recorder

from . import requirements as requirements_file
from .build_files import RECENT_S, locked, note_size, recent_bytes, remember_failure, remembered_failure
from .build_log import BuildLog
from .builds import Builder, WheelBuilder
from .installer import Installer, hidden_settings

INSTALL_S: Final = 600.0
BUILD_S: Final = 1800.0  # with packages that must be built
_FORMAT: Final = "2"  # raised when environments of an earlier version must be built again
_MAX_BUILT: Final = 20
_MAX_INSTALLATIONS: Final = 4  # of all projects in this process, and one of each
_MAX_BUILDS: Final = 2  # building takes whole processors


@dataclass(frozen=True, slots=True)
class _BuildRequest:
    """A request for an environment."""

    key: str
    requirements: list[str]
    project_id: UUID | None
    """None for an environment of wheels alone, which all projects share."""
    uid: int | None
    """The user that installs it, of the project that requested it first."""
    requested_by: UUID
    """The project whose slot it uses."""


class Environments:
    """Builds environments, or finds them built."""

    def __init__(self, root: Path, wheel_builder: WheelBuilder) -> None:
        self._root = root
        self._wheel_builder = wheel_builder
        self._builds: dict[str, _Build] = {}
        self._installing = SlotQueue(_MAX_INSTALLATIONS)
        self._building = SlotQueue(_MAX_BUILDS)

    async def ready(self, assignment: Assignment, recorder: Recorder) -> Path | None:
        """Return the environment for an assignment, built if needed; none if it requires no packages.

        Raises:
            RequirementsRefused: the file contains what is not allowed.
            EnvironmentFailed: the packages cannot be installed.
        """
        if assignment.requirements is None:
            return None
        requirements = requirements_file.read(assignment.requirements)
        if not requirements:
            return None
        project_id = assignment.project_id
        uid = assignment.sandbox_uid
        shared_request = _BuildRequest(_key(requirements, ""), requirements, None, uid, project_id)
        own_request = _BuildRequest(
            _key(requirements, str(project_id)), requirements, project_id, uid, project_id
        )
        for request in (shared_request, own_request):
            if _is_built(self._root / request.key):
                return self._root / request.key
        try:
            return await self._built(shared_request, recorder)
        except WheelsMissing:
            return await self._built(own_request, recorder)

    async def close(self) -> None:
        """End running builds."""
        tasks = [build.task for build in self._builds.values()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        self._wheel_builder.threads.close()

    async def _built(self, request: _BuildRequest, recorder: Recorder) -> Path:
        build = self._builds.get(request.key)
        slots = self._installing if request.project_id is None else self._building
        if build is None:
            slot = Slot()
            slots.join(request.requested_by, slot)
            build = self._builds[request.key] = _Build(self._root, self._wheel_builder, request, slot)
            build.task.add_done_callback(lambda done: self._ended(request.key, slots, slot, done))
        else:
            with suppress(EnvironmentFailed):  # it is already waiting, and this project may get a slot sooner
                slots.join(request.requested_by, build.slot)
        build.log.listen(lambda text: recorder.record(EnvironmentEvent(log=text)))
        with spans.span("environment"):
            await asyncio.shield(build.task)
        return self._root / request.key

    def _ended(self, key: str, slots: SlotQueue, slot: Slot, task: asyncio.Task[None]) -> None:
        self._builds.pop(key, None)
        slots.leave(slot)
        if not task.cancelled():
            task.exception()  # waiters receive it; without one, asyncio would log it as never retrieved


@dataclass(slots=True)
class _Build:
    """One running build, and the jobs that wait for it."""

    root: Path
    wheel_builder: WheelBuilder
    request: _BuildRequest
    slot: Slot
    log: BuildLog = field(init=False)
    task: asyncio.Task[None] = field(init=False)

    def __post_init__(self) -> None:
        self.log = BuildLog([f"{self.root}/", f"{self.wheel_builder.wheels}/"], hidden_settings())
        self.task = asyncio.get_running_loop().create_task(self._run(), name="environment")

    async def _run(self) -> None:
        for folder in (self.root, self.wheel_builder.wheels):
            folder.mkdir(mode=0o755, parents=True, exist_ok=True)
        failure_file = self.root / f".{self.request.key}.failed"
        if remembered_failure(failure_file) is None:
            await asyncio.shield(self.slot.granted)
        async with locked(self.root / f".{self.request.key}.lock"):
            folder = self.root / self.request.key
            if _is_built(folder):
                return
            failure = remembered_failure(failure_file)
            if failure is None:
                await self._require_quota()
            try:
                if failure is not None:
                    self.log.write(failure.log)
                    raise failure
                with _counted():
                    await self._build(folder)
                await self.wheel_builder.threads.run(
                    note_size, self.root, self.request.key, self.request.requested_by
                )
            except WheelsMissing as error:
                remember_failure(failure_file, error)
                raise
            except EnvironmentFailed as error:
                cleaned = EnvironmentFailed(self.log.clean(error.detail), self.log.clean(error.log))
                remember_failure(failure_file, cleaned)
                raise EnvironmentFailed(
                    f"The packages of requirements.txt cannot be installed: {cleaned.detail}", cleaned.log
                ) from None

    async def _require_quota(self) -> None:
        """Reject a build of a project that has filled its share of the disk with environments that are not yet old."""
        max_mb = self.wheel_builder.install_limits.bounds.project_mb
        used = await self.wheel_builder.threads.run(recent_bytes, self.root, self.request.requested_by)
        if used >= max_mb << 20:
            raise EnvironmentFailed(
                f"This project has built {used >> 20:,} MiB of packages in the last {RECENT_S / 60:.0f} "
                f"minutes, and {max_mb:,} MiB are allowed. Run a version whose packages are installed, or "
                "try again later. An operator can raise PURAS_MAX_PROJECT_ENVIRONMENTS_MB.",
                self.log.text,
            )

    async def _build(self, folder: Path) -> None:
        work = self.root / f".{self.request.key}.building"
        await self.wheel_builder.threads.run(remove, work)
        work.mkdir(mode=0o700)
        if self.request.uid is not None:
            os.chown(work, self.request.uid, self.request.uid)
        installer = self.wheel_builder.installer(self.request.uid, work, self.log)
        self.log.write("installing " + ", ".join(self.request.requirements)[:1000] + "\n")
        started = time.monotonic()
        project_id = self.request.project_id
        limit_s = INSTALL_S if project_id is None else BUILD_S
        try:
            async with asyncio.timeout(limit_s):
                if project_id is None:
                    await installer.install(folder, self.request.requirements)
                else:
                    await self._install_with_built_wheels(installer, folder, project_id)
        except TimeoutError:
            raise EnvironmentFailed(f"it did not end within {limit_s:.0f} s", self.log.text) from None
        else:
            self.log.write(await self.wheel_builder.threads.run(_note_other_kit, folder))
            self.log.write(f"ready after {time.monotonic() - started:.1f} s\n")
        finally:
            self.log.flush()
            await self.wheel_builder.threads.run(remove, work)

    async def _install_with_built_wheels(self, installer: Installer, folder: Path, project_id: UUID) -> None:
        """Install; each time that a wheel is missing, build it for the project and repeat."""
        builder = Builder(self.wheel_builder, project_id, self.request.uid, installer, self.log)
        wheels: dict[str, Path] = {}
        requirements = self.request.requirements
        while True:
            try:
                await installer.install(folder, requirements, wheels=list(wheels.values()))
                return
            except WheelsMissing as missing:
                names = [name for name in missing.names if name not in wheels]
                if not names or len(wheels) >= _MAX_BUILT:
                    raise EnvironmentFailed(_why_not(missing, wheels), missing.log) from None
            except EnvironmentFailed:
                for (
                    built
                ) in wheels.values():  # one of them may be the cause: the next attempt builds them again
                    await self.wheel_builder.threads.run(remove, built)
                raise
            for name in names:
                lines = _lines_of(name, requirements)
                source = await installer.find_source(name, lines)
                wheels[name] = await builder.wheel_of(source)
                if (
                    source.hashes
                ):  # the source had one of them; now the wheel that was built of it is the right one
                    digest = f"sha256:{await self.wheel_builder.threads.run(collect_artifacts.digest_of, wheels[name])}"
                    requirements = [
                        requirements_file.with_hashes(line, digest) if line in lines else line
                        for line in requirements
                    ]


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


def _note_other_kit(folder: Path) -> str:
    """Return a line if the packages contain another `puras`, as a dependency of one of them."""
    if not any(folder.glob("lib/python*/site-packages/puras")):
        return ""
    return f"one of the packages has installed another package puras; jobs import {kit.PROJECT} {version()}\n"


def _is_built(folder: Path) -> bool:
    return (folder / "bin/python").exists()


def _lines_of(name: str, requirements: list[str]) -> list[str]:
    """Return the requirements for a package."""
    return [line for line in requirements if requirements_file.name_of(line) == name]


def _why_not(missing: WheelsMissing, wheels: dict[str, Path]) -> str:
    if len(wheels) >= _MAX_BUILT:
        return f"more than {_MAX_BUILT} of them have no wheel and would have to be built"
    return (
        f"{', '.join(missing.names)} had to be built, and the newest version is not compatible with the "
        "others. Specify a compatible version in requirements.txt"
    )


def _key(requirements: list[str], project: str) -> str:
    """Return the name of an environment: a hash of everything that determines its content."""
    version = f"{sys.implementation.name}-{platform.python_version()}"
    parts = [
        _FORMAT,
        *requirements,
        project,
        version,
        sys.platform,
        platform.machine(),
        "-".join(platform.libc_ver()),
        str(BASE_PYTHON),
    ]
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()
