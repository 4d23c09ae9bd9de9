"""The warm parents of one worker process: one per skill and version, ended when idle, bounded in memory."""

from __future__ import annotations

import asyncio
import time
from collections import OrderedDict
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final, NamedTuple

from backend.core import background_tasks, logs
from backend.core.metrics.instruments import PARENT_MEMORY, PARENTS, PARENTS_ENDED, SANDBOX_STARTS, SPARES
from workers.sandbox.host.zygote import Zygote
from workers.sandbox.isolation.watchdog import memory_of, strays_of

from .errors import NotForkable, ParentLost
from .launch import Ground
from .spec import ParentKey, ParentSpec

_KEEP_S: Final = 2.0  # between two looks at what is idle
_MAX_REMEMBERED: Final = 1000

log = logs.get(__name__)


class _Cold(NamedTuple):
    """Why the children of such a parent import by themselves."""

    reason: str
    kind: str


class Pool:
    """Finds or starts the warm parent of a job."""

    def __init__(self, ground: Ground, *, idle_s: float, max_mb: int) -> None:
        self._ground = ground
        self._idle_s = idle_s
        self._max_bytes = max_mb << 20
        self._parents: dict[ParentKey, Zygote] = {}
        self._starting: dict[ParentKey, asyncio.Task[Zygote]] = {}
        self._cold: OrderedDict[ParentKey, _Cold] = OrderedDict()
        self._background: set[asyncio.Task[None]] = set()
        self._keeper: asyncio.Task[None] | None = None
        self._closed = False

    @asynccontextmanager
    async def parent(self, spec: ParentSpec) -> AsyncIterator[Zygote]:
        """The warm parent for this spec, kept while the block lasts.

        Raises:
            EntrypointRefused: the skill cannot be imported.
            ParentLost: it cannot be started.
        """
        parent = await self._find_or_start(spec)
        parent.running += 1
        try:
            yield parent
        finally:
            parent.running -= 1
            parent.used_at = time.monotonic()

    def measure(self) -> None:
        """Set the gauges of the warm parents."""
        parents = list(self._parents.values())
        PARENTS.set(len(parents))
        SPARES.set(sum(parent.spares for parent in parents))
        PARENT_MEMORY.set(sum(memory_of(parent.pid) for parent in parents))

    def drop(self, parent: Zygote) -> None:
        """End a parent that cannot be used any more."""
        if self._parents.get(parent.spec.key) is parent:
            del self._parents[parent.spec.key]
        parent.stop()

    async def close(self) -> None:
        """End every parent and wait until they are gone."""
        self._closed = True
        for task in (*self._starting.values(), *([self._keeper] if self._keeper else [])):
            task.cancel()
        await asyncio.gather(*self._starting.values(), return_exceptions=True)
        for parent in list(self._parents.values()):
            self.drop(parent)
        await asyncio.gather(*self._background, return_exceptions=True)

    async def _find_or_start(self, spec: ParentSpec) -> Zygote:
        parent = self._parents.get(spec.key)
        if parent is not None and not parent.is_lost:
            return parent
        task = self._starting.get(spec.key)
        if task is None:
            task = asyncio.get_running_loop().create_task(self._start(spec))
            self._starting[spec.key] = task
            task.add_done_callback(lambda done: self._started(spec.key, done))
        return await asyncio.shield(task)

    def _started(self, key: ParentKey, task: asyncio.Task[Zygote]) -> None:
        self._starting.pop(key, None)
        if not task.cancelled():
            task.exception()  # whoever waits is told; when all have gone it is nobody's

    async def _start(self, spec: ParentSpec) -> Zygote:
        parent = self._make(spec)
        try:
            try:
                await parent.start()
            except NotForkable as obstacle:
                self._remember_cold(spec.key, _Cold(str(obstacle), obstacle.kind))
                parent.stop()
                parent = self._make(spec)
                await parent.start()
        except NotForkable:
            parent.stop()
            raise ParentLost("The skill's sandbox did not start.") from None
        except BaseException:
            parent.stop()
            raise
        self._parents[spec.key] = parent
        SANDBOX_STARTS.labels(self._kind(spec.key)).inc()
        if self._keeper is None or self._keeper.done():
            self._keeper = asyncio.get_running_loop().create_task(self._keep(), name="warm parents")
        return parent

    def _make(self, spec: ParentSpec) -> Zygote:
        if self._closed:
            raise ParentLost("The worker is stopping.")
        cold = self._cold.get(spec.key)
        cold_reason = cold.reason if cold else None
        if self._ground.layers.bwrap is None:
            cold_reason = self._ground.layers.reason or "there are no mounts on this machine"
        parent = Zygote(spec, self._ground, cold_reason=cold_reason)
        parent.on_lost = lambda: self._bury(parent)
        parent.on_full = lambda: self._make_room(parent)
        return parent

    def _kind(self, key: ParentKey) -> str:
        """Whether such a parent is warm, else why not, in one word."""
        if self._ground.layers.bwrap is None:
            return "no_mounts"
        cold = self._cold.get(key)
        return cold.kind if cold else "warm"

    def _remember_cold(self, key: ParentKey, cold: _Cold) -> None:
        self._cold[key] = cold
        if len(self._cold) > _MAX_REMEMBERED:
            self._cold.popitem(last=False)

    def _bury(self, parent: Zygote) -> None:
        if self._parents.get(parent.spec.key) is parent:
            del self._parents[parent.spec.key]
        task = asyncio.get_running_loop().create_task(parent.wait())
        self._background.add(task)
        task.add_done_callback(self._background.discard)

    async def _keep(self) -> None:
        while self._parents:
            await asyncio.sleep(min(_KEEP_S, self._idle_s))
            with background_tasks.log_and_continue("warm parents"):
                self._end_idle()
                await self._end_strays()
                await self._bound_memory()

    def _end_idle(self) -> None:
        now = time.monotonic()
        for parent in self._idle():
            if now - parent.used_at >= self._idle_s:
                log.info("idle warm parent ended", skill=parent.spec.key.skill_name)
                PARENTS_ENDED.labels("idle").inc()
                self.drop(parent)
            else:
                parent.tidy()

    async def _end_strays(self) -> None:
        """End sandboxes in which processes live that belong to no job: only forged ones can."""
        parents = [parent for parent in self._parents.values() if self._ground.is_mounted and parent.pid]
        found = await asyncio.to_thread(
            lambda: [strays_of(parent.pid or 0, parent.groups) for parent in parents]
        )
        for parent, strays in zip(parents, found, strict=True):
            if strays & parent.strays:  # twice: a fork needs a moment to its own group
                log.warning(
                    "sandbox ended for processes that belong to no job", skill=parent.spec.key.skill_name
                )
                PARENTS_ENDED.labels("strays").inc()
                self.drop(parent)
            parent.strays = strays

    async def _bound_memory(self) -> None:
        """End those that were not used for longest until the idle ones fit."""
        idle = self._idle()
        sizes = await asyncio.to_thread(lambda: [memory_of(parent.pid) for parent in idle])
        total = sum(sizes)
        for parent, size in zip(idle, sizes, strict=True):
            if total <= self._max_bytes:
                return
            if not parent.running:
                log.info("warm parent ended for its memory", skill=parent.spec.key.skill_name, mb=size >> 20)
                PARENTS_ENDED.labels("memory").inc()
                self.drop(parent)
                total -= size

    def _make_room(self, full: Zygote) -> None:
        """Its user may have no more processes: end the older half of what else of that user's only waits for jobs."""
        idle = [one for one in self._idle() if one is not full and one.spec.uid == full.spec.uid]
        for parent in idle[: (len(idle) + 1) // 2]:
            log.info("warm parent ended for its processes", skill=parent.spec.key.skill_name)
            PARENTS_ENDED.labels("processes").inc()
            self.drop(parent)

    def _idle(self) -> list[Zygote]:
        """Parents without a job, those that were not used for longest first."""
        idle = [parent for parent in self._parents.values() if not parent.running]
        return sorted(idle, key=lambda parent: parent.used_at)
