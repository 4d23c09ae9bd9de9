"""Build packages without a wheel: in a sandbox, as the project's user, without network and secrets."""

from __future__ import annotations

import asyncio
import hashlib
import platform
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final
from uuid import UUID, uuid4

from backend.storage.cache_dir import touch
from backend.storage.removal import remove
from workers.sandbox.guest import build
from workers.sandbox.guest.filters import AF_UNIX
from workers.sandbox.isolation.job_folders import JobFolders
from workers.sandbox.isolation.layers import Layers
from workers.sandbox.isolation.paths import (
    INSIDE_ENVIRONMENT,
    INSIDE_JOBS,
    readable_by_builds,
    writable_by_steps,
)
from workers.sandbox.isolation.watchdog import Watchdog
from workers.sandbox.packages import collect_artifacts, downloads, requirements
from workers.sandbox.packages.errors import EnvironmentFailed

from .build_files import locked
from .build_log import BuildLog
from .installer import Installer, InstallLimits, Source
from .package_sandbox import Ended, PackageSandbox, Step, StepLimits
from .slots import Threads

_MAX_REQUIREMENTS: Final = 100
_MAX_FILES: Final = 100_000


@dataclass(frozen=True, slots=True)
class BuildLimits:
    """The limits of one step of one package's build."""

    memory_mb: int = 2048
    disk_mb: int = 2048
    processes: int = 128
    step_s: float = 600.0


@dataclass(frozen=True, slots=True)
class WheelBuilder:
    """The data that all builds of a worker process share."""

    layers: Layers
    folders: JobFolders
    watchdog: Watchdog
    wheels: Path
    """Contains one folder per project and source."""
    limits: BuildLimits = field(default_factory=BuildLimits)
    install_limits: InstallLimits = field(default_factory=InstallLimits)
    threads: Threads = field(default_factory=Threads)

    def installer(self, uid: int | None, work: Path, log: BuildLog) -> Installer:
        """Return the installer for a user, in a folder that belongs to that user."""
        return Installer(self.layers, self.watchdog, self.install_limits, self.threads, uid, work, log)


@dataclass(frozen=True, slots=True)
class Builder:
    """Builds for one project."""

    wheel_builder: WheelBuilder
    project_id: UUID
    uid: int | None
    installer: Installer
    log: BuildLog

    async def wheel_of(self, source: Source) -> Path:
        """Return the folder that holds the wheel of a source, built now if it must be.

        Raises:
            EnvironmentFailed: it cannot be built.
        """
        target = self.wheel_builder.wheels / self._key(source)
        # Two lists of requirements that name it, in this process or in another, wait for one build.
        async with locked(target.with_name(f".{target.name}.lock")):
            if target.is_dir():
                touch(target)  # keeps it in the cache while the installer reads it
            else:
                await self._make_wheel(source, target)
        return target

    async def _make_wheel(self, source: Source, target: Path) -> None:
        if self.wheel_builder.layers.bwrap is None or not self.wheel_builder.layers.seccomp:
            raise EnvironmentFailed(
                f"{source.name} has no wheel for this Python and platform, and packages are built only in a "
                "sandbox with its own mounts, which this host does not support "
                f"({self.wheel_builder.layers.reason})"
            )
        self.log.write(f"building {source.name} {source.version}\n")
        work = self.wheel_builder.folders.make(self.uid)
        environment = self.wheel_builder.wheels / f".{target.name}.{uuid4().hex}"
        try:
            await downloads.fetch(source, work / build.ARCHIVE)
            await self._build(source, work, environment)
            await self.wheel_builder.threads.run(collect_artifacts.copy_wheel, work, source, target)
        finally:
            self.wheel_builder.folders.remove_soon(work)
            await self.wheel_builder.threads.run(remove, environment)

    async def _build(self, source: Source, work: Path, environment: Path) -> None:
        required = await self._required_by_build("unpack", source, work, None)
        await self._install(required, environment)
        more = await self._required_by_build("requires", source, work, environment)
        if not set(more) <= set(required):
            await self.wheel_builder.threads.run(remove, environment)
            await self._install(sorted({*required, *more}), environment)
        await self._step("wheel", source, work, environment)

    async def _install(self, required: list[str], environment: Path) -> None:
        environment.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
        try:
            await self.installer.install(environment, required)
        except EnvironmentFailed as error:
            raise EnvironmentFailed(
                f"its build requirements cannot be installed: {error.detail}", error.log
            ) from None

    async def _required_by_build(
        self, action: str, source: Source, work: Path, environment: Path | None
    ) -> list[str]:
        """Return the requirements of the build, validated like a requirements.txt."""
        listed = (await self._step(action, source, work, environment)).get("requires")
        lines = listed if isinstance(listed, list) else [""]
        normal = [requirements.normal(line) if isinstance(line, str) else None for line in lines]
        if None in normal or len(normal) > _MAX_REQUIREMENTS:
            bad = next((line for line, good in zip(lines, normal, strict=True) if good is None), "too many")
            raise EnvironmentFailed(
                f"{source.name} cannot be built: its build requires {str(bad)[:200]!r}, which is not a package of the "
                "index"
            )
        return sorted({line for line in normal if line is not None})

    async def _step(
        self, action: str, source: Source, work: Path, environment: Path | None
    ) -> dict[str, Any]:
        """Run one step in its own sandbox and return its result."""
        with suppress(OSError):  # the result of an earlier step; only a regular file can be a result
            (work / build.RESULT_FILE).unlink()
        result = None
        try:
            async with asyncio.timeout(self.wheel_builder.limits.step_s):
                ended = await self._run(action, work, environment)
            what = ended.excess or f"ended with exit code {ended.code}"
            if ended.excess is None and ended.code == 0:
                result = await self.wheel_builder.threads.run(collect_artifacts.read_result, work)
        except TimeoutError:
            what = f"took longer than {self.wheel_builder.limits.step_s:g} s"
        if result is None:
            last = " ".join(self.log.text.split("\n")[-6:]).strip()[-1000:]
            raise EnvironmentFailed(f"{source.name} cannot be built: its build {what}. {last}", self.log.text)
        return result

    async def _run(self, action: str, work: Path, environment: Path | None) -> Ended:
        limits = self.wheel_builder.limits
        sandbox = PackageSandbox(
            self.wheel_builder.layers,
            self.wheel_builder.watchdog,
            StepLimits(limits.memory_mb, limits.disk_mb, limits.processes, _MAX_FILES),
            self.uid,
            self.log.write,
        )
        mounted = ["--bind", str(work), INSIDE_JOBS]
        mounted += ["--ro-bind", str(environment), INSIDE_ENVIRONMENT] if environment else []
        plan = build.Plan(action, INSIDE_ENVIRONMENT if environment else "")
        return await sandbox.run(
            Step(
                module="build",
                plan=plan._asdict(),
                work=work,
                home=INSIDE_JOBS,
                readable=readable_by_builds(has_environment=environment is not None),
                writable=writable_by_steps(INSIDE_JOBS, mounted=True),
                mounted=mounted,
                families=[AF_UNIX],
            )
        )

    def _key(self, source: Source) -> str:
        parts = (
            str(self.project_id),
            source.name,
            source.sha256 or source.url,
            *source.hashes,  # it had one of them when it was built
            platform.python_version(),
            platform.machine(),
            "-".join(platform.libc_ver()),
        )
        return hashlib.sha256("\n".join(parts).encode()).hexdigest()
