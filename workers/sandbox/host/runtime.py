"""What all runners of one worker process share: its sandboxes, what they stand on, and who watches them."""

from __future__ import annotations

import asyncio
from pathlib import Path

from workers.sandbox.egress.proxy import Proxy
from workers.sandbox.host.assets import Supplies, SupplyBounds
from workers.sandbox.host.workspaces import Rooms
from workers.sandbox.isolation import layers as sandbox_layers
from workers.sandbox.isolation.control_groups import ControlGroups
from workers.sandbox.isolation.job_folders import JobFolders
from workers.sandbox.isolation.layers import Layers, Mode
from workers.sandbox.isolation.paths import prepare_links, read_by_every_job, refuse_exposed
from workers.sandbox.isolation.watchdog import Watchdog
from workers.sandbox.packages.builds import BuildLimits, Workshop
from workers.sandbox.packages.environments import Environments
from workers.sandbox.packages.installer import InstallLimits

from .launch import Ground
from .pool import Pool


class SandboxRuntime:
    """Folders, warm parents, environments and watchers, opened once and closed last."""

    def __init__(
        self,
        home: Path,
        *,
        sandbox: Mode,
        api_base: str,
        idle_s: float,
        pool_mb: int,
        layers: Layers | None = None,
        build_limits: BuildLimits | None = None,
        install_limits: InstallLimits | None = None,
        supply_bounds: SupplyBounds | None = None,
        control_groups: ControlGroups | None = None,
    ) -> None:
        """Prepare folders under the home; the layers are those of this machine unless given.

        Raises:
            SandboxMisplaced: the home lies inside a folder that every job may read.
        """
        home = home.resolve()
        self.mode: Mode = sandbox
        """May become `strict`, or cease to be, while jobs run: the next ones are held to it."""
        self.layers = layers or sandbox_layers.probe(sandbox)
        if self.layers.confines:
            refuse_exposed(home / "jobs", read_by_every_job())
        prepare_links(home / "sandbox")
        self.folders = JobFolders(home / "jobs")
        self.rooms = Rooms(self.folders)
        self.watchdog = Watchdog()
        self.groups = control_groups
        self.proxy = Proxy()
        self.ground = Ground(self.layers, self.folders, home / "sandbox", api_base, self.watchdog, self.proxy)
        self.pool = Pool(self.ground, idle_s=idle_s, max_mb=pool_mb)
        shop = Workshop(
            self.layers,
            self.folders,
            self.watchdog,
            wheels=home / "wheels",
            limits=build_limits or BuildLimits(),
            install_limits=install_limits or InstallLimits(),
        )
        self._environments = Environments(home / "environments", shop)
        self.supplies = Supplies(home, self._environments, supply_bounds or SupplyBounds(), idle_s=idle_s)

    @property
    def names(self) -> list[str]:
        """The layers of the sandbox on this machine, in words."""
        return [*self.layers.names, *(["control groups"] if self.groups else [])]

    def demand(self) -> None:
        """Hold the setting `PURAS_SANDBOX` to its word.

        Raises:
            SandboxUnavailable: says what is open, why, and what to do.
        """
        sandbox_layers.demand(self.layers, self.mode)

    async def close(self) -> None:
        """End every process of it, and remove its folders."""
        await self._environments.close()
        await self.pool.close()
        await self.supplies.close()
        await self.proxy.close()
        await self.watchdog.close()
        if self.groups is not None:
            await asyncio.to_thread(self.groups.close)
        await asyncio.to_thread(self.folders.close)
