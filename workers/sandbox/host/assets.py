"""Manage bundles and package environments that jobs share.

They are locked while jobs use them, and limited in size.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, asynccontextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from backend.core import background_tasks, logs
from backend.storage.cache_dir import Bounds, CacheDir
from workers import phases
from workers.sandbox.host.zygotes.errors import ZygoteLost
from workers.sandbox.packages.build_files import remove_leftovers
from workers.sandbox.packages.environments import Environments
from workers.types import Assignment, Recorder

_SWEEP_INTERVAL_S: Final = 600.0
_DAY_S: Final = 86_400.0
_WHEELS_SHARE: Final = 4  # wheels that projects built may take a quarter of what environments may

log = logs.get(__name__)


@dataclass(frozen=True, slots=True)
class AssetLimits:
    """The limits of this host for each kind."""

    environments_mb: int = 20_480
    environment_unused_days: float = 30.0
    bundles_mb: int = 5_120
    bundle_unused_days: float = 30.0


class Assets:
    """The bundles and environments of this worker process."""

    def __init__(self, home: Path, environments: Environments, bounds: AssetLimits, *, idle_s: float) -> None:
        self._environments = environments
        protected_s = max(3_600.0, 2 * idle_s)  # idle zygotes still read from them
        of_environments = bounds.environment_unused_days * _DAY_S
        self._environment_cache = CacheDir(
            home / "environments", Bounds(bounds.environments_mb << 20, of_environments, protected_s)
        )
        self._wheel_cache = CacheDir(
            home / "wheels",
            Bounds((bounds.environments_mb << 20) // _WHEELS_SHARE, of_environments, protected_s),
        )
        self._bundle_cache = CacheDir(
            home / "bundles", Bounds(bounds.bundles_mb << 20, bounds.bundle_unused_days * _DAY_S, protected_s)
        )
        self._built = (home / "environments", home / "wheels")
        self._bundles = home / "bundles"
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="supplies")  # a sweep reads large trees
        self._thread.submit(self._remove_leftovers)
        self._is_cached: dict[Path, bool] = {}
        self._maintenance: asyncio.Task[None] | None = None

    @asynccontextmanager
    async def of(self, assignment: Assignment, recorder: Recorder) -> AsyncIterator[Path | None]:
        """Lock the bundle and the environment of an assignment while the block runs; build the environment if needed.

        Raises:
            PurasError: one of them is unavailable.
        """
        if self._maintenance is None:
            self._maintenance = asyncio.get_running_loop().create_task(self._maintain(), name="supplies")
        with self._lease_bundle(assignment.bundle_dir) as exists:
            if not exists:
                raise ZygoteLost("The skill's files were just removed from this host. Run the job again.")
            while True:
                with phases.measured("packages"):
                    environment = await self._environments.ready(assignment, recorder)
                if environment is None:
                    yield None
                    return
                with self._environment_cache.hold(environment.name) as exists:
                    if exists:
                        yield environment
                        return

    async def tidy(self) -> None:
        """Remove what is unused or exceeds the limits."""
        loop = asyncio.get_running_loop()
        await loop.run_in_executor(self._thread, self._remove_leftovers)
        for cache in (self._environment_cache, self._wheel_cache, self._bundle_cache):
            removed = await loop.run_in_executor(self._thread, cache.sweep)
            if removed:
                log.info("unused bundles and environments removed", kind=cache.name, count=len(removed))

    async def close(self) -> None:
        """Release all locks."""
        if self._maintenance is not None:
            self._maintenance.cancel()
            await asyncio.gather(self._maintenance, return_exceptions=True)
        self._thread.shutdown(wait=False, cancel_futures=True)
        for cache in (self._environment_cache, self._wheel_cache, self._bundle_cache):
            cache.close()

    def _remove_leftovers(self) -> None:
        for folder in self._built:
            count = remove_leftovers(folder)
            if count:
                log.info("leftovers of killed workers removed", kind=folder.name, count=count)

    def _lease_bundle(self, folder: Path) -> AbstractContextManager[bool]:
        """Lock a bundle of the cache; bundles that were unpacked elsewhere are not removed either."""
        is_cached = self._is_cached.get(folder.parent)
        if is_cached is None:
            is_cached = self._is_cached[folder.parent] = folder.parent.resolve() == self._bundles
        return self._bundle_cache.hold(folder.name) if is_cached else nullcontext(enter_result=True)

    async def _maintain(self) -> None:
        while True:
            await asyncio.sleep(_SWEEP_INTERVAL_S)
            with background_tasks.log_and_continue("supplies"):
                try:
                    await self.tidy()
                except OSError as error:
                    log.warning("unused bundles and environments cannot be removed", error=str(error))
