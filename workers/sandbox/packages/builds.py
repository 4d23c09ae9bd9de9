"""Building packages that have no wheel: in a sandbox, as the project's user, without network and without secrets."""

from __future__ import annotations

import asyncio
import hashlib
import platform
import shutil
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final
from uuid import UUID, uuid4

from backend.storage.shelf import touch

from ..errors import EnvironmentFailed
from ..folders import JobFolders
from ..inside import build
from ..layers import Layers
from ..watchdog import Watchdog
from . import downloads, harvest, requirements
from .build_box import BuildBox, BuildLimits
from .build_files import locked
from .build_log import BuildLog
from .installer import Installer, Source

_MAX_REQUIREMENTS: Final = 100


@dataclass(frozen=True, slots=True)
class Workshop:
    """What all builds of a worker process share."""

    layers: Layers
    folders: JobFolders
    watchdog: Watchdog
    wheels: Path
    """Gets one folder per project and source."""
    cache: Path
    limits: BuildLimits = field(default_factory=BuildLimits)


@dataclass(frozen=True, slots=True)
class Builder:
    """Builds for one project."""

    shop: Workshop
    project_id: UUID
    uid: int | None
    log: BuildLog

    async def wheel_of(self, source: Source) -> Path:
        """The folder that holds the wheel of a source, built now if it must be.

        Raises:
            EnvironmentFailed: it cannot be built; says why.
        """
        target = self.shop.wheels / self._key(source)
        # Two lists of requirements that name it, in this process or in another, wait for one build.
        async with locked(target.with_name(f".{target.name}.lock")):
            if target.is_dir():
                touch(target)  # the installer is about to read from it
            else:
                await self._make_wheel(source, target)
        return target

    async def _make_wheel(self, source: Source, target: Path) -> None:
        bwrap = self.shop.layers.bwrap
        if bwrap is None or not self.shop.layers.seccomp:
            raise EnvironmentFailed(
                f"{source.name} has no wheel for this Python and machine, and packages are built only in a sandbox "
                f"with mounts of its own, which this machine does not give ({self.shop.layers.reason})"
            )
        self.log.tell(f"building {source.name} {source.version}\n")
        work = self.shop.folders.make(self.uid)
        box = BuildBox(
            bwrap, self.shop.layers, self.shop.watchdog, self.shop.limits, self.uid, work, self.log
        )
        environment = self.shop.wheels / f".{target.name}.{uuid4().hex}"
        try:
            await downloads.fetch(source, work / build.ARCHIVE)
            await self._build(source, box, environment)
            await asyncio.to_thread(harvest.take_wheel, work, source, target)
        finally:
            self.shop.folders.remove_soon(work)
            await asyncio.to_thread(shutil.rmtree, environment, ignore_errors=True)

    async def _build(self, source: Source, box: BuildBox, environment: Path) -> None:
        wanted = await self._asked("unpack", source, box, None)
        await self._install(wanted, environment)
        more = await self._asked("requires", source, box, environment)
        if not set(more) <= set(wanted):
            # Anew: the environment's interpreter must not be started outside once packages are in it.
            await asyncio.to_thread(shutil.rmtree, environment)
            await self._install(sorted({*wanted, *more}), environment)
        await self._step("wheel", source, box, environment)

    async def _install(self, wanted: list[str], environment: Path) -> None:
        environment.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
        try:
            await Installer(self.shop.cache, self.log).install(environment, wanted)
        except EnvironmentFailed as error:
            raise EnvironmentFailed(
                f"what builds it cannot be installed: {error.detail}", error.log
            ) from None

    async def _asked(self, action: str, source: Source, box: BuildBox, environment: Path | None) -> list[str]:
        """What the build requires; told by the package, so looked at like any requirements.txt."""
        told = (await self._step(action, source, box, environment)).get("requires")
        lines = told if isinstance(told, list) else [""]
        normal = [requirements.normal(line) if isinstance(line, str) else None for line in lines]
        if None in normal or len(normal) > _MAX_REQUIREMENTS:
            bad = next((line for line, good in zip(lines, normal, strict=True) if good is None), "too many")
            raise EnvironmentFailed(
                f"{source.name} cannot be built: its build requires {str(bad)[:200]!r}, which is not a package of the "
                "index"
            )
        return sorted({line for line in normal if line is not None})

    async def _step(
        self, action: str, source: Source, box: BuildBox, environment: Path | None
    ) -> dict[str, Any]:
        """Run one step in a sandbox of its own; its answer."""
        with suppress(OSError):  # whatever an earlier step left there: what is not a plain file is no answer
            (box.work / build.ANSWER).unlink()
        answer = None
        try:
            async with asyncio.timeout(self.shop.limits.step_s):
                ended = await box.run(action, environment)
            what = ended.excess or f"ended with exit code {ended.code}"
            if ended.excess is None and ended.code == 0:
                answer = await asyncio.to_thread(harvest.answer, box.work)
        except TimeoutError:
            what = f"took longer than {self.shop.limits.step_s:g} s"
        if answer is None:
            last = " ".join(self.log.text.split("\n")[-6:]).strip()[-1000:]
            raise EnvironmentFailed(f"{source.name} cannot be built: its build {what}. {last}", self.log.text)
        return answer

    def _key(self, source: Source) -> str:
        parts = (
            str(self.project_id),
            source.name,
            source.sha256 or source.url,
            platform.python_version(),
            platform.machine(),
            "-".join(platform.libc_ver()),
        )
        return hashlib.sha256("\n".join(parts).encode()).hexdigest()
