"""Manage the zygotes of one worker process: one per skill and version, ended when idle, limited in memory."""

from __future__ import annotations

import asyncio
import time
from collections import OrderedDict
from typing import Final, NamedTuple

from backend.core import background_tasks, logs
from backend.core.metrics.instruments import SANDBOX_STARTS, SPARES, ZYGOTE_MEMORY, ZYGOTES, ZYGOTES_ENDED
from workers.sandbox.host.zygotes.zygote import Zygote
from workers.sandbox.isolation.watchdog import strays_of

from .errors import NotForkable, ZygoteLost
from .launch import SharedResources
from .spec import ZygoteKey, ZygoteSpec

_MAINTENANCE_INTERVAL_S: Final = 2.0  # between two checks
_SPARE_BYTES: Final = 1 << 20  # at least: pages that it and its zygote do not share
_MAX_REMEMBERED: Final = 1000

log = logs.get(__name__)


class _Cold(NamedTuple):
    """The reason why the children of such a zygote import the skill."""

    reason: str
    kind: str


class Pool:
    """Finds or starts the zygote of a job."""

    def __init__(self, shared: SharedResources, *, idle_s: float, max_mb: int) -> None:
        self._shared = shared
        self._idle_s = idle_s
        self._max_bytes = max_mb << 20
        self._zygotes: dict[ZygoteKey, Zygote] = {}
        self._starting: dict[ZygoteKey, asyncio.Task[Zygote]] = {}
        self._cold: OrderedDict[ZygoteKey, _Cold] = OrderedDict()
        self._background: set[asyncio.Task[None]] = set()
        self._maintenance: asyncio.Task[None] | None = None
        self._closed = False

    async def hold(self, spec: ZygoteSpec) -> Zygote:
        """Return the zygote for this spec, which is not ended as unused until the caller releases it.

        Raises:
            EntrypointRefused: the skill cannot be imported.
            ZygoteLost: it cannot be started.
        """
        zygote = await self._find_or_start(spec)
        zygote.running += 1
        return zygote

    def release(self, zygote: Zygote) -> None:
        """Let a zygote be ended when it is idle."""
        zygote.running -= 1
        zygote.used_at = time.monotonic()

    def measure(self) -> None:
        """Set the gauges of the zygotes."""
        zygotes = list(self._zygotes.values())
        ZYGOTES.set(len(zygotes))
        SPARES.set(sum(zygote.spares for zygote in zygotes))
        ZYGOTE_MEMORY.set(sum(zygote.memory_bytes for zygote in zygotes))

    def drop(self, zygote: Zygote) -> None:
        """End a zygote that cannot be used any more."""
        if self._zygotes.get(zygote.spec.key) is zygote:
            del self._zygotes[zygote.spec.key]
        zygote.stop()

    async def close(self) -> None:
        """End all zygotes and wait until they have exited."""
        self._closed = True
        for task in (*self._starting.values(), *([self._maintenance] if self._maintenance else [])):
            task.cancel()
        await asyncio.gather(*self._starting.values(), return_exceptions=True)
        for zygote in list(self._zygotes.values()):
            self.drop(zygote)
        await asyncio.gather(*self._background, return_exceptions=True)

    async def _find_or_start(self, spec: ZygoteSpec) -> Zygote:
        zygote = self._zygotes.get(spec.key)
        if zygote is not None and not zygote.is_lost:
            return zygote
        task = self._starting.get(spec.key)
        if task is None:
            task = asyncio.get_running_loop().create_task(self._start(spec))
            self._starting[spec.key] = task
            task.add_done_callback(lambda done: self._started(spec.key, done))
        return await asyncio.shield(task)

    def _started(self, key: ZygoteKey, task: asyncio.Task[Zygote]) -> None:
        self._starting.pop(key, None)
        if not task.cancelled():
            task.exception()  # waiters receive it; without one, asyncio would log it as never retrieved

    async def _start(self, spec: ZygoteSpec) -> Zygote:
        zygote = self._create(spec)
        try:
            try:
                await zygote.start()
            except NotForkable as obstacle:
                self._remember_cold(spec.key, _Cold(str(obstacle), obstacle.kind))
                zygote.stop()
                zygote = self._create(spec)
                await zygote.start()
        except NotForkable:
            zygote.stop()
            raise ZygoteLost("The skill's sandbox did not start.") from None
        except BaseException:
            zygote.stop()
            raise
        self._zygotes[spec.key] = zygote
        SANDBOX_STARTS.labels(self._kind(spec.key)).inc()
        if self._maintenance is None or self._maintenance.done():
            self._maintenance = asyncio.get_running_loop().create_task(self._maintain(), name="zygotes")
        return zygote

    def _create(self, spec: ZygoteSpec) -> Zygote:
        if self._closed:
            raise ZygoteLost("The worker is stopping.")
        cold = self._cold.get(spec.key)
        cold_reason = cold.reason if cold else None
        if self._shared.layers.bwrap is None:
            cold_reason = self._shared.layers.reason or "mounts are not available on this host"
        zygote = Zygote(spec, self._shared, cold_reason=cold_reason)
        zygote.on_lost = lambda: self._on_lost(zygote)
        zygote.on_full = lambda: self._free_processes(zygote)
        return zygote

    def _kind(self, key: ZygoteKey) -> str:
        """Return whether such a zygote is warm, else the reason as one word."""
        if self._shared.layers.bwrap is None:
            return "no_mounts"
        cold = self._cold.get(key)
        return cold.kind if cold else "warm"

    def _remember_cold(self, key: ZygoteKey, cold: _Cold) -> None:
        self._cold[key] = cold
        if len(self._cold) > _MAX_REMEMBERED:
            self._cold.popitem(last=False)

    def _on_lost(self, zygote: Zygote) -> None:
        if self._zygotes.get(zygote.spec.key) is zygote:
            del self._zygotes[zygote.spec.key]
        task = asyncio.get_running_loop().create_task(zygote.wait())
        self._background.add(task)
        task.add_done_callback(self._background.discard)

    async def _maintain(self) -> None:
        while self._zygotes:
            await asyncio.sleep(min(_MAINTENANCE_INTERVAL_S, self._idle_s))
            with background_tasks.log_and_continue("zygotes"):
                self._end_idle()
                await self._end_strays()
                await self._bound_memory()

    def _end_idle(self) -> None:
        now = time.monotonic()
        for zygote in self._idle():
            if now - zygote.used_at >= self._idle_s:
                log.info("idle zygote ended", skill=zygote.spec.key.skill_name)
                ZYGOTES_ENDED.labels("idle").inc()
                self.drop(zygote)
            else:
                zygote.tidy()

    async def _end_strays(self) -> None:
        """End sandboxes with processes that belong to no job, which only a forged process can cause."""
        zygotes = [zygote for zygote in self._zygotes.values() if self._shared.is_mounted and zygote.pid]
        found = await asyncio.to_thread(
            lambda: [strays_of(zygote.pid or 0, zygote.groups) for zygote in zygotes]
        )
        for zygote, strays in zip(zygotes, found, strict=True):
            if strays & zygote.strays:  # found twice: a fork does not lead its own group immediately
                log.warning(
                    "sandbox ended for processes that belong to no job", skill=zygote.spec.key.skill_name
                )
                ZYGOTES_ENDED.labels("strays").inc()
                self.drop(zygote)
            zygote.strays = strays

    async def _bound_memory(self) -> None:
        """End spare children, then zygotes, least recently used first, until the memory is within the limit."""
        idle = self._idle()
        sizes = await asyncio.to_thread(lambda: [zygote.measure_memory() for zygote in idle])
        total = sum(sizes)
        for zygote in idle:
            if total > self._max_bytes and not zygote.running:
                total -= zygote.spares * _SPARE_BYTES
                zygote.end_spares()
        for zygote, size in zip(idle, sizes, strict=True):
            if total <= self._max_bytes:
                return
            if not zygote.running:
                log.info("zygote ended to free memory", skill=zygote.spec.key.skill_name, mb=size >> 20)
                ZYGOTES_ENDED.labels("memory").inc()
                self.drop(zygote)
                total -= size

    def _free_processes(self, full: Zygote) -> None:
        """End the older half of the idle zygotes of a user who may have no more processes."""
        idle = [other for other in self._idle() if other is not full and other.spec.uid == full.spec.uid]
        for zygote in idle[: (len(idle) + 1) // 2]:
            log.info("zygote ended to free processes", skill=zygote.spec.key.skill_name)
            ZYGOTES_ENDED.labels("processes").inc()
            self.drop(zygote)

    def _idle(self) -> list[Zygote]:
        """Return the zygotes without a job, least recently used first."""
        idle = [zygote for zygote in self._zygotes.values() if not zygote.running]
        return sorted(idle, key=lambda zygote: zygote.used_at)
