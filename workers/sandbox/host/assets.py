"""What jobs stand on and share, bundles and environments of packages: held while they run, bounded when they do not."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, asynccontextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from backend.core import background_tasks, logs
from backend.storage.cache_dir import Bounds, Shelf
from workers.sandbox.packages.build_files import remove_leftovers
from workers.sandbox.packages.environments import Environments
from workers.types import Assignment, Recorder

from .errors import ParentLost

_TIDY_S: Final = 600.0
_DAY_S: Final = 86_400.0
_WHEELS_SHARE: Final = 4  # wheels that projects built may take a quarter of what environments may

log = logs.get(__name__)


@dataclass(frozen=True, slots=True)
class SupplyBounds:
    """How much of each is kept on this machine."""

    environments_mb: int = 20_480
    environment_unused_days: float = 30.0
    bundles_mb: int = 5_120
    bundle_unused_days: float = 30.0


class Supplies:
    """The bundles and environments of this worker process."""

    def __init__(
        self, home: Path, environments: Environments, bounds: SupplyBounds, *, idle_s: float
    ) -> None:
        self._environments = environments
        keep_s = max(3_600.0, 2 * idle_s)  # warm parents without a job still read from them
        of_environments = bounds.environment_unused_days * _DAY_S
        self._environment_shelf = Shelf(
            home / "environments", Bounds(bounds.environments_mb << 20, of_environments, keep_s)
        )
        self._wheel_shelf = Shelf(
            home / "wheels", Bounds((bounds.environments_mb << 20) // _WHEELS_SHARE, of_environments, keep_s)
        )
        self._bundle_shelf = Shelf(
            home / "bundles", Bounds(bounds.bundles_mb << 20, bounds.bundle_unused_days * _DAY_S, keep_s)
        )
        self._built = (home / "environments", home / "wheels")
        self._bundles = home / "bundles"
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="supplies")  # a sweep reads large trees
        self._thread.submit(self._remove_leftovers)
        self._is_ours: dict[Path, bool] = {}
        self._keeper: asyncio.Task[None] | None = None

    @asynccontextmanager
    async def of(self, assignment: Assignment, recorder: Recorder) -> AsyncIterator[Path | None]:
        """Hold the assignment's bundle and environment while the block lasts; the environment is built if it must be.

        Raises:
            PurasError: one of them cannot be had; says why.
        """
        if self._keeper is None:
            self._keeper = asyncio.get_running_loop().create_task(self._keep(), name="supplies")
        with self._held_bundle(assignment.bundle_dir) as is_there:
            if not is_there:
                raise ParentLost("The skill's files were removed from this machine just now: run it again.")
            while True:
                environment = await self._environments.ready(assignment, recorder)
                if environment is None:
                    yield None
                    return
                with self._environment_shelf.hold(environment.name) as is_there:
                    if is_there:
                        yield environment
                        return

    async def tidy(self) -> None:
        """Throw away what is not used any more, and what is too much."""
        loop = asyncio.get_running_loop()
        await loop.run_in_executor(self._thread, self._remove_leftovers)
        for shelf in (self._environment_shelf, self._wheel_shelf, self._bundle_shelf):
            removed = await loop.run_in_executor(self._thread, shelf.sweep)
            if removed:
                log.info("unused supplies removed", kind=shelf.name, count=len(removed))

    async def close(self) -> None:
        """Let go of everything."""
        if self._keeper is not None:
            self._keeper.cancel()
            await asyncio.gather(self._keeper, return_exceptions=True)
        self._thread.shutdown(wait=False, cancel_futures=True)
        for shelf in (self._environment_shelf, self._wheel_shelf, self._bundle_shelf):
            shelf.close()

    def _remove_leftovers(self) -> None:
        for folder in self._built:
            count = remove_leftovers(folder)
            if count:
                log.info("leftovers of killed workers removed", kind=folder.name, count=count)

    def _held_bundle(self, folder: Path) -> AbstractContextManager[bool]:
        """Bundles that were unpacked elsewhere are not ours to keep or to throw away."""
        is_ours = self._is_ours.get(folder.parent)
        if is_ours is None:
            is_ours = self._is_ours[folder.parent] = folder.parent.resolve() == self._bundles
        return self._bundle_shelf.hold(folder.name) if is_ours else nullcontext(enter_result=True)

    async def _keep(self) -> None:
        while True:
            await asyncio.sleep(_TIDY_S)
            with background_tasks.log_and_continue("supplies"):
                try:
                    await self.tidy()
                except OSError as error:
                    log.warning("unused supplies cannot be removed", error=str(error))
