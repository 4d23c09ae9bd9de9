"""Provide the sandbox runtime that all runners of one worker process share."""

from __future__ import annotations

import asyncio
from pathlib import Path

from workers.sandbox.egress.proxy import Proxy
from workers.sandbox.host.assets import AssetLimits, Assets
from workers.sandbox.host.workspaces import WorkspaceGroups
from workers.sandbox.host.zygotes.launch import SharedResources
from workers.sandbox.host.zygotes.pool import Pool
from workers.sandbox.host.zygotes.prepared import PreparedSandboxes
from workers.sandbox.isolation import layers as sandbox_layers
from workers.sandbox.isolation.control_groups import ControlGroups
from workers.sandbox.isolation.job_folders import JobFolders
from workers.sandbox.isolation.layers import Layers, Mode
from workers.sandbox.isolation.mounts import HostFolder
from workers.sandbox.isolation.paths import (
    compile_own_packages,
    prepare_links,
    read_by_every_job,
    refuse_exposed,
)
from workers.sandbox.isolation.watchdog import Watchdog
from workers.sandbox.packages.builds import BuildLimits, WheelBuilder
from workers.sandbox.packages.environments import Environments
from workers.sandbox.packages.installer import InstallLimits


class SandboxRuntime:
    """Folders, zygotes, package environments and the watchdog of one worker process."""

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
        asset_limits: AssetLimits | None = None,
        control_groups: ControlGroups | None = None,
    ) -> None:
        """Prepare folders under the home; the layers default to those of this host.

        Raises:
            SandboxMisplaced: the home is inside a folder that every job may read.
        """
        home = home.resolve()
        self.mode: Mode = sandbox
        """Can change while jobs run; a change applies to the jobs that start after it."""
        self.layers = layers or sandbox_layers.probe(sandbox)
        if self.layers.confines:
            refuse_exposed(home / "jobs", read_by_every_job())
        prepare_links(home / "sandbox")
        compile_own_packages()
        self.folders = JobFolders(home / "jobs")
        self.workspaces = WorkspaceGroups(self.folders)
        self.watchdog = Watchdog()
        self.groups = control_groups
        self.proxy = Proxy()
        self.prepared = PreparedSandboxes(
            self.layers,
            {
                "bundles": HostFolder(home / "bundles", is_writable=False),
                "environments": HostFolder(home / "environments", is_writable=False),
                "jobs": HostFolder(self.folders.own, is_writable=True),
            },
        )
        self.shared = SharedResources(
            self.layers,
            self.folders,
            home / "sandbox",
            api_base,
            self.watchdog,
            self.proxy,
            self.prepared,
        )
        self.pool = Pool(self.shared, idle_s=idle_s, max_mb=pool_mb)
        wheel_builder = WheelBuilder(
            self.layers,
            self.folders,
            self.watchdog,
            wheels=home / "wheels",
            limits=build_limits or BuildLimits(),
            install_limits=install_limits or InstallLimits(),
        )
        self._environments = Environments(home / "environments", wheel_builder)
        self.assets = Assets(home, self._environments, asset_limits or AssetLimits(), idle_s=idle_s)

    @property
    def names(self) -> list[str]:
        """The names of the sandbox layers of this host."""
        return [*self.layers.names, *(["control groups"] if self.groups else [])]

    def keep_sandbox_ready(self, drives_dir: Path | None) -> None:
        """Keep a sandbox ready for the next skill without one.

        Args:
            drives_dir: The folder that contains the live folders of all drives; none if drives are remote.
        """
        if drives_dir is not None:
            self.prepared.add_folder("drives", HostFolder(drives_dir.resolve(), is_writable=True))
        self.prepared.keep_ready()

    def demand(self) -> None:
        """Enforce the setting `PURAS_SANDBOX`.

        Raises:
            SandboxUnavailable: a layer is missing that the setting requires.
        """
        sandbox_layers.demand(self.layers, self.mode)

    async def close(self) -> None:
        """End all its processes and remove its folders."""
        await self._environments.close()
        await self.prepared.close()
        await self.pool.close()
        await self.assets.close()
        await self.proxy.close()
        await self.watchdog.close()
        if self.groups is not None:
            await asyncio.to_thread(self.groups.close)
        await asyncio.to_thread(self.folders.close)
