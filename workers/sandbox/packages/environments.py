"""Environments of packages: one per content of requirements.txt, built once, shared read-only.

From wheels alone an environment is every project's. Where a package has no wheel, the project gets one of its own, with
what its sandbox built.
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

from backend.core.metrics.instruments import ENVIRONMENT_BUILD, ENVIRONMENT_BUILDS
from backend.core.tracing import spans
from backend.execution.events.types import EnvironmentEvent
from backend.storage.removal import remove
from workers.sandbox.isolation.paths import BASE_PYTHON
from workers.sandbox.packages import collect_artifacts
from workers.sandbox.packages.errors import EnvironmentFailed, WheelsMissing
from workers.sandbox.packages.slots import Turn, Turns
from workers.types import Assignment, Recorder

from . import requirements as requirements_file
from .build_files import RECENT_S, locked, note_size, recent_bytes, remember_failure, remembered_failure
from .build_log import BuildLog
from .builds import Builder, Workshop
from .installer import Installer, hidden_settings

INSTALL_S: Final = 600.0
BUILD_S: Final = 1800.0  # with packages that must be built
_FORMAT: Final = "2"  # raised when environments of an earlier version must be built again
_MAX_BUILT: Final = 20
_INSTALLATIONS_AT_ONCE: Final = 4  # of all projects in this process, and one of each
_BUILDS_AT_ONCE: Final = 2  # building takes whole processors


@dataclass(frozen=True, slots=True)
class _Order:
    """What is to be in an environment, and whose it is."""

    key: str
    wanted: list[str]
    project_id: UUID | None
    """None for an environment of wheels alone, which all projects share."""
    uid: int | None
    """User that installs it, of the project that wanted it first."""
    wanted_by: UUID
    """The project whose turn it takes."""


class Environments:
    """Builds environments, or finds them built."""

    def __init__(self, root: Path, shop: Workshop) -> None:
        self._root = root
        self._shop = shop
        self._builds: dict[str, _Build] = {}
        self._installing = Turns(_INSTALLATIONS_AT_ONCE)
        self._building = Turns(_BUILDS_AT_ONCE)

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
        uid = assignment.sandbox_uid
        shared = _Order(_key(wanted, ""), wanted, None, uid, project_id)
        own = _Order(_key(wanted, str(project_id)), wanted, project_id, uid, project_id)
        for order in (shared, own):
            if _is_built(self._root / order.key):
                return self._root / order.key
        try:
            return await self._built(shared, recorder)
        except WheelsMissing:
            return await self._built(own, recorder)

    async def close(self) -> None:
        """End the builds that are under way."""
        tasks = [build.task for build in self._builds.values()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        self._shop.threads.close()

    async def _built(self, order: _Order, recorder: Recorder) -> Path:
        build = self._builds.get(order.key)
        turns = self._installing if order.project_id is None else self._building
        if build is None:
            turn = Turn()
            turns.join(order.wanted_by, turn)
            build = self._builds[order.key] = _Build(self._root, self._shop, order, turn)
            build.task.add_done_callback(lambda done: self._ended(order.key, turns, turn, done))
        else:
            with suppress(EnvironmentFailed):  # it waits already, and this project's turn may come sooner
                turns.join(order.wanted_by, build.turn)
        build.log.listen(lambda text: recorder.record(EnvironmentEvent(log=text)))
        with spans.span("environment"):
            await asyncio.shield(build.task)
        return self._root / order.key

    def _ended(self, key: str, turns: Turns, turn: Turn, task: asyncio.Task[None]) -> None:
        self._builds.pop(key, None)
        turns.leave(turn)
        if not task.cancelled():
            task.exception()  # whoever waits is told; when all have gone it is nobody's


@dataclass(slots=True)
class _Build:
    """One build under way, and the jobs that wait for it."""

    root: Path
    shop: Workshop
    order: _Order
    turn: Turn
    log: BuildLog = field(init=False)
    task: asyncio.Task[None] = field(init=False)

    def __post_init__(self) -> None:
        self.log = BuildLog([f"{self.root}/", f"{self.shop.wheels}/"], hidden_settings())
        self.task = asyncio.get_running_loop().create_task(self._run(), name="environment")

    async def _run(self) -> None:
        for folder in (self.root, self.shop.wheels):
            folder.mkdir(mode=0o755, parents=True, exist_ok=True)
        failure_file = self.root / f".{self.order.key}.failed"
        if remembered_failure(failure_file) is None:
            await asyncio.shield(self.turn.came)
        async with locked(self.root / f".{self.order.key}.lock"):
            folder = self.root / self.order.key
            if _is_built(folder):
                return
            failure = remembered_failure(failure_file)
            if failure is None:
                await self._require_room()
            try:
                if failure is not None:
                    self.log.tell(failure.log)
                    raise failure
                with _counted():
                    await self._build(folder)
                await self.shop.threads.run(note_size, self.root, self.order.key, self.order.wanted_by)
            except WheelsMissing as missing:
                remember_failure(failure_file, missing)
                raise
            except EnvironmentFailed as error:
                cleaned = EnvironmentFailed(self.log.clean(error.detail), self.log.clean(error.log))
                remember_failure(failure_file, cleaned)
                raise EnvironmentFailed(
                    f"The packages of requirements.txt cannot be installed: {cleaned.detail}", cleaned.log
                ) from None

    async def _require_room(self) -> None:
        """Reject a build of a project that has filled its share of the disk with environments that are not yet old."""
        most_mb = self.shop.install_limits.bounds.project_mb
        used = await self.shop.threads.run(recent_bytes, self.root, self.order.wanted_by)
        if used >= most_mb << 20:
            raise EnvironmentFailed(
                f"This project has built {used >> 20:,} MiB of packages in the last {RECENT_S / 60:.0f} minutes, and "
                f"{most_mb:,} MiB are allowed. Run a version whose packages are installed, or try again later; an "
                "operator raises PURAS_MAX_PROJECT_ENVIRONMENTS_MB.",
                self.log.text,
            )

    async def _build(self, folder: Path) -> None:
        work = self.root / f".{self.order.key}.building"
        await self.shop.threads.run(remove, work)
        work.mkdir(mode=0o700)
        if self.order.uid is not None:
            os.chown(work, self.order.uid, self.order.uid)
        installer = self.shop.installer(self.order.uid, work, self.log)
        self.log.tell("installing " + ", ".join(self.order.wanted)[:1000] + "\n")
        started = time.monotonic()
        project_id = self.order.project_id
        limit_s = INSTALL_S if project_id is None else BUILD_S
        try:
            async with asyncio.timeout(limit_s):
                if project_id is None:
                    await installer.install(folder, self.order.wanted)
                else:
                    await self._install_with_own_wheels(installer, folder, project_id)
        except TimeoutError:
            raise EnvironmentFailed(f"it did not end within {limit_s:.0f} s", self.log.text) from None
        else:
            self.log.tell(f"ready after {time.monotonic() - started:.1f} s\n")
        finally:
            self.log.flush()
            await self.shop.threads.run(remove, work)

    async def _install_with_own_wheels(self, installer: Installer, folder: Path, project_id: UUID) -> None:
        """Install; each time that a wheel is missing, build it for the project and begin anew."""
        builder = Builder(self.shop, project_id, self.order.uid, installer, self.log)
        wheels: dict[str, Path] = {}
        wanted = self.order.wanted
        while True:
            try:
                await installer.install(folder, wanted, wheels=list(wheels.values()))
                return
            except WheelsMissing as missing:
                names = [name for name in missing.names if name not in wheels]
                if not names or len(wheels) >= _MAX_BUILT:
                    raise EnvironmentFailed(_why_not(missing, wheels), missing.log) from None
            except EnvironmentFailed:
                for built in wheels.values():  # one of them may be why: the next try builds them anew
                    await self.shop.threads.run(remove, built)
                raise
            for name in names:
                lines = _lines_of(name, wanted)
                source = await installer.find_source(name, lines)
                wheels[name] = await builder.wheel_of(source)
                if (
                    source.hashes
                ):  # the source had one of them; now the wheel that was built of it is the right one
                    digest = (
                        f"sha256:{await self.shop.threads.run(collect_artifacts.digest_of, wheels[name])}"
                    )
                    wanted = [
                        requirements_file.with_hashes(line, digest) if line in lines else line
                        for line in wanted
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
        _FORMAT,
        *wanted,
        project,
        version,
        sys.platform,
        platform.machine(),
        "-".join(platform.libc_ver()),
        str(BASE_PYTHON),
    ]
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()
